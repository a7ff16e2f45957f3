/* SPDX-License-Identifier: MIT
 *
 * Bodies: shifts and rotates. The count is taken modulo 32; a count of 0 changes nothing, flags included. OF is defined
 * for a count of 1 only; for others ours is what the last of that many single shifts would leave. AF is cleared.
 */
#pragma once
#include "bodies.h"

#define COUNT_MASK 31

static inline uint32_t shift_result(struct flags *f, uint32_t result, bool cf, bool of, unsigned bits)
{
    flags_set(f, result, pack_carry(cf, of, false), bits);
    return result;
}

static inline bool bit_at(uint64_t value, unsigned number)
{
    return value >> number & 1;
}

MODIFY_BODY(SHL)
{
    unsigned count = s & COUNT_MASK;
    if (count == 0)
        return d;
    uint64_t wide = (uint64_t)d << count;
    bool cf = bit_at(wide, bits);
    return shift_result(f, (uint32_t)wide, cf, cf ^ bit_at(wide, bits - 1), bits);
}

MODIFY_BODY(SHR)
{
    unsigned count = s & COUNT_MASK;
    if (count == 0)
        return d;
    bool of = bit_at((uint64_t)d >> (count - 1), bits - 1);
    return shift_result(f, d >> count, bit_at(d, count - 1), of, bits);
}

MODIFY_BODY(SAR)
{
    unsigned count = s & COUNT_MASK;
    if (count == 0)
        return d;
    int64_t value = sign_extend(d, bits);
    return shift_result(f, (uint32_t)(value >> count), bit_at((uint64_t)value, count - 1), false, bits);
}

static inline uint32_t rotate_left(uint32_t value, unsigned count, unsigned bits)
{
    count %= bits;
    return count == 0 ? value : truncate(value << count | value >> (bits - count), bits);
}

MODIFY_BODY(ROL)
{
    if ((s & COUNT_MASK) == 0)
        return d;
    uint32_t result = rotate_left(d, s & COUNT_MASK, bits);
    bool cf = result & 1;
    flags_set_carry(f, cf, cf ^ bit_at(result, bits - 1));
    return result;
}

MODIFY_BODY(ROR)
{
    if ((s & COUNT_MASK) == 0)
        return d;
    uint32_t result = rotate_left(d, bits - (s & COUNT_MASK) % bits, bits);
    bool cf = bit_at(result, bits - 1);
    flags_set_carry(f, cf, cf ^ bit_at(result, bits - 2));
    return result;
}

/* RCL and RCR rotate bits + 1 bits: CF is the top one. */
static inline uint32_t rotate_through_carry(struct flags *f, uint32_t d, unsigned left, unsigned bits)
{
    uint64_t ring = (uint64_t)flag_cf(f) << bits | d;
    uint64_t rotated = ring << left | ring >> (bits + 1 - left);
    bool cf = bit_at(rotated, bits);
    uint32_t result = truncate((uint32_t)rotated, bits);
    flags_set_carry(f, cf, cf ^ bit_at(result, bits - 1));
    return result;
}

MODIFY_BODY(RCL)
{
    unsigned count = (s & COUNT_MASK) % (bits + 1);
    return count == 0 ? d : rotate_through_carry(f, d, count, bits);
}

MODIFY_BODY(RCR)
{
    unsigned count = (s & COUNT_MASK) % (bits + 1);
    if (count == 0)
        return d;
    uint32_t result = rotate_through_carry(f, d, bits + 1 - count, bits);
    flags_set_carry(f, flag_cf(f), bit_at(result, bits - 1) ^ bit_at(result, bits - 2));
    return result;
}

/* With 16-bit operands a count above 16 is undefined; ours shifts in the destination's own bits again, as if the pair
 * were d:s:d. */
static inline uint32_t shift_left_double(struct flags *f, uint32_t d, uint32_t s, unsigned count, unsigned bits)
{
    if (count == 0)
        return d;
    uint64_t pair = bits == 32 ? (uint64_t)d << 32 | s : (uint64_t)d << 32 | s << 16 | d;
    bool cf = bit_at(pair, 64 - (bits == 32 ? count : count + 16));
    uint64_t shifted = pair << count;
    uint32_t result = bits == 32 ? (uint32_t)(shifted >> 32) : (uint32_t)(shifted >> 32) & 0xFFFF;
    return shift_result(f, result, cf, cf ^ bit_at(result, bits - 1), bits);
}

static inline uint32_t shift_right_double(struct flags *f, uint32_t d, uint32_t s, unsigned count, unsigned bits)
{
    if (count == 0)
        return d;
    uint64_t pair = bits == 32 ? (uint64_t)s << 32 | d : (uint64_t)d << 32 | s << 16 | d;
    uint32_t result = truncate((uint32_t)(pair >> count), bits);
    return shift_result(f, result, bit_at(pair, count - 1), bit_at(result, bits - 1) ^ bit_at(result, bits - 2), bits);
}

MODIFY_BODY(SHLD)
{
    return shift_left_double(f, d, s, op->immediate & COUNT_MASK, bits);
}

MODIFY_BODY(SHLD_CL)
{
    return shift_left_double(f, d, s, c->slots[ECX] & COUNT_MASK, bits);
}

MODIFY_BODY(SHRD)
{
    return shift_right_double(f, d, s, op->immediate & COUNT_MASK, bits);
}

MODIFY_BODY(SHRD_CL)
{
    return shift_right_double(f, d, s, c->slots[ECX] & COUNT_MASK, bits);
}
