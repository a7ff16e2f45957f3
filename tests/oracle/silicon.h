/* SPDX-License-Identifier: MIT
 *
 * Executes one 32-bit instruction on the processor this test runs on. A 64-bit Linux process may have 32-bit
 * segments of its own (modify_ldt), with any base: guest address 0 is a linear address of our choice, so
 * every guest address is available, low ones included. The instruction lies in guest memory, followed by a
 * far jump back to 64-bit code; if it faults or single-steps, the signal frame shows the registers.
 *
 * - One instance in a process: the mappings below 4 GB, the LDT and the signal handlers are the process's.
 * - Signals other than those of the instruction must stay blocked while it runs: its ESP is not a host stack.
 * - Instructions that enter the kernel or change segment registers are not for this: see oracle.c.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "../../cpu/cpu.h"

/* Of FS and GS overrides. */
enum { SILICON_FS_BASE = 0x30404, SILICON_GS_BASE = 0x30800 };

struct silicon_state {
    uint32_t regs[CPU_REGISTERS];
    uint32_t eip;
    uint32_t eflags;
    bool with_fpu;        /* `fpu` goes in and comes out; else the instruction must be an integer one */
    struct fpu_state fpu; /* its MXCSR without reserved bits */
};

/* What ended the instruction. */
struct silicon_trap {
    bool taken;       /* false: it completed and nothing else happened */
    uint32_t number;  /* the vector; 1 = it completed under single-step */
    uint32_t error;   /* as the processor pushed it */
    uint32_t address; /* page fault: the guest address */
};

/* A guest page that can be read although nobody listed it: the way back. */
enum { SILICON_HIDDEN_PAGE = 0xDFFFF };

struct silicon;

/* NULL: this host cannot; *reason then says why. The pages listed (numbers below 4096, ended by ~0) become guest
 * memory. */
struct silicon *silicon_new(const uint32_t *pages, const char **reason);
void silicon_free(struct silicon *);

/* Where a guest address is in this process. Only listed pages are accessible. */
uint8_t *silicon_memory(struct silicon *, uint32_t address);

/* Run the instruction of `length` bytes at state->eip. `step`: with the trap flag set, which shows the boundary
 * after one instruction, or one iteration under REP, wherever it leads; else the bytes after the instruction are
 * overwritten with the way back, and the instruction must continue there or fault. */
enum { SILICON_RETURN_BYTES = 7 };
struct silicon_trap silicon_run(struct silicon *, struct silicon_state *, uint32_t length, bool step);

/* Its two parts, for those who look at the code in between; and for jumps, to `target` or (0) none, which is like a
 * `step`, and much faster. The first overwrites both places, which must be accessible, with the way back. They must not
 * overlap each other or the instruction. */
void silicon_place(struct silicon *, uint32_t next, uint32_t target);
struct silicon_trap silicon_execute(struct silicon *, struct silicon_state *, uint32_t length, uint32_t target,
                                    bool step);
