/* SPDX-License-Identifier: MIT
 *
 * The x87 (Intel SDM vol. 1, chapter 8): its register stack, its exceptions, and the instructions on them. Bodies in
 * op_x87.h choose an instruction's operands; what it does is here, out of line. Arithmetic itself is in real.h.
 *
 * Unless another thing is said, a function here executes an instruction: false means that it did not (cpu.stop tells
 * why, nothing has changed), because an unmasked exception of an earlier one is still pending (#MF) or memory faulted.
 *
 * Where the manual leaves a choice, what an AMD Zen 4 does is done, and these are ours (docs/architecture.md): the
 * last instruction and operand pointers are those of the last instruction that is no control instruction; the last
 * opcode is that of the last one that raised an unmasked exception (SDM vol. 1, 8.1.9.1); code and data segment are 0.
 */
#pragma once
#include "core.h"
#include "real.h"

/* The status word (SDM vol. 1, 8.1.3); its low six bits are of enum real_exception. */
enum {
    X87_EXCEPTIONS = 0x3F,
    X87_STACK_FAULT = 0x40,
    X87_SUMMARY = 0x80, /* an unmasked exception is pending */
    X87_C0 = 0x100,
    X87_C1 = 0x200,
    X87_C2 = 0x400,
    X87_TOP_SHIFT = 11,
    X87_TOP = 7 << X87_TOP_SHIFT,
    X87_C3 = 0x4000,
    X87_BUSY = 0x8000, /* the same as SUMMARY */
    X87_CONDITIONS = X87_C0 | X87_C1 | X87_C2 | X87_C3,
};

/* The control word (SDM vol. 1, 8.1.5). */
enum { X87_CONTROL_WRITABLE = 0x1F3F, X87_CONTROL_ONES = 0x40, X87_PRECISION_SHIFT = 8, X87_ROUNDING_SHIFT = 10 };

/* Operands in memory. */
enum x87_format { X87_SINGLE, X87_DOUBLE, X87_EXTENDED, X87_INT16, X87_INT32, X87_INT64, X87_BCD };

enum x87_operation { X87_ADD, X87_MUL, X87_SUB, X87_SUBR, X87_DIV, X87_DIVR };
enum x87_function { X87_SQUARE_ROOT, X87_ROUND, X87_EXP2_MINUS_ONE, X87_SINE, X87_COSINE };
enum x87_pair_function {
    X87_SCALE,
    X87_REMAINDER,
    X87_REMAINDER_NEAREST,
    X87_Y_LOG2,
    X87_Y_LOG2_PLUS_ONE,
    X87_ARC_TANGENT,
};
enum x87_split_function { X87_EXTRACT, X87_TANGENT, X87_SINE_COSINE };
enum x87_constant { X87_ONE, X87_LOG2_10, X87_LOG2_E, X87_PI, X87_LOG10_2, X87_LN_2, X87_ZERO };

/* In tests of two numbers: is a quiet NaN an invalid operand, where goes the result, and how many are popped. */
struct x87_comparison {
    bool quiet;
    bool to_eflags;
    uint8_t pops;
};

/* Words as an instruction that loads them takes them: reserved bits, and the summary of pending exceptions, are
 * computed. No instructions; they cannot fail. */
void x87_set_control(struct fpu_state *, uint16_t);
void x87_set_status(struct fpu_state *, uint16_t);
/* FNINIT; contents of registers stay. */
void x87_reset(struct fpu_state *);

/* FWAIT; and FNOP, which is no control instruction: it leaves its address behind. */
bool x87_wait(struct cpu *);
bool x87_nop(struct cpu *, const struct op *);

/* Push: from memory, a register, a constant. */
bool x87_load(struct cpu *, const struct op *, enum x87_format);
bool x87_load_register(struct cpu *, const struct op *);
bool x87_load_constant(struct cpu *, const struct op *, enum x87_constant);
/* ST(0) to memory (`truncates`: whatever the rounding control says) or to a register. */
bool x87_store(struct cpu *, const struct op *, enum x87_format, bool pops);
bool x87_store_truncated(struct cpu *, const struct op *, enum x87_format);
bool x87_store_register(struct cpu *, const struct op *, bool pops);
/* D9 D8+i, undocumented: FSTP that makes nothing of an empty ST(0). */
bool x87_pop_to(struct cpu *, const struct op *);

/* ST(0) := ST(0) op ST(i), or ST(i) := ST(i) op ST(0), the latter with or without a pop; and with memory. */
bool x87_arithmetic(struct cpu *, const struct op *, enum x87_operation);
bool x87_arithmetic_to(struct cpu *, const struct op *, enum x87_operation, bool pops);
bool x87_arithmetic_memory(struct cpu *, const struct op *, enum x87_operation, enum x87_format);
/* ST(0) := f(ST(0)); ST(0) := f(ST(0), ST(1)), or into ST(1) and a pop; ST(0) := f(ST(0)) and push g(ST(0)). */
bool x87_compute(struct cpu *, const struct op *, enum x87_function);
bool x87_compute_pair(struct cpu *, const struct op *, enum x87_pair_function);
bool x87_split(struct cpu *, const struct op *, enum x87_split_function);
/* The sign bit of ST(0) := negative; FCHS inverts it instead. */
bool x87_clear_sign(struct cpu *, const struct op *);
bool x87_change_sign(struct cpu *, const struct op *);

/* ST(0) with ST(i), memory, zero. */
bool x87_compare(struct cpu *, const struct op *, struct x87_comparison);
bool x87_compare_memory(struct cpu *, const struct op *, enum x87_format, bool pops);
bool x87_test(struct cpu *, const struct op *);
bool x87_examine(struct cpu *, const struct op *);

bool x87_exchange(struct cpu *, const struct op *);
bool x87_move_if(struct cpu *, const struct op *, bool condition);
bool x87_free(struct cpu *, const struct op *, bool pops);
/* FINCSTP, FDECSTP: by 1 and by -1. */
bool x87_rotate(struct cpu *, const struct op *, int by);

/* Control instructions. */
bool x87_load_control(struct cpu *, const struct op *);
bool x87_store_word(struct cpu *, const struct op *, uint16_t word);
bool x87_clear_exceptions(struct cpu *);
/* `bits`: the layout of 32- or 16-bit operand size (SDM vol. 1, 8.1.10); `registers` too: FNSAVE, FRSTOR. */
bool x87_store_environment(struct cpu *, const struct op *, unsigned bits, bool registers);
bool x87_load_environment(struct cpu *, const struct op *, unsigned bits, bool registers);
