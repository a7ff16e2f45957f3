/* SPDX-License-Identifier: MIT
 *
 * Our CPU and the real one, instruction by instruction: which can be compared, beside what the oracle says of outcomes
 * (tests/oracle/compare.c).
 */
#pragma once
#include "../../cpu/decode.h"
#include "../oracle/oracle.h"

/* One instruction before it is executed: as a case of the oracle, and decoded. */
struct subject {
    struct oracle_case c;
    struct insn insn;
};

/* The instruction at EIP. False: there is none that can be compared. */
bool subject_fetch(struct subject *, const struct cpu_state *, struct flat_memory *);
/* It can be run without the trap flag, much faster: what follows it is neither read nor written, and comes next. */
bool subject_runs_freely(const struct subject *);
/* It has faulted on both, in an operand that it accesses in an order of its own. */
bool subject_faults_anywhere(const struct subject *, const struct outcome *real, const struct outcome *ours);
