/* SPDX-License-Identifier: MIT
 *
 * The x87's arithmetic, functions and comparisons (Intel SDM vol. 1, 8.3.5 to 8.3.8).
 */
#include "transcendental.h"
#include "x87_core.h"
#include "x87_quick.h"

/* Arithmetic. */

static struct real operate(struct real_context *context, enum x87_operation operation, struct real a, struct real b)
{
    switch (operation) {
    case X87_ADD:
        break;
    case X87_MUL:
        return real_multiply(context, a, b);
    case X87_SUB:
        return real_add(context, a, real_negate(b));
    case X87_SUBR:
        return real_add(context, b, real_negate(a));
    case X87_DIV:
        return real_divide(context, a, b);
    case X87_DIVR:
        return real_divide(context, b, a);
    }
    return real_add(context, a, b);
}

/* False: an exception forbids that the result is stored. */
static bool calculate(struct fpu_state *f, enum x87_operation operation, struct real a, struct real b,
                      struct x87_register *result)
{
    struct real_context context = context_of(f);

    if (!x87_nan_result(&context, a, b, result)) {
        struct real value = operate(&context, operation, a, b);
        x87_round_result(&context, value, a.denormal || b.denormal, result);
    }
    return x87_conclude(f, &context);
}

bool x87_operate_on_zero(const struct fpu_state *f, enum x87_operation operation, struct x87_register a,
                         struct x87_register b, struct x87_register *result)
{
    const bool zero_a = quick_zero(a), zero_b = quick_zero(b);

    if ((!zero_a && !quick_normal(a)) || (!zero_b && !quick_normal(b)))
        return false;
    if (operation == X87_MUL || (operation == X87_DIV && !zero_b) || (operation == X87_DIVR && !zero_a)) {
        *result = (struct x87_register){.sign_exponent = (a.sign_exponent ^ b.sign_exponent) & SIGN};
        return true;
    }
    if (operation == X87_DIV || operation == X87_DIVR || (zero_a && zero_b) || context_of(f).precision < 64)
        return false;
    *result = zero_a ? b : a;
    if (operation == (zero_a ? X87_SUB : X87_SUBR))
        result->sign_exponent ^= SIGN;
    return true;
}

static void arithmetic(struct fpu_state *f, enum x87_operation operation, unsigned to, unsigned from, bool pops)
{
    struct x87_register result = indefinite;
    bool there = is_full(f, to) && is_full(f, from);

    if (there ? calculate(f, operation, operand(f, to), operand(f, from), &result)
              : x87_stack_fault(f, STACK_UNDERFLOW)) {
        put(f, to, result);
        pop_stack(f, pops);
    }
}

bool x87_arithmetic(struct cpu *c, const struct op *op, enum x87_operation operation)
{
    if (!x87_begin(c, op))
        return false;
    arithmetic(c->fpu, operation, 0, op->source, false);
    return x87_end(c, op);
}

bool x87_arithmetic_to(struct cpu *c, const struct op *op, enum x87_operation operation, bool pops)
{
    if (!x87_begin(c, op))
        return false;
    arithmetic(c->fpu, operation, op->source, 0, pops);
    return x87_end(c, op);
}

bool x87_arithmetic_memory(struct cpu *c, const struct op *op, enum x87_operation operation, enum x87_format format)
{
    struct fpu_state *f = c->fpu;
    struct x87_register result = indefinite;
    struct real value;

    if (!x87_begin_read(c, op, format, &value))
        return false;
    if (is_full(f, 0) ? calculate(f, operation, operand(f, 0), value, &result) : x87_stack_fault(f, STACK_UNDERFLOW))
        put(f, 0, result);
    return x87_end(c, op);
}

/* FSIN and its like do nothing with a number that is too large for them, and say so in C2. */
static bool angle_refused(struct fpu_state *f, bool there)
{
    bool large = there && !real_is_angle(operand(f, 0));
    set_conditions(f, X87_C1 | X87_C2, large ? X87_C2 : 0);
    return large;
}

/* Of these the precision control concerns the square root alone (SDM vol. 1, 8.1.5.2). */
bool x87_compute(struct cpu *c, const struct op *op, enum x87_function which)
{
    typedef struct real function(struct real_context *, struct real);
    static function *const functions[] = {[X87_SQUARE_ROOT] = real_square_root,
                                          [X87_ROUND] = real_round,
                                          [X87_EXP2_MINUS_ONE] = real_exp2_minus_one,
                                          [X87_SINE] = real_sine,
                                          [X87_COSINE] = real_cosine};
    struct fpu_state *f = c->fpu;
    struct real_context context = which == X87_SQUARE_ROOT ? context_of(f) : full_context_of(f);
    struct x87_register result = indefinite;
    bool there = is_full(f, 0);
    struct real value = operand(f, 0);

    if (!x87_begin(c, op))
        return false;
    if ((which == X87_SINE || which == X87_COSINE) && angle_refused(f, there))
        return x87_end(c, op);
    if (there && !x87_nan_result(&context, value, value, &result))
        x87_round_result(&context, functions[which](&context, value), value.denormal, &result);
    if (there ? x87_conclude(f, &context) : x87_stack_fault(f, STACK_UNDERFLOW))
        put(f, 0, result);
    return x87_end(c, op);
}

/* ST(0) and ST(1) to one result. *conditions are what the status word gets, of those that the instruction writes. */
typedef struct real pair_fn(struct real_context *, struct real st0, struct real st1, unsigned *conditions);

static void compute_pair(struct fpu_state *f, pair_fn *function, unsigned written, bool pops)
{
    struct real_context context = full_context_of(f);
    struct x87_register result = indefinite;
    unsigned conditions = f->status & written & ~(X87_C1 | X87_C2);
    bool there = is_full(f, 0) && is_full(f, 1);
    struct real a = operand(f, 0), b = operand(f, 1);

    set_conditions(f, written, conditions);
    if (there && !x87_nan_result(&context, a, b, &result)) {
        struct real value = function(&context, a, b, &conditions);
        x87_round_result(&context, value, a.denormal || b.denormal, &result);
    }
    if (there ? x87_conclude(f, &context) : x87_stack_fault(f, STACK_UNDERFLOW)) {
        put(f, pops, result);
        set_conditions(f, written, conditions);
        pop_stack(f, pops);
    }
}

/* 2 to the power of this is too much for any number. */
#define SCALE_LIMIT 0x20000

static struct real infinity_or_zero(bool infinite, bool negative)
{
    return (struct real){
        .class = infinite ? REAL_INFINITE : REAL_ZERO, .negative = negative, .significand = infinite ? INTEGER_BIT : 0};
}

/* a * 2^(b truncated): SDM vol. 2, FSCALE. */
static struct real scale(struct real_context *context, struct real a, struct real b, unsigned *conditions)
{
    (void)conditions;
    if (b.class == REAL_INFINITE && a.class == (b.negative ? REAL_INFINITE : REAL_ZERO)) {
        context->raised |= REAL_INVALID;
        return real_from_extended(indefinite);
    }
    if (b.class == REAL_INFINITE)
        return infinity_or_zero(!b.negative, a.negative);
    if (a.class != REAL_FINITE || b.class != REAL_FINITE || b.exponent < 0)
        return a;
    int32_t distance = b.exponent < 17 ? (int32_t)(b.significand >> (63 - b.exponent)) : SCALE_LIMIT;
    a.exponent += b.negative ? -distance : distance;
    return a;
}

static struct real remainder_of(struct real_context *context, bool nearest, struct real a, struct real b,
                                unsigned *conditions)
{
    uint64_t quotient = 0;
    bool complete = true;
    struct real result = real_remainder(context, a, b, nearest, &quotient, &complete);

    if (!complete)
        *conditions = X87_C2;
    else if (!(context->raised & REAL_INVALID))
        *conditions = (quotient & 4 ? X87_C0 : 0) | (quotient & 2 ? X87_C3 : 0) | (quotient & 1 ? X87_C1 : 0);
    return result;
}

static struct real remainder_truncated(struct real_context *context, struct real a, struct real b, unsigned *conditions)
{
    return remainder_of(context, false, a, b, conditions);
}

static struct real remainder_nearest(struct real_context *context, struct real a, struct real b, unsigned *conditions)
{
    return remainder_of(context, true, a, b, conditions);
}

static struct real y_log2(struct real_context *context, struct real x, struct real y, unsigned *conditions)
{
    (void)conditions;
    return real_y_log2(context, y, x);
}

static struct real y_log2_plus_one(struct real_context *context, struct real x, struct real y, unsigned *conditions)
{
    (void)conditions;
    return real_y_log2_plus_one(context, y, x);
}

static struct real arc_tangent(struct real_context *context, struct real x, struct real y, unsigned *conditions)
{
    (void)conditions;
    return real_arc_tangent(context, y, x);
}

bool x87_compute_pair(struct cpu *c, const struct op *op, enum x87_pair_function which)
{
    static const struct {
        pair_fn *function;
        uint16_t written;
        bool pops;
    } functions[] = {
        [X87_SCALE] = {scale, 0, false},
        [X87_REMAINDER] = {remainder_truncated, X87_CONDITIONS, false},
        [X87_REMAINDER_NEAREST] = {remainder_nearest, X87_CONDITIONS, false},
        [X87_Y_LOG2] = {y_log2, 0, true},
        [X87_Y_LOG2_PLUS_ONE] = {y_log2_plus_one, 0, true},
        [X87_ARC_TANGENT] = {arc_tangent, 0, true},
    };

    if (!x87_begin(c, op))
        return false;
    compute_pair(c->fpu, functions[which].function, functions[which].written, functions[which].pops);
    return x87_end(c, op);
}

/* ST(0) to two results: one in its place, one pushed. */
typedef void split_fn(struct real_context *, struct real, struct x87_register *lower, struct x87_register *upper);

/* The exponent; the significand is pushed. */
static void extract(struct real_context *context, struct real value, struct x87_register *exponent,
                    struct x87_register *significand)
{
    struct real power = infinity_or_zero(true, value.class == REAL_ZERO);

    if (value.class == REAL_ZERO)
        context->raised |= REAL_DIVIDE;
    bool denormal = value.denormal;
    if (value.class == REAL_FINITE) {
        power = real_from_integer(value.exponent);
        value.exponent = 0;
    }
    x87_round_result(context, power, denormal, exponent);
    x87_round_result(context, value, denormal, significand);
}

/* The tangent; 1 is pushed. */
static void tangent(struct real_context *context, struct real value, struct x87_register *quotient,
                    struct x87_register *one)
{
    struct real result = real_tangent(context, value);

    x87_round_result(context, result, value.denormal, quotient);
    if (context->raised & REAL_INVALID)
        *one = indefinite;
    else
        *one = (struct x87_register){.sign_exponent = EXPONENT_BIAS, .significand = INTEGER_BIT};
}

/* The sine; the cosine is pushed. */
static void sine_cosine(struct real_context *context, struct real value, struct x87_register *of_sine,
                        struct x87_register *of_cosine)
{
    x87_round_result(context, real_sine(context, value), value.denormal, of_sine);
    x87_round_result(context, real_cosine(context, value), value.denormal, of_cosine);
}

bool x87_split(struct cpu *c, const struct op *op, enum x87_split_function which)
{
    static split_fn *const functions[] = {
        [X87_EXTRACT] = extract, [X87_TANGENT] = tangent, [X87_SINE_COSINE] = sine_cosine};
    struct fpu_state *f = c->fpu;
    struct real_context context = full_context_of(f);
    struct x87_register lower = indefinite, upper = indefinite;
    struct real value = operand(f, 0);
    bool stores, underflow = !is_full(f, 0), overflow = is_full(f, 7);

    if (!x87_begin(c, op))
        return false;
    if (which != X87_EXTRACT && angle_refused(f, !underflow && !overflow))
        return x87_end(c, op);
    if (underflow || overflow) {
        stores = x87_stack_fault(f, underflow ? STACK_UNDERFLOW : STACK_OVERFLOW);
    } else {
        if (x87_nan_result(&context, value, value, &lower))
            upper = lower;
        else
            functions[which](&context, value, &lower, &upper);
        stores = x87_conclude(f, &context);
    }
    if (stores) {
        put(f, 0, lower);
        push_stack(f, upper);
    }
    return x87_end(c, op);
}

/* Comparisons. */

enum { LESS = X87_C0, EQUAL = X87_C3, UNORDERED = X87_C0 | X87_C2 | X87_C3 };

/* False: an exception forbids an answer. */
static bool order(struct fpu_state *f, struct real a, struct real b, bool quiet, bool to_eflags, unsigned *conditions)
{
    struct real_context context = full_context_of(f);
    struct x87_register nan;

    context.rounded_up = f->status & X87_C1 && to_eflags;
    *conditions = UNORDERED;
    if (x87_nan_result(&context, a, b, &nan)) {
        context.raised |= quiet ? 0 : REAL_INVALID;
    } else {
        int sign = real_compare(a, b);
        note_denormal(&context, a.denormal || b.denormal);
        *conditions = sign < 0 ? LESS : sign == 0 ? EQUAL : 0;
    }
    return x87_conclude(f, &context);
}

/* The answer stands even where an exception forbids to pop. */
static void answer(struct cpu *c, unsigned conditions, bool to_eflags)
{
    if (!to_eflags) {
        set_conditions(c->fpu, UNORDERED, conditions);
        return;
    }
    flags_set_status(&c->flags, (conditions & X87_C0 ? FLAG_CF : 0) | (conditions & X87_C2 ? FLAG_PF : 0) |
                                    (conditions & X87_C3 ? FLAG_ZF : 0));
}

bool x87_compare(struct cpu *c, const struct op *op, struct x87_comparison how)
{
    struct fpu_state *f = c->fpu;
    unsigned conditions = UNORDERED, i = op->source;

    if (!x87_begin(c, op))
        return false;
    bool there = is_full(f, 0) && is_full(f, i);
    if (there ? order(f, operand(f, 0), operand(f, i), how.quiet, how.to_eflags, &conditions)
              : x87_stack_fault(f, STACK_UNDERFLOW))
        pop_stack(f, how.pops);
    answer(c, conditions, how.to_eflags);
    return x87_end(c, op);
}

bool x87_compare_memory(struct cpu *c, const struct op *op, enum x87_format format, bool pops)
{
    struct fpu_state *f = c->fpu;
    unsigned conditions = UNORDERED;
    struct real value;

    if (!x87_begin_read(c, op, format, &value))
        return false;
    if (is_full(f, 0) ? order(f, operand(f, 0), value, false, false, &conditions) : x87_stack_fault(f, STACK_UNDERFLOW))
        pop_stack(f, pops);
    answer(c, conditions, false);
    return x87_end(c, op);
}

bool x87_test(struct cpu *c, const struct op *op)
{
    struct fpu_state *f = c->fpu;
    unsigned conditions = UNORDERED;

    if (!x87_begin(c, op))
        return false;
    if (is_full(f, 0))
        order(f, operand(f, 0), real_from_integer(0), false, false, &conditions);
    else
        x87_stack_fault(f, STACK_UNDERFLOW);
    answer(c, conditions, false);
    return x87_end(c, op);
}

/* SDM vol. 2, FXAM. */
bool x87_examine(struct cpu *c, const struct op *op)
{
    enum { UNSUPPORTED = 0, NAN_ = X87_C0, NORMAL = X87_C2, INFINITE = X87_C2 | X87_C0, ZERO = X87_C3 };
    enum { EMPTY = X87_C3 | X87_C0, DENORMAL = X87_C3 | X87_C2 };
    struct fpu_state *f = c->fpu;
    unsigned conditions = EMPTY;

    if (!x87_begin(c, op))
        return false;
    if (is_full(f, 0)) {
        static const uint16_t answers[] = {
            [REAL_ZERO] = ZERO, [REAL_FINITE] = NORMAL, [REAL_INFINITE] = INFINITE, [REAL_NAN] = NAN_};
        struct real value = operand(f, 0);
        conditions = value.invalid ? UNSUPPORTED : value.denormal ? DENORMAL : answers[value.class];
    }
    conditions |= st(f, 0)->sign_exponent & SIGN ? X87_C1 : 0;
    set_conditions(f, X87_CONDITIONS, conditions);
    return x87_end(c, op);
}
