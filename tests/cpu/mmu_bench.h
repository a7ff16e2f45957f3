/* SPDX-License-Identifier: MIT
 *
 * A processor with one machine that has an MMU, in flat memory, with translation on.
 */
#pragma once
#include <criterion/criterion.h>
#include <string.h>

#include "../../cpu/cpu.h"
#include "../oracle/flat_memory.h"

enum { MEMORY_SIZE = 0x20000, CODE = 0x1000, HANDLER = 0x3000, DATA = 0x8000, OTHER = 0x9000, STACK = 0x10000 };
/* Virtual addresses. */
enum { VIRTUAL = 0x40000000, USER_STACK = 0x50001000, KERNEL_STACK = 0x12000 };

enum {
    KERNEL_PAGE = DENALI_MMU_VALID | DENALI_MMU_WRITABLE | DENALI_MMU_GLOBAL,
    USER_PAGE = DENALI_MMU_VALID | DENALI_MMU_WRITABLE | DENALI_MMU_USER,
};

#define FOR_BOTH_ENGINES(bench)                                                                                        \
    for (int engine_ = 0; engine_ < 2; engine_++)                                                                      \
        for (struct bench bench = bench_new((enum cpu_engine)engine_), *once_ = &bench; once_;                         \
             bench_drop(&bench), once_ = NULL)

/* A processor with one machine that has an MMU, its program at CODE. */
struct bench {
    struct flat_memory flat;
    struct cpu *cpu;
    struct cpu_state state;
    unsigned entries;
    uint64_t executed;
};

/* As a guest's kernel would write it, entry after entry. */
static inline void map(struct bench *b, uint32_t page, uint32_t frame)
{
    b->state.mmu.entries[b->entries++] = (struct mmu_entry){page, frame};
}

/* Translation is on; code, handler and the kernel's stack are the kernel's, at their own addresses. */
static inline struct bench bench_new(enum cpu_engine engine)
{
    struct bench b = {.cpu = cpu_new(engine)};
    cr_assert(b.cpu && flat_memory_init(&b.flat, MEMORY_SIZE, 1));
    for (uint32_t i = 0; i < MEMORY_SIZE >> PAGE_SHIFT; i++)
        cr_assert(flat_memory_add(&b.flat, i));
    cpu_state_reset(&b.state, CODE, STACK);
    b.state.mmu.present = b.state.mmu.on = true;
    map(&b, CODE, CODE | KERNEL_PAGE);
    map(&b, HANDLER, HANDLER | KERNEL_PAGE);
    map(&b, STACK - PAGE_SIZE, (STACK - PAGE_SIZE) | KERNEL_PAGE);
    map(&b, KERNEL_STACK - PAGE_SIZE, (KERNEL_STACK - PAGE_SIZE) | KERNEL_PAGE);
    return b;
}

static inline void bench_drop(struct bench *b)
{
    flat_memory_drop(&b->flat);
    cpu_free(b->cpu);
}

static inline void put(struct bench *b, uint32_t physical, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        *flat_memory_at(&b->flat, physical + (uint32_t)i) = ((const uint8_t *)bytes)[i];
}

static inline void put32(struct bench *b, uint32_t physical, uint32_t value)
{
    put(b, physical, &value, sizeof(value));
}

static inline uint32_t get32(struct bench *b, uint32_t physical)
{
    uint32_t value;
    memcpy(&value, flat_memory_at(&b->flat, physical), sizeof(value));
    return value;
}
