/* SPDX-License-Identifier: MIT
 *
 * Floating-point arithmetic in integers: exact results of add, subtract, multiply, divide, square root and remainder,
 * rounded once, in IEEE 754 single and double precision and the x87's double extended precision. The same bits on every
 * host; the host's floating point is not used.
 *
 * A value is taken apart (real_from_*), computed with, and rounded into a format (real_to_*), which is where exceptions
 * are found. NaNs do not come here as operands of arithmetic: what becomes of them differs between x87 and SSE, so the
 * callers deal with them first (Intel SDM vol. 1, 4.8.3.5).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "cpu.h"

enum real_class { REAL_ZERO, REAL_FINITE, REAL_INFINITE, REAL_NAN };

/* FINITE: (-1)^negative * significand * 2^(exponent - 63), bit 63 of the significand set. `sticky`: the true value is
 * greater in magnitude, by less than a unit of the last bit that `more` has (quotients and roots have one bit there).
 * Bits of a NaN: significand, left-aligned as in the extended format, the quiet bit is bit 62; quieten a NaN before it
 * goes into a narrower format, or nothing may be left of it. */
struct real {
    uint8_t class; /* enum real_class */
    bool negative;
    bool sticky;
    bool denormal; /* it came from a denormal operand */
    bool invalid;  /* it came from an x87 encoding that is no number (SDM vol. 1, table 8-3); its class is NAN */
    int32_t exponent;
    uint64_t significand;
    uint64_t more; /* the 64 bits below the significand */
};

/* In the encoding of the x87's and MXCSR's RC fields. */
enum real_rounding { ROUND_NEAREST, ROUND_DOWN, ROUND_UP, ROUND_ZERO };

/* Exception flags, in the places that the x87 status word and MXCSR both have them. */
enum real_exception {
    REAL_INVALID = 1,
    REAL_DENORMAL = 2,
    REAL_DIVIDE = 4,
    REAL_OVERFLOW = 8,
    REAL_UNDERFLOW = 16,
    REAL_PRECISION = 32,
};

/* How to round, and what happened while rounding.
 *
 * An operation finds INVALID, DENORMAL and DIVIDE, real_to_*() what comes of rounding. So if one of the former is
 * unmasked, the caller stops between the two. Unmasked UNDERFLOW is tiny alone, not tiny and inexact (SDM vol. 1,
 * 4.9.1.5). When it or OVERFLOW is raised unmasked, real_to_extended() delivers the result with its exponent wrapped
 * around, the others nothing of use; SSE then reports PRECISION too, FST to memory neither that nor C1. */
struct real_context {
    uint8_t rounding;   /* enum real_rounding */
    uint8_t precision;  /* real_to_extended() only: bits of significand, 24, 53 or 64 */
    uint8_t unmasked;   /* of enum real_exception */
    bool flush_to_zero; /* SSE: a tiny result becomes zero, unless underflow is unmasked */
    uint8_t raised;     /* of enum real_exception, ORed in */
    bool rounded_up;    /* the last inexact rounding made the significand larger: C1 */
};

struct real real_from_single(uint32_t);
struct real real_from_double(uint64_t);
struct real real_from_extended(struct x87_register);
struct real real_from_integer(int64_t);

uint32_t real_to_single(struct real_context *, struct real);
uint64_t real_to_double(struct real_context *, struct real);
struct x87_register real_to_extended(struct real_context *, struct real);
/* To a signed integer of 16, 32 or 64 bits. Out of range or not finite: INVALID alone, and the integer indefinite. */
int64_t real_to_integer(struct real_context *, struct real, unsigned bits);

/* Operands are values of a format, without `more` and sticky, and not NaN. The result may have these: pass it on to
 * real_to_*. Raised here: INVALID, with the real indefinite as result (negative, quiet, no payload); DIVIDE, with an
 * infinity; DENORMAL, if an operand was denormal and neither of the former is found. Conversions and comparisons leave
 * DENORMAL to the caller. A zero result of a cancellation has the sign the rounding direction gives it (SDM vol. 1,
 * 4.8.3.1). */
struct real real_add(struct real_context *, struct real, struct real);
struct real real_multiply(struct real_context *, struct real, struct real);
struct real real_divide(struct real_context *, struct real, struct real);
struct real real_square_root(struct real_context *, struct real);
/* An integral value, of 64 bits whatever the precision; PRECISION if it was not one already. DENORMAL like the others
 * (ROUNDSS and its like have none: clear `denormal` before); unmasked, the value stays as it is. */
struct real real_round(struct real_context *, struct real);
/* a - b * n for FPREM (n: a/b truncated) and FPREM1 (nearest, ties to even). *quotient is n's low bits; *complete is
 * false if only the exponent was reduced (by 32 to 63) and the instruction is to be repeated (SDM vol. 2, FPREM). The
 * result is exact; store it with a precision of 64. */
struct real real_remainder(struct real_context *, struct real a, struct real b, bool nearest, uint64_t *quotient,
                           bool *complete);

/* -1, 0, 1; operands must not be NaN. +0 equals -0. */
int real_compare(struct real, struct real);

static inline struct real real_negate(struct real value)
{
    value.negative = !value.negative;
    return value;
}
