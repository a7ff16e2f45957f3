/* SPDX-License-Identifier: MIT
 *
 * The x87's common case, in the handlers themselves: operands in their place, normal or zero, results that are normal,
 * and no exception but PRECISION, masked. Each function here executes an instruction and says true; or says false and
 * has done nothing: then the function of x87.h executes it, which defines what is right.
 */
#pragma once
#include "vector.h"
#include "x87.h"

#define QUICK_INTEGER_BIT (UINT64_C(1) << 63)

enum { QUICK_BIAS = 0x3FFF, QUICK_INFINITE = 0x7FFF, QUICK_SIGN = 0x8000 };

typedef unsigned __int128 quick_wide;

/* The state as an instruction changes it. */
struct quick {
    struct fpu_state *f;
    unsigned status, full;
};

/* False if an exception is pending. */
INLINE bool quick_begin(struct cpu *c, struct quick *q)
{
    *q = (struct quick){.f = c->fpu, .status = c->fpu->status, .full = c->fpu->full};
    return likely(!(q->status & X87_SUMMARY));
}

INLINE unsigned quick_place(const struct quick *q, unsigned i)
{
    return ((q->status >> X87_TOP_SHIFT) + i) & 7;
}

INLINE bool quick_full(const struct quick *q, unsigned i)
{
    return q->full >> quick_place(q, i) & 1;
}

INLINE struct x87_register *quick_register(const struct quick *q, unsigned i)
{
    return &q->f->registers[quick_place(q, i)];
}

/* By parts, as they were written: processors take long to read back as one what was written in parts. */
INLINE struct x87_register quick_get(const struct quick *q, unsigned i)
{
    const struct x87_register *from = quick_register(q, i);
    uint64_t significand = from->significand;
    __asm__("" : "+r"(significand));
    return (struct x87_register){significand, from->sign_exponent};
}

INLINE void quick_put(const struct quick *q, unsigned i, struct x87_register value)
{
    struct x87_register *to = quick_register(q, i);
    to->significand = value.significand;
    to->sign_exponent = value.sign_exponent;
}

INLINE void quick_pop(struct quick *q, unsigned count)
{
    for (; count > 0; count--) {
        q->full &= ~(1u << quick_place(q, 0));
        q->status = (q->status & ~(unsigned)X87_TOP) | quick_place(q, 1) << X87_TOP_SHIFT;
    }
}

/* False if there is no room. */
INLINE bool quick_push(struct quick *q, struct x87_register value)
{
    if (unlikely(quick_full(q, 7)))
        return false;
    q->status = (q->status & ~(unsigned)X87_TOP) | quick_place(q, 7) << X87_TOP_SHIFT;
    q->full |= 1u << quick_place(q, 0);
    quick_put(q, 0, value);
    return true;
}

/* C1 is 0 but where rounding says otherwise. */
INLINE bool quick_end(struct cpu *c, const struct op *op, const struct quick *q, unsigned rounding)
{
    q->f->status = (uint16_t)((q->status & ~(unsigned)X87_C1) | rounding);
    q->f->full = (uint8_t)q->full;
    q->f->instruction = here(c, op);
    return true;
}

INLINE unsigned quick_exponent(struct x87_register r)
{
    return r.sign_exponent & QUICK_INFINITE;
}

INLINE bool quick_normal(struct x87_register r)
{
    return likely(quick_exponent(r) - 1 < QUICK_INFINITE - 1) && likely(r.significand >> 63);
}

INLINE bool quick_zero(struct x87_register r)
{
    return !quick_exponent(r) && !r.significand;
}

/* A result before rounding: high has the integer bit set; the last bit of low stands for all below it. */
struct quick_exact {
    uint64_t high, low;
    int exponent; /* as in a register, not yet known to fit */
    bool negative;
};

INLINE bool quick_sum(struct x87_register a, struct x87_register b, bool negate_a, bool negate_b, struct quick_exact *r)
{
    const bool negative_a = (a.sign_exponent >> 15) ^ negate_a, negative_b = (b.sign_exponent >> 15) ^ negate_b;
    const unsigned exponent_a = quick_exponent(a), exponent_b = quick_exponent(b);
    const bool exceeds = exponent_a > exponent_b || (exponent_a == exponent_b && a.significand >= b.significand);
    const uint64_t larger = exceeds ? a.significand : b.significand;
    const uint64_t smaller = exceeds ? b.significand : a.significand;
    const unsigned distance = exceeds ? exponent_a - exponent_b : exponent_b - exponent_a;

    if (unlikely(distance > 63))
        return false;
    r->negative = exceeds ? negative_a : negative_b;
    r->exponent = (int)(exceeds ? exponent_a : exponent_b);
    r->high = smaller >> distance;
    r->low = smaller << 1 << (63 - distance);
    if (negative_a == negative_b) {
        r->high += larger;
        if (r->high < larger) {
            r->low = r->low >> 1 | r->high << 63;
            r->high = r->high >> 1 | QUICK_INTEGER_BIT;
            r->exponent++;
        }
        return true;
    }
    r->high = larger - r->high - (r->low != 0);
    r->low = -r->low;
    if (unlikely(!r->high))
        return false;
    const int shift = __builtin_clzll(r->high);
    r->high = r->high << shift | r->low >> 1 >> (63 - shift);
    r->low <<= shift;
    r->exponent -= shift;
    return true;
}

INLINE void quick_product(struct x87_register a, struct x87_register b, struct quick_exact *r)
{
    quick_wide product = (quick_wide)a.significand * b.significand;
    const unsigned less = !(product >> 127);

    product <<= less;
    r->high = (uint64_t)(product >> 64);
    r->low = (uint64_t)product;
    r->exponent = (int)quick_exponent(a) + (int)quick_exponent(b) - QUICK_BIAS + 1 - (int)less;
    r->negative = (a.sign_exponent ^ b.sign_exponent) >> 15;
}

/* The next bit and whether there are more make the lower half: exactly half cannot be left. */
INLINE void quick_quotient(struct x87_register a, struct x87_register b, struct quick_exact *r)
{
    const bool less = a.significand < b.significand;
    const quick_wide dividend = (quick_wide)a.significand << (63 + less);

    r->high = (uint64_t)(dividend / b.significand);
    const uint64_t rest = (uint64_t)dividend - r->high * b.significand;
    r->low = (rest > (b.significand - 1) / 2 ? QUICK_INTEGER_BIT : 0) | (rest != 0);
    r->exponent = (int)quick_exponent(a) - (int)quick_exponent(b) + QUICK_BIAS - less;
    r->negative = (a.sign_exponent ^ b.sign_exponent) >> 15;
}

/* Rounds at the place of the bit `unit` and returns PRECISION and C1; high may become 0 by a carry. */
INLINE unsigned quick_round(struct quick_exact *r, unsigned rounding, unsigned dropped)
{
    const uint64_t unit = UINT64_C(1) << dropped;
    const uint64_t fraction = dropped ? r->high << (64 - dropped) | (r->low != 0) : r->low;
    bool up;

    if (!fraction)
        return 0;
    if (likely(rounding == ROUND_NEAREST))
        up = fraction > QUICK_INTEGER_BIT - !!(r->high & unit);
    else
        up = rounding != ROUND_ZERO && (rounding == ROUND_DOWN) == r->negative;
    r->high = (r->high & -unit) + (up ? unit : 0);
    return REAL_PRECISION | (up ? X87_C1 : 0);
}

INLINE unsigned quick_rounding(const struct quick *q)
{
    return q->f->control >> X87_ROUNDING_SHIFT & 3;
}

/* False: the inexact result is to trap. */
INLINE bool quick_masked(const struct quick *q, unsigned raised)
{
    return likely(!(raised & REAL_PRECISION & ~(unsigned)q->f->control));
}

INLINE bool quick_settle(const struct quick *q, struct quick_exact *r, struct x87_register *result, unsigned *raised)
{
    static const uint8_t dropped[] = {64 - 24, 0, 64 - 53, 0};
    const unsigned precision = q->f->control >> X87_PRECISION_SHIFT & 3;

    if (likely(precision == 3))
        *raised = quick_round(r, quick_rounding(q), 0);
    else
        *raised = quick_round(r, quick_rounding(q), dropped[precision]);
    if (unlikely(!r->high)) {
        r->high = QUICK_INTEGER_BIT;
        r->exponent++;
    }
    *result = (struct x87_register){r->high, (uint16_t)((unsigned)r->negative << 15 | (unsigned)r->exponent)};
    return likely(r->exponent > 0) && likely(r->exponent < QUICK_INFINITE) && quick_masked(q, *raised);
}

/* a op b, where one of them is zero and the result is exact: zero or, at full precision, the other one. */
bool x87_operate_on_zero(const struct fpu_state *, enum x87_operation, struct x87_register a, struct x87_register b,
                         struct x87_register *result);

/* a op b. */
INLINE bool quick_operate(const struct quick *q, enum x87_operation operation, struct x87_register a,
                          struct x87_register b, struct x87_register *result, unsigned *raised)
{
    struct quick_exact exact;

    if (!quick_normal(a) || !quick_normal(b)) {
        *raised = 0;
        return x87_operate_on_zero(q->f, operation, a, b, result);
    }
    switch (operation) {
    case X87_ADD:
    case X87_SUB:
    case X87_SUBR:
        if (!quick_sum(a, b, operation == X87_SUBR, operation == X87_SUB, &exact))
            return false;
        break;
    case X87_MUL:
        quick_product(a, b, &exact);
        break;
    case X87_DIV:
        quick_quotient(a, b, &exact);
        break;
    case X87_DIVR:
        quick_quotient(b, a, &exact);
        break;
    }
    return quick_settle(q, &exact, result, raised);
}

INLINE bool quick_arithmetic(struct cpu *c, const struct op *op, enum x87_operation operation, unsigned to,
                             unsigned from, bool pops)
{
    struct x87_register result;
    struct quick q;
    unsigned raised;

    if (!quick_begin(c, &q) || unlikely(!quick_full(&q, to) || !quick_full(&q, from)) ||
        !quick_operate(&q, operation, quick_get(&q, to), quick_get(&q, from), &result, &raised))
        return false;
    quick_put(&q, to, result);
    quick_pop(&q, pops);
    return quick_end(c, op, &q, raised);
}

/* Numbers in memory. */

INLINE unsigned quick_bytes(enum x87_format format)
{
    switch (format) {
    case X87_INT16:
        return 2;
    case X87_SINGLE:
    case X87_INT32:
        return 4;
    case X87_DOUBLE:
    case X87_INT64:
        return 8;
    default:
        return 10;
    }
}

INLINE struct x87_register quick_from_integer(int64_t integer)
{
    const uint64_t magnitude = integer < 0 ? -(uint64_t)integer : (uint64_t)integer;
    if (!magnitude)
        return (struct x87_register){.significand = 0};
    const int shift = __builtin_clzll(magnitude);
    return (struct x87_register){magnitude << shift,
                                 (uint16_t)((integer < 0 ? QUICK_SIGN : 0) | (QUICK_BIAS + 63 - shift))};
}

/* False: neither normal nor zero. The encoding has an exponent of `ones` at most above `fraction` bits. */
INLINE bool quick_from_encoding(uint64_t bits, unsigned fraction, unsigned ones, struct x87_register *value)
{
    const unsigned exponent = bits >> fraction & ones, sign = bits >> fraction > ones ? QUICK_SIGN : 0;

    if (unlikely(exponent - 1 >= ones - 1)) {
        *value = (struct x87_register){0, (uint16_t)sign};
        return !(bits << (64 - fraction)) && !exponent;
    }
    *value = (struct x87_register){QUICK_INTEGER_BIT | bits << (63 - fraction),
                                   (uint16_t)(sign | (exponent + QUICK_BIAS - ones / 2))};
    return true;
}

INLINE bool quick_read(struct cpu *c, uint32_t address, enum x87_format format, struct x87_register *value)
{
    const void *from = vector_readable(c, address, quick_bytes(format));
    int16_t i16;
    int32_t i32;
    int64_t i64;

    if (unlikely(!from))
        return false;
    switch (format) {
    case X87_SINGLE:
        memcpy(&i32, from, 4);
        return quick_from_encoding((uint32_t)i32, 23, 0xFF, value);
    case X87_DOUBLE:
        memcpy(&i64, from, 8);
        return quick_from_encoding((uint64_t)i64, 52, 0x7FF, value);
    case X87_EXTENDED:
        memcpy(&value->significand, from, 8);
        memcpy(&value->sign_exponent, (const uint8_t *)from + 8, 2);
        return true;
    case X87_INT16:
        memcpy(&i16, from, 2);
        *value = quick_from_integer(i16);
        return true;
    case X87_INT32:
        memcpy(&i32, from, 4);
        *value = quick_from_integer(i32);
        return true;
    case X87_INT64:
        memcpy(&i64, from, 8);
        *value = quick_from_integer(i64);
        return true;
    default:
        return false;
    }
}

INLINE bool quick_arithmetic_memory(struct cpu *c, const struct op *op, enum x87_operation operation,
                                    enum x87_format format)
{
    const uint32_t address = address_of(c, op);
    struct x87_register value, result;
    struct quick q;
    unsigned raised;

    if (!quick_begin(c, &q) || unlikely(!quick_full(&q, 0)) || !quick_read(c, address, format, &value) ||
        !quick_operate(&q, operation, quick_get(&q, 0), value, &result, &raised))
        return false;
    quick_put(&q, 0, result);
    q.f->operand = address;
    return quick_end(c, op, &q, raised);
}

INLINE bool quick_load(struct cpu *c, const struct op *op, enum x87_format format)
{
    const uint32_t address = address_of(c, op);
    struct x87_register value;
    struct quick q;

    if (!quick_begin(c, &q) || !quick_read(c, address, format, &value) || !quick_push(&q, value))
        return false;
    q.f->operand = address;
    return quick_end(c, op, &q, 0);
}

/* ST(0) as an encoding, rounded. */
INLINE bool quick_to_encoding(const struct quick *q, struct x87_register value, unsigned fraction, unsigned ones,
                              uint64_t *bits, unsigned *raised)
{
    struct quick_exact exact = {.high = value.significand,
                                .low = 0,
                                .exponent = (int)quick_exponent(value) - QUICK_BIAS + (int)ones / 2,
                                .negative = value.sign_exponent >> 15};

    *raised = 0;
    *bits = exact.negative ? (ones + UINT64_C(1)) << fraction : 0;
    if (quick_zero(value))
        return true;
    if (!quick_normal(value))
        return false;
    *raised = quick_round(&exact, quick_rounding(q), 63 - fraction);
    if (!exact.high)
        exact.exponent++;
    *bits |= (uint64_t)exact.exponent << fraction | exact.high << 1 >> (64 - fraction);
    return likely(exact.exponent > 0) && likely(exact.exponent < (int)ones) && quick_masked(q, *raised);
}

/* ST(0) as an integer of so many bits. */
INLINE bool quick_to_integer(const struct quick *q, struct x87_register value, unsigned bits, unsigned rounding,
                             uint64_t *integer, unsigned *raised)
{
    const int places = (int)quick_exponent(value) - QUICK_BIAS + 1; /* before the point */
    struct quick_exact exact = {.high = 0, .low = value.significand, .negative = value.sign_exponent >> 15};

    *raised = 0;
    *integer = 0;
    if (quick_zero(value))
        return true;
    if (!quick_normal(value) || places > (int)bits - 1)
        return false;
    if (places > 0) {
        exact.high = value.significand >> (64 - places);
        exact.low = value.significand << 1 << (places - 1);
    } else if (places < 0) {
        exact.low = 1;
    }
    *raised = quick_round(&exact, rounding, 0);
    *integer = exact.negative ? -exact.high : exact.high;
    return likely(!(exact.high >> (bits - 1))) && quick_masked(q, *raised);
}

INLINE bool quick_convert(const struct quick *q, struct x87_register value, enum x87_format format, unsigned rounding,
                          uint64_t *bits, unsigned *raised)
{
    switch (format) {
    case X87_SINGLE:
        return quick_to_encoding(q, value, 23, 0xFF, bits, raised);
    case X87_DOUBLE:
        return quick_to_encoding(q, value, 52, 0x7FF, bits, raised);
    case X87_EXTENDED:
        *bits = value.significand;
        *raised = 0;
        return true;
    case X87_BCD:
        return false;
    default:
        return quick_to_integer(q, value, 8 * quick_bytes(format), rounding, bits, raised);
    }
}

/* `truncates`: whatever the rounding control says. */
INLINE bool quick_store(struct cpu *c, const struct op *op, enum x87_format format, bool pops, bool truncates)
{
    const uint32_t address = address_of(c, op);
    const unsigned bytes = quick_bytes(format);
    struct quick q;
    uint64_t bits;
    unsigned raised;

    if (!quick_begin(c, &q) || unlikely(!quick_full(&q, 0)))
        return false;
    const struct x87_register value = quick_get(&q, 0);
    uint8_t *to = vector_writable(c, address, bytes);
    if (unlikely(!to) || !quick_convert(&q, value, format, truncates ? ROUND_ZERO : quick_rounding(&q), &bits, &raised))
        return false;
    memcpy(to, &bits, bytes < 8 ? bytes : 8);
    if (bytes == 10)
        memcpy(to + 8, &value.sign_exponent, 2);
    quick_pop(&q, pops);
    q.f->operand = address;
    return quick_end(c, op, &q, raised);
}

/* Comparisons. */

/* Of two that are normal or zero: X87_C0 (less), X87_C3 (equal) or nothing. */
INLINE bool quick_order(struct x87_register a, struct x87_register b, unsigned *conditions)
{
    const bool negative_a = a.sign_exponent >> 15, negative_b = b.sign_exponent >> 15;
    const unsigned exponent_a = quick_exponent(a), exponent_b = quick_exponent(b);

    if ((!quick_normal(a) && !quick_zero(a)) || (!quick_normal(b) && !quick_zero(b)))
        return false;
    if (a.significand == b.significand && exponent_a == exponent_b && (negative_a == negative_b || !a.significand))
        *conditions = X87_C3;
    else if (negative_a != negative_b)
        *conditions = negative_a ? X87_C0 : 0;
    else if (exponent_a != exponent_b)
        *conditions = (exponent_a < exponent_b) != negative_a ? X87_C0 : 0;
    else
        *conditions = (a.significand < b.significand) != negative_a ? X87_C0 : 0;
    return true;
}

INLINE bool quick_compare(struct cpu *c, const struct op *op, unsigned pops, bool to_eflags)
{
    const unsigned i = op->source;
    struct quick q;
    unsigned conditions;

    if (!quick_begin(c, &q) || unlikely(!quick_full(&q, 0) || !quick_full(&q, i)) ||
        !quick_order(quick_get(&q, 0), quick_get(&q, i), &conditions))
        return false;
    const unsigned rounding = to_eflags ? q.status & X87_C1 : 0;
    if (to_eflags)
        flags_set_status(&c->flags, (conditions & X87_C0 ? FLAG_CF : 0) | (conditions & X87_C3 ? FLAG_ZF : 0));
    else
        q.status = (q.status & ~(unsigned)(X87_C0 | X87_C2 | X87_C3)) | conditions;
    quick_pop(&q, pops);
    return quick_end(c, op, &q, rounding);
}

INLINE bool quick_compare_memory(struct cpu *c, const struct op *op, enum x87_format format, bool pops)
{
    const uint32_t address = address_of(c, op);
    struct x87_register value;
    struct quick q;
    unsigned conditions;

    if (!quick_begin(c, &q) || unlikely(!quick_full(&q, 0)) || !quick_read(c, address, format, &value) ||
        !quick_order(quick_get(&q, 0), value, &conditions))
        return false;
    q.status = (q.status & ~(unsigned)(X87_C0 | X87_C2 | X87_C3)) | conditions;
    quick_pop(&q, pops);
    q.f->operand = address;
    return quick_end(c, op, &q, 0);
}

/* Moves, whatever the values. */

INLINE bool quick_load_register(struct cpu *c, const struct op *op)
{
    struct quick q;

    if (!quick_begin(c, &q) || unlikely(!quick_full(&q, op->source)) || !quick_push(&q, quick_get(&q, op->source)))
        return false;
    return quick_end(c, op, &q, 0);
}

INLINE bool quick_store_register(struct cpu *c, const struct op *op, bool pops)
{
    struct quick q;

    if (!quick_begin(c, &q) || unlikely(!quick_full(&q, 0)))
        return false;
    quick_put(&q, op->source, quick_get(&q, 0));
    q.full |= 1u << quick_place(&q, op->source);
    quick_pop(&q, pops);
    return quick_end(c, op, &q, 0);
}

INLINE bool quick_exchange(struct cpu *c, const struct op *op)
{
    struct quick q;

    if (!quick_begin(c, &q) || unlikely(!quick_full(&q, 0) || !quick_full(&q, op->source)))
        return false;
    const struct x87_register first = quick_get(&q, 0), second = quick_get(&q, op->source);
    quick_put(&q, 0, second);
    quick_put(&q, op->source, first);
    return quick_end(c, op, &q, 0);
}

/* FABS keeps all but the sign, FCHS inverts it. */
INLINE bool quick_set_sign(struct cpu *c, const struct op *op, unsigned kept, unsigned inverted)
{
    struct quick q;

    if (!quick_begin(c, &q) || unlikely(!quick_full(&q, 0)))
        return false;
    struct x87_register *st = quick_register(&q, 0);
    st->sign_exponent = (uint16_t)((st->sign_exponent & kept) ^ inverted);
    return quick_end(c, op, &q, 0);
}

/* One and zero, which no rounding concerns. */
INLINE bool quick_load_constant(struct cpu *c, const struct op *op, struct x87_register value)
{
    struct quick q;
    return quick_begin(c, &q) && quick_push(&q, value) && quick_end(c, op, &q, 0);
}
