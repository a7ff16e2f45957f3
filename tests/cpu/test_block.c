/* SPDX-License-Identifier: MIT
 *
 * The block cache: what is shared, what is dropped, and when.
 */
#include <criterion/criterion.h>

#include "../../emu/space.h"
#include "shared_memory.h"

enum { CODE = 0x1000, DATA = 0x8000, STACK = 0x9000 };

/* Two machines that share all pages, on one processor. */
struct bench {
    struct cpu *cpu;
    struct page *pages[SHARED_PAGES];
    uint64_t tags;
    struct shared_memory memory[2];
    struct cpu_state state[2];
};

static void bench_init(struct bench *b, const uint8_t *program, size_t size)
{
    *b = (struct bench){.cpu = cpu_new(CPU_ENGINE_BLOCKS)};
    for (size_t i = 0; i < SHARED_PAGES; i++)
        b->pages[i] = shared_page_new(NULL);
    memcpy(b->pages[CODE / PAGE_SIZE]->bytes, program, size);
    for (size_t i = 0; i < 2; i++) {
        shared_memory_init(&b->memory[i], b->pages, &b->tags);
        cpu_state_reset(&b->state[i], CODE, STACK);
    }
}

static void bench_drop(struct bench *b)
{
    for (size_t i = 0; i < 2; i++)
        shared_memory_drop(&b->memory[i]);
    for (size_t i = 0; i < SHARED_PAGES; i++)
        shared_page_free(b->pages[i]);
    cr_assert_eq(cpu_counters(b->cpu)->blocks_bytes, 0, "every block's bytes are given back");
    cpu_free(b->cpu);
}

static enum cpu_exit go(struct bench *b, size_t machine)
{
    uint64_t executed;
    return cpu_run(b->cpu, &b->state[machine], &b->memory[machine].memory, 100000, 0, &executed);
}

static uint64_t decoded(const struct bench *b)
{
    return cpu_counters(b->cpu)->blocks_decoded;
}

/* mov ecx, 100; L: inc eax; dec ecx; jnz L; terminate */
static const uint8_t counting[] = {0xB9, 100, 0, 0, 0, 0x40, 0x49, 0x75, 0xFC, 0x0F, 0x3F, 0x01};

Test(cpu_block, machines_that_share_a_page_share_its_blocks)
{
    struct bench b;
    bench_init(&b, counting, sizeof(counting));
    cr_assert_eq(go(&b, 0), CPU_TERMINATE);
    uint64_t once = decoded(&b);
    cr_assert_eq(go(&b, 1), CPU_TERMINATE);
    cr_assert_eq(decoded(&b), once);
    cr_assert_eq(b.state[0].regs[EAX], 100);
    cr_assert_eq(b.state[1].regs[EAX], 100);
    bench_drop(&b);
}

/* L: inc eax; mov byte [L], 43h (inc ebx); dec ecx; jnz L; terminate */
static const uint8_t patching[] = {0x40, 0xC6, 0x05, 0, 0x10, 0, 0, 0x43, 0x49, 0x75, 0xF5, 0x0F, 0x3F, 0x01};

Test(cpu_block, machine_that_writes_shared_code_changes_its_own_only)
{
    struct bench b;
    bench_init(&b, patching, sizeof(patching));
    for (size_t i = 0; i < 2; i++) {
        b.state[i].regs[ECX] = 5;
        cr_assert_eq(go(&b, i), CPU_TERMINATE);
        cr_assert_eq(b.state[i].regs[EAX], 1);
        cr_assert_eq(b.state[i].regs[EBX], 4);
    }
    cr_assert_eq(b.pages[1]->bytes[0], 0x40);
    bench_drop(&b);
}

/* L: inc eax; mov [1800h], eax; dec ecx; jnz L; terminate: data in the page of the code, far from it */
static const uint8_t storing[] = {0x40, 0xA3, 0, 0x18, 0, 0, 0x49, 0x75, 0xF7, 0x0F, 0x3F, 0x01};

Test(cpu_block, data_beside_code_does_not_drop_it)
{
    struct bench b;
    bench_init(&b, storing, sizeof(storing));
    b.state[0].regs[ECX] = 1000;
    cr_assert_eq(go(&b, 0), CPU_TERMINATE);
    cr_assert_leq(decoded(&b), 8);
    cr_assert_eq(b.memory[0].pages[1]->bytes[0x800], 1000 & 0xFF);
    bench_drop(&b);
}

Test(cpu_block, code_written_drops_by_place)
{
    struct bench b;
    bench_init(&b, counting, sizeof(counting));
    go(&b, 0);
    cr_assert_not_null(b.pages[1]->code);
    code_written(b.pages[1], 0x800, 16);
    cr_assert_not_null(b.pages[1]->code);
    code_written(b.pages[1], 0x3FF, 0);
    cr_assert_not_null(b.pages[1]->code);
    code_written(b.pages[1], 4, 1);
    cr_assert_null(b.pages[1]->code);
    b.pages[1]->bytes[5] = 0x43;
    b.state[1].regs[EBX] = 0;
    cr_assert_eq(go(&b, 1), CPU_TERMINATE);
    cr_assert_eq(b.state[1].regs[EBX], 100);
    bench_drop(&b);
}

/* A jump from one page to the next, whose code one of the machines replaces: the link must not lead to the other's. */
Test(cpu_block, link_into_another_page_is_checked)
{
    struct bench b;
    const uint8_t jump[] = {0xE9, 0xFB, 0x0F, 0, 0}; /* jmp 2000h */
    const uint8_t original[] = {0x40, 0x0F, 0x3F, 0x01}, replaced[] = {0x43, 0x0F, 0x3F, 0x01};
    bench_init(&b, jump, sizeof(jump));
    memcpy(b.pages[2]->bytes, original, sizeof(original));
    go(&b, 0);
    struct page *own = b.memory[1].memory.ops->write(&b.memory[1].memory, 2);
    memcpy(own->bytes, replaced, sizeof(replaced));
    for (int i = 0; i < 3; i++) {
        for (size_t machine = 0; machine < 2; machine++) {
            b.state[machine].eip = CODE;
            cr_assert_eq(go(&b, machine), CPU_TERMINATE);
        }
    }
    cr_assert_eq(b.state[0].regs[EBX], 0);
    cr_assert_eq(b.state[1].regs[EAX], 0);
    cr_assert_eq(b.state[1].regs[EBX], 3);
    bench_drop(&b);
}

Test(cpu_block, dropped_code_gives_its_bytes_back)
{
    struct bench b;
    bench_init(&b, counting, sizeof(counting));
    for (int i = 0; i < 100; i++) {
        b.state[0].eip = CODE;
        go(&b, 0);
        code_drop(b.pages[1]);
    }
    cr_assert_eq(cpu_counters(b.cpu)->blocks_bytes, 0);
    bench_drop(&b);
}

/* L: mov byte [5000h], 40h (inc eax); mov byte [5001h], C3h (ret); call 5000h; mov byte [5000h], 43h (inc ebx);
 * call 5000h; dec ecx; jnz L; terminate */
static const uint8_t patching_far[] = {0xC6, 0x05, 0,    0x50, 0, 0,    0x40, 0xC6, 0x05, 1,    0x50, 0, 0,
                                       0xC3, 0xE8, 0xED, 0x3F, 0, 0,    0xC6, 0x05, 0,    0x50, 0,    0, 0x43,
                                       0xE8, 0xE1, 0x3F, 0,    0, 0x49, 0x75, 0xDE, 0x0F, 0x3F, 0x01};

/* Before there is code in the page, the CPU need not ask before a store; then it must. */
Test(cpu_block, memory_in_one_piece_notices_stores_to_code)
{
    struct frame_pool *pool = frame_pool_new(64);
    struct cpu *cpu = cpu_new(CPU_ENGINE_BLOCKS);
    struct space space;
    struct cpu_state state;
    uint64_t executed;
    uint32_t fault;

    space_init(&space, pool, 1 << 20);
    cr_assert(cpu && space_write(&space, 0x1000, patching_far, sizeof(patching_far), &fault) && space_flatten(&space));
    cpu_state_reset(&state, 0x1000, 0x8000);
    state.regs[ECX] = 3;
    cr_assert_eq(cpu_run(cpu, &state, &space.memory, 1000, 0, &executed), CPU_TERMINATE);
    cr_expect_eq(state.regs[EAX], 3);
    cr_expect_eq(state.regs[EBX], 3);
    space_drop(&space);
    cpu_free(cpu);
    frame_pool_free(pool);
}
