/* SPDX-License-Identifier: MIT
 *
 * Memory access at the edges: page crossings, faults half-way, pages that are copied when written, no frames left.
 */
#include <criterion/criterion.h>

#include "shared_memory.h"

enum { CODE = 0x1000, EDGE = 0x5000, LAST = SHARED_PAGES * 0x1000, STACK = 0x9000 };

struct bench {
    struct cpu *cpu;
    struct page *pages[SHARED_PAGES];
    uint64_t tags;
    struct shared_memory memory;
    struct cpu_state state;
};

static void bench_init(struct bench *b, const uint8_t *program, size_t size)
{
    *b = (struct bench){.cpu = cpu_new(CPU_ENGINE_BLOCKS)};
    for (size_t i = 0; i < SHARED_PAGES; i++)
        b->pages[i] = shared_page_new(NULL);
    memcpy(b->pages[CODE / PAGE_SIZE]->bytes, program, size);
    shared_memory_init(&b->memory, b->pages, &b->tags);
    cpu_state_reset(&b->state, CODE, STACK);
}

static void bench_drop(struct bench *b)
{
    shared_memory_drop(&b->memory);
    for (size_t i = 0; i < SHARED_PAGES; i++)
        shared_page_free(b->pages[i]);
    cpu_free(b->cpu);
}

static enum cpu_exit go(struct bench *b)
{
    uint64_t executed;
    return cpu_run(b->cpu, &b->state, &b->memory.memory, 1000, 0, &executed);
}

static uint8_t byte_at(struct bench *b, uint32_t address)
{
    return b->memory.pages[address / PAGE_SIZE]->bytes[address % PAGE_SIZE];
}

/* mov [edi], eax; mov ebx, [edi]; add [edi], ecx; terminate */
static const uint8_t storing[] = {0x89, 0x07, 0x8B, 0x1F, 0x01, 0x0F, 0x0F, 0x3F, 0x01};

Test(cpu_access, operand_across_pages_is_whole)
{
    for (uint32_t offset = 1; offset < 4; offset++) {
        struct bench b;
        bench_init(&b, storing, sizeof(storing));
        b.state.regs[EDI] = EDGE - offset;
        b.state.regs[EAX] = 0x44332211;
        b.state.regs[ECX] = 0x01010101;
        cr_assert_eq(go(&b), CPU_TERMINATE);
        cr_assert_eq(b.state.regs[EBX], 0x44332211);
        for (uint32_t i = 0; i < 4; i++)
            cr_assert_eq(byte_at(&b, EDGE - offset + i), 0x11 * (i + 1) + 1);
        bench_drop(&b);
    }
}

Test(cpu_access, store_half_outside_writes_nothing)
{
    struct bench b;
    bench_init(&b, storing, sizeof(storing));
    b.state.regs[EDI] = LAST - 2;
    b.state.regs[EAX] = 0x44332211;
    cr_assert_eq(go(&b), CPU_CRASH);
    cr_assert_eq(cpu_last_crash(b.cpu)->exception.address, LAST);
    cr_assert_eq(cpu_last_crash(b.cpu)->exception.error, DENALI_FAULT_WRITE);
    cr_assert_eq(byte_at(&b, LAST - 2), 0);
    bench_drop(&b);
}

Test(cpu_access, load_half_outside_names_the_first_missing_byte)
{
    struct bench b;
    const uint8_t loading[] = {0x8B, 0x1F}; /* mov ebx, [edi] */
    bench_init(&b, loading, sizeof(loading));
    b.state.regs[EDI] = LAST - 1;
    b.state.regs[EBX] = 7;
    cr_assert_eq(go(&b), CPU_CRASH);
    cr_assert_eq(cpu_last_crash(b.cpu)->exception.address, LAST);
    cr_assert_eq(b.state.regs[EBX], 7);
    bench_drop(&b);
}

Test(cpu_access, address_space_does_not_wrap)
{
    struct bench b;
    bench_init(&b, storing, sizeof(storing));
    b.state.regs[EDI] = 0xFFFFFFFE;
    cr_assert_eq(go(&b), CPU_CRASH);
    cr_assert_eq(cpu_last_crash(b.cpu)->exception.address, 0xFFFFFFFE);
    bench_drop(&b);
}

Test(cpu_access, page_is_copied_when_written_and_read_from_then_on)
{
    struct bench b;
    /* mov ebx, [edi]; mov [edi], eax; mov edx, [edi]; terminate */
    const uint8_t program[] = {0x8B, 0x1F, 0x89, 0x07, 0x8B, 0x17, 0x0F, 0x3F, 0x01};
    bench_init(&b, program, sizeof(program));
    b.pages[EDGE / PAGE_SIZE]->bytes[0] = 9;
    b.state.regs[EDI] = EDGE;
    b.state.regs[EAX] = 5;
    cr_assert_eq(go(&b), CPU_TERMINATE);
    cr_assert_eq(b.state.regs[EBX], 9);
    cr_assert_eq(b.state.regs[EDX], 5);
    cr_assert_eq(b.pages[EDGE / PAGE_SIZE]->bytes[0], 9);
    bench_drop(&b);
}

Test(cpu_access, store_without_a_frame_left_wants_the_page_with_the_instruction_undone)
{
    struct bench b;
    bench_init(&b, storing, sizeof(storing));
    b.memory.copies_left = 0;
    b.state.regs[EDI] = EDGE;
    cr_assert_eq(go(&b), CPU_PAGE);
    cr_assert_eq(cpu_last_page(b.cpu)->number, EDGE / PAGE_SIZE);
    cr_assert(cpu_last_page(b.cpu)->write);
    cr_assert_eq(b.state.eip, CODE);
    b.memory.copies_left = 1;
    cr_assert_eq(go(&b), CPU_TERMINATE);
    bench_drop(&b);
}
