/* SPDX-License-Identifier: MIT
 *
 * The trace of a run: lines of text about chosen kinds of events (enum denali_trace) in a chosen range of machines. It
 * reads machines and changes nothing, so a traced run has the digest of an untraced one.
 */
#pragma once
#include <stdio.h>

#include "../cpu/cpu.h"
#include "disassembler.h"
#include "libdenali.h"

struct trace {
    FILE *stream;                     /* borrowed */
    uint32_t kinds;                   /* 0: nothing is traced */
    uint32_t first, last;             /* machines */
    struct disassembler disassembler; /* open while kinds is not 0 */
};

/* With what the configuration says. False: out of host memory. */
bool trace_init(struct trace *, const struct denali_config *);
void trace_drop(struct trace *);

/* Whether lines of this kind about this machine are wanted. Ask before working out what a line says. */
static inline bool trace_wants(const struct trace *trace, uint32_t kind, uint32_t vm)
{
    return (trace->kinds & kind) && vm >= trace->first && vm <= trace->last;
}

/* The instruction about to be executed, and the registers before it. */
void trace_instruction(struct trace *, uint32_t vm, const struct cpu_state *, struct memory *);
/* Any other event, at a time since the start of the run. */
void trace_event(struct trace *, uint32_t kind, uint32_t vm, uint64_t time_ns, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
