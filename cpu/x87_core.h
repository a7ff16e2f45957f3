/* SPDX-License-Identifier: MIT
 *
 * What the files of the x87 share: the register stack, the status word, and how an instruction begins and ends.
 * Included by cpu/x87*.c only.
 */
#pragma once
#include "bodies.h"
#include "x87.h"

/* The default answer to a masked invalid operation (SDM vol. 1, 4.8.3.7). */
static const struct x87_register indefinite = {.sign_exponent = 0xFFFF, .significand = UINT64_C(3) << 62};
#define INTEGER_BIT       (UINT64_C(1) << 63)
#define QUIET_BIT         (UINT64_C(1) << 62)
#define EXPONENT_BIAS     0x3FFF
#define EXPONENT_INFINITE 0x7FFF
#define SIGN              0x8000

/* With one of these unmasked, operands stay as they were and nothing is stored (SDM vol. 1, 8.5). */
#define BEFORE_COMPUTING (REAL_INVALID | REAL_DENORMAL | REAL_DIVIDE)

enum { STACK_UNDERFLOW, STACK_OVERFLOW };

/* The stack. */

static inline unsigned physical(const struct fpu_state *f, unsigned i)
{
    return (((unsigned)f->status >> X87_TOP_SHIFT) + i) & 7;
}

static inline struct x87_register *st(struct fpu_state *f, unsigned i)
{
    return &f->registers[physical(f, i)];
}

static inline bool is_full(const struct fpu_state *f, unsigned i)
{
    return f->full >> physical(f, i) & 1;
}

static inline void put(struct fpu_state *f, unsigned i, struct x87_register value)
{
    *st(f, i) = value;
    f->full |= (uint8_t)(1 << physical(f, i));
}

static inline void empty(struct fpu_state *f, unsigned i)
{
    f->full &= (uint8_t) ~(1 << physical(f, i));
}

static inline void rotate(struct fpu_state *f, int by)
{
    unsigned top = physical(f, (unsigned)by & 7);
    f->status = (uint16_t)((f->status & ~X87_TOP) | top << X87_TOP_SHIFT);
}

static inline void pop_stack(struct fpu_state *f, unsigned count)
{
    for (; count > 0; count--) {
        empty(f, 0);
        rotate(f, 1);
    }
}

static inline void push_stack(struct fpu_state *f, struct x87_register value)
{
    rotate(f, -1);
    put(f, 0, value);
}

static inline void set_conditions(struct fpu_state *f, unsigned which, unsigned value)
{
    f->status = (uint16_t)((f->status & ~which) | value);
}

static inline struct real_context context_of(const struct fpu_state *f)
{
    static const uint8_t precisions[] = {24, 64, 53, 64};

    return (struct real_context){
        .rounding = f->control >> X87_ROUNDING_SHIFT & 3,
        .precision = precisions[f->control >> X87_PRECISION_SHIFT & 3],
        .unmasked = ~f->control & X87_EXCEPTIONS,
    };
}

/* For instructions that the precision control does not concern (SDM vol. 1, 8.1.5.2). */
static inline struct real_context full_context_of(const struct fpu_state *f)
{
    struct real_context context = context_of(f);
    context.precision = 64;
    return context;
}

/* Denormal operands matter only if nothing worse has happened (SDM vol. 1, 4.9.2). */
static inline void note_denormal(struct real_context *context, bool denormal)
{
    if (denormal && !(context->raised & (REAL_INVALID | REAL_DIVIDE)))
        context->raised |= REAL_DENORMAL;
}

static inline struct real operand(struct fpu_state *f, unsigned i)
{
    return real_from_extended(*st(f, i));
}

/* Sets exception flags; false if one of them forbids that the instruction stores its result. */
bool x87_raise(struct fpu_state *, unsigned raised);
/* STACK_UNDERFLOW or STACK_OVERFLOW: the same for these. */
bool x87_stack_fault(struct fpu_state *, unsigned which);
/* The same for what happened while computing and rounding. */
bool x87_conclude(struct fpu_state *, const struct real_context *);

/* Every instruction that is no control instruction starts and ends with these, and returns false if the first does.
 * x87_begin_read(): with a number in memory. */
bool x87_begin(struct cpu *, const struct op *);
bool x87_begin_read(struct cpu *, const struct op *, enum x87_format, struct real *);
bool x87_end(struct cpu *, const struct op *);

/* If an operand is no number there is nothing to compute: true, and the result (SDM vol. 1, 4.8.3.5 and table 4-7). */
bool x87_nan_result(struct real_context *, struct real a, struct real b, struct x87_register *result);
/* Rounds what an operation has computed, unless that has found an unmasked exception. */
void x87_round_result(struct real_context *, struct real value, bool denormal, struct x87_register *result);
/* Pushes; if there is no place on top, that is an exception. */
void x87_push(struct fpu_state *, struct x87_register);
