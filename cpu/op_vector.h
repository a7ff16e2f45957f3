/* SPDX-License-Identifier: MIT
 *
 * Bodies: the operations of vector.h, on MMX registers (bits = 64) and XMM registers (128).
 */
#pragma once
#include "bodies.h"
#include "vector.h"

#define X(name)                                                                                                        \
    CUSTOM_BODY(name)                                                                                                  \
    {                                                                                                                  \
        return vector_apply(c, op, memory, bits, bits / 8, vector_##name);                                             \
    }
VECTOR_OPERATIONS(X)
VECTOR_SHIFTS(X)
#undef X

#define X(name, operation)                                                                                             \
    CUSTOM_BODY(name)                                                                                                  \
    {                                                                                                                  \
        return vector_apply(c, op, memory, bits, bits / 8, vector_##operation);                                        \
    }
VECTOR_ALIASES_PS(X)
VECTOR_ALIASES_PD(X)
VECTOR_ALIASES_LOW(X)
VECTOR_ALIASES_HIGH(X)
#undef X

#define X(name)                                                                                                        \
    CUSTOM_BODY(name)                                                                                                  \
    {                                                                                                                  \
        return vector_apply(c, op, memory, bits, bits == 64 ? 4 : 16, vector_##name);                                  \
    }
VECTOR_UNPACK_LOW(X)
#undef X

#define X(name)                                                                                                        \
    CUSTOM_BODY(name##_I)                                                                                              \
    {                                                                                                                  \
        return vector_shift(c, op, bits, vector_##name##_I);                                                           \
    }
VECTOR_SHIFTS(X)
VECTOR_BYTE_SHIFTS(X)
#undef X

#define X(name, bytes)                                                                                                 \
    CUSTOM_BODY(name)                                                                                                  \
    {                                                                                                                  \
        return vector_apply(c, op, memory, bits, bytes, vector_##name);                                                \
    }
VECTOR_DUPLICATE(X)
VECTOR_SIGNED(X)
VECTOR_ZEROED(X)
#undef X

#define X(name, type, sign)                                                                                            \
    CUSTOM_BODY(name)                                                                                                  \
    {                                                                                                                  \
        union xmm_register s, *d = &c->fpu.xmm[op->destination];                                                       \
        const union xmm_register mask = c->fpu.xmm[0];                                                                 \
        if (!vector_source(c, op, memory, FILE_XMM, 16, &s))                                                           \
            return false;                                                                                              \
        for (unsigned i = 0; i < 16 / sizeof(s.type[0]); i++)                                                          \
            d->type[i] = mask.sign[i] < 0 ? s.type[i] : d->type[i];                                                    \
        return true;                                                                                                   \
    }
VECTOR_BLENDS(X)
#undef X

/* Floating point: packed and scalar, single and double. */
#define SSE_BODY(name, suffix, width, count)                                                                           \
    CUSTOM_BODY(name##suffix)                                                                                          \
    {                                                                                                                  \
        return sse_apply(c, op, memory, sse_##name, width, count);                                                     \
    }
#define X(name) SSE_BODY(name, PS, 32, 4) SSE_BODY(name, PD, 64, 2) SSE_BODY(name, SS, 32, 1) SSE_BODY(name, SD, 64, 1)
SSE_OPERATIONS(X)
#undef X
#define X(name) SSE_BODY(name, PS, 32, 4) SSE_BODY(name, SS, 32, 1)
SSE_ESTIMATES(X)
#undef X
#define X(name) SSE_BODY(name, PS, 32, 4) SSE_BODY(name, PD, 64, 2)
SSE_PACKED(X)
#undef X

#define SSE_CONVERSION(name, from, to, bytes)                                                                          \
    CUSTOM_BODY(name)                                                                                                  \
    {                                                                                                                  \
        return sse_convert(c, op, memory, sse_##name, FILE_##from, FILE_##to, bytes);                                  \
    }
#define X(name, bytes) SSE_CONVERSION(name, XMM, XMM, bytes)
SSE_FORMATS(X)
SSE_ROUNDINGS(X)
#undef X
#define X(name, bytes) SSE_CONVERSION(name, GENERAL, XMM, bytes)
SSE_FROM_GENERAL(X)
#undef X
#define X(name, bytes) SSE_CONVERSION(name, XMM, GENERAL, bytes)
SSE_TO_GENERAL(X)
#undef X
#define X(name, bytes) SSE_CONVERSION(name, MMX, XMM, bytes)
SSE_FROM_MMX(X)
#undef X
#define X(name, bytes) SSE_CONVERSION(name, XMM, MMX, bytes)
SSE_TO_MMX(X)
#undef X

#define SSE_COMPARE(name, width, quiet)                                                                                \
    CUSTOM_BODY(name)                                                                                                  \
    {                                                                                                                  \
        return sse_compare(c, op, memory, width, quiet);                                                               \
    }
SSE_COMPARE(COMISS, 32, false)
SSE_COMPARE(COMISD, 64, false)
SSE_COMPARE(UCOMISS, 32, true)
SSE_COMPARE(UCOMISD, 64, true)

CUSTOM_BODY(PTEST)
{
    const union xmm_register *d = &c->fpu.xmm[op->destination];
    union xmm_register s;
    if (!vector_source(c, op, memory, FILE_XMM, 16, &s))
        return false;
    bool none = !((s.u64[0] & d->u64[0]) | (s.u64[1] & d->u64[1]));
    bool all = !((s.u64[0] & ~d->u64[0]) | (s.u64[1] & ~d->u64[1]));
    flags_set_status(c, (none ? FLAG_ZF : 0) | (all ? FLAG_CF : 0));
    return true;
}

/* SSE4.2: a result of string_compare(), as an index or a mask. */
INLINE bool compare_strings(struct cpu *c, const struct op *op, bool memory, bool explicit_lengths, uint32_t *mask)
{
    const unsigned control = op->immediate & 0xFF;
    union xmm_register s;
    uint32_t eflags;

    if (!(memory ? vector_load(c, address_of(c, op), &s, 16) : vector_source(c, op, false, FILE_XMM, 16, &s)))
        return false;
    struct string_operands o = {.first = &c->fpu.xmm[op->destination], .second = &s, .control = control};
    o.first_length =
        explicit_lengths ? string_length_explicit(c->slots[EAX], control) : string_length(o.first, control);
    o.second_length = explicit_lengths ? string_length_explicit(c->slots[EDX], control) : string_length(&s, control);
    *mask = string_compare(&o, &eflags);
    flags_set_status(c, eflags);
    return true;
}

#define STRINGS(name, explicit_lengths)                                                                                \
    CUSTOM_BODY(name##I)                                                                                               \
    {                                                                                                                  \
        uint32_t mask;                                                                                                 \
        if (!compare_strings(c, op, memory, explicit_lengths, &mask))                                                  \
            return false;                                                                                              \
        c->slots[ECX] = string_index(mask, op->immediate);                                                             \
        return true;                                                                                                   \
    }                                                                                                                  \
    CUSTOM_BODY(name##M)                                                                                               \
    {                                                                                                                  \
        uint32_t mask;                                                                                                 \
        if (!compare_strings(c, op, memory, explicit_lengths, &mask))                                                  \
            return false;                                                                                              \
        c->fpu.xmm[0] = string_mask(mask, op->immediate);                                                              \
        return true;                                                                                                   \
    }
STRINGS(PCMPESTR, true)
STRINGS(PCMPISTR, false)

WRITE_BODY(POPCNT)
{
    uint32_t count = 0;
    flags_set_status(c, s ? 0 : FLAG_ZF);
    for (uint32_t left = s; left; left &= left - 1)
        count++;
    return count;
}

/* The destination has 32 bits whatever the operand size. */
INLINE bool crc32(struct cpu *c, const struct op *op, uint32_t s, unsigned bits)
{
    slot_put(c, op->destination, crc32c(slot_get(c, op->destination, 32), s, bits), 32);
    return true;
}

READ_BODY(CRC32_B)
{
    (void)d;
    return crc32(c, op, s, 8);
}

READ_BODY(CRC32)
{
    (void)d;
    return crc32(c, op, s, bits);
}
