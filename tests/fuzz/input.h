/* SPDX-License-Identifier: MIT
 *
 * The input of the targets that execute guests: the state a guest begins with, then its program. All of them read it
 * alike, so what one has found is a seed for the others.
 */
#pragma once
#include "../../cpu/cpu.h"

enum input_variant {
    INPUT_MMU = 1,          /* translation on, with the mappings given */
    INPUT_USER = 2,         /* and in user mode */
    INPUT_NEIGHBOUR = 4,    /* a second machine that shares the pages of the first until one of them writes */
    INPUT_FEW_FRAMES = 8,   /* there are not enough for a copy of every page; or pages are swapped out and in */
    INPUT_IMMEDIATE = 16,   /* interrupts are not batched; for simulations */
    INPUT_COSTS = 32,       /* the kernel's work takes time; for simulations */
    INPUT_DISKS = 64,       /* there are two; for simulations */
    INPUT_SUPERVISOR = 128, /* the first machine is one; for simulations */
};

enum { INPUT_PAGES = 16, INPUT_MEMORY = INPUT_PAGES * PAGE_SIZE, INPUT_EVENTS = 4 };

/* After so many instructions a word of memory is written by somebody else: a device, or, where the word is
 * irq_pending, a crossing. */
struct input_event {
    uint16_t when, address;
    uint32_t value;
} __attribute__((packed));

struct input {
    uint32_t regs[CPU_REGISTERS];
    uint32_t eflags;
    uint16_t x87_control, x87_status;
    uint8_t x87_full;
    uint32_t mxcsr;
    struct {
        uint64_t significand;
        uint16_t sign_exponent;
    } __attribute__((packed)) st[8];
    uint8_t xmm[8][16];                       /* behind st: both are operands in memory, too */
    uint16_t entry, irq_handler, exc_handler; /* the program is loaded at its entry */
    uint8_t irq_enabled, irq_pending;
    uint8_t variant; /* of enum input_variant */
    uint8_t quanta;
    uint8_t mappings[INPUT_PAGES]; /* 0 = the page itself, with all permissions: see input_mapping() */
    struct input_event events[INPUT_EVENTS];
} __attribute__((packed));

/* In simulations: memory is swapped. The upper bits of irq_enabled mean nothing else. */
static inline bool input_swaps(const struct input *input)
{
    return input->irq_enabled & 0x80;
}

/* False: too short. The program is what follows. */
bool input_read(struct input *, const uint8_t *bytes, size_t size, const uint8_t **program, size_t *program_size);

/* Where the program is; never in page 0, which is not like others. */
uint32_t input_entry(const struct input *);
/* The entry of the MMU for one of the low pages. */
struct mmu_entry input_mapping(const struct input *, uint32_t page);
/* The registers at the entry, x87 and SSE included; MMU and mode too. */
void input_state(const struct input *, struct cpu_state *);
