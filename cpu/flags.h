/* SPDX-License-Identifier: MIT
 *
 * The status flags, computed when they are asked for. Instructions leave two words, struct flags:
 *
 *   result   of the operation, in bits 0-31 sign-extended from its width; bit 32 = what was carried out of bit 31
 *   mix      what of the result is no carry: result ^ mix has the carries into each bit of the operation
 *
 *   ZF: bits 0-31 of the result are 0.                      CF: bit 32 of result ^ mix
 *   SF: bit 31 of the result, turned over by bit 63 of mix. OF: bit 32 ^ bit 31 of result ^ mix
 *   PF: parity of bits 0-7 of the result, and bit 62 of mix. AF: bit 4 of result ^ mix
 *
 * Of a 32-bit addition or subtraction, mix is simply the exclusive or of the operands: hardly anything has to be
 * computed for flags that nobody may look at. The two bits on top of mix make every combination of flags possible.
 */
#pragma once
#include "core.h"

#define CARRY_CF   (UINT64_C(1) << 32)
#define CARRY_SIGN (UINT64_C(1) << 31)
#define CARRY_AF   UINT64_C(0x10)
#define FLIP_SF    (UINT64_C(1) << 63)
#define FLIP_PF    (UINT64_C(1) << 62)

INLINE int64_t sign_extend(uint32_t value, unsigned bits)
{
    return bits == 32 ? (int32_t)value : bits == 16 ? (int16_t)value : (int8_t)value;
}

INLINE uint32_t truncate(uint32_t value, unsigned bits)
{
    return bits == 32 ? value : value & ((1u << (bits & 31)) - 1);
}

INLINE uint64_t flag_carries(const struct flags *f)
{
    return f->result ^ f->mix;
}

INLINE bool flag_cf(const struct flags *f)
{
    return flag_carries(f) >> 32 & 1;
}

INLINE bool flag_of(const struct flags *f)
{
    return (flag_carries(f) >> 32 ^ flag_carries(f) >> 31) & 1;
}

INLINE bool flag_af(const struct flags *f)
{
    return flag_carries(f) >> 4 & 1;
}

INLINE bool flag_zf(const struct flags *f)
{
    return (uint32_t)f->result == 0;
}

INLINE bool flag_sf(const struct flags *f)
{
    return (f->result >> 31 ^ f->mix >> 63) & 1;
}

INLINE bool flag_pf(const struct flags *f)
{
    return !(__builtin_parity((uint32_t)f->result & 0xFF) ^ (int)(f->mix >> 62 & 1));
}

/* Where flag_carries() has them. */
INLINE uint64_t pack_carry(bool cf, bool of, bool af)
{
    return (uint64_t)cf << 32 | (uint64_t)(cf != of) << 31 | (uint64_t)af << 4;
}

/* The flags of a result, of which the carries are known. */
INLINE void flags_set(struct flags *f, uint32_t result, uint64_t carries, unsigned bits)
{
    f->result = (uint32_t)sign_extend(result, bits);
    f->mix = f->result ^ carries;
}

INLINE void flags_set_status(struct flags *f, uint32_t eflags)
{
    bool zf = eflags & FLAG_ZF, cf = eflags & FLAG_CF;

    f->result = !zf; /* 1 has odd parity */
    f->mix = f->result ^ pack_carry(cf, eflags & FLAG_OF, eflags & FLAG_AF);
    f->mix |= (eflags & FLAG_SF ? FLIP_SF : 0) | (zf != !!(eflags & FLAG_PF) ? FLIP_PF : 0);
}

INLINE uint32_t flags_status(const struct flags *f)
{
    return (flag_cf(f) ? FLAG_CF : 0) | (flag_pf(f) ? FLAG_PF : 0) | (flag_af(f) ? FLAG_AF : 0) |
           (flag_zf(f) ? FLAG_ZF : 0) | (flag_sf(f) ? FLAG_SF : 0) | (flag_of(f) ? FLAG_OF : 0);
}

/* Put the carries of an operation of so many bits where flag_carries() has them. */
INLINE uint64_t place_carries(uint64_t carries, unsigned bits)
{
    return (carries << (32 - bits) & (CARRY_CF | CARRY_SIGN)) | (carries & CARRY_AF);
}

/* `wide` is a + b or a - b, and more than 32 bits wide. */
INLINE uint32_t flags_carry_out(struct flags *f, uint32_t a, uint32_t b, uint64_t wide, unsigned bits)
{
    if (bits == 32)
        *f = (struct flags){.result = wide, .mix = a ^ b};
    else
        flags_set(f, (uint32_t)wide, place_carries(a ^ b ^ wide, bits), bits);
    return truncate((uint32_t)wide, bits);
}

INLINE uint32_t flags_add(struct flags *f, uint32_t a, uint32_t b, unsigned carry, unsigned bits)
{
    return flags_carry_out(f, a, b, (uint64_t)a + b + carry, bits);
}

/* Does a - b leave the range of signed numbers of so many bits? */
INLINE bool overflows(uint32_t a, uint32_t b, unsigned bits)
{
    int8_t byte;
    int16_t word;
    return bits == 8 ? __builtin_sub_overflow((int8_t)a, (int8_t)b, &byte)
                     : __builtin_sub_overflow((int16_t)a, (int16_t)b, &word);
}

/* a - b - borrow: the carries are the borrows. A narrow difference that does not overflow has the flags of the same
 * difference of 32 bits: sign-extended numbers are in the same order, signed or not. */
INLINE uint32_t flags_subtract(struct flags *f, uint32_t a, uint32_t b, unsigned borrow, unsigned bits)
{
    if (bits < 32 && __builtin_constant_p(borrow) && borrow == 0 && likely(!overflows(a, b, bits))) {
        const uint32_t wide_a = (uint32_t)sign_extend(a, bits), wide_b = (uint32_t)sign_extend(b, bits);
        *f = (struct flags){.result = (uint64_t)wide_a - wide_b, .mix = wide_a ^ wide_b};
        return truncate(a - b, bits);
    }
    return flags_carry_out(f, a, b, (uint64_t)a - b - borrow, bits);
}

INLINE uint32_t flags_logic(struct flags *f, uint32_t value, unsigned bits)
{
    const uint64_t result = (uint32_t)sign_extend(value, bits);
    uint64_t mix = result;
    __asm__("" : "+r"(mix)); /* else gcc puts the two into a vector first, to store them by one instruction */
    *f = (struct flags){.result = result, .mix = mix};
    return truncate(value, bits);
}

INLINE void flags_set_carry(struct flags *f, bool cf, bool of)
{
    f->mix = (f->mix & (FLIP_SF | FLIP_PF)) | ((f->result & (CARRY_CF | UINT32_MAX)) ^ pack_carry(cf, of, flag_af(f)));
}

INLINE void flags_set_cf(struct flags *f, bool cf)
{
    flags_set_carry(f, cf, flag_of(f));
}

/* The condition codes in the order of their encoding (Intel SDM vol. 2, B.1.4.7). */
#define CONDITIONS(X) X(O) X(NO) X(B) X(AE) X(E) X(NE) X(BE) X(A) X(S) X(NS) X(P) X(NP) X(L) X(GE) X(LE) X(G)

enum condition {
#define X(name) CONDITION_##name,
    CONDITIONS(X)
#undef X
        CONDITION_COUNT
};

INLINE bool condition_holds(const struct flags *f, enum condition condition)
{
    bool holds = false;
    switch ((int)condition & ~1) {
    case CONDITION_O:
        holds = flag_of(f);
        break;
    case CONDITION_B:
        holds = flag_cf(f);
        break;
    case CONDITION_E:
        holds = flag_zf(f);
        break;
    case CONDITION_BE:
        holds = flag_cf(f) || flag_zf(f);
        break;
    case CONDITION_S:
        holds = flag_sf(f);
        break;
    case CONDITION_P:
        holds = flag_pf(f);
        break;
    case CONDITION_L:
        holds = flag_sf(f) != flag_of(f);
        break;
    case CONDITION_LE:
        holds = flag_zf(f) || flag_sf(f) != flag_of(f);
        break;
    }
    return holds ^ ((int)condition & 1);
}
