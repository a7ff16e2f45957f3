/* SPDX-License-Identifier: MIT
 *
 * libFuzzer: the input is a guest, or two that share their pages until one writes: registers, interrupt registers,
 * mappings, a program, and what happens meanwhile. It runs on the engine that decodes every instruction anew, each
 * machine in one go, and on the engine with blocks, the machines in turn, in quanta of all sizes, its pages being
 * swapped out and in if the input says so; and once more so in spaces of which each comes to lie in one piece of host
 * memory, as those of machines that run long do. All must end in the same states, having asked the kernel for the same
 * things in the same order.
 */
#include <stdlib.h>
#include <string.h>

#include "../../emu/space.h"
#include "../cpu/shared_memory.h"
#include "input.h"

_Static_assert(INPUT_PAGES == (int)SHARED_PAGES, "all of the memory of a machine");

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { GUEST_INSTRUCTIONS = 1000, MACHINES = 2 };

struct machine {
    struct shared_memory shared;
    struct space space;
    struct memory *memory; /* of one of the two */
    struct cpu_state state;
    uint64_t executed;
    uint64_t asked; /* digest of the exits */
    unsigned events_done;
    bool pages;      /* it is swapped */
    uint32_t needed; /* pages that were asked for since an instruction was last done */
    bool ended;
};

/* The machines under one engine. */
struct side {
    struct cpu *cpu;
    struct page *pages[INPUT_PAGES]; /* as they boot */
    uint64_t tags;
    struct frame_pool *frames; /* of spaces; NULL: there are none */
    struct space boot;         /* as `pages` */
    unsigned count;
    bool swaps;
    struct machine machines[MACHINES];
};

static void check(bool holds)
{
    if (!holds)
        __builtin_trap();
}

/* An access of somebody who is not the CPU, as emu/machine.c does it. */
static bool memory_write(const struct side *side, struct machine *m, uint32_t address, uint32_t value)
{
    const struct cpu_page wanted = {.number = address >> PAGE_SHIFT, .write = true};

    if (!side->frames)
        shared_bring(&m->shared, &wanted);
    struct page *page = m->memory->ops->write(m->memory, wanted.number);
    if (!page)
        return false;
    code_written(page, address & PAGE_MASK, sizeof(value));
    memcpy(page->bytes + (address & PAGE_MASK), &value, sizeof(value));
    return true;
}

static void side_boot(struct side *side, const struct input *input, const uint8_t *program, size_t size)
{
    for (unsigned i = 0; i < INPUT_PAGES; i++)
        side->pages[i] = shared_page_new(NULL);
    for (uint32_t at = input_entry(input), i = 0; i < size && at < INPUT_MEMORY; i++, at++)
        side->pages[at >> PAGE_SHIFT]->bytes[at & PAGE_MASK] = program[i];
    if (!side->frames)
        return;
    space_init(&side->boot, side->frames, INPUT_MEMORY);
    for (uint32_t i = 0, fault; i < INPUT_PAGES; i++)
        check(space_write(&side->boot, i << PAGE_SHIFT, side->pages[i]->bytes, PAGE_SIZE, &fault));
}

/* The second one has other registers: what each finds in the next of the first. */
static void machine_init(struct side *side, unsigned number, const struct input *input)
{
    struct machine *m = &side->machines[number];

    shared_memory_init(&m->shared, side->pages, &side->tags);
    if (side->frames)
        space_clone(&m->space, &side->boot);
    m->memory = side->frames ? &m->space.memory : &m->shared.memory;
    check(memory_write(side, m, DENALI_REG_IRQ_ENABLED, input->irq_enabled & 1) &&
          memory_write(side, m, DENALI_REG_IRQ_PENDING, input->irq_pending) &&
          memory_write(side, m, DENALI_REG_IRQ_HANDLER, input->irq_handler) &&
          memory_write(side, m, DENALI_REG_EXC_HANDLER, input->exc_handler) &&
          memory_write(side, m, DENALI_REG_KERNEL_STACK, DENALI_MMU_BYPASS + INPUT_MEMORY));
    m->pages = side->swaps && (input->variant & INPUT_FEW_FRAMES);
    if (m->pages) {
        m->shared.copies_left = 0;
        shared_send_away(&m->shared, ~1u);
    }
    input_state(input, &m->state);
    for (unsigned i = 0; i < CPU_REGISTERS; i++)
        m->state.regs[i] = input->regs[(i + number) % CPU_REGISTERS];
}

static void side_init(struct side *side, enum cpu_engine engine, bool in_spaces, const struct input *input,
                      const uint8_t *program, size_t size)
{
    *side = (struct side){.cpu = cpu_new(engine),
                          .count = input->variant & INPUT_NEIGHBOUR ? MACHINES : 1,
                          .swaps = engine == CPU_ENGINE_BLOCKS && !in_spaces};
    check(side->cpu);
    if (in_spaces)
        check((side->frames = frame_pool_new(UINT32_MAX)));
    side_boot(side, input, program, size);
    for (unsigned i = 0; i < side->count; i++)
        machine_init(side, i, input);
}

static void side_drop(struct side *side)
{
    for (unsigned i = 0; i < side->count; i++)
        shared_memory_drop(&side->machines[i].shared);
    for (unsigned i = 0; side->frames && i < side->count; i++)
        space_drop(&side->machines[i].space);
    if (side->frames) {
        space_drop(&side->boot);
        frame_pool_free(side->frames);
    }
    for (unsigned i = 0; i < INPUT_PAGES; i++)
        shared_page_free(side->pages[i]);
    cpu_free(side->cpu);
}

static void digest(struct machine *m, uint64_t value)
{
    m->asked = (m->asked ^ value) * 0x100000001B3;
}

/* The kernel's part: always the same answers. */
static void machine_answer(struct side *side, struct machine *m, enum cpu_exit exit)
{
    const struct cpu_io *io = cpu_last_io(side->cpu);
    const struct cpu_crash *crash = cpu_last_crash(side->cpu);

    digest(m, (uint64_t)exit << 32 | m->state.eip);
    digest(m, m->executed);
    if (exit == CPU_IO) {
        digest(m, (uint64_t)io->port << 32 | io->value);
        digest(m, (uint64_t)io->address << 32 | io->count);
        cpu_io_done(io, &m->state, 0x12345678, io->string ? io->count / 2 : 0);
    } else if (exit == CPU_IDLE) {
        m->state.regs[EAX] = 0;
    } else if (exit == CPU_CRASH) {
        digest(m, (uint64_t)crash->cause << 32 | crash->exception.number);
        digest(m, (uint64_t)crash->exception.address << 32 | crash->exception.error);
    }
    m->ended = exit == CPU_CRASH || exit == CPU_TERMINATE;
}

/* The page it wants comes, and some others go. What one instruction needs stays until it is done, and page 0 always. */
static void machine_page(struct side *side, struct machine *m, uint64_t executed)
{
    const struct cpu_page *wanted = cpu_last_page(side->cpu);
    uint32_t page = 1u << wanted->number;

    check(m->pages && (m->shared.away & page || wanted->write));
    m->needed = (executed > 0 ? 0 : m->needed) | page;
    shared_bring(&m->shared, wanted);
    shared_send_away(&m->shared, (uint32_t)(m->executed * 0x9E3779B1) & ~m->needed & ~1u);
}

/* What is to happen now happens, but after the last instruction's exception, which may wait for a page. Returns for how
 * long nothing does. */
static uint64_t machine_events(const struct side *side, struct machine *m, const struct input *input)
{
    uint64_t next = GUEST_INSTRUCTIONS;

    if (m->state.undelivered.waits)
        return 0;
    for (unsigned i = 0; i < INPUT_EVENTS; i++) {
        const struct input_event *event = &input->events[i];
        uint64_t when = event->when % GUEST_INSTRUCTIONS;
        if (when > m->executed)
            next = when < next ? when : next;
        else if (!(m->events_done & 1u << i))
            memory_write(side, m, event->address & ~3u, event->value);
        m->events_done |= (when <= m->executed) << i;
    }
    return next - m->executed;
}

static void machine_run(struct side *side, struct machine *m, const struct input *input, uint64_t quantum)
{
    uint64_t budget = machine_events(side, m, input), executed = 0;

    if (budget > quantum)
        budget = quantum;
    if (side->frames && m->executed > 0)
        check(space_flatten(&m->space));
    enum cpu_exit exit = cpu_run(side->cpu, &m->state, m->memory, budget, m->executed, &executed);
    m->executed += executed;
    check(executed <= budget && (exit != CPU_BUDGET || executed == budget));
    if (exit == CPU_PAGE)
        machine_page(side, m, executed);
    else if (exit != CPU_BUDGET)
        machine_answer(side, m, exit);
}

/* An exception that waits for a page belongs to the last instruction still. */
static bool machine_runs(const struct machine *m)
{
    return !m->ended && (m->executed < GUEST_INSTRUCTIONS || m->state.undelivered.waits);
}

static void side_run_each(struct side *side, const struct input *input)
{
    for (unsigned i = 0; i < side->count; i++)
        while (machine_runs(&side->machines[i]))
            machine_run(side, &side->machines[i], input, GUEST_INSTRUCTIONS);
}

/* In turn; `quanta` is the seed of how long, 0 = as long as nothing happens. */
static void side_run_all(struct side *side, const struct input *input)
{
    uint32_t quanta = input->quanta;

    for (bool some = true; some;) {
        some = false;
        for (unsigned i = 0; i < side->count; i++) {
            quanta = quanta * 1664525 + (quanta ? 1013904223 : 0);
            if (machine_runs(&side->machines[i]))
                machine_run(side, &side->machines[i], input, quanta ? 1 + (quanta >> 16) % 64 : GUEST_INSTRUCTIONS);
            some |= machine_runs(&side->machines[i]);
        }
    }
}

/* Whether it is away or not. */
static const uint8_t *machine_page_bytes(const struct machine *m, uint32_t number)
{
    return m->memory == &m->space.memory ? m->memory->ops->read(m->memory, number)->bytes
                                         : m->shared.pages[number]->bytes;
}

static void machines_compare(struct machine *a, struct machine *b)
{
    check(a->executed == b->executed && a->asked == b->asked && a->ended == b->ended);
    check(memcmp(a->state.regs, b->state.regs, sizeof(a->state.regs)) == 0 && a->state.eip == b->state.eip);
    check(cpu_state_eflags(&a->state) == cpu_state_eflags(&b->state) && a->state.user == b->state.user);
    check(memcmp(&a->state.mmu, &b->state.mmu, sizeof(a->state.mmu)) == 0);
    for (uint32_t i = 0; i < INPUT_PAGES; i++)
        check(memcmp(machine_page_bytes(a, i), machine_page_bytes(b, i), PAGE_SIZE) == 0);
}

static void fpus_compare(const struct fpu_state *a, const struct fpu_state *b)
{
    for (unsigned i = 0; i < 8; i++)
        check(a->registers[i].significand == b->registers[i].significand &&
              a->registers[i].sign_exponent == b->registers[i].sign_exponent);
    check(a->control == b->control && a->status == b->status && a->full == b->full && a->opcode == b->opcode);
    check(a->instruction == b->instruction && a->operand == b->operand && a->mxcsr == b->mxcsr);
    check(memcmp(a->xmm, b->xmm, sizeof(a->xmm)) == 0);
}

static void sides_compare(struct side *a, struct side *b)
{
    for (unsigned i = 0; i < a->count; i++) {
        machines_compare(&a->machines[i], &b->machines[i]);
        fpus_compare(&a->machines[i].state.fpu, &b->machines[i].state.fpu);
    }
}

static void blocks_compare(struct side *step, bool in_spaces, const struct input *input, const uint8_t *program,
                           size_t size)
{
    struct side blocks;

    side_init(&blocks, CPU_ENGINE_BLOCKS, in_spaces, input, program, size);
    side_run_all(&blocks, input);
    sides_compare(step, &blocks);
    side_drop(&blocks);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct side step;
    struct input input;
    const uint8_t *program;

    if (!input_read(&input, bytes, size, &program, &size))
        return 0;
    side_init(&step, CPU_ENGINE_STEP, false, &input, program, size);
    side_run_each(&step, &input);
    blocks_compare(&step, false, &input, program, size);
    blocks_compare(&step, true, &input, program, size);
    side_drop(&step);
    return 0;
}
