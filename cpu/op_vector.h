/* SPDX-License-Identifier: MIT
 *
 * Bodies: the operations of vector.h, on MMX registers (bits = 64) and XMM registers (128).
 */
#pragma once
#include "host_float.h"
#include "vector_integer.h"

/* d := f(d, s), of registers of a kind. */
INLINE void vector_operate(struct cpu *c, enum vector_file file, unsigned destination, const union xmm_register *s,
                           unsigned immediate, vector_fn *fn)
{
    union xmm_register d = vector_get(c, file, destination);
    fn(&d, s, file == FILE_MMX ? 8 : 16, immediate & 0xFF);
    if (file == FILE_MMX)
        mmx_enter(c);
    vector_put(c, file, destination, &d);
}

/* `bits`: 64 for MMX, 128 for XMM registers; `bytes`: of a memory operand. */
INLINE bool vector_apply(struct cpu *c, const struct op *op, bool memory, unsigned bits, unsigned bytes, vector_fn *fn)
{
    const enum vector_file file = bits == 64 ? FILE_MMX : FILE_XMM;
    union xmm_register s;

    if ((file == FILE_MMX && !mmx_ready(c)) || !vector_source(c, op, memory, file, bytes, &s))
        return false;
    vector_operate(c, file, op->destination, &s, op->immediate, fn);
    return true;
}

/* r/m := f(r/m, immediate) */
INLINE bool vector_shift(struct cpu *c, const struct op *op, unsigned bits, vector_fn *fn)
{
    static const union xmm_register none = {0};

    if (bits == 64 && !mmx_ready(c))
        return false;
    vector_operate(c, bits == 64 ? FILE_MMX : FILE_XMM, op->source, &none, op->immediate, fn);
    return true;
}

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
        union xmm_register s, *d = &c->fpu->xmm[op->destination];                                                      \
        const union xmm_register mask = c->fpu->xmm[0];                                                                \
        if (!vector_source(c, op, memory, FILE_XMM, 16, &s))                                                           \
            return false;                                                                                              \
        for (unsigned i = 0; i < 16 / sizeof(s.type[0]); i++)                                                          \
            d->type[i] = mask.sign[i] < 0 ? s.type[i] : d->type[i];                                                    \
        return true;                                                                                                   \
    }
VECTOR_BLENDS(X)
#undef X

/* Floating point: packed and scalar, single and double. Where the host's arithmetic cannot answer, that on integers
 * does. */
#define SSE_BODY(name, suffix, width, count)                                                                           \
    CUSTOM_BODY(name##suffix)                                                                                          \
    {                                                                                                                  \
        return sse_apply(c, op, memory, sse_##name, width, count);                                                     \
    }
#define SSE_HOST_BODY(name, suffix, width, count)                                                                      \
    CUSTOM_BODY(name##suffix)                                                                                          \
    {                                                                                                                  \
        const void *s = vector_in_place(c, op, memory, FILE_XMM, (count) == 1 ? (width) / 8 : 16);                     \
        union xmm_register *d = &c->fpu->xmm[op->destination];                                                         \
        if (DENALI_HOST_FLOAT && likely(s && host_##name(c->fpu->mxcsr, d, s, width, count, op->immediate)))           \
            return true;                                                                                               \
        return sse_apply(c, op, memory, sse_##name, width, count);                                                     \
    }
#define SSE_FOUR(X, name) X(name, PS, 32, 4) X(name, PD, 64, 2) X(name, SS, 32, 1) X(name, SD, 64, 1)
#define X(name)           SSE_FOUR(SSE_HOST_BODY, name)
SSE_HOST_OPERATIONS(X)
#undef X
#define X(name) SSE_FOUR(SSE_BODY, name)
SSE_OTHER_OPERATIONS(X)
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
#define SSE_HOST_CONVERSION(name, from, to, bytes)                                                                     \
    CUSTOM_BODY(name)                                                                                                  \
    {                                                                                                                  \
        const void *s = vector_in_place(c, op, memory, FILE_##from, bytes);                                            \
        union xmm_register d = vector_get(c, FILE_##to, op->destination);                                              \
        if (!DENALI_HOST_FLOAT || unlikely(!s || !host_##name(c->fpu->mxcsr, &d, s)))                                  \
            return sse_convert(c, op, memory, sse_##name, FILE_##from, FILE_##to, bytes);                              \
        vector_put(c, FILE_##to, op->destination, &d);                                                                 \
        return true;                                                                                                   \
    }
#define X(name, bytes) SSE_HOST_CONVERSION(name, XMM, XMM, bytes)
SSE_FORMATS(X)
SSE_ROUNDINGS(X)
#undef X
#define X(name, bytes) SSE_HOST_CONVERSION(name, GENERAL, XMM, bytes)
SSE_FROM_GENERAL(X)
#undef X
#define X(name, bytes) SSE_HOST_CONVERSION(name, XMM, GENERAL, bytes)
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
        const void *s = vector_in_place(c, op, memory, FILE_XMM, (width) / 8);                                         \
        int order;                                                                                                     \
        if (!DENALI_HOST_FLOAT || unlikely(!s || !host_order(&c->fpu->xmm[op->destination], s, width, &order)))        \
            return sse_compare(c, op, memory, width, quiet);                                                           \
        flags_set_status(&c->flags, order<0 ? FLAG_CF : order> 0 ? 0 : FLAG_ZF);                                       \
        return true;                                                                                                   \
    }
SSE_COMPARE(COMISS, 32, false)
SSE_COMPARE(COMISD, 64, false)
SSE_COMPARE(UCOMISS, 32, true)
SSE_COMPARE(UCOMISD, 64, true)

CUSTOM_BODY(PTEST)
{
    const union xmm_register *d = &c->fpu->xmm[op->destination];
    union xmm_register s;
    if (!vector_source(c, op, memory, FILE_XMM, 16, &s))
        return false;
    bool none = !((s.u64[0] & d->u64[0]) | (s.u64[1] & d->u64[1]));
    bool all = !((s.u64[0] & ~d->u64[0]) | (s.u64[1] & ~d->u64[1]));
    flags_set_status(&c->flags, (none ? FLAG_ZF : 0) | (all ? FLAG_CF : 0));
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
    struct string_operands o = {.first = &c->fpu->xmm[op->destination], .second = &s, .control = control};
    o.first_length =
        explicit_lengths ? string_length_explicit(c->slots[EAX], control) : string_length(o.first, control);
    o.second_length = explicit_lengths ? string_length_explicit(c->slots[EDX], control) : string_length(&s, control);
    *mask = string_compare(&o, &eflags);
    flags_set_status(&c->flags, eflags);
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
        c->fpu->xmm[0] = string_mask(mask, op->immediate);                                                             \
        return true;                                                                                                   \
    }
STRINGS(PCMPESTR, true)
STRINGS(PCMPISTR, false)

WRITE_BODY(POPCNT)
{
    uint32_t count = 0;
    flags_set_status(f, s ? 0 : FLAG_ZF);
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
