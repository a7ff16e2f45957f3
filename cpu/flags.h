/* SPDX-License-Identifier: MIT
 *
 * The status flags, computed when they are asked for. Instructions leave two words:
 *
 *   flag_result  the result, sign-extended to 64 bits. ZF: the low 32 bits are 0. SF: bit 63. PF: even parity of bits
 * 0-7 and 32-39 together; in a sign-extended result the latter are all equal and do not matter. flag_carry   the
 * carries into each bit of the operation: bit 32 = CF, bit 31 = the carry into the sign bit, so OF = bit 32 ^ bit 31;
 * bit 4 = AF. Other bits mean nothing.
 *
 * So every combination of flags can be represented, without a record of which operation it was.
 */
#pragma once
#include "core.h"

#define CARRY_CF   (UINT64_C(1) << 32)
#define CARRY_SIGN (UINT64_C(1) << 31)
#define CARRY_AF   UINT64_C(0x10)

INLINE int64_t sign_extend(uint32_t value, unsigned bits)
{
    return bits == 32 ? (int32_t)value : bits == 16 ? (int16_t)value : (int8_t)value;
}

INLINE uint32_t truncate(uint32_t value, unsigned bits)
{
    return bits == 32 ? value : value & ((1u << (bits & 31)) - 1);
}

INLINE bool flag_cf(const struct cpu *c)
{
    return c->flag_carry >> 32 & 1;
}

INLINE bool flag_of(const struct cpu *c)
{
    return (c->flag_carry >> 32 ^ c->flag_carry >> 31) & 1;
}

INLINE bool flag_af(const struct cpu *c)
{
    return c->flag_carry >> 4 & 1;
}

INLINE bool flag_zf(const struct cpu *c)
{
    return (uint32_t)c->flag_result == 0;
}

INLINE bool flag_sf(const struct cpu *c)
{
    return c->flag_result < 0;
}

INLINE bool result_pf(int64_t result)
{
    return !__builtin_parity((uint32_t)(result ^ result >> 32) & 0xFF);
}

INLINE bool flag_pf(const struct cpu *c)
{
    return result_pf(c->flag_result);
}

INLINE int64_t pack_result(uint32_t eflags)
{
    uint64_t low = eflags & FLAG_ZF ? 0 : 1;
    bool parity_as_is = result_pf((int64_t)low);
    bool parity_wanted = eflags & FLAG_PF;
    return (int64_t)(low | (uint64_t)(parity_as_is != parity_wanted) << 32 | (uint64_t) !!(eflags & FLAG_SF) << 63);
}

INLINE uint64_t pack_carry(bool cf, bool of, bool af)
{
    return (uint64_t)cf << 32 | (uint64_t)(cf != of) << 31 | (uint64_t)af << 4;
}

INLINE void flags_set_status(struct cpu *c, uint32_t eflags)
{
    c->flag_result = pack_result(eflags);
    c->flag_carry = pack_carry(eflags & FLAG_CF, eflags & FLAG_OF, eflags & FLAG_AF);
}

INLINE uint32_t flags_status(const struct cpu *c)
{
    return (flag_cf(c) ? FLAG_CF : 0) | (flag_pf(c) ? FLAG_PF : 0) | (flag_af(c) ? FLAG_AF : 0) |
           (flag_zf(c) ? FLAG_ZF : 0) | (flag_sf(c) ? FLAG_SF : 0) | (flag_of(c) ? FLAG_OF : 0);
}

/* Put the carries of an operation of so many bits where flag_carry has them. */
INLINE uint64_t place_carries(uint64_t carries, unsigned bits)
{
    if (bits == 32)
        return carries;
    return (carries << (32 - bits) & (CARRY_CF | CARRY_SIGN)) | (carries & CARRY_AF);
}

INLINE uint32_t flags_add(struct cpu *c, uint32_t a, uint32_t b, unsigned carry, unsigned bits)
{
    uint64_t sum = (uint64_t)a + b + carry;
    c->flag_carry = place_carries(a ^ b ^ sum, bits);
    c->flag_result = sign_extend((uint32_t)sum, bits);
    return truncate((uint32_t)sum, bits);
}

/* a - b - borrow: the carries are the borrows. */
INLINE uint32_t flags_subtract(struct cpu *c, uint32_t a, uint32_t b, unsigned borrow, unsigned bits)
{
    uint64_t difference = (uint64_t)a - b - borrow;
    c->flag_carry = place_carries(a ^ b ^ difference, bits);
    c->flag_result = sign_extend((uint32_t)difference, bits);
    return truncate((uint32_t)difference, bits);
}

INLINE uint32_t flags_logic(struct cpu *c, uint32_t value, unsigned bits)
{
    c->flag_carry = 0;
    c->flag_result = sign_extend(value, bits);
    return truncate(value, bits);
}

INLINE void flags_set_carry(struct cpu *c, bool cf, bool of)
{
    c->flag_carry = pack_carry(cf, of, flag_af(c));
}

INLINE void flags_set_cf(struct cpu *c, bool cf)
{
    flags_set_carry(c, cf, flag_of(c));
}

/* The condition codes in the order of their encoding (Intel SDM vol. 2, B.1.4.7). */
#define CONDITIONS(X) X(O) X(NO) X(B) X(AE) X(E) X(NE) X(BE) X(A) X(S) X(NS) X(P) X(NP) X(L) X(GE) X(LE) X(G)

enum condition {
#define X(name) CONDITION_##name,
    CONDITIONS(X)
#undef X
};

INLINE bool condition_holds(const struct cpu *c, enum condition condition)
{
    bool holds = false;
    switch ((int)condition & ~1) {
    case CONDITION_O:
        holds = flag_of(c);
        break;
    case CONDITION_B:
        holds = flag_cf(c);
        break;
    case CONDITION_E:
        holds = flag_zf(c);
        break;
    case CONDITION_BE:
        holds = flag_cf(c) || flag_zf(c);
        break;
    case CONDITION_S:
        holds = flag_sf(c);
        break;
    case CONDITION_P:
        holds = flag_pf(c);
        break;
    case CONDITION_L:
        holds = flag_sf(c) != flag_of(c);
        break;
    case CONDITION_LE:
        holds = flag_zf(c) || flag_sf(c) != flag_of(c);
        break;
    }
    return holds ^ ((int)condition & 1);
}
