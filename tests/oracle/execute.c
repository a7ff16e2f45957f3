/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "../../cpu/x87.h"
#include "oracle.h"

enum { SILICON_SINGLE_STEP = 1, ITERATIONS = 1 << 20 };

static bool in_code_pages(uint32_t address)
{
    return address >= ARENA_CODE << PAGE_SHIFT && address + SILICON_RETURN_BYTES <= (ARENA_CODE + 2) << PAGE_SHIFT;
}

uint32_t case_landing(const struct oracle_case *c)
{
    const uint32_t next = c->state.eip + c->length, target = c->step ? case_jump_target(c) : 0;
    const bool room = in_code_pages(next) && in_code_pages(target) &&
                      (target >= next + SILICON_RETURN_BYTES || target + SILICON_RETURN_BYTES <= c->state.eip);

    return room ? target : 0;
}

/* AMD's processors store the pointers to the last x87 instruction and its operand only while an exception is pending
 * (APM vol. 2, FXSAVE): else they are taken as they were. */
static void forget_pointers(struct fpu_state *f, const struct fpu_state *before)
{
    if (f->status & X87_SUMMARY)
        return;
    f->opcode = before->opcode;
    f->instruction = before->instruction;
    f->operand = before->operand;
}

static void outcome_begin(struct outcome *outcome)
{
    outcome->exception = NO_EXCEPTION;
    outcome->error = outcome->address = outcome->change_count = 0;
    outcome->digest = 0;
}

void run_silicon(struct oracle *self, const struct oracle_case *c, struct outcome *outcome)
{
    outcome_begin(outcome);
    outcome->state = c->state;

    const uint32_t landing = case_landing(c);
    struct silicon_trap trap = silicon_execute(self->silicon, &outcome->state, c->length, landing, c->step && !landing);
    if (trap.taken && trap.number != SILICON_SINGLE_STEP) {
        outcome->exception = (int)trap.number;
        outcome->error = trap.number == DENALI_EXC_MEMORY ? trap.error & (DENALI_FAULT_WRITE | DENALI_FAULT_FETCH) : 0;
        outcome->address = trap.number == DENALI_EXC_MEMORY ? trap.address : 0;
    }
    outcome->state.eflags &= FLAGS_STATUS | FLAGS_CONTROL;
    forget_pointers(&outcome->state.fpu, &c->state.fpu);
}

void run_silicon_alone(struct oracle *self, const struct oracle_case *c, struct outcome *outcome)
{
    case_patch(self, c);
    case_place(self, c);
    run_silicon(self, c, outcome);
    changes_collect(self, &self->real, ARENA_ALL, outcome);
    case_unpatch(self, c);
}

/* Run as many instructions, in one go or in quanta of all sizes. `instructions` == 0: one, or if not c->step, until EIP
 * is behind the case. Returns how many there were. */
static uint64_t cpu_execute(struct cpu *cpu, struct cpu_state *state, struct memory *memory,
                            const struct oracle_case *c, uint64_t instructions, enum cpu_exit *exit)
{
    const uint32_t end = c->state.eip + c->length;
    uint64_t total = 0, executed, quantum = c->state.eip & 1 ? 1 : UINT32_MAX;

    for (; total < (instructions ? instructions : ITERATIONS); quantum = quantum * 3 % 7) {
        uint64_t left = instructions - total;
        *exit = cpu_run(cpu, state, memory, instructions ? quantum < left ? quantum : left : 1, 0, &executed);
        total += executed;
        if (*exit != CPU_BUDGET || (!instructions && (c->step || state->eip == end)))
            break;
    }
    return total;
}

/* The state of the machine that a case begins with. */
static void state_put(struct cpu_state *state, const struct oracle_case *c)
{
    cpu_state_reset(state, c->state.eip, 0);
    state->fpu = c->state.fpu;
    memcpy(state->regs, c->state.regs, sizeof(state->regs));
    cpu_state_set_eflags(state, c->state.eflags);
}

unsigned run_ours(struct oracle *self, int engine, const struct oracle_case *c, struct outcome *outcome)
{
    struct memory *memory = &self->memory.flat.memory;
    enum cpu_exit exit = CPU_BUDGET;
    struct cpu_state state;

    outcome_begin(outcome);
    state_put(&state, c);
    if (engine == 0)
        self->instructions = 0;
    memory->tag++;
    self->memory.written = 0;
    self->instructions = cpu_execute(self->cpus[engine], &state, memory, c, self->instructions, &exit);
    if (exit == CPU_CRASH) {
        const struct cpu_exception *exception = &cpu_last_crash(self->cpus[engine])->exception;
        outcome->exception = (int)exception->number;
        if (exception->number == DENALI_EXC_MEMORY) {
            outcome->error = exception->error & (DENALI_FAULT_WRITE | DENALI_FAULT_FETCH);
            outcome->address = exception->address;
        }
    } else if (exit != CPU_BUDGET) {
        outcome->exception = -100 - (int)exit; /* nothing that silicon does */
    }
    memcpy(outcome->state.regs, state.regs, sizeof(state.regs));
    outcome->state.eip = state.eip;
    outcome->state.eflags = cpu_state_eflags(&state) & (FLAGS_STATUS | FLAGS_CONTROL);
    outcome->state.with_fpu = c->state.with_fpu;
    outcome->state.fpu = state.fpu;
    const unsigned written = self->memory.written;
    changes_collect(self, &self->ours, self->careful ? ARENA_ALL : written, outcome);
    return written;
}
