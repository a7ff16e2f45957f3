/* SPDX-License-Identifier: MIT */
#include "cpu.h"

#include <stdlib.h>

#include "block.h"
#include "flags.h"

struct cpu *cpu_new(enum cpu_engine engine)
{
    struct cpu *c = calloc(1, sizeof(*c));
    struct block *scratch = malloc(sizeof(*scratch) + BLOCK_OPS * sizeof(struct op));

    if (!c || !scratch) {
        free(c);
        free(scratch);
        return NULL;
    }
    c->engine = engine;
    c->scratch = scratch;
    return c;
}

void cpu_free(struct cpu *c)
{
    if (!c)
        return;
    code_drop_all(c);
    free(c->scratch);
    free(c);
}

void cpu_set_trace(struct cpu *c, cpu_trace_fn *trace, void *owner)
{
    c->trace = trace;
    c->trace_owner = owner;
}

const struct cpu_io *cpu_last_io(const struct cpu *c)
{
    return &c->io;
}

const struct cpu_crash *cpu_last_crash(const struct cpu *c)
{
    return &c->crash;
}

const struct cpu_page *cpu_last_page(const struct cpu *c)
{
    return &c->wanted;
}

const struct cpu_counters *cpu_counters(const struct cpu *c)
{
    return &c->counters;
}

void cpu_state_reset(struct cpu_state *state, uint32_t entry, uint32_t stack)
{
    *state = (struct cpu_state){.eip = entry, .fpu = {.control = X87_CONTROL_RESET, .mxcsr = MXCSR_RESET}};
    state->regs[ESP] = stack;
    cpu_state_set_eflags(state, 0);
}

uint32_t cpu_state_eflags(const struct cpu_state *state)
{
    return flags_status(&state->flags) | state->control | FLAG_ONE;
}

void cpu_state_set_eflags(struct cpu_state *state, uint32_t eflags)
{
    flags_set_status(&state->flags, eflags);
    state->control = eflags & FLAGS_CONTROL;
}
