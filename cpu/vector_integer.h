/* SPDX-License-Identifier: MIT
 *
 * Integer vector operations, each for as many elements as its vectors have (Intel SDM vol. 2, by name): d := f(d, s),
 * vectors of 8 or 16 bytes.
 */
#pragma once
#include "vector.h"

typedef void vector_fn(union xmm_register *d, const union xmm_register *s, unsigned bytes, unsigned immediate);

#define VECTOR(name)                                                                                                   \
    INLINE void vector_##name(union xmm_register *d, const union xmm_register *s __attribute__((unused)),              \
                              unsigned bytes __attribute__((unused)), unsigned immediate __attribute__((unused)))
#define COUNT(type) (bytes / sizeof(d->type[0]))

/* Element by element: a of d, b of s. */
#define EACH(name, type, ...)                                                                                          \
    VECTOR(name)                                                                                                       \
    {                                                                                                                  \
        for (unsigned i = 0; i < COUNT(type); i++) {                                                                   \
            __auto_type a __attribute__((unused)) = d->type[i];                                                        \
            __auto_type b = s->type[i];                                                                                \
            d->type[i] = (__VA_ARGS__);                                                                                \
        }                                                                                                              \
    }

INLINE int32_t clamp(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

INLINE uint32_t product(uint32_t a, uint32_t b)
{
    return a * b;
}

EACH(PADDB, u8, a + b)
EACH(PADDW, u16, a + b)
EACH(PADDD, u32, a + b)
EACH(PADDQ, u64, a + b)
EACH(PSUBB, u8, a - b)
EACH(PSUBW, u16, a - b)
EACH(PSUBD, u32, a - b)
EACH(PSUBQ, u64, a - b)
EACH(PADDSB, s8, clamp(a + b, INT8_MIN, INT8_MAX))
EACH(PADDSW, s16, clamp(a + b, INT16_MIN, INT16_MAX))
EACH(PADDUSB, u8, clamp(a + b, 0, UINT8_MAX))
EACH(PADDUSW, u16, clamp(a + b, 0, UINT16_MAX))
EACH(PSUBSB, s8, clamp(a - b, INT8_MIN, INT8_MAX))
EACH(PSUBSW, s16, clamp(a - b, INT16_MIN, INT16_MAX))
EACH(PSUBUSB, u8, clamp(a - b, 0, UINT8_MAX))
EACH(PSUBUSW, u16, clamp(a - b, 0, UINT16_MAX))
EACH(PMULLW, s16, product(a, b))
EACH(PMULHW, s16, (int32_t)product(a, b) >> 16)
EACH(PMULHUW, u16, product(a, b) >> 16)
EACH(PMULHRSW, s16, ((a * b >> 14) + 1) >> 1)
EACH(PMULLD, u32, product(a, b))
EACH(PMULUDQ, u64, (uint64_t)(uint32_t)a *(uint32_t)b)
EACH(PMULDQ, s64, (int64_t)(int32_t)a *(int32_t)b)
EACH(PAND, u64, (a & b))
EACH(PANDN, u64, (~a & b))
EACH(POR, u64, a | b)
EACH(PXOR, u64, a ^ b)
EACH(PCMPEQB, s8, -(a == b))
EACH(PCMPEQW, s16, -(a == b))
EACH(PCMPEQD, s32, -(a == b))
EACH(PCMPEQQ, s64, -(a == b))
EACH(PCMPGTB, s8, -(a > b))
EACH(PCMPGTW, s16, -(a > b))
EACH(PCMPGTD, s32, -(a > b))
EACH(PCMPGTQ, s64, -(a > b))
EACH(PAVGB, u8, (a + b + 1) >> 1)
EACH(PAVGW, u16, (a + b + 1) >> 1)
EACH(PMINUB, u8, a < b ? a : b)
EACH(PMINSB, s8, a < b ? a : b)
EACH(PMINUW, u16, a < b ? a : b)
EACH(PMINSW, s16, a < b ? a : b)
EACH(PMINUD, u32, a < b ? a : b)
EACH(PMINSD, s32, a < b ? a : b)
EACH(PMAXUB, u8, a > b ? a : b)
EACH(PMAXSB, s8, a > b ? a : b)
EACH(PMAXUW, u16, a > b ? a : b)
EACH(PMAXSW, s16, a > b ? a : b)
EACH(PMAXUD, u32, a > b ? a : b)
EACH(PMAXSD, s32, a > b ? a : b)
EACH(PABSB, s8, b < 0 ? -b : b)
EACH(PABSW, s16, b < 0 ? -b : b)
EACH(PABSD, u32, (int32_t)b < 0 ? -b : b)
EACH(PSIGNB, s8, b < 0 ? -a : b ? a : 0)
EACH(PSIGNW, s16, b < 0 ? -a : b ? a : 0)
EACH(PSIGND, u32, (int32_t)b < 0 ? -a : b ? a : 0)
/* The sum wraps only where all four factors are -32768. */
EACH(PMADDWD, u32, (uint32_t)((int16_t)a *(int16_t)b) + (uint32_t)((int16_t)(a >> 16) * (int16_t)(b >> 16)))
EACH(PMADDUBSW, s16, clamp((uint8_t)a *(int8_t)b + (uint8_t)(a >> 8) * (int8_t)(b >> 8), INT16_MIN, INT16_MAX))

/* Shifts of each element, `count` at most its width. */
INLINE unsigned shift_count(uint64_t count, unsigned width)
{
    return count < width ? (unsigned)count : width;
}

#define SHIFT(name, type, width, ...)                                                                                  \
    INLINE void shift_##name(union xmm_register *d, unsigned bytes, unsigned count)                                    \
    {                                                                                                                  \
        for (unsigned i = 0; i < COUNT(type); i++) {                                                                   \
            __auto_type a = d->type[i];                                                                                \
            d->type[i] = (__VA_ARGS__);                                                                                \
        }                                                                                                              \
    }                                                                                                                  \
    VECTOR(name)                                                                                                       \
    {                                                                                                                  \
        shift_##name(d, bytes, shift_count(s->u64[0], width));                                                         \
    }                                                                                                                  \
    VECTOR(name##_I)                                                                                                   \
    {                                                                                                                  \
        shift_##name(d, bytes, shift_count(immediate, width));                                                         \
    }

SHIFT(PSLLW, u16, 16, (uint32_t)a << count)
SHIFT(PSLLD, u32, 32, (uint64_t)a << count)
SHIFT(PSLLQ, u64, 64, count == 64 ? 0 : a << count)
SHIFT(PSRLW, u16, 16, a >> count)
SHIFT(PSRLD, u32, 32, (uint64_t)a >> count)
SHIFT(PSRLQ, u64, 64, count == 64 ? 0 : a >> count)
SHIFT(PSRAW, s16, 16, a >> count)
SHIFT(PSRAD, s32, 32, (int64_t)a >> count)

/* Byte i of the result is byte i + distance of d, where there is one. */
INLINE void bytes_move(union xmm_register *d, int distance)
{
    uint8_t bytes[3 * 16] = {0};
    memcpy(bytes + 16, d, 16);
    memcpy(d, bytes + 16 + clamp(distance, -16, 16), 16);
}

VECTOR(PSLLDQ_I)
{
    bytes_move(d, -(int)immediate);
}

VECTOR(PSRLDQ_I)
{
    bytes_move(d, (int)immediate);
}

VECTOR(PALIGNR)
{
    uint8_t both[3 * 16] = {0};
    memcpy(both, s, bytes);
    memcpy(both + bytes, d, bytes);
    memcpy(d, both + (immediate < 2 * bytes ? immediate : 2 * bytes), bytes);
}

/* Interleaves a half of d with that of s: 0 the lower, 1 the upper. */
#define UNPACK(name, type, half)                                                                                       \
    VECTOR(name)                                                                                                       \
    {                                                                                                                  \
        const union xmm_register old = *d;                                                                             \
        const unsigned first = (half)*COUNT(type) / 2;                                                                 \
        for (unsigned i = 0; i < COUNT(type) / 2; i++) {                                                               \
            d->type[2 * i] = old.type[first + i];                                                                      \
            d->type[2 * i + 1] = s->type[first + i];                                                                   \
        }                                                                                                              \
    }

UNPACK(PUNPCKLBW, u8, 0)
UNPACK(PUNPCKLWD, u16, 0)
UNPACK(PUNPCKLDQ, u32, 0)
UNPACK(PUNPCKHBW, u8, 1)
UNPACK(PUNPCKHWD, u16, 1)
UNPACK(PUNPCKHDQ, u32, 1)

VECTOR(PUNPCKLQDQ)
{
    d->u64[1] = s->u64[0];
}

VECTOR(PUNPCKHQDQ)
{
    *d = (union xmm_register){.u64 = {d->u64[1], s->u64[1]}};
}

/* d, then s, as elements of half the size, saturated. */
#define PACK(name, from, to, low, high)                                                                                \
    VECTOR(name)                                                                                                       \
    {                                                                                                                  \
        const union xmm_register old = *d;                                                                             \
        const unsigned count = COUNT(from);                                                                            \
        for (unsigned i = 0; i < count; i++) {                                                                         \
            d->to[i] = clamp(old.from[i], low, high);                                                                  \
            d->to[count + i] = clamp(s->from[i], low, high);                                                           \
        }                                                                                                              \
    }

PACK(PACKSSWB, s16, s8, INT8_MIN, INT8_MAX)
PACK(PACKSSDW, s32, s16, INT16_MIN, INT16_MAX)
PACK(PACKUSWB, s16, u8, 0, UINT8_MAX)
PACK(PACKUSDW, s32, u16, 0, UINT16_MAX)

/* Neighbours a, b of d, then of s. */
#define HORIZONTAL(name, type, ...)                                                                                    \
    VECTOR(name)                                                                                                       \
    {                                                                                                                  \
        const union xmm_register pair[2] = {*d, *s};                                                                   \
        for (unsigned i = 0; i < COUNT(type); i++) {                                                                   \
            const union xmm_register *from = &pair[i >= COUNT(type) / 2];                                              \
            __auto_type a = from->type[2 * i % COUNT(type)];                                                           \
            __auto_type b = from->type[2 * i % COUNT(type) + 1];                                                       \
            d->type[i] = (__VA_ARGS__);                                                                                \
        }                                                                                                              \
    }

HORIZONTAL(PHADDW, u16, a + b)
HORIZONTAL(PHADDD, u32, a + b)
HORIZONTAL(PHADDSW, s16, clamp(a + b, INT16_MIN, INT16_MAX))
HORIZONTAL(PHSUBW, u16, a - b)
HORIZONTAL(PHSUBD, u32, a - b)
HORIZONTAL(PHSUBSW, s16, clamp(a - b, INT16_MIN, INT16_MAX))

INLINE uint32_t differences(const uint8_t *a, const uint8_t *b, unsigned count)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < count; i++)
        sum += (uint32_t)(a[i] > b[i] ? a[i] - b[i] : b[i] - a[i]);
    return sum;
}

VECTOR(PSADBW)
{
    for (unsigned i = 0; i < COUNT(u64); i++)
        d->u64[i] = differences(&d->u8[8 * i], &s->u8[8 * i], 8);
}

VECTOR(MPSADBW)
{
    const union xmm_register old = *d;
    const uint8_t *from = &old.u8[immediate & 4], *with = &s->u8[(immediate & 3) * 4];
    for (unsigned i = 0; i < 8; i++)
        d->u16[i] = (uint16_t)differences(from + i, with, 4);
}

VECTOR(PHMINPOSUW)
{
    unsigned least = 0;
    for (unsigned i = 1; i < 8; i++)
        least = s->u16[i] < s->u16[least] ? i : least;
    *d = (union xmm_register){.u16 = {s->u16[least], (uint16_t)least}};
}

VECTOR(PSHUFB)
{
    const union xmm_register old = *d;
    for (unsigned i = 0; i < bytes; i++)
        d->u8[i] = s->u8[i] & 0x80 ? 0 : old.u8[s->u8[i] % bytes];
}

/* Field i of the immediate, of `width` bits. */
#define FIELD(i, width) (immediate >> (i) * (width) & ((1u << (width)) - 1))

VECTOR(PSHUFW)
{
    for (unsigned i = 0; i < 4; i++)
        d->u16[i] = s->u16[FIELD(i, 2)];
}

/* Two elements of 32 bits. */
INLINE uint64_t pair(uint32_t low, uint32_t high)
{
    return low | (uint64_t)high << 32;
}

VECTOR(PSHUFD)
{
    vector_set(d, pair(s->u32[FIELD(0, 2)], s->u32[FIELD(1, 2)]), pair(s->u32[FIELD(2, 2)], s->u32[FIELD(3, 2)]));
}

VECTOR(PSHUFLW)
{
    for (unsigned i = 0; i < 4; i++)
        d->u16[i] = s->u16[FIELD(i, 2)];
    d->u64[1] = s->u64[1];
}

VECTOR(PSHUFHW)
{
    for (unsigned i = 0; i < 4; i++)
        d->u16[4 + i] = s->u16[4 + FIELD(i, 2)];
    d->u64[0] = s->u64[0];
}

VECTOR(SHUFPS)
{
    vector_set(d, pair(d->u32[FIELD(0, 2)], d->u32[FIELD(1, 2)]), pair(s->u32[FIELD(2, 2)], s->u32[FIELD(3, 2)]));
}

VECTOR(SHUFPD)
{
    vector_set(d, d->u64[FIELD(0, 1)], s->u64[FIELD(1, 1)]);
}

/* Those elements of s whose bit is set. */
#define BLEND(name, type)                                                                                              \
    VECTOR(name)                                                                                                       \
    {                                                                                                                  \
        for (unsigned i = 0; i < COUNT(type); i++)                                                                     \
            d->type[i] = FIELD(i, 1) ? s->type[i] : d->type[i];                                                        \
    }

BLEND(PBLENDW, u16)
BLEND(BLENDPS, u32)
BLEND(BLENDPD, u64)

/* The first elements of s, each made wider. */
#define EXTEND(name, from, to)                                                                                         \
    VECTOR(name)                                                                                                       \
    {                                                                                                                  \
        for (unsigned i = 0; i < COUNT(to); i++)                                                                       \
            d->to[i] = s->from[i];                                                                                     \
    }

EXTEND(PMOVSXBW, s8, s16)
EXTEND(PMOVSXBD, s8, s32)
EXTEND(PMOVSXBQ, s8, s64)
EXTEND(PMOVSXWD, s16, s32)
EXTEND(PMOVSXWQ, s16, s64)
EXTEND(PMOVSXDQ, s32, s64)
EXTEND(PMOVZXBW, u8, u16)
EXTEND(PMOVZXBD, u8, u32)
EXTEND(PMOVZXBQ, u8, u64)
EXTEND(PMOVZXWD, u16, u32)
EXTEND(PMOVZXWQ, u16, u64)
EXTEND(PMOVZXDQ, u32, u64)

VECTOR(MOVDDUP)
{
    d->u64[0] = d->u64[1] = s->u64[0];
}

VECTOR(MOVSLDUP)
{
    for (unsigned i = 0; i < 4; i++)
        d->u32[i] = s->u32[i & 2];
}

VECTOR(MOVSHDUP)
{
    for (unsigned i = 0; i < 4; i++)
        d->u32[i] = s->u32[i | 1];
}
