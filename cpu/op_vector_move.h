/* SPDX-License-Identifier: MIT
 *
 * Bodies: moves of MMX and XMM registers and their parts, and the state of the unit.
 */
#pragma once
#include "bodies.h"
#include "vector.h"

/* By halves, in general registers: the last instruction may have written one alone, and processors take long to read
 * back as one what was written in parts. */
INLINE void register_copy(union xmm_register *to, const union xmm_register *from)
{
    uint64_t low = from->u64[0], high = from->u64[1];
    __asm__("" : "+r"(low), "+r"(high));
    to->u64[0] = low;
    to->u64[1] = high;
}

/* To a register from another of its kind or from memory, and back. */
INLINE bool move_in(struct cpu *c, const struct op *op, bool memory, bool aligned)
{
    if (!memory) {
        register_copy(&c->fpu->xmm[op->destination], &c->fpu->xmm[op->source]);
        return true;
    }
    uint32_t address = address_of(c, op);
    return (!aligned || vector_is_aligned(c, address)) && vector_load(c, address, &c->fpu->xmm[op->destination], 16);
}

INLINE bool move_out(struct cpu *c, const struct op *op, bool memory, bool aligned)
{
    if (!memory) {
        register_copy(&c->fpu->xmm[op->source], &c->fpu->xmm[op->destination]);
        return true;
    }
    uint32_t address = address_of(c, op);
    return (!aligned || vector_is_aligned(c, address)) && vector_store(c, address, &c->fpu->xmm[op->destination], 16);
}

CUSTOM_BODY(MOVA)
{
    return move_in(c, op, memory, true);
}

CUSTOM_BODY(MOVA_STORE)
{
    return move_out(c, op, memory, true);
}

CUSTOM_BODY(MOVU)
{
    return move_in(c, op, memory, false);
}

CUSTOM_BODY(MOVU_STORE)
{
    return move_out(c, op, memory, false);
}

/* The lowest element: from memory the rest becomes zero, from a register it stays. */
INLINE bool move_scalar(struct cpu *c, const struct op *op, bool memory, unsigned bytes)
{
    union xmm_register *d = &c->fpu->xmm[op->destination];
    if (!memory) {
        memmove(d, &c->fpu->xmm[op->source], bytes);
        return true;
    }
    uint64_t element = 0;
    if (!vector_load(c, address_of(c, op), &element, bytes))
        return false;
    vector_set(d, element, 0);
    return true;
}

INLINE bool move_scalar_out(struct cpu *c, const struct op *op, bool memory, unsigned bytes)
{
    const union xmm_register *d = &c->fpu->xmm[op->destination];
    if (memory)
        return vector_store(c, address_of(c, op), d, bytes);
    memmove(&c->fpu->xmm[op->source], d, bytes);
    return true;
}

CUSTOM_BODY(MOVSS)
{
    return move_scalar(c, op, memory, 4);
}

CUSTOM_BODY(MOVSS_STORE)
{
    return move_scalar_out(c, op, memory, 4);
}

CUSTOM_BODY(MOVSD)
{
    return move_scalar(c, op, memory, 8);
}

CUSTOM_BODY(MOVSD_STORE)
{
    return move_scalar_out(c, op, memory, 8);
}

/* A half, from memory; from the other half of a register (MOVHLPS, MOVLHPS). */
CUSTOM_BODY(MOVLP)
{
    union xmm_register *d = &c->fpu->xmm[op->destination];
    if (memory)
        return vector_load(c, address_of(c, op), &d->u64[0], 8);
    d->u64[0] = c->fpu->xmm[op->source].u64[1];
    return true;
}

CUSTOM_BODY(MOVHP)
{
    union xmm_register *d = &c->fpu->xmm[op->destination];
    if (memory)
        return vector_load(c, address_of(c, op), &d->u64[1], 8);
    d->u64[1] = c->fpu->xmm[op->source].u64[0];
    return true;
}

CUSTOM_BODY(MOVLP_STORE)
{
    return vector_store(c, address_of(c, op), &c->fpu->xmm[op->destination].u64[0], 8);
}

CUSTOM_BODY(MOVHP_STORE)
{
    return vector_store(c, address_of(c, op), &c->fpu->xmm[op->destination].u64[1], 8);
}

/* Between MMX or XMM (bits = 64, 128) and general registers or memory, 32 bits. */
INLINE enum vector_file file_of(unsigned bits)
{
    return bits == 64 ? FILE_MMX : FILE_XMM;
}

INLINE bool mmx_ready_if(struct cpu *c, unsigned bits)
{
    return bits != 64 || mmx_ready(c);
}

INLINE void mmx_enter_if(struct cpu *c, unsigned bits)
{
    if (bits == 64)
        mmx_enter(c);
}

CUSTOM_BODY(MOVD)
{
    union xmm_register s;
    if (!mmx_ready_if(c, bits) || !vector_source(c, op, memory, FILE_GENERAL, 4, &s))
        return false;
    mmx_enter_if(c, bits);
    vector_put(c, file_of(bits), op->destination, &s);
    return true;
}

CUSTOM_BODY(MOVD_STORE)
{
    if (!mmx_ready_if(c, bits))
        return false;
    union xmm_register s = vector_get(c, file_of(bits), op->destination);
    if (memory ? !vector_store(c, address_of(c, op), &s, 4) : (vector_put(c, FILE_GENERAL, op->source, &s), false))
        return false;
    mmx_enter_if(c, bits);
    return true;
}

/* 64 bits; the upper half of an XMM register becomes zero. */
CUSTOM_BODY(MOVQ)
{
    union xmm_register s;
    if (!mmx_ready_if(c, bits) || !vector_source(c, op, memory, file_of(bits), 8, &s))
        return false;
    mmx_enter_if(c, bits);
    s.u64[1] = 0;
    vector_put(c, file_of(bits), op->destination, &s);
    return true;
}

CUSTOM_BODY(MOVQ_STORE)
{
    if (!mmx_ready_if(c, bits))
        return false;
    union xmm_register s = vector_get(c, file_of(bits), op->destination);
    s.u64[1] = 0;
    if (memory && !vector_store(c, address_of(c, op), &s, 8))
        return false;
    mmx_enter_if(c, bits);
    if (!memory)
        vector_put(c, file_of(bits), op->source, &s);
    return true;
}

INLINE bool move_between(struct cpu *c, const struct op *op, enum vector_file from, enum vector_file to)
{
    if (!mmx_ready(c))
        return false;
    mmx_enter(c);
    union xmm_register s = vector_get(c, from, op->source);
    s.u64[1] = 0;
    vector_put(c, to, op->destination, &s);
    return true;
}

CUSTOM_BODY(MOVQ2DQ)
{
    return move_between(c, op, FILE_MMX, FILE_XMM);
}

CUSTOM_BODY(MOVDQ2Q)
{
    return move_between(c, op, FILE_XMM, FILE_MMX);
}

CUSTOM_BODY(MOVNTI)
{
    return vector_store(c, address_of(c, op), &c->slots[op->destination], 4);
}

CUSTOM_BODY(MASKMOV)
{
    return vector_masked_store(c, op, bits);
}

/* A general register := the sign bits of the elements. */
#define SIGNS(name, type)                                                                                              \
    CUSTOM_BODY(name)                                                                                                  \
    {                                                                                                                  \
        if (!mmx_ready_if(c, bits))                                                                                    \
            return false;                                                                                              \
        union xmm_register s = vector_get(c, file_of(bits), op->source);                                               \
        uint32_t signs = 0;                                                                                            \
        for (unsigned i = 0; i < bits / 8 / sizeof(s.type[0]); i++)                                                    \
            signs |= (uint32_t)(s.type[i] < 0) << i;                                                                   \
        mmx_enter_if(c, bits);                                                                                         \
        c->slots[op->destination] = signs;                                                                             \
        return true;                                                                                                   \
    }
SIGNS(PMOVMSKB, s8)
SIGNS(MOVMSKPS, s32)
SIGNS(MOVMSKPD, s64)

/* One element, from and to general registers or memory. */
INLINE unsigned element_number(const struct op *op, unsigned bits, unsigned bytes)
{
    return op->immediate % (bits / 8 / bytes);
}

INLINE bool insert(struct cpu *c, const struct op *op, bool memory, unsigned bits, unsigned bytes)
{
    union xmm_register s;
    if (!mmx_ready_if(c, bits) || !vector_source(c, op, memory, FILE_GENERAL, bytes, &s))
        return false;
    mmx_enter_if(c, bits);
    union xmm_register d = vector_get(c, file_of(bits), op->destination);
    memcpy(&d.u8[element_number(op, bits, bytes) * bytes], &s, bytes);
    vector_put(c, file_of(bits), op->destination, &d);
    return true;
}

CUSTOM_BODY(PINSRB)
{
    return insert(c, op, memory, bits, 1);
}

CUSTOM_BODY(PINSRW)
{
    return insert(c, op, memory, bits, 2);
}

CUSTOM_BODY(PINSRD)
{
    return insert(c, op, memory, bits, 4);
}

/* `from` is the vector register, `to` the general one. */
INLINE bool extract(struct cpu *c, const struct op *op, bool memory, unsigned bits, unsigned bytes, unsigned from,
                    unsigned to)
{
    if (!mmx_ready_if(c, bits))
        return false;
    union xmm_register s = vector_get(c, file_of(bits), from);
    uint32_t value = bytes_get(&s.u8[element_number(op, bits, bytes) * bytes], bytes);
    if (memory)
        return vector_store(c, address_of(c, op), &value, bytes);
    mmx_enter_if(c, bits);
    c->slots[to] = value;
    return true;
}

CUSTOM_BODY(PEXTRW)
{
    return extract(c, op, false, bits, 2, op->source, op->destination);
}

CUSTOM_BODY(PEXTRB_STORE)
{
    return extract(c, op, memory, bits, 1, op->destination, op->source);
}

CUSTOM_BODY(PEXTRW_STORE)
{
    return extract(c, op, memory, bits, 2, op->destination, op->source);
}

CUSTOM_BODY(PEXTRD_STORE)
{
    return extract(c, op, memory, bits, 4, op->destination, op->source);
}

/* SDM vol. 2, INSERTPS: which element of s (of memory there is one), to where, and which become zero. */
CUSTOM_BODY(INSERTPS)
{
    union xmm_register s, *d = &c->fpu->xmm[op->destination];
    if (!vector_source(c, op, memory, FILE_XMM, 4, &s))
        return false;
    d->u32[op->immediate >> 4 & 3] = s.u32[memory ? 0 : op->immediate >> 6 & 3];
    for (unsigned i = 0; i < 4; i++)
        if (op->immediate >> i & 1)
            d->u32[i] = 0;
    return true;
}

CUSTOM_BODY(EMMS)
{
    if (!mmx_ready(c))
        return false;
    mmx_enter(c);
    c->fpu->full = 0;
    return true;
}

CUSTOM_BODY(LDMXCSR)
{
    uint64_t value = load(c, address_of(c, op), 4);
    return !(value & LOAD_FAILED) && mxcsr_load(c, (uint32_t)value);
}

CUSTOM_BODY(STMXCSR)
{
    return store(c, address_of(c, op), c->fpu->mxcsr, 4);
}

CUSTOM_BODY(FXSAVE)
{
    return fx_save(c, address_of(c, op));
}

CUSTOM_BODY(FXRSTOR)
{
    return fx_restore(c, address_of(c, op));
}

/* There is no cache to flush; but memory must be there, as for a load. With a register it is SFENCE. */
CUSTOM_BODY(CLFLUSH)
{
    return !memory || !(load(c, address_of(c, op), 1) & LOAD_FAILED);
}

CUSTOM_BODY(FENCE)
{
    return true;
}
