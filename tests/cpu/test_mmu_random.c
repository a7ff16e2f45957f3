/* SPDX-License-Identifier: MIT
 *
 * Random programs for the MMU: in kernel and user mode, with mappings that change under them, from all quanta. Both
 * engines must end in the same state.
 */
#include <stdlib.h>

#include "mmu_bench.h"

struct random {
    uint64_t state;
};

static uint32_t random_next(struct random *r)
{
    r->state = r->state * 6364136223846793005 + 1442695040888963407;
    return (uint32_t)(r->state >> 33);
}

/* An instruction with holes. a: an address in the low 64 KB or the bypass, four bytes; b: any byte; v: a page or frame
 * word; j: a target nearby, four bytes; u: a stack in user space. Others are hexadecimal digits. */
static const char *const templates[] = {"A1 a",
                                        "A3 a",
                                        "81 05 a v",
                                        "C6 05 a b",
                                        "FE 05 a",
                                        "50",
                                        "58",
                                        "53",
                                        "5B",
                                        "40",
                                        "43",
                                        "74 b",
                                        "75 b",
                                        "EB b",
                                        "E9 j",
                                        "E8 j",
                                        "C3",
                                        "CD b",
                                        "B8 v E7 51",
                                        "B8 v E7 52",
                                        "B8 v E7 53 B8 v E7 54",
                                        "B8 v E7 54",
                                        "B8 v E7 55",
                                        "E5 55",
                                        "E5 54",
                                        "E5 53",
                                        "B8 v E7 56",
                                        "B8 v E7 57",
                                        "6A 23 68 u 6A b 6A 1B 68 a CF",
                                        "FA",
                                        "FB",
                                        "9C",
                                        "9D",
                                        "B9 b 00 00 00 BE a BF a F3 A4",
                                        "B9 b 00 00 00 BF a F3 AB",
                                        "66 74 b",
                                        "87 05 a",
                                        "60",
                                        "61",
                                        "83 C0 b",
                                        "E5 50"};

static uint32_t hole(struct random *r, char kind)
{
    uint32_t any = random_next(r);

    switch (kind) {
    case 'a':
        return any % 5 ? (any >> 4) & 0x7FFF : DENALI_MMU_BYPASS + ((any >> 4) & 0x7FFF);
    case 'v':
        return (any & 0x700F) | (any % 4 ? DENALI_MMU_USER | DENALI_MMU_WRITABLE : 0);
    case 'j':
        return any % 4 ? (any >> 4) % 64 : (any >> 4) % 0x3000;
    case 'u':
        return 0x6000 + (any & 0xFFC);
    default:
        return any & 0x3F;
    }
}

static uint32_t instruction_make(struct random *r, uint8_t *to)
{
    const char *text = templates[random_next(r) % (sizeof(templates) / sizeof(templates[0]))];
    uint32_t length = 0;

    for (; *text; text++) {
        if (*text == ' ')
            continue;
        if (strchr("abvju", *text)) {
            uint32_t value = hole(r, *text), bytes = *text == 'b' ? 1 : 4;
            memcpy(to + length, &value, bytes);
            length += bytes;
            continue;
        }
        char digits[3] = {text[0], text[1]};
        to[length++] = (uint8_t)strtoul(digits, NULL, 16);
        text++;
    }
    return length;
}

/* A miss: an entry for all spaces, at the address modulo 32 KB. Anything else: EIP + 1, in the low 32 KB. */
static const uint8_t random_handler[] = {0x50,
                                         0xA1,
                                         DENALI_REG_EXC_NUMBER,
                                         0,
                                         0,
                                         0xF0,
                                         0x3C,
                                         DENALI_EXC_TLB_MISS,
                                         0x75,
                                         26,
                                         0xA1,
                                         DENALI_REG_EXC_ADDRESS,
                                         0,
                                         0,
                                         0xF0,
                                         0x50,
                                         0x25,
                                         0,
                                         0xF0,
                                         0xFF,
                                         0xFF,
                                         0xE7,
                                         DENALI_PORT_MMU_PAGE,
                                         0x58,
                                         0x25,
                                         0,
                                         0x70,
                                         0,
                                         0,
                                         0x0C,
                                         0x0F,
                                         0xE7,
                                         DENALI_PORT_MMU_FRAME,
                                         0x58,
                                         0xCF,
                                         0x90,
                                         0xFF,
                                         0x44,
                                         0x24,
                                         0x04,
                                         0x81,
                                         0x64,
                                         0x24,
                                         0x04,
                                         0xFF,
                                         0x7F,
                                         0,
                                         0,
                                         0x58,
                                         0xCF};

static void random_machine(struct bench *b, uint64_t seed)
{
    struct random r = {seed * 0x9E3779B97F4A7C15 + 1};
    uint8_t page[PAGE_SIZE + 64];

    for (uint32_t number = 1; number < 8; number++) {
        for (uint32_t at = 0; at < PAGE_SIZE;)
            at += instruction_make(&r, page + at);
        put(b, number * PAGE_SIZE, page, PAGE_SIZE);
    }
    for (uint32_t i = 0; i < DENALI_MMU_ENTRIES; i++)
        b->state.mmu.entries[i] = (struct mmu_entry){hole(&r, 'v') & 0x7003, hole(&r, 'v')};
    put(b, 0x10000, random_handler, sizeof(random_handler));
    put32(b, DENALI_REG_EXC_HANDLER, DENALI_MMU_BYPASS + 0x10000);
    put32(b, DENALI_REG_IRQ_HANDLER, DENALI_MMU_BYPASS + 0x10000 + 36); /* as if it were another exception */
    put32(b, DENALI_REG_KERNEL_STACK, DENALI_MMU_BYPASS + 0x1F000);
    b->state.regs[ESP] = DENALI_MMU_BYPASS + 0x1E000;
    b->state.eip = 0x1000 + (random_next(&r) & 0x3FFF);
}

enum { RANDOM_INSTRUCTIONS = 3000 };

/* Runs to the end in quanta of random sizes, all at once with `r` NULL. Returns whether it has crashed or ended. */
static bool random_run(struct bench *b, struct random *r)
{
    for (uint64_t total = 0; total < RANDOM_INSTRUCTIONS; total += b->executed) {
        uint64_t budget = RANDOM_INSTRUCTIONS - total, quantum = r ? 1 + random_next(r) % 50 : budget;
        if (quantum > budget)
            quantum = budget;
        enum cpu_exit why = cpu_run(b->cpu, &b->state, &b->flat.memory, quantum, total, &b->executed);
        if (why == CPU_CRASH || why == CPU_TERMINATE)
            return true;
        if (why == CPU_IO)
            cpu_io_done(cpu_last_io(b->cpu), &b->state, 0x1234, 0);
    }
    return false;
}

Test(cpu_mmu_random, random_programs_agree_on_both_engines)
{
    unsigned completed = 0, users = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct bench blocks = bench_new(CPU_ENGINE_BLOCKS), step = bench_new(CPU_ENGINE_STEP);
        struct random quanta = {seed};
        random_machine(&blocks, seed);
        random_machine(&step, seed);
        bool ended = random_run(&step, NULL);
        cr_assert_eq(random_run(&blocks, &quanta), ended, "seed %lu", (unsigned long)seed);
        cr_assert_arr_eq(blocks.state.regs, step.state.regs, sizeof(step.state.regs), "seed %lu", (unsigned long)seed);
        cr_assert_eq(blocks.state.eip, step.state.eip, "seed %lu", (unsigned long)seed);
        cr_assert_eq(cpu_state_eflags(&blocks.state), cpu_state_eflags(&step.state));
        cr_assert_eq(blocks.state.user, step.state.user);
        cr_assert_arr_eq(&blocks.state.mmu, &step.state.mmu, sizeof(step.state.mmu));
        for (uint32_t page = 0; page < MEMORY_SIZE; page += PAGE_SIZE)
            cr_assert_arr_eq(flat_memory_at(&blocks.flat, page), flat_memory_at(&step.flat, page), PAGE_SIZE,
                             "seed %lu page %x", (unsigned long)seed, page);
        completed += !ended;
        users += step.state.user;
        bench_drop(&blocks);
        bench_drop(&step);
    }
    cr_assert_gt(completed, 100, "most programs must run on: %u", completed);
    cr_assert_gt(users, 20, "some must end in user mode: %u", users);
}
