/* SPDX-License-Identifier: MIT
 *
 * Transcendental functions: reduction of the argument, then a power series, all in 128-bit integers.
 *
 * Everything is truncated towards zero, and `inexact` is carried along, so that exact results come out exact (2^1 - 1,
 * y * log2(8)) and a result a hair below or above a representable number stays on its side: sin(x) below x, tan(x)
 * above. tests/cpu/constants.py recomputes the constants.
 */
#include "transcendental.h"

typedef unsigned __int128 u128;
#define U128(high, low) ((u128)(high) << 64 | (low))

/* (-1)^negative * significand * 2^(exponent - 127), bit 127 of the significand set, or zero; inexact: the true
 * magnitude is above that. */
struct wide {
    u128 significand;
    int32_t exponent;
    bool negative;
    bool inexact;
};

static const struct wide ONE = {.significand = (u128)1 << 127};
static const struct wide PI = {U128(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1), 1, false, true};
static const struct wide LN_2 = {U128(0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af), -1, false, true};
static const struct wide LOG2_E = {U128(0xb8aa3b295c17f0bb, 0xbe87fed0691d3e88), 0, false, true};
/* Of 0/4 to 4/4. */
static const struct wide ARC_TANGENTS[] = {
    {0, 0, false, false},
    {U128(0xfadbafc96406eb15, 0x6dc79ef5f7a217e5), -3, false, true},
    {U128(0xed63382b0dda7b45, 0x6fe445ecbc3a8d03), -2, false, true},
    {U128(0xa4bc7d1934f70924, 0x19a87f2a457dac9e), -1, false, true},
    {U128(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1), -1, false, true},
};
/* 2/pi * 2^256, least significant limb first. */
static const uint64_t TWO_OVER_PI[4] = {0xfe5163abdebbc561, 0xdb6295993c439041, 0xfc2757d1f534ddc0, 0xa2f9836e4e441529};
#define SQUARE_ROOT_2 0xb504f333f9de6484 /* * 2^63 */

static struct wide wide_normalize(struct wide a)
{
    if (!a.significand) {
        a.exponent = 0;
        return a;
    }
    uint64_t high = (uint64_t)(a.significand >> 64);
    int zeros = high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)a.significand);
    a.significand <<= zeros;
    a.exponent -= zeros;
    return a;
}

static struct wide wide_from_integer(int32_t value)
{
    u128 magnitude = value < 0 ? -(u128)value : (u128)value;
    return wide_normalize((struct wide){magnitude, 127, value < 0, false});
}

/* |a|: the odd functions put the sign on their result. */
static struct wide wide_from_magnitude(struct real a)
{
    if (a.class == REAL_ZERO)
        return (struct wide){0};
    return (struct wide){U128(a.significand, a.more), a.exponent, false, a.sticky};
}

static struct wide wide_from_real(struct real a)
{
    struct wide result = wide_from_magnitude(a);
    result.negative = a.negative;
    return result;
}

static struct real wide_to_real(struct wide a)
{
    return (struct real){.class = a.significand ? REAL_FINITE : REAL_ZERO,
                         .negative = a.negative,
                         .sticky = a.inexact,
                         .exponent = a.exponent,
                         .significand = (uint64_t)(a.significand >> 64),
                         .more = (uint64_t)a.significand};
}

static struct wide wide_negate(struct wide a)
{
    a.negative = !a.negative;
    return a;
}

/* a * 2^power */
static struct wide wide_scale(struct wide a, int32_t power)
{
    if (a.significand)
        a.exponent += power;
    return a;
}

/* |a| < |b| */
static bool wide_less(struct wide a, struct wide b)
{
    if (!a.significand || !b.significand || a.exponent == b.exponent)
        return a.significand < b.significand;
    return a.exponent < b.exponent;
}

static struct wide wide_add(struct wide a, struct wide b)
{
    if (wide_less(a, b)) {
        struct wide larger = b;
        b = a;
        a = larger;
    }
    a.inexact |= b.inexact;
    if (!b.significand)
        return a;
    int32_t distance = a.exponent - b.exponent;
    u128 addend = distance < 128 ? b.significand >> distance : 0;
    bool lost = distance < 128 ? addend << distance != b.significand : true;
    a.inexact |= lost;
    if (a.negative != b.negative) {
        a.significand -= addend + lost;
        return wide_normalize(a);
    }
    a.significand += addend;
    if (a.significand < addend) {
        a.inexact |= a.significand & 1;
        a.significand = a.significand >> 1 | (u128)1 << 127;
        a.exponent++;
    }
    return a;
}

/* The upper half of the product; *low is the lower half. */
static u128 multiply_high(u128 a, u128 b, u128 *low)
{
    uint64_t a0 = (uint64_t)a, a1 = (uint64_t)(a >> 64), b0 = (uint64_t)b, b1 = (uint64_t)(b >> 64);
    u128 bottom = (u128)a0 * b0, cross = (u128)a1 * b0, other = (u128)a0 * b1;
    u128 middle = (bottom >> 64) + (uint64_t)cross + (uint64_t)other;
    *low = middle << 64 | (uint64_t)bottom;
    return (u128)a1 * b1 + (cross >> 64) + (other >> 64) + (middle >> 64);
}

static struct wide wide_multiply(struct wide a, struct wide b)
{
    bool negative = a.negative != b.negative;
    if (!a.significand || !b.significand)
        return (struct wide){.negative = negative, .inexact = a.significand ? b.inexact : a.inexact};
    u128 low, high = multiply_high(a.significand, b.significand, &low);
    int32_t exponent = a.exponent + b.exponent + 1;
    if (!(high >> 127)) {
        high = high << 1 | low >> 127;
        low <<= 1;
        exponent--;
    }
    return (struct wide){high, exponent, negative, a.inexact || b.inexact || low};
}

/* b must not be zero. */
static struct wide wide_divide(struct wide a, struct wide b)
{
    bool negative = a.negative != b.negative;
    if (!a.significand)
        return (struct wide){.negative = negative, .inexact = a.inexact};
    int32_t exponent = a.exponent - b.exponent;
    u128 rest = a.significand, quotient = 0;
    bool carry = false;
    if (rest < b.significand) {
        carry = true;
        rest <<= 1;
        exponent--;
    }
    for (unsigned bit = 0; bit < 128; bit++) {
        bool fits = carry || rest >= b.significand;
        rest -= fits ? b.significand : 0;
        quotient = quotient << 1 | fits;
        carry = rest >> 127;
        rest <<= 1;
    }
    return (struct wide){quotient, exponent, negative, a.inexact || b.inexact || rest || carry};
}

/* 1 + r1 a (1 + r2 a (1 + r3 a (...))), or with 1 - instead of 1 +. */
enum series_kind {
    SERIES_SINE,        /* sin(x)/x, a = x^2: 1/(2 3), 1/(4 5), ... */
    SERIES_COSINE,      /* a = x^2: 1/(1 2), 1/(3 4), ... */
    SERIES_EXPONENTIAL, /* (e^x - 1)/x, a = x: 1/2, 1/3, ... */
    SERIES_ARC_TANGENT, /* atan(x)/x, atanh(x)/x, a = x^2: 1/3, 3/5, 5/7, ... */
};

/* So many terms that the next one is below 2^-128: a <= (pi/4)^2 for sine and cosine, ln 2, 1/32. */
static const uint8_t SERIES_TERMS[] = {15, 15, 29, 24};

static struct wide series_sum(enum series_kind kind, struct wide a, bool alternating)
{
    const u128 one = (u128)1 << 127;
    u128 factor = a.significand && a.exponent > -129 ? a.significand >> (-1 - a.exponent) : 0, sum = one, low;
    for (unsigned k = SERIES_TERMS[kind]; k; k--) {
        u128 term = multiply_high(factor, sum, &low);
        switch (kind) {
        case SERIES_SINE:
            term /= 2 * k * (2 * k + 1);
            break;
        case SERIES_COSINE:
            term /= 2 * k * (2 * k - 1);
            break;
        case SERIES_EXPONENTIAL:
            term /= k + 1;
            break;
        case SERIES_ARC_TANGENT:
            term = term / (2 * k + 1) * (2 * k - 1);
            break;
        }
        sum = alternating ? one - term - 1 : one + term;
    }
    return wide_normalize((struct wide){sum, 0, false, true});
}

/* An odd function: x times a series in x^2. */
static struct wide series_odd(enum series_kind kind, struct wide x, bool alternating)
{
    return wide_multiply(x, series_sum(kind, wide_multiply(x, x), alternating));
}

static struct real raise_invalid(struct real_context *context)
{
    context->raised |= REAL_INVALID;
    return (struct real){.class = REAL_NAN, .negative = true, .significand = 3ULL << 62};
}

static void note_denormals(struct real_context *context, struct real a, struct real b)
{
    if (a.denormal || b.denormal)
        context->raised |= REAL_DENORMAL;
}

struct real real_exp2_minus_one(struct real_context *context, struct real x)
{
    note_denormals(context, x, x);
    if (x.class == REAL_INFINITE)
        return x.negative ? real_negate(wide_to_real(ONE)) : x;
    if (x.class == REAL_FINITE && x.exponent > 20) /* it overflows, or is -1 and a little: 2^20 will do as well */
        x = (struct real){.class = REAL_FINITE, .negative = x.negative, .exponent = 20, .significand = 1ULL << 63};
    bool split = x.class == REAL_FINITE && x.exponent >= 0;
    int32_t whole = split ? (int32_t)(x.significand >> (63 - x.exponent)) : 0;
    whole = x.negative ? -whole : whole;
    struct wide rest = wide_multiply(wide_add(wide_from_real(x), wide_from_integer(-whole)), LN_2);
    struct wide result = wide_multiply(rest, series_sum(SERIES_EXPONENTIAL, rest, rest.negative));
    if (split)
        result = wide_add(wide_scale(wide_add(result, ONE), whole), wide_negate(ONE));
    return wide_to_real(result);
}

/* log2(x), x > 0. It is 2 log2(e) atanh((x - 1)/(x + 1)). less_one is x - 1, perhaps more exactly. */
static struct wide wide_log2(struct wide x, struct wide less_one)
{
    int32_t whole = x.exponent;
    x.exponent = 0;
    if (x.significand >> 64 >= SQUARE_ROOT_2) {
        x.exponent = -1;
        whole++;
    }
    if (whole)
        less_one = wide_add(x, wide_negate(ONE));
    struct wide ratio = wide_divide(less_one, wide_add(x, ONE));
    struct wide logarithm = wide_multiply(series_odd(SERIES_ARC_TANGENT, ratio, false), wide_scale(LOG2_E, 1));
    return whole ? wide_add(wide_from_integer(whole), logarithm) : logarithm; /* which may be -0 */
}

/* y * log2(x). INVALID and DIVIDE come before DENORMAL (SDM vol. 1, 4.9.2). */
static struct real y_log2(struct real_context *context, struct real y, struct real x, struct real less_one)
{
    struct real logarithm = x;
    if (x.class == REAL_ZERO) {
        logarithm = (struct real){.class = REAL_INFINITE, .negative = true};
        if (y.class == REAL_FINITE)
            context->raised |= REAL_DIVIDE;
        y.denormal = false;
    } else if (x.negative) {
        return raise_invalid(context);
    } else if (x.class == REAL_FINITE) {
        logarithm = wide_to_real(wide_log2(wide_from_real(x), wide_from_real(less_one)));
    }
    note_denormals(context, y, x);
    if (logarithm.class == REAL_INFINITE || y.class == REAL_INFINITE)
        return real_multiply(context, y, logarithm);
    return wide_to_real(wide_multiply(wide_from_real(y), wide_from_real(logarithm)));
}

struct real real_y_log2(struct real_context *context, struct real y, struct real x)
{
    return y_log2(context, y, x, wide_to_real(wide_add(wide_from_real(x), wide_negate(ONE))));
}

struct real real_y_log2_plus_one(struct real_context *context, struct real y, struct real x)
{
    struct real sum = x;
    if (x.class != REAL_INFINITE)
        sum = wide_to_real(wide_add(ONE, wide_from_real(x)));
    sum.denormal = x.denormal;
    return y_log2(context, y, sum, x);
}

/* |x| as a multiple of pi/2, *quarter_turns modulo 4, and a rest from -pi/4 to pi/4. No x of 64 bits below 2^63 is
 * nearer to such a multiple than 2^-69: with 256 bits of 2/pi the rest has 125 good ones. */
static struct wide reduce_angle(struct real x, uint8_t *quarter_turns)
{
    *quarter_turns = 0;
    if (x.class == REAL_ZERO || x.exponent < -1)
        return wide_from_magnitude(x);
    const u128 fixed = (u128)x.significand << (x.exponent + 1);
    const uint64_t limbs[2] = {(uint64_t)fixed, (uint64_t)(fixed >> 64)};
    uint64_t product[6] = {0}; /* * 2^-320 */
    for (unsigned i = 0; i < 2; i++) {
        u128 carry = 0;
        for (unsigned j = 0; j < 4; j++) {
            carry += (u128)limbs[i] * TWO_OVER_PI[j] + product[i + j];
            product[i + j] = (uint64_t)carry;
            carry >>= 64;
        }
        product[i + 4] = (uint64_t)carry;
    }
    bool nearer_above = product[4] >> 63;
    *quarter_turns = (product[5] + nearer_above) & 3;
    for (unsigned i = 0; nearer_above && i < 5; i++)
        product[i] = ~product[i];
    struct wide upper = {U128(product[4], product[3]), -1, nearer_above, true};
    struct wide lower = {U128(product[2], product[1]), -129, nearer_above, true};
    struct wide rest = wide_add(wide_normalize(upper), wide_normalize(lower));
    return wide_multiply(rest, wide_scale(PI, -1));
}

static struct wide wide_sine(struct wide rest, uint8_t quarter_turns)
{
    struct wide result = quarter_turns & 1 ? series_sum(SERIES_COSINE, wide_multiply(rest, rest), true)
                                           : series_odd(SERIES_SINE, rest, true);
    return quarter_turns & 2 ? wide_negate(result) : result;
}

struct real real_sine(struct real_context *context, struct real x)
{
    note_denormals(context, x, x);
    if (x.class == REAL_INFINITE)
        return raise_invalid(context);
    uint8_t quarter_turns;
    struct wide rest = reduce_angle(x, &quarter_turns);
    struct real result = wide_to_real(wide_sine(rest, quarter_turns));
    return x.negative ? real_negate(result) : result;
}

struct real real_cosine(struct real_context *context, struct real x)
{
    note_denormals(context, x, x);
    if (x.class == REAL_INFINITE)
        return raise_invalid(context);
    if (x.class == REAL_ZERO)
        return wide_to_real(ONE);
    uint8_t quarter_turns;
    struct wide rest = reduce_angle(x, &quarter_turns);
    return wide_to_real(wide_sine(rest, quarter_turns + 1));
}

struct real real_tangent(struct real_context *context, struct real x)
{
    note_denormals(context, x, x);
    if (x.class == REAL_INFINITE)
        return raise_invalid(context);
    uint8_t quarter_turns;
    struct wide rest = reduce_angle(x, &quarter_turns), tangent;
    if (rest.exponent < -32 && !quarter_turns) /* x + x^3/3, which the quotient might not see to be above x */
        tangent = wide_add(rest, wide_divide(wide_multiply(rest, wide_multiply(rest, rest)), wide_from_integer(3)));
    else
        tangent = wide_divide(wide_sine(rest, quarter_turns), wide_sine(rest, quarter_turns + 1));
    struct real result = wide_to_real(tangent);
    return x.negative ? real_negate(result) : result;
}

/* atan(y/x) = y/x - (y/x)^3/3 for a tiny y/x, which can be within 2^-128 of the middle of two numbers: the cube tells
 * on what side it is, so that the quotient is needed with more bits. */
static struct wide tiny_arc_tangent(struct wide y, struct wide x)
{
    struct wide ratio = wide_divide(y, x);
    struct wide cube = wide_multiply(ratio, wide_multiply(ratio, ratio));
    ratio.significand &= ~(u128)UINT64_MAX;
    ratio.inexact = false;
    struct wide rest = wide_divide(wide_add(y, wide_negate(wide_multiply(ratio, x))), x);
    return wide_add(ratio, wide_add(rest, wide_negate(wide_divide(cube, wide_from_integer(3)))));
}

/* atan(y/x), 0 <= y <= x, as atan(c) + atan((y/x - c)/(1 + y/x c)), where c is 0/4, 1/4, ..., 4/4. */
static struct wide wide_arc_tangent(struct wide y, struct wide x)
{
    struct wide ratio = wide_divide(y, x);
    if (ratio.exponent < -32)
        return tiny_arc_tangent(y, x);
    unsigned quarters = ratio.exponent < -3 ? 0 : ((unsigned)(ratio.significand >> (124 - ratio.exponent)) + 1) / 2;
    struct wide near = wide_scale(wide_from_integer((int32_t)quarters), -2);
    struct wide rest = wide_divide(wide_add(ratio, wide_negate(near)), wide_add(ONE, wide_multiply(ratio, near)));
    return wide_add(ARC_TANGENTS[quarters], series_odd(SERIES_ARC_TANGENT, rest, true));
}

/* Infinities stand for numbers so much larger than the rest that the rest is zero. */
static struct wide coordinate(struct real value, bool infinite)
{
    struct wide result = ONE;
    if (infinite && value.class != REAL_INFINITE)
        result.significand = 0;
    return infinite ? result : wide_from_magnitude(value);
}

struct real real_arc_tangent(struct real_context *context, struct real y, struct real x)
{
    note_denormals(context, y, x);
    bool infinite = x.class == REAL_INFINITE || y.class == REAL_INFINITE;
    struct wide width = coordinate(x, infinite), height = coordinate(y, infinite), angle;
    if (wide_less(width, height))
        angle = wide_add(wide_scale(PI, -1), wide_negate(wide_arc_tangent(width, height)));
    else
        angle = wide_arc_tangent(height, width);
    if (x.negative)
        angle = wide_add(PI, wide_negate(angle));
    struct real result = wide_to_real(angle);
    result.negative = y.negative;
    return result;
}
