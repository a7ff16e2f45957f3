/* SPDX-License-Identifier: MIT
 *
 * SSE floating-point operations (Intel SDM vol. 2, by name; NaNs: vol. 1, 4.8.3.5 and table 4-7; exceptions: vol. 1,
 * 11.5.2). Arithmetic is that of real.h.
 */
#include "host_float.h"
#include "vector.h"

#define SSE(name)                                                                                                      \
    void sse_##name(struct sse *f __attribute__((unused)), union xmm_register *d, const union xmm_register *s)

#define QUIET_BIT (UINT64_C(1) << 62)

static uint64_t element_get(const union xmm_register *v, unsigned i, unsigned bits)
{
    return bits == 32 ? v->u32[i] : v->u64[i];
}

static void element_put(union xmm_register *v, unsigned i, unsigned bits, uint64_t value)
{
    if (bits == 32)
        v->u32[i] = (uint32_t)value;
    else
        v->u64[i] = value;
}

/* Takes a value apart, with denormals as zeroes if MXCSR says so. */
static struct real open(const struct sse *f, uint64_t value, unsigned bits)
{
    struct real x = bits == 32 ? real_from_single((uint32_t)value) : real_from_double(value);
    if (x.denormal && f->denormals_are_zero)
        x = (struct real){.class = REAL_ZERO, .negative = x.negative};
    return x;
}

static uint64_t close(struct sse *f, struct real x, unsigned bits)
{
    return bits == 32 ? real_to_single(&f->real, x) : real_to_double(&f->real, x);
}

/* The bits of a number without its sign, shifted to the top; those of infinity, of the least normal number, and the
 * highest of the fraction. */
static uint64_t magnitude(uint64_t value, unsigned bits)
{
    return value << (64 - bits) << 1;
}

static uint64_t infinite(unsigned bits)
{
    return bits == 32 ? UINT64_C(0xFF) << 56 : UINT64_C(0x7FF) << 53;
}

static uint64_t least_normal(unsigned bits)
{
    return UINT64_C(1) << (bits == 32 ? 56 : 53);
}

static uint64_t quiet_bit(unsigned bits)
{
    return UINT64_C(1) << (bits == 32 ? 22 : 51);
}

static bool is_nan(uint64_t value, unsigned bits)
{
    return magnitude(value, bits) > infinite(bits);
}

static bool is_signaling(uint64_t value, unsigned bits)
{
    return is_nan(value, bits) && !(value & quiet_bit(bits));
}

static void note_denormal(struct sse *f, struct real x)
{
    if (x.denormal)
        f->real.raised |= REAL_DENORMAL;
}

/* Is one of them a NaN? Then *nan is the first that is, made quiet. */
static bool takes_nan(struct sse *f, uint64_t a, uint64_t b, uint64_t *nan)
{
    if (likely(!is_nan(a, f->bits) && !is_nan(b, f->bits)))
        return false;
    if (is_signaling(a, f->bits) || is_signaling(b, f->bits))
        f->real.raised |= REAL_INVALID;
    *nan = (is_nan(a, f->bits) ? a : b) | quiet_bit(f->bits);
    return true;
}

typedef struct real real_binary_fn(struct real_context *, struct real, struct real);

static uint64_t binary(struct sse *f, uint64_t a, uint64_t b, real_binary_fn *operation)
{
    uint64_t nan;
    if (takes_nan(f, a, b, &nan))
        return nan;
    return close(f, operation(&f->real, open(f, a, f->bits), open(f, b, f->bits)), f->bits);
}

static struct real real_subtract(struct real_context *context, struct real x, struct real y)
{
    return real_add(context, x, real_negate(y));
}

/* Of an instruction that the host could not do as a whole, it may do one element. */
#define BINARY(name, NAME, operation)                                                                                  \
    static uint64_t name(struct sse *f, uint64_t a, uint64_t b)                                                        \
    {                                                                                                                  \
        uint64_t result = 0;                                                                                           \
        if (f->host && (f->bits == 32 ? host_##NAME##_single : host_##NAME##_double)(&result, &a, &b))                 \
            return result;                                                                                             \
        return binary(f, a, b, operation);                                                                             \
    }
BINARY(add, ADD, real_add)
BINARY(subtract, SUB, real_subtract)
BINARY(multiply, MUL, real_multiply)
BINARY(divide, DIV, real_divide)

static uint64_t square_root(struct sse *f, uint64_t a, uint64_t b)
{
    uint64_t nan;
    (void)a;
    if (takes_nan(f, b, b, &nan))
        return nan;
    return close(f, real_square_root(&f->real, open(f, b, f->bits)), f->bits);
}

enum { UNORDERED = 2 };

static bool is_denormal(uint64_t value, unsigned bits)
{
    return magnitude(value, bits) != 0 && magnitude(value, bits) < least_normal(bits);
}

/* Integers that are in the order of the numbers. */
static int64_t ordered(uint64_t value, unsigned bits)
{
    const int64_t size = (int64_t)(magnitude(value, bits) >> 1);
    return value >> (bits - 1) & 1 ? -size : size;
}

static int integer_order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

int sse_order(struct sse *f, uint64_t a, uint64_t b, bool quiet)
{
    uint64_t nan;
    if (takes_nan(f, a, b, &nan)) {
        f->real.raised |= quiet ? 0 : REAL_INVALID;
        return UNORDERED;
    }
    if (likely(!is_denormal(a, f->bits) && !is_denormal(b, f->bits)))
        return integer_order(ordered(a, f->bits), ordered(b, f->bits));
    struct real x = open(f, a, f->bits), y = open(f, b, f->bits);
    note_denormal(f, x);
    note_denormal(f, y);
    return real_compare(x, y);
}

/* A value that is returned as it came, but for DAZ. */
static uint64_t pass(const struct sse *f, uint64_t value)
{
    struct real x = open(f, value, f->bits);
    return x.class == REAL_ZERO ? (uint64_t)x.negative << (f->bits - 1) : value;
}

static uint64_t minimum(struct sse *f, uint64_t a, uint64_t b)
{
    return pass(f, sse_order(f, a, b, false) == -1 ? a : b);
}

static uint64_t maximum(struct sse *f, uint64_t a, uint64_t b)
{
    return pass(f, sse_order(f, a, b, false) == 1 ? a : b);
}

/* Predicates: equal, less, less or equal, unordered, and their negations. Those of size signal quiet NaNs. */
static uint64_t compare(struct sse *f, uint64_t a, uint64_t b)
{
    const unsigned predicate = f->immediate & 3;
    int order = sse_order(f, a, b, predicate == 0 || predicate == 3);
    bool holds[] = {order == 0, order == -1, order == -1 || order == 0, order == UNORDERED};
    return holds[predicate] != (f->immediate >> 2 & 1) ? UINT64_MAX : 0;
}

enum { ROUND_AS_MXCSR = 4, ROUND_SILENTLY = 8 };

static uint64_t round_integral(struct sse *f, uint64_t a, uint64_t b)
{
    struct real_context context = f->real;
    struct real x = open(f, b, f->bits);
    uint64_t nan;

    (void)a;
    if (takes_nan(f, b, b, &nan))
        return nan;
    x.denormal = false; /* none of these instructions raises that */
    context.raised = 0;
    if (!(f->immediate & ROUND_AS_MXCSR))
        context.rounding = f->immediate & 3;
    x = real_round(&context, x);
    f->real.raised |= f->immediate & ROUND_SILENTLY ? 0 : context.raised;
    return close(f, x, f->bits);
}

typedef uint64_t element_fn(struct sse *, uint64_t a, uint64_t b);

static void each(struct sse *f, union xmm_register *d, const union xmm_register *s, element_fn *fn)
{
    for (unsigned i = 0; i < f->count; i++)
        element_put(d, i, f->bits, fn(f, element_get(d, i, f->bits), element_get(s, i, f->bits)));
}

#define EACH(name, fn)                                                                                                 \
    SSE(name)                                                                                                          \
    {                                                                                                                  \
        each(f, d, s, fn);                                                                                             \
    }

EACH(ADD, add)
EACH(SUB, subtract)
EACH(MUL, multiply)
EACH(DIV, divide)
EACH(SQRT, square_root)
EACH(MIN, minimum)
EACH(MAX, maximum)
EACH(CMP, compare)
EACH(ROUND, round_integral)

SSE(ADDSUB)
{
    for (unsigned i = 0; i < f->count; i++) {
        uint64_t a = element_get(d, i, f->bits), b = element_get(s, i, f->bits);
        element_put(d, i, f->bits, i % 2 ? add(f, a, b) : subtract(f, a, b));
    }
}

/* Neighbours of d, then of s. */
static void horizontal(struct sse *f, union xmm_register *d, const union xmm_register *s, element_fn *fn)
{
    const union xmm_register from[2] = {*d, *s};
    for (unsigned i = 0; i < f->count; i++) {
        const union xmm_register *pair = &from[i >= f->count / 2u];
        unsigned first = 2 * i % f->count;
        element_put(d, i, f->bits, fn(f, element_get(pair, first, f->bits), element_get(pair, first + 1, f->bits)));
    }
}

SSE(HADD)
{
    horizontal(f, d, s, add);
}

SSE(HSUB)
{
    horizontal(f, d, s, subtract);
}

/* Products where the immediate's upper half has a bit, their sums by pairs; to where its lower half has one. Each
 * step's exceptions come before the next. */
SSE(DP)
{
    union xmm_register sums = {0};
    for (unsigned i = 0; i < f->count; i++)
        if (f->immediate >> (4 + i) & 1)
            element_put(&sums, i, f->bits, multiply(f, element_get(d, i, f->bits), element_get(s, i, f->bits)));
    for (unsigned terms = f->count; terms > 1 && sse_settle(f); terms /= 2)
        horizontal(f, &sums, &sums, add);
    for (unsigned i = 0; i < f->count; i++)
        element_put(d, i, f->bits, f->immediate >> i & 1 ? element_get(&sums, 0, f->bits) : 0);
}

/* Conversions. */
static uint64_t change_format(struct sse *f, uint64_t value, unsigned from, unsigned to)
{
    struct real x = open(f, value, from);
    if (is_signaling(value, from))
        f->real.raised |= REAL_INVALID;
    note_denormal(f, x);
    if (x.class == REAL_NAN)
        x.significand |= QUIET_BIT;
    return close(f, x, to);
}

static uint32_t to_integer(struct sse *f, uint64_t value, unsigned from)
{
    return (uint32_t)real_to_integer(&f->real, open(f, value, from), 32);
}

static uint32_t truncate_to_integer(struct sse *f, uint64_t value, unsigned from)
{
    f->real.rounding = ROUND_ZERO;
    return to_integer(f, value, from);
}

static uint64_t from_integer(struct sse *f, uint32_t value, unsigned to)
{
    return close(f, real_from_integer((int32_t)value), to);
}

/* `count` elements; the others are kept, or zero. */
#define CONVERT(name, count, KEEP, from, to, ...)                                                                      \
    SSE(name)                                                                                                          \
    {                                                                                                                  \
        union xmm_register result = KEEP;                                                                              \
        for (unsigned i = 0; i < (count); i++) {                                                                       \
            __auto_type a = s->from[i];                                                                                \
            result.to[i] = (__VA_ARGS__);                                                                              \
        }                                                                                                              \
        *d = result;                                                                                                   \
    }
#define KEPT *d
#define ZERO                                                                                                           \
    {                                                                                                                  \
        0                                                                                                              \
    }

CONVERT(CVTPS2PD, 2, ZERO, u32, u64, change_format(f, a, 32, 64))
CONVERT(CVTPD2PS, 2, ZERO, u64, u32, change_format(f, a, 64, 32))
CONVERT(CVTSS2SD, 1, KEPT, u32, u64, change_format(f, a, 32, 64))
CONVERT(CVTSD2SS, 1, KEPT, u64, u32, change_format(f, a, 64, 32))
CONVERT(CVTDQ2PS, 4, ZERO, u32, u32, from_integer(f, a, 32))
CONVERT(CVTDQ2PD, 2, ZERO, u32, u64, from_integer(f, a, 64))
CONVERT(CVTPS2DQ, 4, ZERO, u32, u32, to_integer(f, a, 32))
CONVERT(CVTTPS2DQ, 4, ZERO, u32, u32, truncate_to_integer(f, a, 32))
CONVERT(CVTPD2DQ, 2, ZERO, u64, u32, to_integer(f, a, 64))
CONVERT(CVTTPD2DQ, 2, ZERO, u64, u32, truncate_to_integer(f, a, 64))
CONVERT(CVTSI2SS, 1, KEPT, u32, u32, from_integer(f, a, 32))
CONVERT(CVTSI2SD, 1, KEPT, u32, u64, from_integer(f, a, 64))
CONVERT(CVTSS2SI, 1, ZERO, u32, u32, to_integer(f, a, 32))
CONVERT(CVTTSS2SI, 1, ZERO, u32, u32, truncate_to_integer(f, a, 32))
CONVERT(CVTSD2SI, 1, ZERO, u64, u32, to_integer(f, a, 64))
CONVERT(CVTTSD2SI, 1, ZERO, u64, u32, truncate_to_integer(f, a, 64))
CONVERT(CVTPI2PS, 2, KEPT, u32, u32, from_integer(f, a, 32))
CONVERT(CVTPI2PD, 2, ZERO, u32, u64, from_integer(f, a, 64))
CONVERT(CVTPS2PI, 2, ZERO, u32, u32, to_integer(f, a, 32))
CONVERT(CVTTPS2PI, 2, ZERO, u32, u32, truncate_to_integer(f, a, 32))
CONVERT(CVTPD2PI, 2, ZERO, u64, u32, to_integer(f, a, 64))
CONVERT(CVTTPD2PI, 2, ZERO, u64, u32, truncate_to_integer(f, a, 64))

/* Estimates. Silicon differs between vendors; the manual bounds the relative error by 1.5 * 2^-12. Ours are the exact
 * values rounded to 12 significant bits, to nearest. Denormals are zeroes, before and after; MXCSR plays no part. */
enum { FRACTION = 23, ESTIMATE_BITS = 12, BIAS = 127, EXPONENTS = 255, INFINITE = EXPONENTS << FRACTION };
#define SINGLE_SIGN     0x80000000u
#define SINGLE_QUIET    0x00400000u
#define SINGLE_DEFAULT  0xFFC00000u
#define SINGLE_FRACTION 0x007FFFFFu

static uint32_t estimate(uint32_t sign, int exponent, uint64_t twice)
{
    uint64_t significand = (twice + 1) >> 1; /* ESTIMATE_BITS of it: the half is never exact */
    if (significand >> ESTIMATE_BITS) {
        significand >>= 1;
        exponent++;
    }
    if (exponent <= 0)
        return sign;
    return sign | (uint32_t)exponent << FRACTION |
           ((uint32_t)significand << (FRACTION + 1 - ESTIMATE_BITS) & SINGLE_FRACTION);
}

/* Of significand * 2^(exponent - BIAS - FRACTION). */
static uint32_t estimate_reciprocal(uint32_t a)
{
    uint32_t sign = a & SINGLE_SIGN, significand = (a & SINGLE_FRACTION) | 1u << FRACTION;
    int exponent = (int)(a >> FRACTION & EXPONENTS);

    if (exponent == EXPONENTS)
        return a & SINGLE_FRACTION ? a | SINGLE_QUIET : sign;
    if (exponent == 0)
        return sign | INFINITE;
    return estimate(sign, 2 * BIAS - 1 - exponent, (UINT64_C(1) << (FRACTION + ESTIMATE_BITS + 1)) / significand);
}

/* The largest integer whose square is not above. */
static uint64_t integer_root(uint64_t square)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit; bit >>= 1)
        if ((root | bit) * (root | bit) <= square)
            root |= bit;
    return root;
}

static uint32_t estimate_reciprocal_root(uint32_t a)
{
    uint32_t sign = a & SINGLE_SIGN;
    uint64_t significand = (a & SINGLE_FRACTION) | 1u << FRACTION;
    int exponent = (int)(a >> FRACTION & EXPONENTS);

    if (exponent == EXPONENTS && (a & SINGLE_FRACTION))
        return a | SINGLE_QUIET;
    if (exponent == 0)
        return sign | INFINITE;
    if (sign)
        return SINGLE_DEFAULT;
    if (exponent == EXPONENTS)
        return 0;
    unsigned odd = (exponent - BIAS) & 1; /* the value is significand * 2^odd * 4^half */
    int half = (exponent - BIAS - (int)odd) / 2;
    uint64_t square = (UINT64_C(1) << (FRACTION + 2 * ESTIMATE_BITS + 2)) / (significand << odd);
    return estimate(0, BIAS - 1 - half, integer_root(square));
}

SSE(RCP)
{
    for (unsigned i = 0; i < f->count; i++)
        d->u32[i] = estimate_reciprocal(s->u32[i]);
}

SSE(RSQRT)
{
    for (unsigned i = 0; i < f->count; i++)
        d->u32[i] = estimate_reciprocal_root(s->u32[i]);
}
