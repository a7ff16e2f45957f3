/* SPDX-License-Identifier: MIT
 *
 * libFuzzer: the input is a guest: registers, interrupt registers, and a program. It runs on the engine that decodes
 * every instruction anew, in one go, and on the engine with blocks, in quanta of all sizes. Both must end in the same
 * state, having asked the kernel for the same things in the same order.
 */
#include <stdlib.h>
#include <string.h>

#include "../../cpu/cpu.h"
#include "../oracle/flat_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { GUEST_SIZE = 0x10000, GUEST_INSTRUCTIONS = 1000 };

/* How an input begins; the program follows, and is loaded where it is entered. Bit 1 of irq_enabled: with the MMU on;
 * bit 2: in user mode. The program's first bytes are then mappings too. */
struct header {
    uint32_t regs[CPU_REGISTERS];
    uint16_t eflags, entry, irq_handler, exc_handler;
    uint8_t irq_enabled, irq_pending, quanta;
} __attribute__((packed));

struct side {
    struct flat_memory memory;
    struct cpu *cpu;
    struct cpu_state state;
    uint64_t executed;
    uint64_t asked; /* digest of the exits */
    bool ended;
};

static void check(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static void register_set(struct side *side, uint32_t offset, uint32_t value)
{
    memcpy(flat_memory_at(&side->memory, offset), &value, sizeof(value));
}

/* The low 64 KB, page by page: a byte of the program each, the frame in its high half, the flags in its low one. */
static void side_map(struct side *side, const struct header *header, const uint8_t *program, size_t size)
{
    struct mmu_state *mmu = &side->state.mmu;

    if (!(header->irq_enabled & 2))
        return;
    mmu->present = mmu->on = true;
    side->state.user = header->irq_enabled & 4;
    for (uint32_t i = 0; i < GUEST_SIZE >> PAGE_SHIFT && i < size; i++)
        mmu->entries[i] =
            (struct mmu_entry){i << PAGE_SHIFT, (uint32_t)(program[i] >> 4) << PAGE_SHIFT | (program[i] & 0xF)};
    register_set(side, DENALI_REG_KERNEL_STACK, DENALI_MMU_BYPASS + GUEST_SIZE);
}

static void side_init(struct side *side, enum cpu_engine engine, const struct header *header, const uint8_t *program,
                      size_t size)
{
    *side = (struct side){.cpu = cpu_new(engine)};
    check(side->cpu && flat_memory_init(&side->memory, GUEST_SIZE, 1));
    for (uint32_t i = 0; i < GUEST_SIZE >> PAGE_SHIFT; i++)
        check(flat_memory_add(&side->memory, i));
    uint32_t entry = header->entry < DENALI_IMAGE_BASE ? DENALI_IMAGE_BASE + header->entry : header->entry;
    for (uint32_t at = 0; at < size && entry + at < GUEST_SIZE; at++)
        *flat_memory_at(&side->memory, entry + at) = program[at];
    cpu_state_reset(&side->state, entry, GUEST_SIZE);
    memcpy(side->state.regs, header->regs, sizeof(side->state.regs));
    cpu_state_set_eflags(&side->state, header->eflags);
    register_set(side, DENALI_REG_IRQ_ENABLED, header->irq_enabled & 1);
    register_set(side, DENALI_REG_IRQ_PENDING, header->irq_pending);
    register_set(side, DENALI_REG_IRQ_HANDLER, header->irq_handler);
    register_set(side, DENALI_REG_EXC_HANDLER, header->exc_handler);
    side_map(side, header, program, size);
}

static void side_drop(struct side *side)
{
    flat_memory_drop(&side->memory);
    cpu_free(side->cpu);
}

static void digest(struct side *side, uint64_t value)
{
    side->asked = (side->asked ^ value) * 0x100000001B3;
}

/* The kernel's part: always the same answers. */
static void side_answer(struct side *side, enum cpu_exit exit)
{
    const struct cpu_io *io = cpu_last_io(side->cpu);
    const struct cpu_crash *crash = cpu_last_crash(side->cpu);

    digest(side, (uint64_t)exit << 32 | side->state.eip);
    digest(side, side->executed);
    if (exit == CPU_IO) {
        digest(side, (uint64_t)io->port << 32 | io->value);
        digest(side, (uint64_t)io->address << 32 | io->count);
        cpu_io_done(io, &side->state, 0x12345678, io->string ? io->count / 2 : 0);
    } else if (exit == CPU_IDLE) {
        side->state.regs[EAX] = 0;
    } else if (exit == CPU_CRASH) {
        digest(side, (uint64_t)crash->cause << 32 | crash->exception.number);
        digest(side, (uint64_t)crash->exception.address << 32 | crash->exception.error);
    }
    side->ended = exit == CPU_CRASH || exit == CPU_TERMINATE;
}

/* `quanta`: 0 = all at once, else the seed of their sizes. */
static void side_run(struct side *side, uint32_t quanta)
{
    while (!side->ended && side->executed < GUEST_INSTRUCTIONS) {
        uint64_t budget = GUEST_INSTRUCTIONS - side->executed, executed = 0;
        quanta = quanta * 1664525 + (quanta ? 1013904223 : 0);
        if (quanta && budget > 1 + (quanta >> 16) % 64)
            budget = 1 + (quanta >> 16) % 64;
        enum cpu_exit exit = cpu_run(side->cpu, &side->state, &side->memory.memory, budget, side->executed, &executed);
        side->executed += executed;
        check(executed <= budget && (exit != CPU_BUDGET || executed == budget));
        if (exit != CPU_BUDGET)
            side_answer(side, exit);
    }
}

static void sides_compare(struct side *a, struct side *b)
{
    check(a->executed == b->executed && a->asked == b->asked && a->ended == b->ended);
    check(memcmp(a->state.regs, b->state.regs, sizeof(a->state.regs)) == 0 && a->state.eip == b->state.eip);
    check(cpu_state_eflags(&a->state) == cpu_state_eflags(&b->state) && a->state.user == b->state.user);
    check(memcmp(&a->state.mmu, &b->state.mmu, sizeof(a->state.mmu)) == 0);
    for (uint32_t at = 0; at < GUEST_SIZE; at += PAGE_SIZE)
        check(memcmp(flat_memory_at(&a->memory, at), flat_memory_at(&b->memory, at), PAGE_SIZE) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct side step, blocks;
    struct header header;

    if (size < sizeof(header))
        return 0;
    memcpy(&header, bytes, sizeof(header));
    side_init(&step, CPU_ENGINE_STEP, &header, bytes + sizeof(header), size - sizeof(header));
    side_init(&blocks, CPU_ENGINE_BLOCKS, &header, bytes + sizeof(header), size - sizeof(header));
    side_run(&step, 0);
    side_run(&blocks, header.quanta);
    sides_compare(&step, &blocks);
    side_drop(&step);
    side_drop(&blocks);
    return 0;
}
