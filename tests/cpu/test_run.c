/* SPDX-License-Identifier: MIT
 *
 * The run loop: budgets, exceptions, interrupts, changed code, and the agreement of both engines on all of it.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "../../cpu/cpu.h"
#include "../oracle/flat_memory.h"

enum { MEMORY_SIZE = 0x20000, CODE = 0x1000, DATA = 0x8000, STACK = 0x10000, HANDLER = 0x3000 };

#define FOR_BOTH_ENGINES(bench)                                                                                        \
    for (int engine_ = 0; engine_ < 2; engine_++)                                                                      \
        for (struct bench bench = bench_new((enum cpu_engine)engine_), *once_ = &bench; once_;                         \
             bench_drop(&bench), once_ = NULL)

/* A processor with one machine in flat memory, its program at CODE. */
struct bench {
    struct flat_memory flat;
    struct cpu *cpu;
    struct cpu_state state;
    uint64_t executed, total;
};

static struct bench bench_new(enum cpu_engine engine)
{
    struct bench b = {.cpu = cpu_new(engine)};
    cr_assert(b.cpu && flat_memory_init(&b.flat, MEMORY_SIZE, 1));
    for (uint32_t i = 0; i < MEMORY_SIZE >> PAGE_SHIFT; i++)
        cr_assert(flat_memory_add(&b.flat, i));
    cpu_state_reset(&b.state, CODE, STACK);
    return b;
}

static void bench_drop(struct bench *b)
{
    flat_memory_drop(&b->flat);
    cpu_free(b->cpu);
}

static void put(struct bench *b, uint32_t address, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        *flat_memory_at(&b->flat, address + (uint32_t)i) = ((const uint8_t *)bytes)[i];
}

static void put32(struct bench *b, uint32_t address, uint32_t value)
{
    put(b, address, &value, sizeof(value));
}

static uint32_t get32(struct bench *b, uint32_t address)
{
    uint32_t value = 0;
    for (uint32_t i = 0; i < 4; i++)
        value |= (uint32_t)*flat_memory_at(&b->flat, address + i) << (8 * i);
    return value;
}

#define PROGRAM(b, address, ...)                                                                                       \
    do {                                                                                                               \
        const uint8_t bytes_[] = {__VA_ARGS__};                                                                        \
        put(b, address, bytes_, sizeof(bytes_));                                                                       \
    } while (0)

static enum cpu_exit go(struct bench *b, uint64_t budget)
{
    enum cpu_exit why = cpu_run(b->cpu, &b->state, &b->flat.memory, budget, b->total, &b->executed);
    b->total += b->executed;
    return why;
}

/* mov ecx, 1000; L: inc eax; add edx, eax; dec ecx; jnz L; terminate */
#define LOOP_PROGRAM 0xB9, 0xE8, 3, 0, 0, 0x40, 0x01, 0xC2, 0x49, 0x75, 0xFA, 0x0F, 0x3F, 0x01
enum { LOOP_INSTRUCTIONS = 1 + 4 * 1000 + 1 };

Test(cpu_run, terminate_ends_the_run_after_itself)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, LOOP_PROGRAM);
        cr_assert_eq(go(&bench, 1000000), CPU_TERMINATE);
        cr_assert_eq(bench.executed, LOOP_INSTRUCTIONS);
        cr_assert_eq(bench.state.eip, CODE + 14);
        cr_assert_eq(bench.state.regs[EDX], 500500);
    }
}

/* Both engines, with budgets of many sizes: the same registers at every end of one. */
static void expect_budgets_met(const uint8_t *program, size_t length, uint32_t stack)
{
    for (uint64_t budget = 1; budget < 70; budget++) {
        struct bench blocks = bench_new(CPU_ENGINE_BLOCKS), step = bench_new(CPU_ENGINE_STEP);
        put(&blocks, CODE, program, length);
        put(&step, CODE, program, length);
        blocks.state.regs[ESP] = step.state.regs[ESP] = stack;
        for (int i = 0; i < 20; i++) {
            cr_assert_eq(go(&blocks, budget), CPU_BUDGET);
            cr_assert_eq(blocks.executed, budget);
            cr_assert_eq(go(&step, budget), CPU_BUDGET);
            cr_assert_arr_eq(&blocks.state.regs, &step.state.regs, sizeof(blocks.state.regs));
            cr_assert_eq(blocks.state.eip, step.state.eip);
            cr_assert_eq(cpu_state_eflags(&blocks.state), cpu_state_eflags(&step.state));
        }
        bench_drop(&blocks);
        bench_drop(&step);
    }
}

Test(cpu_run, budget_of_any_size_is_met_exactly)
{
    const uint8_t program[] = {LOOP_PROGRAM};
    expect_budgets_met(program, sizeof(program), STACK);
}

/* L: push eax; push ebx; push ecx; push esp; push esi; push edi; inc eax; pop edx; pop ecx; pop ebx; pop ebp; pop esi;
 * pop edi; jmp L */
static const uint8_t pushing[] = {0x50, 0x53, 0x51, 0x54, 0x56, 0x57, 0x40, 0x5A,
                                  0x59, 0x5B, 0x5D, 0x5E, 0x5F, 0xEB, 0xF1};

Test(cpu_run, jump_out_of_the_part_of_a_block_finds_its_target)
{
    static const uint8_t program[] = {
        0x40, 0xA8, 0x03, 0x75, 0x04, /* INC EAX; TEST AL, 3; JNE 9: not known yet where to, when first taken */
        0x43, 0x41, 0x42, 0x46, 0x47, /* INC of others */
        0xEB, 0xF4,                   /* JMP 0 */
    };
    expect_budgets_met(program, sizeof(program), STACK);
}

Test(cpu_run, run_of_pushes_ends_where_the_budget_does)
{
    expect_budgets_met(pushing, sizeof(pushing), STACK);
}

Test(cpu_run, run_of_pushes_crosses_pages)
{
    for (uint32_t offset = 0; offset < 28; offset += 2)
        expect_budgets_met(pushing, sizeof(pushing), STACK - PAGE_SIZE + offset);
}

Test(cpu_run, repeated_string_is_cut_between_iterations)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, 0xF3, 0xAA, 0x0F, 0x3F, 0x01); /* rep stosb; terminate */
        bench.state.regs[ECX] = 100;
        bench.state.regs[EDI] = DATA;
        bench.state.regs[EAX] = 0x5A;
        cr_assert_eq(go(&bench, 37), CPU_BUDGET);
        cr_assert_eq(bench.state.eip, CODE);
        cr_assert_eq(bench.state.regs[ECX], 63);
        cr_assert_eq(bench.state.regs[EDI], DATA + 37);
        cr_assert_eq(*flat_memory_at(&bench.flat, DATA + 37), 0);
        cr_assert_eq(go(&bench, 1000), CPU_TERMINATE);
        cr_assert_eq(bench.executed, 64);
    }
}

Test(cpu_run, repeated_string_with_count_zero_is_one_instruction)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, 0xF3, 0xAA, 0x0F, 0x3F, 0x01);
        bench.state.regs[EDI] = 0xFFFFFFF0;
        cr_assert_eq(go(&bench, 1000), CPU_TERMINATE);
        cr_assert_eq(bench.executed, 2);
    }
}

Test(cpu_run, unhandled_exception_crashes_at_the_culprit)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, 0x40, 0xA1, 0, 0, 0xAD, 0xDE); /* inc eax; mov eax, [dead0000] */
        cr_assert_eq(go(&bench, 100), CPU_CRASH);
        const struct cpu_crash *crash = cpu_last_crash(bench.cpu);
        cr_assert_eq(crash->cause, CRASH_UNHANDLED);
        cr_assert_eq(crash->exception.number, DENALI_EXC_MEMORY);
        cr_assert_eq(crash->exception.error, 0);
        cr_assert_eq(crash->exception.address, 0xDEAD0000);
        cr_assert_eq(bench.state.eip, CODE + 1);
        cr_assert_eq(bench.state.regs[EAX], 1);
        cr_assert_eq(bench.executed, 2);
    }
}

Test(cpu_run, exception_enters_the_handler_with_a_frame)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, 0xF9, 0xF7, 0xF1); /* stc; div ecx (0) */
        PROGRAM(&bench, HANDLER, 0x0F, 0x3F, 0x01);
        put32(&bench, DENALI_REG_EXC_HANDLER, HANDLER);
        put32(&bench, DENALI_REG_IRQ_ENABLED, 1);
        cr_assert_eq(go(&bench, 100), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[ESP], STACK - 12);
        cr_assert_eq(get32(&bench, STACK - 12), CODE + 1);
        cr_assert_eq(get32(&bench, STACK - 8), DENALI_CS_KERNEL);
        cr_assert_eq(get32(&bench, STACK - 4), FLAG_ONE | FLAG_CF | FLAG_IF);
        cr_assert_eq(get32(&bench, DENALI_REG_EXC_NUMBER), DENALI_EXC_DIVIDE);
        cr_assert_eq(get32(&bench, DENALI_REG_IRQ_ENABLED), 0);
    }
}

Test(cpu_run, software_interrupt_returns_behind_itself)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, 0xCD, 0x80, 0x43, 0x0F, 0x3F, 0x01); /* int 80h; inc ebx; terminate */
        PROGRAM(&bench, HANDLER, 0x41, 0xCF);                      /* inc ecx; iret */
        put32(&bench, DENALI_REG_EXC_HANDLER, HANDLER);
        cr_assert_eq(go(&bench, 100), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[ECX], 1);
        cr_assert_eq(bench.state.regs[EBX], 1);
        cr_assert_eq(get32(&bench, DENALI_REG_EXC_NUMBER), DENALI_EXC_INT_N);
        cr_assert_eq(get32(&bench, DENALI_REG_EXC_ERROR), 0x80);
    }
}

Test(cpu_run, exception_while_delivering_one_crashes)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, 0x0F, 0x0B); /* ud2 */
        put32(&bench, DENALI_REG_EXC_HANDLER, HANDLER);
        bench.state.regs[ESP] = 0x80000000;
        cr_assert_eq(go(&bench, 100), CPU_CRASH);
        cr_assert_eq(cpu_last_crash(bench.cpu)->cause, CRASH_DOUBLE);
        cr_assert_eq(cpu_last_crash(bench.cpu)->first.number, DENALI_EXC_ILLEGAL);
        cr_assert_eq(cpu_last_crash(bench.cpu)->exception.number, DENALI_EXC_MEMORY);
        cr_assert_eq(bench.state.regs[ESP], 0x80000000);
    }
}

Test(cpu_run, pending_interrupt_waits_until_sti)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, 0x40, 0xFB, 0x40, 0x0F, 0x3F, 0x01); /* inc eax; sti; inc eax; terminate */
        PROGRAM(&bench, HANDLER, 0x89, 0xC2, 0x83, 0x25, DENALI_REG_IRQ_PENDING, 0, 0, 0, 0, 0xCF);
        put32(&bench, DENALI_REG_IRQ_HANDLER, HANDLER); /* mov edx, eax; and [irq_pending], 0; iret */
        put32(&bench, DENALI_REG_IRQ_PENDING, DENALI_IRQ_TIMER);
        cr_assert_eq(go(&bench, 100), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EDX], 1);
        cr_assert_eq(bench.state.regs[EAX], 2);
        cr_assert_eq(get32(&bench, DENALI_REG_IRQ_ENABLED), 1);
    }
}

Test(cpu_run, store_that_unmasks_delivers_before_the_next_instruction)
{
    FOR_BOTH_ENGINES(bench)
    {
        /* mov dword [irq_enabled], 1; inc eax; terminate */
        PROGRAM(&bench, CODE, 0xC7, 0x05, DENALI_REG_IRQ_ENABLED, 0, 0, 0, 1, 0, 0, 0, 0x40, 0x0F, 0x3F, 0x01);
        PROGRAM(&bench, HANDLER, 0x0F, 0x3F, 0x01);
        put32(&bench, DENALI_REG_IRQ_HANDLER, HANDLER);
        put32(&bench, DENALI_REG_IRQ_PENDING, 1);
        cr_assert_eq(go(&bench, 100), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EAX], 0);
        cr_assert_eq(get32(&bench, STACK - 12), CODE + 10);
    }
}

Test(cpu_run, instruction_changed_just_before_it_runs_is_run_as_changed)
{
    FOR_BOTH_ENGINES(bench)
    {
        /* mov byte [next], 43h (inc ebx); next: inc eax; terminate */
        PROGRAM(&bench, CODE, 0xC6, 0x05, 7, 0x10, 0, 0, 0x43, 0x40, 0x0F, 0x3F, 0x01);
        cr_assert_eq(go(&bench, 100), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EAX], 0);
        cr_assert_eq(bench.state.regs[EBX], 1);
    }
}

Test(cpu_run, loop_that_rewrites_its_own_operand_sees_each_value)
{
    FOR_BOTH_ENGINES(bench)
    {
        /* L: add eax, imm (at CODE+1); inc byte [CODE+1]; dec ecx; jnz L; terminate */
        PROGRAM(&bench, CODE, 0x05, 1, 0, 0, 0, 0xFE, 0x05, 1, 0x10, 0, 0, 0x49, 0x75, 0xF2, 0x0F, 0x3F, 0x01);
        bench.state.regs[ECX] = 100;
        cr_assert_eq(go(&bench, 10000), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EAX], 5050);
    }
}

Test(cpu_run, instruction_across_pages_sees_a_change_of_its_second_page)
{
    FOR_BOTH_ENGINES(bench)
    {
        const uint32_t start = CODE + PAGE_SIZE - 2;
        PROGRAM(&bench, start, 0xB8, 1, 0, 0, 0, 0x01, 0xC3, 0x49, 0x74, 5, 0xE9, 0xF1, 0xFF, 0xFF, 0xFF); /* loop */
        bench.state.regs[ECX] = 2;
        bench.state.eip = start;
        PROGRAM(&bench, start + 15, 0x0F, 0x3F, 0x01);
        cr_assert_eq(go(&bench, 6), CPU_BUDGET); /* once round: mov, add, dec, jz, jmp; mov */
        cr_assert_eq(bench.state.regs[EBX], 1);
        *flat_memory_at(&bench.flat, start + 2) = 1; /* mov eax, 0x101 */
        bench.state.eip = start;
        cr_assert_eq(go(&bench, 100), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EBX], 0x102);
    }
}

Test(cpu_run, time_stamp_counts_instructions_before_it)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, 0x90, 0x90, 0x0F, 0x31, 0x89, 0xC3, 0x90, 0x0F, 0x31, 0x0F, 0x3F, 0x01);
        bench.total = 1000;
        cr_assert_eq(go(&bench, 100), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EBX], 1002);
        cr_assert_eq(bench.state.regs[EAX], 1005);
    }
}

Test(cpu_run, port_instruction_is_reported_and_can_be_finished)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, 0xE5, 0x14, 0x0F, 0x3F, 0x01); /* in eax, 14h; terminate */
        cr_assert_eq(go(&bench, 100), CPU_IO);
        cr_assert_eq(bench.executed, 1);
        cr_assert_eq(bench.state.eip, CODE);
        const struct cpu_io *io = cpu_last_io(bench.cpu);
        cr_assert(io->in && !io->string && io->port == 0x14 && io->bytes == 4);
        cpu_io_done(io, &bench.state, 0x12345678, 0);
        cr_assert_eq(bench.state.eip, CODE + 2);
        cr_assert_eq(bench.state.regs[EAX], 0x12345678);
    }
}

Test(cpu_run, port_string_advances_by_what_was_transferred)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, 0xF3, 0x6E); /* rep outsb */
        bench.state.regs[ECX] = 10;
        bench.state.regs[ESI] = DATA;
        cr_assert_eq(go(&bench, 100), CPU_IO);
        const struct cpu_io *io = cpu_last_io(bench.cpu);
        cr_assert(io->string && io->repeated && !io->in && io->count == 10 && io->address == DATA);
        cpu_io_done(io, &bench.state, 0, 4);
        cr_assert_eq(bench.state.regs[ESI], DATA + 6);
        cr_assert_eq(bench.state.regs[ECX], 4);
    }
}

Test(cpu_run, raised_exception_enters_the_handler_at_the_present_instruction)
{
    FOR_BOTH_ENGINES(bench)
    {
        struct cpu_crash crash;
        const struct cpu_exception exception = {.number = DENALI_EXC_MEMORY, .address = 0x55};
        cr_assert(!cpu_raise(bench.cpu, &bench.state, &bench.flat.memory, exception, &crash));
        cr_assert_eq(crash.cause, CRASH_UNHANDLED);
        put32(&bench, DENALI_REG_EXC_HANDLER, HANDLER);
        cr_assert(cpu_raise(bench.cpu, &bench.state, &bench.flat.memory, exception, &crash));
        cr_assert_eq(bench.state.eip, HANDLER);
        cr_assert_eq(get32(&bench, STACK - 12), CODE);
        cr_assert_eq(get32(&bench, DENALI_REG_EXC_ADDRESS), 0x55);
    }
}

Test(cpu_run, segment_override_adds_the_virtual_base)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, 0x64, 0xA1, 4, 0, 0, 0, 0x65, 0x8B, 0x59, 4, 0x0F, 0x3F, 0x01);
        put32(&bench, DENALI_REG_FS_BASE, DATA); /* mov eax, fs:[4]; mov ebx, gs:[ecx + 4]; terminate */
        put32(&bench, DENALI_REG_GS_BASE, DATA + 0x100);
        put32(&bench, DATA + 4, 0x11111111);
        put32(&bench, DATA + 0x124, 0x22222222);
        bench.state.regs[ECX] = 0x20;
        cr_assert_eq(go(&bench, 100), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EAX], 0x11111111);
        cr_assert_eq(bench.state.regs[EBX], 0x22222222);
    }
}

Test(cpu_run, page_zero_can_be_executed_and_changed)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, DENALI_REG_ARGS_TEXT, 0xFA, 0x40, 0xFB, 0x0F, 0x3F, 0x01); /* cli; inc eax; sti; terminate */
        bench.state.eip = DENALI_REG_ARGS_TEXT;
        cr_assert_eq(go(&bench, 100), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EAX], 1);
    }
}

Test(cpu_run, too_long_instruction_is_a_protection_fault)
{
    FOR_BOTH_ENGINES(bench)
    {
        uint8_t prefixes[15];
        memset(prefixes, 0x66, sizeof(prefixes));
        put(&bench, CODE, prefixes, sizeof(prefixes));
        cr_assert_eq(go(&bench, 100), CPU_CRASH);
        cr_assert_eq(cpu_last_crash(bench.cpu)->exception.number, DENALI_EXC_PROTECTION);
    }
}

static void count_calls(void *owner, const struct cpu_state *state, struct memory *memory)
{
    (void)state;
    (void)memory;
    ++*(uint64_t *)owner;
}

Test(cpu_run, tracing_sees_every_instruction_and_changes_nothing)
{
    struct bench plain = bench_new(CPU_ENGINE_BLOCKS), traced = bench_new(CPU_ENGINE_BLOCKS);
    uint64_t calls = 0;
    PROGRAM(&plain, CODE, LOOP_PROGRAM);
    PROGRAM(&traced, CODE, LOOP_PROGRAM);
    cpu_set_trace(traced.cpu, count_calls, &calls);
    go(&plain, 100000);
    go(&traced, 100000);
    cr_assert_eq(calls, LOOP_INSTRUCTIONS);
    cr_assert_arr_eq(&plain.state, &traced.state, sizeof(plain.state));
    bench_drop(&plain);
    bench_drop(&traced);
}

Test(cpu_run, blocks_are_decoded_once)
{
    struct bench bench = bench_new(CPU_ENGINE_BLOCKS);
    PROGRAM(&bench, CODE, LOOP_PROGRAM);
    go(&bench, 100000);
    uint64_t decoded = cpu_counters(bench.cpu)->blocks_decoded;
    cr_assert_leq(decoded, 4);
    cpu_state_reset(&bench.state, CODE, STACK);
    go(&bench, 100000);
    cr_assert_eq(cpu_counters(bench.cpu)->blocks_decoded, decoded);
    bench_drop(&bench);
}
