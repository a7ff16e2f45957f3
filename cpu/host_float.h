/* SPDX-License-Identifier: MIT
 *
 * Where the host's own arithmetic may stand in for that of real.h. A function here computes d := f(d, s) for SSE and
 * says true, or says false and has done nothing: then the integers of real.h compute, which define what is right. This
 * is a filter; it must never be asked what an answer is, only whether the host's is the same beyond doubt.
 *
 * It is, for add, subtract, multiply, divide and square root, because IEEE 754 leaves one answer for each: the exact
 * value, rounded once. What it leaves open is kept out:
 * - The rounding is to nearest in MXCSR, as it is in C by default (C17 7.6), and denali_run() sees to that.
 * - Operands are zero, normal or infinite. The result is normal and not the least such number, or a zero that is exact.
 *   So no NaN was chosen or made; nothing was denormal, overflowed, underflowed or was divided by zero; and DAZ and
 *   FTZ, the guest's and the host's, had nothing to do.
 * - Then the only flag that the operation can raise is PRECISION. It must be set in MXCSR already, and masked: a
 *   program's first inexact operation is one on integers.
 * - Nothing is computed wider than its format (FLT_EVAL_METHOD is 0) or fused (no product goes into a sum). No
 *   function of libm is called.
 *
 * Comparisons, and conversions that are exact, raise nothing and need no more than such operands.
 *
 * DENALI_HOST_FLOAT=0 leaves everything to real.h, as hosts that are otherwise do by themselves.
 */
#pragma once
#include "vector.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifndef DENALI_HOST_FLOAT
#if defined(__FAST_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__ASSOCIATIVE_MATH__) ||                         \
    defined(__NO_SIGNED_ZEROS__) || __FINITE_MATH_ONLY__ || __FLT_EVAL_METHOD__ != 0 || __FLT_RADIX__ != 2 ||          \
    __FLT_MANT_DIG__ != 24 || __FLT_MAX_EXP__ != 128 || __DBL_MANT_DIG__ != 53 || __DBL_MAX_EXP__ != 1024
#define DENALI_HOST_FLOAT 0
#else
#define DENALI_HOST_FLOAT 1
#endif
#endif

/* Four singles at once. */
typedef uint32_t host_word_4 __attribute__((vector_size(16)));
typedef int32_t host_mask_4 __attribute__((vector_size(16)));
typedef float host_number_4 __attribute__((vector_size(16)));

INLINE bool host_every_lane(host_mask_4 lanes)
{
    uint64_t halves[2];
    memcpy(halves, &lanes, sizeof(halves));
    return (halves[0] & halves[1]) == ~UINT64_C(0);
}

/* The kinds of operands: a single, a double, four singles. Whether numbers are suitable is asked of `twice`, their bits
 * shifted left by one, so without the sign: zero, or not denormal; the same, but NaN; normal, but for the least such
 * number, which a smaller one may have been rounded to. Unsigned comparisons are written as signed ones, because those
 * are what vectors have everywhere. `fit`: operands, and the result which is normal or zero; `spread`: as a mask of
 * bits. */
#define HOST_KIND(kind, word, mask, number, width, fraction, fit, spread)                                              \
    typedef word kind##_word;                                                                                          \
    typedef mask kind##_mask;                                                                                          \
    typedef number kind##_number;                                                                                      \
    INLINE bool kind##_fit(mask operands, mask others, mask normal, mask zero)                                         \
    {                                                                                                                  \
        return fit;                                                                                                    \
    }                                                                                                                  \
    INLINE word kind##_spread(mask holds)                                                                              \
    {                                                                                                                  \
        return spread;                                                                                                 \
    }                                                                                                                  \
    /* From low up to high, which is not in it, modulo 2 to the power of the width. */                                 \
    INLINE mask kind##_within(word twice, uint##width##_t low, uint##width##_t high)                                   \
    {                                                                                                                  \
        const uint##width##_t least = UINT##width##_C(1) << (width - 1);                                               \
        return (mask)((SIGNED_##kind)(twice - low + least) < (int##width##_t)(high - low + least));                    \
    }                                                                                                                  \
    INLINE mask kind##_is_operand(word twice)                                                                          \
    {                                                                                                                  \
        return kind##_within(twice, UINT##width##_C(2) << fraction, 1);                                                \
    }                                                                                                                  \
    INLINE mask kind##_is_comparable(word twice)                                                                       \
    {                                                                                                                  \
        return kind##_within(twice, UINT##width##_C(2) << fraction, 1 - (UINT##width##_C(2) << fraction)) |            \
               (mask)(twice == 0);                                                                                     \
    }                                                                                                                  \
    INLINE mask kind##_is_normal(word twice)                                                                           \
    {                                                                                                                  \
        return kind##_within(twice, (UINT##width##_C(2) << fraction) + 1, -(UINT##width##_C(2) << fraction));          \
    }

#define SIGNED_single  int32_t
#define SIGNED_double  int64_t
#define SIGNED_singles host_mask_4
#define SCALAR_FIT     (likely(operands) && likely(others) && (likely(normal) || zero))
#define VECTOR_FIT                                                                                                     \
    (likely(host_every_lane(operands & others & normal)) || host_every_lane(operands & others & (normal | zero)))
HOST_KIND(single, uint32_t, int, float, 32, 23, SCALAR_FIT, -(uint32_t)holds)
HOST_KIND(double, uint64_t, int, double, 64, 52, SCALAR_FIT, -(uint64_t)holds)
HOST_KIND(singles, host_word_4, host_mask_4, host_number_4, 32, 23, VECTOR_FIT, (host_word_4)holds)

/* Of the flags no more than PRECISION, and that is set already and masked. */
enum { MXCSR_SETTLED = REAL_PRECISION | REAL_PRECISION << MXCSR_MASKS_SHIFT };

INLINE bool host_may_truncate(uint32_t mxcsr)
{
    return (mxcsr & MXCSR_SETTLED) == MXCSR_SETTLED;
}

INLINE bool host_may_round(uint32_t mxcsr)
{
    enum { ROUNDING = 3 << MXCSR_ROUNDING_SHIFT };
    return (mxcsr & (MXCSR_SETTLED | ROUNDING)) == (MXCSR_SETTLED | ROUND_NEAREST << MXCSR_ROUNDING_SHIFT);
}

/* Arithmetic: d := f(a, b), whose bits twice are u and v, those of the result r. `zero`: such a result is exact. */
#define HOST_ROUNDED_ON(name, kind, zero, ...)                                                                         \
    INLINE bool host_##name##_##kind(void *d, const void *first, const void *second)                                   \
    {                                                                                                                  \
        kind##_number a __attribute__((unused)), b, result;                                                            \
        kind##_word u, v, r;                                                                                           \
        memcpy(&a, first, sizeof(a));                                                                                  \
        memcpy(&b, second, sizeof(b));                                                                                 \
        memcpy(&u, first, sizeof(u));                                                                                  \
        memcpy(&v, second, sizeof(v));                                                                                 \
        result = (__VA_ARGS__);                                                                                        \
        memcpy(&r, &result, sizeof(r));                                                                                \
        u <<= 1, v <<= 1, r <<= 1;                                                                                     \
        if (!kind##_fit(kind##_is_operand(u), kind##_is_operand(v), kind##_is_normal(r),                               \
                        (kind##_mask)((r == 0) & (zero))))                                                             \
            return false;                                                                                              \
        memcpy(d, &result, sizeof(result));                                                                            \
        return true;                                                                                                   \
    }

/* Comparisons: they choose bits of the operands, or make some; no flag is raised. */
#define HOST_CHOSEN_ON(name, kind, ...)                                                                                \
    INLINE bool host_##name##_##kind(void *d, const void *first, const void *second, unsigned immediate)               \
    {                                                                                                                  \
        kind##_number a, b;                                                                                            \
        kind##_word u, v;                                                                                              \
        (void)immediate;                                                                                               \
        memcpy(&a, first, sizeof(a));                                                                                  \
        memcpy(&b, second, sizeof(b));                                                                                 \
        memcpy(&u, first, sizeof(u));                                                                                  \
        memcpy(&v, second, sizeof(v));                                                                                 \
        const kind##_word less __attribute__((unused)) = kind##_spread(a < b);                                         \
        const kind##_word greater __attribute__((unused)) = kind##_spread(a > b);                                      \
        const kind##_mask suitable = kind##_is_comparable(u << 1) & kind##_is_comparable(v << 1);                      \
        if (!kind##_fit(suitable, suitable, suitable, suitable))                                                       \
            return false;                                                                                              \
        u = (__VA_ARGS__);                                                                                             \
        memcpy(d, &u, sizeof(u));                                                                                      \
        return true;                                                                                                   \
    }

/* For all elements of d and s, or for the lowest; of the others nothing changes. */
#define HOST_ELEMENTS(name, settled, first, ...)                                                                       \
    INLINE bool host_##name(uint32_t mxcsr, union xmm_register *d, const void *s, unsigned width, unsigned count,      \
                            unsigned immediate)                                                                        \
    {                                                                                                                  \
        union xmm_register both = *d;                                                                                  \
        (void)mxcsr, (void)immediate;                                                                                  \
        if (unlikely(!(settled)))                                                                                      \
            return false;                                                                                              \
        if (width == 32 && count == 4)                                                                                 \
            return host_##name##_singles(d, first, s, ##__VA_ARGS__);                                                  \
        if (count == 1)                                                                                                \
            return width == 32 ? host_##name##_single(d, first, s, ##__VA_ARGS__)                                      \
                               : host_##name##_double(d, first, s, ##__VA_ARGS__);                                     \
        for (unsigned i = 0; i < 16; i += 8)                                                                           \
            if (!host_##name##_double(&both.u8[i], (const uint8_t *)(first) + i, (const uint8_t *)s + i,               \
                                      ##__VA_ARGS__))                                                                  \
                return false;                                                                                          \
        *d = both;                                                                                                     \
        return true;                                                                                                   \
    }

#define HOST_ROUNDED(name, first, zero, ...)                                                                           \
    HOST_ROUNDED_ON(name, single, zero, __VA_ARGS__)                                                                   \
    HOST_ROUNDED_ON(name, double, zero, __VA_ARGS__)                                                                   \
    HOST_ROUNDED_ON(name, singles, zero, __VA_ARGS__)                                                                  \
    HOST_ELEMENTS(name, host_may_round(mxcsr), first)

#define HOST_CHOSEN(name, ...)                                                                                         \
    HOST_CHOSEN_ON(name, single, __VA_ARGS__)                                                                          \
    HOST_CHOSEN_ON(name, double, __VA_ARGS__)                                                                          \
    HOST_CHOSEN_ON(name, singles, __VA_ARGS__)                                                                         \
    HOST_ELEMENTS(name, true, d, immediate)

HOST_ROUNDED(ADD, d, u == v, a + b)
HOST_ROUNDED(SUB, d, u == v, a - b)
HOST_ROUNDED(MUL, d, (u == 0) | (v == 0), a *b)
HOST_ROUNDED(DIV, d, u == 0, a / b)

#ifdef __SSE2__
HOST_ROUNDED_ON(SQRT, single, v == 0, _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(b))))
HOST_ROUNDED_ON(SQRT, double, v == 0, _mm_cvtsd_f64(_mm_sqrt_sd(_mm_setzero_pd(), _mm_set_sd(b))))
HOST_ROUNDED_ON(SQRT, singles, v == 0, (host_number_4)_mm_sqrt_ps((__m128)b))
#else /* C has none that is sure to be an instruction */
#define HOST_NO_ROOT(kind)                                                                                             \
    INLINE bool host_SQRT_##kind(void *d, const void *first, const void *second)                                       \
    {                                                                                                                  \
        (void)d, (void)first, (void)second;                                                                            \
        return false;                                                                                                  \
    }
HOST_NO_ROOT(single)
HOST_NO_ROOT(double)
HOST_NO_ROOT(singles)
#endif
HOST_ELEMENTS(SQRT, host_may_round(mxcsr), s)

/* SDM vol. 2, MINPS and its like: where neither is less, the second. */
HOST_CHOSEN(MIN, (u & less) | (v & ~less))
HOST_CHOSEN(MAX, (u & greater) | (v & ~greater))
/* The predicates of sse_CMP(). */
HOST_CHOSEN(CMP, ((immediate & 3) == 0   ? ~(less | greater)
                  : (immediate & 3) == 1 ? less
                  : (immediate & 3) == 2 ? ~greater
                                         : u ^ u) ^
                     (immediate & 4 ? ~(u ^ u) : u ^ u))

/* -1, 0 or 1 into *order. */
INLINE bool host_order(const void *d, const void *s, unsigned width, int *order)
{
    if (width == 32) {
        float a, b;
        uint32_t u, v;
        memcpy(&a, d, sizeof(a));
        memcpy(&b, s, sizeof(b));
        memcpy(&u, d, sizeof(u));
        memcpy(&v, s, sizeof(v));
        *order = (a > b) - (a < b);
        return single_is_comparable(u << 1) && single_is_comparable(v << 1);
    }
    double a, b;
    uint64_t u, v;
    memcpy(&a, d, sizeof(a));
    memcpy(&b, s, sizeof(b));
    memcpy(&u, d, sizeof(u));
    memcpy(&v, s, sizeof(v));
    *order = (a > b) - (a < b);
    return double_is_comparable(u << 1) && double_is_comparable(v << 1);
}

/* Conversions of one element. */

INLINE bool host_widen(uint32_t mxcsr, uint32_t from, uint64_t *to)
{
    float value;
    (void)mxcsr;
    memcpy(&value, &from, sizeof(value));
    const double wide = value;
    memcpy(to, &wide, sizeof(wide));
    return single_is_comparable(from << 1);
}

INLINE bool host_narrow(uint32_t mxcsr, uint64_t from, uint32_t *to)
{
    double value;
    memcpy(&value, &from, sizeof(value));
    const float narrow = (float)value;
    memcpy(to, &narrow, sizeof(narrow));
    return host_may_round(mxcsr) && double_is_operand(from << 1) && (single_is_normal(*to << 1) || from << 1 == 0);
}

INLINE bool host_int_to_double(uint32_t mxcsr, uint32_t from, uint64_t *to)
{
    const double value = (int32_t)from;
    (void)mxcsr;
    memcpy(to, &value, sizeof(value));
    return true;
}

INLINE bool host_int_to_single(uint32_t mxcsr, uint32_t from, uint32_t *to)
{
    enum { EXACT = 1 << 24 };
    const float value = (float)(int32_t)from;
    memcpy(to, &value, sizeof(value));
    return host_may_round(mxcsr) || from + EXACT <= 2 * EXACT;
}

/* The magnitude is such that the result is in range whatever the rounding; adding 1.5 * 2^52 leaves the integer in the
 * low bits. */
INLINE bool host_to_int(uint32_t mxcsr, uint64_t from, uint32_t *to, bool truncate)
{
    double value;
    uint64_t shifted_bits;
    memcpy(&value, &from, sizeof(value));
    if (!(value > INT32_MIN && value < INT32_MAX) || !double_is_operand(from << 1))
        return false;
    const double shifted = value + 0x1.8p52;
    memcpy(&shifted_bits, &shifted, sizeof(shifted_bits));
    *to = truncate ? (uint32_t)(int32_t)value : (uint32_t)shifted_bits;
    return (truncate ? host_may_truncate(mxcsr) : host_may_round(mxcsr)) || (int32_t)*to == value;
}

INLINE bool host_double_to_int(uint32_t mxcsr, uint64_t from, uint32_t *to)
{
    return host_to_int(mxcsr, from, to, false);
}

INLINE bool host_double_truncate(uint32_t mxcsr, uint64_t from, uint32_t *to)
{
    return host_to_int(mxcsr, from, to, true);
}

INLINE bool host_single_to_int(uint32_t mxcsr, uint32_t from, uint32_t *to)
{
    uint64_t wide;
    return host_widen(mxcsr, from, &wide) && host_to_int(mxcsr, wide, to, false);
}

INLINE bool host_single_truncate(uint32_t mxcsr, uint32_t from, uint32_t *to)
{
    uint64_t wide;
    return host_widen(mxcsr, from, &wide) && host_to_int(mxcsr, wide, to, true);
}

/* `count` elements; the others are kept, or zero. */
#define HOST_CONVERSION(name, count, kept, from, to, convert)                                                          \
    INLINE bool host_##name(uint32_t mxcsr, union xmm_register *d, const void *s)                                      \
    {                                                                                                                  \
        union xmm_register source, result = kept ? *d : (union xmm_register){0};                                       \
        memcpy(&source, s, (count) * sizeof(source.from[0]));                                                          \
        for (unsigned i = 0; i < (count); i++)                                                                         \
            if (!convert(mxcsr, source.from[i], &result.to[i]))                                                        \
                return false;                                                                                          \
        *d = result;                                                                                                   \
        return true;                                                                                                   \
    }

HOST_CONVERSION(CVTPS2PD, 2, false, u32, u64, host_widen)
HOST_CONVERSION(CVTPD2PS, 2, false, u64, u32, host_narrow)
HOST_CONVERSION(CVTSS2SD, 1, true, u32, u64, host_widen)
HOST_CONVERSION(CVTSD2SS, 1, true, u64, u32, host_narrow)
HOST_CONVERSION(CVTDQ2PS, 4, false, u32, u32, host_int_to_single)
HOST_CONVERSION(CVTDQ2PD, 2, false, u32, u64, host_int_to_double)
HOST_CONVERSION(CVTSI2SS, 1, true, u32, u32, host_int_to_single)
HOST_CONVERSION(CVTSI2SD, 1, true, u32, u64, host_int_to_double)
HOST_CONVERSION(CVTPS2DQ, 4, false, u32, u32, host_single_to_int)
HOST_CONVERSION(CVTTPS2DQ, 4, false, u32, u32, host_single_truncate)
HOST_CONVERSION(CVTPD2DQ, 2, false, u64, u32, host_double_to_int)
HOST_CONVERSION(CVTTPD2DQ, 2, false, u64, u32, host_double_truncate)
HOST_CONVERSION(CVTSS2SI, 1, false, u32, u32, host_single_to_int)
HOST_CONVERSION(CVTTSS2SI, 1, false, u32, u32, host_single_truncate)
HOST_CONVERSION(CVTSD2SI, 1, false, u64, u32, host_double_to_int)
HOST_CONVERSION(CVTTSD2SI, 1, false, u64, u32, host_double_truncate)
