/* SPDX-License-Identifier: MIT
 *
 * libFuzzer: the input is a state and a program. The processor that this runs on executes it instruction by
 * instruction, and our engine that decodes every instruction anew does too: after each, registers, flags, memory and
 * x87 and SSE state must be equal. The engine with blocks, in quanta of all sizes, must end where the other one did.
 *
 * It ends at the first instruction that cannot be compared (silicon_rules.h). What we define ourselves the real
 * processor takes over from us, so a difference is found where it arises.
 *
 * Where the processor cannot be asked (tests/oracle/silicon.h; a sanitizer is a reason), only the engines are compared.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../emu/disassembler.h"
#include "input.h"
#include "silicon_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum {
    STEPS = 100,
    FIRST_HIGH = SILICON_FS_BASE >> PAGE_SHIFT,
    PAGES = INPUT_PAGES + 2,
    FIRST_OPERANDS = INPUT_PAGES / 2,
    MEMORY = (FIRST_HIGH + 2) << 12
};

/* The low ones, and where FS and GS point. */
static const uint32_t pages[PAGES + 1] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, FIRST_HIGH, FIRST_HIGH + 1, ~0U};

struct bench {
    struct silicon *silicon; /* NULL: there is none */
    struct flat_memory step_memory, blocks_memory;
    struct cpu *step, *blocks;
    struct disassembler disassembler;
};

/* Not reported as a signal of the instruction that was executed last: those are silicon.c's. */
static void check(bool holds)
{
    if (!holds)
        abort();
}

static void memory_init(struct flat_memory *memory, uint64_t tag)
{
    check(flat_memory_init(memory, MEMORY, tag));
    for (const uint32_t *page = pages; *page != ~0U; page++)
        check(flat_memory_add(memory, *page));
}

/* One for all inputs: silicon is the process's. Nothing is left of an input when the next one begins. */
static struct bench *bench_get(void)
{
    static struct bench bench;
    const char *reason;

    if (bench.step)
        return &bench;
    bench.silicon = silicon_new(pages, &reason);
    if (!bench.silicon)
        printf("engines only: %s\n", reason);
    memory_init(&bench.step_memory, 1);
    memory_init(&bench.blocks_memory, 2);
    bench.step = cpu_new(CPU_ENGINE_STEP);
    bench.blocks = cpu_new(CPU_ENGINE_BLOCKS);
    check(bench.step && bench.blocks && disassembler_open(&bench.disassembler));
    return &bench;
}

/* Operands: the x87 and XMM registers, over and over. */
static void page_fill(uint8_t *page, const struct input *input)
{
    enum { OPERANDS = sizeof(input->st) + sizeof(input->xmm) };

    for (uint32_t at = 0, part; at < PAGE_SIZE; at += part) {
        part = PAGE_SIZE - at < OPERANDS ? PAGE_SIZE - at : OPERANDS;
        memcpy(page + at, (const uint8_t *)input + offsetof(struct input, st), part);
    }
}

/* As a program begins: operands in the upper half, the registers that are not 0 in page 0, and the program. */
static void memory_fill(struct flat_memory *memory, const struct input *input, const uint8_t *program, size_t size)
{
    const uint32_t enabled = 1, fs_base = SILICON_FS_BASE, gs_base = SILICON_GS_BASE;

    for (const uint32_t *page = pages; *page != ~0U; page++) {
        if (*page < FIRST_OPERANDS)
            memset(memory->pages[*page].bytes, 0, PAGE_SIZE);
        else
            page_fill(memory->pages[*page].bytes, input);
    }
    memcpy(flat_memory_at(memory, DENALI_REG_IRQ_ENABLED), &enabled, 4);
    memcpy(flat_memory_at(memory, DENALI_REG_FS_BASE), &fs_base, 4);
    memcpy(flat_memory_at(memory, DENALI_REG_GS_BASE), &gs_base, 4);
    for (uint32_t at = input_entry(input), part; size && at < INPUT_MEMORY; at += part, program += part, size -= part) {
        part = PAGE_SIZE - (at & PAGE_MASK);
        part = part < size ? part : (uint32_t)size;
        memcpy(flat_memory_at(memory, at), program, part);
    }
}

static void bench_fill(struct bench *b, const struct input *input, const uint8_t *program, size_t size)
{
    memory_fill(&b->step_memory, input, program, size);
    for (const uint32_t *page = pages; *page != ~0U; page++) {
        const uint8_t *from = b->step_memory.pages[*page].bytes;
        code_drop(&b->step_memory.pages[*page]);
        code_drop(&b->blocks_memory.pages[*page]);
        memcpy(b->blocks_memory.pages[*page].bytes, from, PAGE_SIZE);
        if (b->silicon)
            memcpy(silicon_memory(b->silicon, *page << PAGE_SHIFT), from, PAGE_SIZE);
    }
}

/* --- report --- */

static void fpu_report(const struct fpu_state *fpu)
{
    printf("  control %04x status %04x full %02x mxcsr %04" PRIx32, fpu->control, fpu->status, fpu->full, fpu->mxcsr);
    for (unsigned i = 0; i < 8; i++)
        printf("%sr%u %04x:%016" PRIx64, i % 4 ? "  " : "\n    ", i, fpu->registers[i].sign_exponent,
               fpu->registers[i].significand);
    for (unsigned i = 0; i < 8; i++)
        printf("%sxmm%u %016" PRIx64 ":%016" PRIx64, i % 2 ? "  " : "\n    ", i, fpu->xmm[i].u64[1],
               fpu->xmm[i].u64[0]);
    printf("\n");
}

static void outcome_report(const char *title, const struct outcome *outcome)
{
    printf("%-8s", title);
    if (outcome->exception != NO_EXCEPTION)
        printf(" exception %d, error %" PRIx32 ", address %08" PRIx32 ",", outcome->exception, outcome->error,
               outcome->address);
    printf(" eip %08" PRIx32 " eflags %06" PRIx32 "\n   ", outcome->state.eip, outcome->state.eflags);
    for (unsigned i = 0; i < CPU_REGISTERS; i++)
        printf(" %08" PRIx32, outcome->state.regs[i]);
    printf("\n");
    fpu_report(&outcome->state.fpu);
}

static void memory_report(struct bench *b)
{
    unsigned shown = 0;

    for (const uint32_t *page = pages; *page != ~0U; page++)
        for (uint32_t i = 0, at = *page << PAGE_SHIFT; i < PAGE_SIZE; i++, at++)
            if (*flat_memory_at(&b->step_memory, at) != *silicon_memory(b->silicon, at) && shown++ < 64)
                printf("  memory %08" PRIx32 ": ours %02x, silicon %02x\n", at, *flat_memory_at(&b->step_memory, at),
                       *silicon_memory(b->silicon, at));
}

/* --- one instruction --- */

static bool has_memory_error(const struct outcome *outcome)
{
    return outcome->exception == DENALI_EXC_MEMORY;
}

static void exception_set(struct outcome *outcome, uint32_t number, uint32_t error, uint32_t address)
{
    outcome->exception = (int)number;
    outcome->error = has_memory_error(outcome) ? error & (DENALI_FAULT_WRITE | DENALI_FAULT_FETCH) : 0;
    outcome->address = has_memory_error(outcome) ? address : 0;
}

static void our_outcome(struct outcome *outcome, const struct cpu *cpu, const struct cpu_state *state,
                        enum cpu_exit exit)
{
    const struct cpu_exception *exception = &cpu_last_crash(cpu)->exception;

    check(exit == CPU_BUDGET || exit == CPU_CRASH);
    outcome->state = (struct silicon_state){.eip = state->eip, .with_fpu = true, .fpu = state->fpu};
    memcpy(outcome->state.regs, state->regs, sizeof(state->regs));
    outcome->state.eflags = cpu_state_eflags(state) & (FLAGS_STATUS | FLAGS_CONTROL);
    outcome->exception = NO_EXCEPTION;
    if (exit == CPU_CRASH)
        exception_set(outcome, exception->number, exception->error, exception->address);
}

/* With the trap flag, or with the way back behind it, which is then taken out of the code again. */
static void silicon_step(struct bench *b, const struct subject *s, struct outcome *outcome)
{
    enum { SINGLE_STEP = 1 };
    bool trap = !subject_runs_freely(s);
    uint8_t saved[SILICON_RETURN_BYTES], *after = silicon_memory(b->silicon, s->c.state.eip + s->c.length);

    outcome->state = s->c.state;
    outcome->exception = NO_EXCEPTION;
    if (!trap)
        memcpy(saved, after, sizeof(saved));
    struct silicon_trap taken = silicon_run(b->silicon, &outcome->state, s->c.length, trap);
    if (!trap)
        memcpy(after, saved, sizeof(saved));
    outcome->state.eflags &= FLAGS_STATUS | FLAGS_CONTROL;
    if (taken.taken && taken.number != SINGLE_STEP)
        exception_set(outcome, taken.number, taken.error, taken.address);
}

/* Where memory differs, and may, ours goes to silicon. */
static bool page_settle(struct bench *b, const struct subject *s, uint32_t page)
{
    const uint8_t *ours = b->step_memory.pages[page].bytes;
    uint8_t *real = silicon_memory(b->silicon, page << PAGE_SHIFT);

    if (memcmp(ours, real, PAGE_SIZE) == 0)
        return true;
    for (uint32_t i = 0; i < PAGE_SIZE; i++) {
        struct change change = {.address = (page << PAGE_SHIFT) + i, .byte = real[i]};
        if (real[i] != ours[i] && !change_is_hidden(&s->c, &change))
            return false;
        real[i] = ours[i];
    }
    return true;
}

static bool memory_settle(struct bench *b, const struct subject *s)
{
    for (const uint32_t *page = pages; *page != ~0U; page++)
        if (!page_settle(b, s, *page))
            return false;
    return true;
}

static void difference_report(struct bench *b, const struct subject *s, const struct outcome *ours,
                              const struct outcome *real)
{
    const struct outcome before = {.state = s->c.state, .exception = NO_EXCEPTION};

    printf("DIFFERENCE:");
    for (uint32_t i = 0; i < s->c.length; i++)
        printf(" %02x", s->c.code[i]);
    printf("  %s\n", disassemble(&b->disassembler, s->c.code, s->c.length, s->c.state.eip).text);
    outcome_report("before", &before);
    outcome_report("ours", ours);
    outcome_report("silicon", real);
    memory_report(b);
    fflush(stdout);
}

/* Virtual registers have been written: they are not just memory to us. */
static bool page_0_written(struct bench *b, const uint8_t *page_0)
{
    return memcmp(silicon_memory(b->silicon, 0), page_0, PAGE_SIZE) != 0;
}

/* The same on silicon, which goes on from our state afterwards. False: the sequence ends here. */
static bool silicon_agrees(struct bench *b, const struct subject *s, const struct outcome *ours, const uint8_t *page_0)
{
    struct outcome real = {0};

    silicon_step(b, s, &real);
    if (page_0_written(b, page_0) || incomparable(&s->c, &real, ours) || subject_faults_anywhere(s, &real, ours))
        return false;
    if (row_named(s->c.row, ROWS_TRANSCENDENTAL)) /* of any operands; processors want them small */
        real.state.fpu = ours->state.fpu;
    if (outcome_equal(&s->c, &real, ours) && memory_settle(b, s))
        return true;
    difference_report(b, s, ours, &real);
    abort();
}

/* --- a sequence --- */

/* On our engine that decodes every time, and silicon. Returns how many instructions there were. */
static uint64_t step_run(struct bench *b, struct cpu_state *state, struct outcome *outcome)
{
    struct subject subject;
    uint8_t page_0[PAGE_SIZE];
    uint64_t count = 0, executed;
    bool more = true;

    memcpy(page_0, flat_memory_at(&b->step_memory, 0), PAGE_SIZE);
    our_outcome(outcome, b->step, state, CPU_BUDGET);
    while (more && count < STEPS && subject_fetch(&subject, state, &b->step_memory)) {
        enum cpu_exit exit = cpu_run(b->step, state, &b->step_memory.memory, 1, 0, &executed);
        count += executed;
        our_outcome(outcome, b->step, state, exit);
        more = !b->silicon || silicon_agrees(b, &subject, outcome, page_0);
        more = more && outcome->exception == NO_EXCEPTION;
    }
    return count;
}

/* As many instructions on the engine with blocks. Returns how many it did not come to. */
static uint64_t blocks_run(struct bench *b, struct cpu_state *state, uint64_t count, uint32_t quanta,
                           struct outcome *outcome)
{
    enum cpu_exit exit = CPU_BUDGET;

    while (count && exit == CPU_BUDGET) {
        uint64_t executed, quantum = quanta ? 1 + (quanta >> 16) % 16 : count;
        exit = cpu_run(b->blocks, state, &b->blocks_memory.memory, quantum < count ? quantum : count, 0, &executed);
        count -= executed;
        quanta = quanta * 1664525 + (quanta ? 1013904223 : 0);
    }
    our_outcome(outcome, b->blocks, state, exit);
    return count;
}

static bool states_equal(const struct silicon_state *a, const struct silicon_state *b)
{
    const struct fpu_state *x = &a->fpu, *y = &b->fpu;

    for (unsigned i = 0; i < 8; i++)
        if (x->registers[i].significand != y->registers[i].significand ||
            x->registers[i].sign_exponent != y->registers[i].sign_exponent)
            return false;
    return memcmp(a->regs, b->regs, sizeof(a->regs)) == 0 && a->eip == b->eip && a->eflags == b->eflags &&
           x->control == y->control && x->status == y->status && x->full == y->full && x->opcode == y->opcode &&
           x->instruction == y->instruction && x->operand == y->operand && x->mxcsr == y->mxcsr &&
           memcmp(x->xmm, y->xmm, sizeof(x->xmm)) == 0;
}

static void engines_compare(struct bench *b, const struct outcome *step, const struct outcome *blocks, uint64_t left)
{
    bool equal = left == 0 && states_equal(&step->state, &blocks->state) && step->exception == blocks->exception &&
                 step->error == blocks->error && step->address == blocks->address;

    for (const uint32_t *page = pages; *page != ~0U; page++)
        equal = equal && memcmp(b->step_memory.pages[*page].bytes, b->blocks_memory.pages[*page].bytes, PAGE_SIZE) == 0;
    if (equal)
        return;
    printf("DIFFERENCE between the engines; blocks ended %" PRIu64 " instructions early\n", left);
    outcome_report("step", step);
    outcome_report("blocks", blocks);
    fflush(stdout);
    abort();
}

/* What the fuzzer wants to know must wait: the guest's stack is none for signals. */
static void signals_block(sigset_t *before)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT};
    sigset_t others;

    sigfillset(&others);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        sigdelset(&others, own[i]);
    sigprocmask(SIG_SETMASK, &others, before);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct bench *b = bench_get();
    struct input input;
    struct cpu_state step, blocks;
    struct outcome step_end = {0}, blocks_end = {0};
    const uint8_t *program;
    sigset_t before;

    if (!input_read(&input, bytes, size, &program, &size))
        return 0;
    input.variant = 0;
    input.eflags &= ~(uint32_t)FLAG_AC;
    input_state(&input, &step);
    blocks = step;
    bench_fill(b, &input, program, size);
    signals_block(&before);
    uint64_t count = step_run(b, &step, &step_end);
    sigprocmask(SIG_SETMASK, &before, NULL);
    uint64_t left = blocks_run(b, &blocks, count, input.quanta, &blocks_end);
    engines_compare(b, &step_end, &blocks_end, left);
    return 0;
}
