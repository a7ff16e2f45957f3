/* SPDX-License-Identifier: MIT
 *
 * Floating-point arithmetic in integers: see cpu/real.h. Three layers: a value is unpacked from a format; an operation
 * finds the exact result, as 128 bits of significand and a sticky bit; and one function, real_fit(), rounds it into any
 * format, which is a struct format.
 */
#include "real.h"

#include <assert.h>

/* Where the compilers' own judgement would copy values through memory, which costs a third of the time. */
#define INLINE static inline __attribute__((always_inline))

#define TOP_BIT (UINT64_C(1) << 63)

typedef unsigned __int128 wide;

/* A format of numbers: bits of significand, least and greatest exponent of a normal number; what unmasked overflow and
 * underflow subtract from and add to the exponent of the result, 0 if there is no result then; and where the sign is in
 * the encodings with an implicit bit. */
struct format {
    uint8_t precision, sign;
    int32_t minimum, maximum, wrap;
};

static const struct format single_format = {24, 31, -126, 127, 0};
static const struct format double_format = {53, 63, -1022, 1023, 0};
static const struct format extended_format = {64, 0, -16382, 16383, 24576};

static struct real real_zero(bool negative)
{
    return (struct real){.class = REAL_ZERO, .negative = negative};
}

static struct real real_infinity(bool negative)
{
    return (struct real){.class = REAL_INFINITE, .negative = negative, .significand = TOP_BIT};
}

/* The real indefinite (SDM vol. 1, 4.8.3.7). */
static struct real real_invalid(struct real_context *context)
{
    context->raised |= REAL_INVALID;
    return (struct real){.class = REAL_NAN, .negative = true, .significand = TOP_BIT | TOP_BIT >> 1};
}

static wide real_wide(struct real value)
{
    return (wide)value.significand << 64 | value.more;
}

/* bits * 2^(exponent - 127), bits not 0. */
INLINE struct real real_normalize(bool negative, int32_t exponent, wide bits, bool sticky)
{
    uint64_t high = (uint64_t)(bits >> 64);
    int shift = high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)bits);

    bits <<= shift;
    return (struct real){
        .class = REAL_FINITE,
        .negative = negative,
        .sticky = sticky,
        .exponent = exponent - shift,
        .significand = (uint64_t)(bits >> 64),
        .more = (uint64_t)bits,
    };
}

/* In magnitude. The classes are in that order. */
static bool real_exceeds(struct real a, struct real b)
{
    if (a.class != b.class)
        return a.class > b.class;
    return a.exponent != b.exponent ? a.exponent > b.exponent : real_wide(a) > real_wide(b);
}

/* Unpacking. */

static unsigned exponent_ones(const struct format *format)
{
    return 2 * (unsigned)format->maximum + 1;
}

INLINE struct real real_unpack(const struct format *format, bool negative, unsigned field, uint64_t significand)
{
    struct real value = {.negative = negative, .significand = significand};
    int32_t exponent = format->minimum + (field ? (int32_t)field - 1 : 0);

    if (field == exponent_ones(format)) {
        value.class = significand << 1 ? REAL_NAN : REAL_INFINITE;
    } else if (!significand) {
        value.class = REAL_ZERO;
    } else {
        value = real_normalize(negative, exponent, (wide)significand << 64, false);
        value.denormal = !field;
    }
    return value;
}

/* From an encoding whose integer bit is implicit. */
INLINE struct real real_from_encoding(const struct format *format, uint64_t bits)
{
    unsigned fraction_bits = format->precision - 1u;
    unsigned field = (unsigned)(bits >> fraction_bits) & exponent_ones(format);
    uint64_t significand = bits << (63 - fraction_bits) & ~TOP_BIT;

    return real_unpack(format, bits >> format->sign & 1, field, significand | (field ? TOP_BIT : 0));
}

struct real real_from_single(uint32_t bits)
{
    return real_from_encoding(&single_format, bits);
}

struct real real_from_double(uint64_t bits)
{
    return real_from_encoding(&double_format, bits);
}

struct real real_from_extended(struct x87_register source)
{
    unsigned field = source.sign_exponent & 0x7FFF;
    struct real value = real_unpack(&extended_format, source.sign_exponent >> 15, field, source.significand);

    if (field && !(source.significand & TOP_BIT)) {
        value.class = REAL_NAN;
        value.invalid = true;
    }
    return value;
}

struct real real_from_integer(int64_t integer)
{
    uint64_t magnitude = integer < 0 ? -(uint64_t)integer : (uint64_t)integer;

    return magnitude ? real_normalize(integer < 0, 63, (wide)magnitude << 64, false) : real_zero(false);
}

/* Rounding. */

struct rounding {
    struct real value;
    bool inexact, up;
};

static bool rounds_up(enum real_rounding direction, bool negative, bool odd, bool half, bool rest)
{
    switch (direction) {
    case ROUND_NEAREST:
        return half && (rest || odd);
    case ROUND_DOWN:
        return negative && (half || rest);
    case ROUND_UP:
        return !negative && (half || rest);
    default:
        return false;
    }
}

/* To the first `keep` bits of the significand. With 0 bits or less, what remains is zero or one unit of the place that
 * lies above the significand. */
INLINE struct rounding real_round_bits(struct real value, int keep, enum real_rounding direction)
{
    if (keep < 0) {
        value.exponent -= keep;
        value.significand = 0;
        value.more = 0;
        value.sticky = true;
        keep = 0;
    }
    wide fraction = real_wide(value) << keep;
    uint64_t unit = keep ? UINT64_C(1) << (64 - keep) : 0;
    bool half = fraction >> 127, rest = fraction << 1 || value.sticky;
    struct rounding result = {
        .inexact = half || rest,
        .up = rounds_up(direction, value.negative, value.significand & unit, half, rest),
    };

    value.significand &= -unit;
    value.more = 0;
    value.sticky = false;
    if (result.up) {
        value.significand += unit;
        if (!value.significand) {
            value.significand = TOP_BIT;
            value.exponent++;
        }
    }
    result.value = value.significand ? value : real_zero(value.negative);
    return result;
}

INLINE struct real real_record(struct real_context *context, struct rounding rounding)
{
    if (rounding.inexact) {
        context->raised |= REAL_PRECISION;
        context->rounded_up = rounding.up;
    }
    return rounding.value;
}

/* Overflow or underflow is not masked. An x87 register gets the result with its exponent moved; what is out of range
 * even then, which only FSCALE can do, becomes infinite or zero. Memory and XMM registers get nothing. */
static struct real real_wrap(struct real_context *context, const struct format *format, struct rounding rounding,
                             int by)
{
    bool negative = rounding.value.negative;

    rounding.value.exponent += by;
    if (!by)
        rounding.value = real_zero(negative);
    else if (rounding.value.exponent > format->maximum)
        rounding = (struct rounding){real_infinity(negative), .inexact = true, .up = true};
    else if (rounding.value.exponent < format->minimum)
        rounding = (struct rounding){real_zero(negative), .inexact = true};
    return real_record(context, rounding);
}

/* Rounding made it too large (SDM vol. 1, 4.9.1.4). */
static struct real real_overflow(struct real_context *context, const struct format *format, struct rounding rounding)
{
    struct real infinity = real_infinity(rounding.value.negative), largest = infinity;

    context->raised |= REAL_OVERFLOW;
    if (context->unmasked & REAL_OVERFLOW)
        return real_wrap(context, format, rounding, -format->wrap);
    largest.class = REAL_FINITE;
    largest.exponent = format->maximum;
    assert(format->precision > 0);
    largest.significand = -(UINT64_C(1) << (64 - format->precision));
    bool up = rounds_up(context->rounding, infinity.negative, true, true, true);
    return real_record(context, (struct rounding){up ? infinity : largest, .inexact = true, .up = up});
}

/* Rounding left it too small for a normal number (SDM vol. 1, 4.9.1.5): again from `exact`, at a fixed place. */
static struct real real_underflow(struct real_context *context, const struct format *format, struct rounding rounding,
                                  struct real exact)
{
    if (context->unmasked & REAL_UNDERFLOW) {
        context->raised |= REAL_UNDERFLOW;
        return real_wrap(context, format, rounding, format->wrap);
    }
    if (context->flush_to_zero)
        rounding = (struct rounding){real_zero(exact.negative), .inexact = true};
    else
        rounding = real_round_bits(exact, format->precision - (format->minimum - exact.exponent), context->rounding);
    if (rounding.inexact)
        context->raised |= REAL_UNDERFLOW;
    return real_record(context, rounding);
}

INLINE struct real real_fit(struct real_context *context, const struct format *format, struct real value)
{
    if (value.class != REAL_FINITE)
        return value;
    struct rounding rounding = real_round_bits(value, format->precision, context->rounding);

    if (rounding.value.exponent > format->maximum)
        return real_overflow(context, format, rounding);
    if (rounding.value.exponent < format->minimum)
        return real_underflow(context, format, rounding, value);
    return real_record(context, rounding);
}

/* Packing. */

/* The exponent field; shifts the significand of a denormal into its place. */
static unsigned real_exponent_field(const struct format *format, struct real *value)
{
    if (value->class == REAL_ZERO) {
        value->significand = 0;
        return 0;
    }
    if (value->class != REAL_FINITE)
        return exponent_ones(format);
    if (value->exponent < format->minimum) {
        value->significand >>= format->minimum - value->exponent;
        return 0;
    }
    return (unsigned)(value->exponent - format->minimum + 1);
}

/* To an encoding whose integer bit is implicit. */
INLINE uint64_t real_to_encoding(struct real_context *context, const struct format *format, struct real value)
{
    value = real_fit(context, format, value);
    uint64_t field = real_exponent_field(format, &value);
    uint64_t fraction = (value.significand & ~TOP_BIT) >> (64 - format->precision);

    return (uint64_t)value.negative << format->sign | field << (format->precision - 1) | fraction;
}

uint32_t real_to_single(struct real_context *context, struct real value)
{
    return (uint32_t)real_to_encoding(context, &single_format, value);
}

uint64_t real_to_double(struct real_context *context, struct real value)
{
    return real_to_encoding(context, &double_format, value);
}

struct x87_register real_to_extended(struct real_context *context, struct real value)
{
    struct format format = extended_format;

    format.precision = context->precision;
    value = real_fit(context, &format, value);
    unsigned field = real_exponent_field(&format, &value);
    return (struct x87_register){value.significand, (uint16_t)(value.negative << 15 | field)};
}

/* What is not finite stays. */
INLINE struct rounding real_round_integer(struct real value, enum real_rounding direction)
{
    if (value.class != REAL_FINITE)
        return (struct rounding){.value = value};
    return real_round_bits(value, value.exponent < 63 ? value.exponent + 1 : 64, direction);
}

int64_t real_to_integer(struct real_context *context, struct real value, unsigned bits)
{
    uint64_t limit = UINT64_C(1) << (bits - 1), magnitude = 0;

    if (value.class == REAL_ZERO)
        return 0;
    struct rounding rounding = real_round_integer(value, context->rounding);
    assert(rounding.value.class != REAL_FINITE || rounding.value.exponent >= 0);
    if (rounding.value.class == REAL_FINITE && rounding.value.exponent < 64)
        magnitude = rounding.value.significand >> (63 - rounding.value.exponent);
    else if (rounding.value.class != REAL_ZERO)
        magnitude = UINT64_MAX;
    if (magnitude > limit - !value.negative) {
        context->raised |= REAL_INVALID;
        return (int64_t)-limit;
    }
    real_record(context, rounding);
    return (int64_t)(value.negative ? -magnitude : magnitude);
}

/* Operations. */

static void note_denormals(struct real_context *context, struct real *a, struct real *b)
{
    if (a->denormal || b->denormal)
        context->raised |= REAL_DENORMAL;
    a->denormal = false;
    b->denormal = false;
}

static struct real zero_sum(const struct real_context *context)
{
    return real_zero(context->rounding == ROUND_DOWN);
}

/* Both finite, a not smaller. */
static struct real add_magnitudes(const struct real_context *context, struct real a, struct real b)
{
    unsigned distance = (unsigned)(a.exponent - b.exponent);
    wide larger = real_wide(a), smaller = distance < 128 ? real_wide(b) >> distance : 0;
    bool sticky = distance < 128 ? smaller << distance != real_wide(b) : true;

    if (a.negative != b.negative) {
        wide difference = larger - smaller - sticky;
        return difference ? real_normalize(a.negative, a.exponent, difference, sticky) : zero_sum(context);
    }
    wide sum = larger + smaller;
    if (sum >= larger)
        return real_normalize(a.negative, a.exponent, sum, sticky);
    /* Only what is less than 64 places apart can carry: nothing is lost. */
    return real_normalize(a.negative, a.exponent + 1, sum >> 1 | (wide)1 << 127, false);
}

struct real real_add(struct real_context *context, struct real a, struct real b)
{
    note_denormals(context, &a, &b);
    if (a.class == REAL_INFINITE && b.class == REAL_INFINITE && a.negative != b.negative)
        return real_invalid(context);
    if (a.class == REAL_ZERO && b.class == REAL_ZERO)
        return a.negative == b.negative ? a : zero_sum(context);
    if (a.class == REAL_INFINITE || b.class == REAL_ZERO)
        return a;
    if (b.class == REAL_INFINITE || a.class == REAL_ZERO)
        return b;
    return real_exceeds(a, b) ? add_magnitudes(context, a, b) : add_magnitudes(context, b, a);
}

struct real real_multiply(struct real_context *context, struct real a, struct real b)
{
    bool negative = a.negative != b.negative;

    note_denormals(context, &a, &b);
    if (a.class == REAL_INFINITE || b.class == REAL_INFINITE)
        return a.class == REAL_ZERO || b.class == REAL_ZERO ? real_invalid(context) : real_infinity(negative);
    if (a.class == REAL_ZERO || b.class == REAL_ZERO)
        return real_zero(negative);
    return real_normalize(negative, a.exponent + b.exponent + 1, (wide)a.significand * b.significand, false);
}

struct real real_divide(struct real_context *context, struct real a, struct real b)
{
    bool negative = a.negative != b.negative;

    if (a.class == b.class && a.class != REAL_FINITE)
        return real_invalid(context);
    if (a.class == REAL_FINITE && b.class == REAL_ZERO) {
        context->raised |= REAL_DIVIDE;
        return real_infinity(negative);
    }
    note_denormals(context, &a, &b);
    if (a.class == REAL_INFINITE)
        return real_infinity(negative);
    if (a.class == REAL_ZERO || b.class == REAL_INFINITE)
        return real_zero(negative);
    bool less = a.significand < b.significand;
    wide dividend = (wide)a.significand << (less ? 64 : 63);
    uint64_t quotient = (uint64_t)(dividend / b.significand);
    wide rest = (dividend - (wide)quotient * b.significand) * 2;
    wide bits = (wide)quotient << 64 | (wide)(rest >= b.significand) << 63;
    /* A quotient of 65 bits would need a longer dividend, so no rest is exactly half. */
    return real_normalize(negative, a.exponent - b.exponent - less, bits, rest);
}

/* The integral square root of a number whose highest two bits are not both 0. From the root of the upper half of some
 * bits follows, by one division, that of all, or one more (P. Zimmermann, Karatsuba Square Root, 1999). */
static uint64_t integer_root(wide square)
{
    enum { FIRST = 8 };
    wide root = 0, rest = square >> (128 - 2 * FIRST);

    for (unsigned bit = 1u << (FIRST - 1); bit; bit >>= 1)
        if ((root | bit) * (root | bit) <= rest)
            root |= bit;
    rest -= root * root;
    for (unsigned bits = FIRST; bits < 64; bits *= 2) {
        const uint64_t part = ((uint64_t)1 << bits) - 1;
        const wide next = square >> (128 - 4 * bits);
        const wide dividend = rest << bits | (next >> bits & part);
        const wide digits = dividend / (2 * root);
        rest = (dividend - digits * 2 * root) << bits | (next & part);
        root = (root << bits) + digits;
        if (rest < digits * digits) {
            rest += 2 * root - 1;
            root--;
        }
        rest -= digits * digits;
    }
    return (uint64_t)root;
}

struct real real_square_root(struct real_context *context, struct real value)
{
    if (value.class == REAL_ZERO)
        return value;
    if (value.negative)
        return real_invalid(context);
    note_denormals(context, &value, &value);
    if (value.class == REAL_INFINITE)
        return value;
    wide square = (wide)value.significand << (63 + (value.exponent & 1));
    uint64_t root = integer_root(square);
    wide rest = square - (wide)root * root;
    /* (root + 1/2)^2 is root^2 + root and a quarter. */
    return real_normalize(false, value.exponent >> 1, (wide)root << 64 | (wide)(rest > root) << 63, rest);
}

struct real real_round(struct real_context *context, struct real value)
{
    bool stop = value.denormal && context->unmasked & REAL_DENORMAL;

    note_denormals(context, &value, &value);
    if (stop)
        return value;
    return real_record(context, real_round_integer(value, context->rounding));
}

struct real real_remainder(struct real_context *context, struct real a, struct real b, bool nearest, uint64_t *quotient,
                           bool *complete)
{
    *quotient = 0;
    *complete = true;
    if (a.class == REAL_INFINITE || b.class == REAL_ZERO)
        return real_invalid(context);
    note_denormals(context, &a, &b);
    int32_t distance = a.exponent - b.exponent;
    if (a.class == REAL_ZERO || b.class == REAL_INFINITE || distance < -1)
        return a;
    *complete = distance < 64;
    int32_t reduced = distance < 0 ? 0 : *complete ? distance : 32 + distance % 32;
    wide dividend = (wide)a.significand << reduced, divisor = (wide)b.significand << (distance < 0);
    wide rest = dividend % divisor;
    *quotient = (uint64_t)(dividend / divisor);
    if (nearest && *complete && (rest * 2 > divisor || (rest * 2 == divisor && *quotient & 1))) {
        rest = divisor - rest;
        a.negative = !a.negative;
        ++*quotient;
    }
    return rest ? real_normalize(a.negative, a.exponent - reduced, rest << 64, false) : real_zero(a.negative);
}

int real_compare(struct real a, struct real b)
{
    if (a.class == REAL_ZERO && b.class == REAL_ZERO)
        return 0;
    if (a.negative != b.negative)
        return a.negative ? -1 : 1;
    if (real_exceeds(a, b))
        return a.negative ? -1 : 1;
    if (real_exceeds(b, a))
        return a.negative ? 1 : -1;
    return 0;
}
