/* SPDX-License-Identifier: MIT
 *
 * MMX and SSE: operands, and the operations on them. An operation is a function of pointers to its operands, those on
 * integers inline (vector_integer.h); a body (op_vector.h) says where the operands come from. MMX registers use the
 * lower half of a union xmm_register, so most operations exist once for both.
 *
 * Memory operands of 16 bytes must be aligned, where not stated otherwise: exception 13 (Intel SDM vol. 1, 11.9).
 */
#pragma once
#include "bodies.h"
#include "real.h"

enum vector_file { FILE_GENERAL, FILE_MMX, FILE_XMM };

/* MXCSR (SDM vol. 1, 10.2.3), taken apart for one instruction on `count` elements of `bits` each. */
struct sse {
    struct real_context real;
    bool denormals_are_zero;
    bool host;       /* host_may_round() */
    uint8_t settled; /* flags to be set in MXCSR */
    uint8_t bits, count, immediate;
};

/* d := f(d, s); what is raised goes into sse.real. */
typedef void sse_fn(struct sse *, union xmm_register *d, const union xmm_register *s);

enum mxcsr {
    MXCSR_FLAGS = 0x3F,
    MXCSR_DAZ = 1 << 6,
    MXCSR_MASKS_SHIFT = 7,
    MXCSR_ROUNDING_SHIFT = 13,
    MXCSR_FTZ = 1 << 15,
    MXCSR_VALID = 0xFFFF, /* other bits are reserved: exception 13 */
};

/* Operands. False: cpu.stop tells why, nothing has changed. */
bool vector_load_slow(struct cpu *, uint32_t address, void *to, unsigned bytes);
bool vector_store_slow(struct cpu *, uint32_t address, const void *from, unsigned bytes);

INLINE bool vector_load(struct cpu *c, uint32_t address, void *to, unsigned bytes)
{
    const struct tlb_entry *entry = tlb_entry(c, address);
    if (unlikely(entry->read_key != tlb_key(c, address + (bytes - 1))))
        return vector_load_slow(c, address, to, bytes);
    memcpy(to, (const uint8_t *)(entry->offset + address), bytes);
    return true;
}

/* All of it or nothing. */
INLINE bool vector_store(struct cpu *c, uint32_t address, const void *from, unsigned bytes)
{
    const struct tlb_entry *entry = tlb_entry(c, address);
    if (unlikely(entry->write_key != tlb_key(c, address + (bytes - 1))))
        return vector_store_slow(c, address, from, bytes);
    memcpy((uint8_t *)(entry->offset + address), from, bytes);
    return true;
}

INLINE bool vector_is_aligned(struct cpu *c, uint32_t address)
{
    return likely(address % 16 == 0) || fault(c, DENALI_EXC_PROTECTION, 0);
}

INLINE union xmm_register vector_get(const struct cpu *c, enum vector_file file, unsigned number)
{
    if (file == FILE_XMM)
        return c->fpu->xmm[number];
    return (union xmm_register){.u64 = {file == FILE_MMX ? c->fpu->registers[number].significand : c->slots[number]}};
}

INLINE void vector_put(struct cpu *c, enum vector_file file, unsigned number, const union xmm_register *value)
{
    if (file == FILE_XMM)
        c->fpu->xmm[number] = *value;
    else if (file == FILE_MMX)
        c->fpu->registers[number] = (struct x87_register){.significand = value->u64[0], .sign_exponent = 0xFFFF};
    else
        c->slots[number] = value->u32[0];
}

/* Both halves in one piece, so that they can be read back as one. */
INLINE void vector_set(union xmm_register *to, uint64_t low, uint64_t high)
{
    typedef uint64_t halves __attribute__((vector_size(16)));
    const halves value = {low, high};
    memcpy(to, &value, sizeof(value));
}

/* The r/m operand; of memory only `bytes`, the rest zero. */
INLINE bool vector_source(struct cpu *c, const struct op *op, bool memory, enum vector_file file, unsigned bytes,
                          union xmm_register *s)
{
    if (!memory) {
        *s = vector_get(c, file, op->source);
        return true;
    }
    uint32_t address = address_of(c, op);
    uint64_t low = 0;
    if (bytes == 16)
        return vector_is_aligned(c, address) && vector_load(c, address, s, 16);
    if (!vector_load(c, address, &low, bytes % 16)) /* compilers that do not optimise see 16 come here */
        return false;
    vector_set(s, low, 0);
    return true;
}

/* Where an operand lies, to read and to write; NULL: it must be asked for. */
INLINE const void *vector_readable(struct cpu *c, uint32_t address, unsigned bytes)
{
    const struct tlb_entry *entry = tlb_entry(c, address);
    if (unlikely(entry->read_key != tlb_key(c, address + (bytes - 1))))
        return NULL;
    return (const void *)(entry->offset + address);
}

INLINE void *vector_writable(struct cpu *c, uint32_t address, unsigned bytes)
{
    const struct tlb_entry *entry = tlb_entry(c, address);
    if (unlikely(entry->write_key != tlb_key(c, address + (bytes - 1))))
        return NULL;
    return (void *)(entry->offset + address);
}

/* The same for the r/m operand. */
INLINE const void *vector_in_place(struct cpu *c, const struct op *op, bool memory, enum vector_file file,
                                   unsigned bytes)
{
    if (!memory)
        return file == FILE_XMM ? (const void *)&c->fpu->xmm[op->source] : (const void *)&c->slots[op->source];
    uint32_t address = address_of(c, op);
    return bytes == 16 && unlikely(address % 16) ? NULL : vector_readable(c, address, bytes);
}

/* Before an MMX instruction: exception 16 if an x87 exception is pending (SDM vol. 1, 9.6.3). */
INLINE bool mmx_ready(struct cpu *c)
{
    enum { ERROR_SUMMARY = 1 << 7 };
    return likely(!(c->fpu->status & ERROR_SUMMARY)) || fault(c, DENALI_EXC_X87, 0);
}

/* MMX instructions make all registers valid and the top of stack 0 (SDM vol. 1, 9.5.1). */
INLINE void mmx_enter(struct cpu *c)
{
    enum { TOP = 7 << 11 };
    c->fpu->status &= (uint16_t)~TOP;
    c->fpu->full = 0xFF;
}

/* Instructions. False as above. `bits`: 64 for MMX, 128 for XMM registers; `bytes`: of a memory operand. */
bool sse_apply(struct cpu *, const struct op *, bool memory, sse_fn *fn, unsigned bits, unsigned count);
bool sse_convert(struct cpu *, const struct op *, bool memory, sse_fn *fn, enum vector_file from, enum vector_file to,
                 unsigned bytes);
/* Sets EFLAGS by comparing the lowest elements; `quiet`: INVALID for signaling NaNs only. */
bool sse_compare(struct cpu *, const struct op *, bool memory, unsigned bits, bool quiet);
bool vector_masked_store(struct cpu *, const struct op *, unsigned bits);
bool mxcsr_load(struct cpu *, uint32_t value);
/* SDM vol. 1, table 10-2. */
bool fx_save(struct cpu *, uint32_t address);
bool fx_restore(struct cpu *, uint32_t address);
/* The end of a step: what was raised in it is settled, and looked for anew. An unmasked exception that operands have
 * keeps those that results have from being looked for in the step (SDM vol. 1, 11.5.2). False: one is unmasked, so
 * there is no next step. */
bool sse_settle(struct sse *);
/* -1, 0, 1; 2 = unordered. */
int sse_order(struct sse *, uint64_t a, uint64_t b, bool quiet);

/* PCMPxSTRx (SDM vol. 2, 4.1): the mask, and EFLAGS. */
struct string_operands {
    const union xmm_register *first, *second;
    unsigned first_length, second_length; /* in elements */
    unsigned control;                     /* the immediate */
};
unsigned string_length(const union xmm_register *, unsigned control);      /* up to the first zero */
unsigned string_length_explicit(uint32_t length, unsigned control);        /* its absolute value, at most all */
uint32_t string_compare(const struct string_operands *, uint32_t *eflags); /* one bit per element */
uint32_t string_index(uint32_t mask, unsigned control);                    /* of its lowest or highest bit */
union xmm_register string_mask(uint32_t mask, unsigned control);           /* as bits or elements */
uint32_t crc32c(uint32_t crc, uint32_t value, unsigned bits);

/* On MMX and XMM registers alike, and some on XMM only. */
#define VECTOR_SUMS(X)       X(PADDB) X(PADDW) X(PADDD) X(PADDQ) X(PSUBB) X(PSUBW) X(PSUBD) X(PSUBQ)
#define VECTOR_SATURATING(X) X(PADDSB) X(PADDSW) X(PADDUSB) X(PADDUSW) X(PSUBSB) X(PSUBSW) X(PSUBUSB) X(PSUBUSW)
#define VECTOR_PRODUCTS(X)   X(PMULLW) X(PMULHW) X(PMULHUW) X(PMULHRSW) X(PMULUDQ) X(PMULDQ) X(PMULLD)
#define VECTOR_PAIRS(X)      X(PMADDWD) X(PMADDUBSW) X(PHADDW) X(PHADDD) X(PHADDSW) X(PHSUBW) X(PHSUBD) X(PHSUBSW)
#define VECTOR_BITS(X)       X(PAND) X(PANDN) X(POR) X(PXOR)
#define VECTOR_EQUAL(X)      X(PCMPEQB) X(PCMPEQW) X(PCMPEQD) X(PCMPEQQ)
#define VECTOR_GREATER(X)    X(PCMPGTB) X(PCMPGTW) X(PCMPGTD) X(PCMPGTQ)
#define VECTOR_LEAST(X)      X(PMINUB) X(PMINSB) X(PMINUW) X(PMINSW) X(PMINUD) X(PMINSD) X(PHMINPOSUW)
#define VECTOR_MOST(X)       X(PMAXUB) X(PMAXSB) X(PMAXUW) X(PMAXSW) X(PMAXUD) X(PMAXSD)
#define VECTOR_SIZES(X)      X(PAVGB) X(PAVGW) X(PABSB) X(PABSW) X(PABSD) X(PSIGNB) X(PSIGNW) X(PSIGND)
#define VECTOR_SADS(X)       X(PSADBW) X(MPSADBW)
#define VECTOR_PACKS(X)      X(PACKSSWB) X(PACKSSDW) X(PACKUSWB) X(PACKUSDW)
#define VECTOR_UNPACK(X)     X(PUNPCKHBW) X(PUNPCKHWD) X(PUNPCKHDQ) X(PUNPCKHQDQ)
#define VECTOR_SHUFFLES(X)   X(PSHUFB) X(PSHUFW) X(PSHUFD) X(PSHUFLW) X(PSHUFHW) X(SHUFPS) X(SHUFPD) X(PALIGNR)
#define VECTOR_CHOICES(X)    X(PBLENDW) X(BLENDPS) X(BLENDPD) X(MOVSLDUP) X(MOVSHDUP)
#define VECTOR_ARITHMETIC(X) VECTOR_SUMS(X) VECTOR_SATURATING(X) VECTOR_PRODUCTS(X) VECTOR_PAIRS(X) VECTOR_SIZES(X)
#define VECTOR_COMPARES(X)   VECTOR_EQUAL(X) VECTOR_GREATER(X) VECTOR_LEAST(X) VECTOR_MOST(X)
#define VECTOR_MOVES(X)      VECTOR_PACKS(X) VECTOR_UNPACK(X) VECTOR_SHUFFLES(X) VECTOR_CHOICES(X)
#define VECTOR_OPERATIONS(X) VECTOR_ARITHMETIC(X) VECTOR_BITS(X) VECTOR_COMPARES(X) VECTOR_MOVES(X) VECTOR_SADS(X)

/* Of a memory operand, MMX forms read only the half that is used. */
#define VECTOR_UNPACK_LOW(X) X(PUNPCKLBW) X(PUNPCKLWD) X(PUNPCKLDQ) X(PUNPCKLQDQ)

/* By other names. */
#define VECTOR_ALIASES_PS(X)   X(ANDPS, PAND) X(ANDNPS, PANDN) X(ORPS, POR) X(XORPS, PXOR)
#define VECTOR_ALIASES_PD(X)   X(ANDPD, PAND) X(ANDNPD, PANDN) X(ORPD, POR) X(XORPD, PXOR)
#define VECTOR_ALIASES_LOW(X)  X(UNPCKLPS, PUNPCKLDQ) X(UNPCKLPD, PUNPCKLQDQ)
#define VECTOR_ALIASES_HIGH(X) X(UNPCKHPS, PUNPCKHDQ) X(UNPCKHPD, PUNPCKHQDQ)

/* By a count in an operand, and by an immediate (name_I). */
#define VECTOR_SHIFTS(X)      X(PSLLW) X(PSLLD) X(PSLLQ) X(PSRLW) X(PSRLD) X(PSRLQ) X(PSRAW) X(PSRAD)
#define VECTOR_BYTE_SHIFTS(X) X(PSLLDQ) X(PSRLDQ)

/* XMM, with a memory operand of so many bytes. */
#define VECTOR_DUPLICATE(X) X(MOVDDUP, 8)
#define VECTOR_SIGNED(X)    X(PMOVSXBW, 8) X(PMOVSXBD, 4) X(PMOVSXBQ, 2) X(PMOVSXWD, 8) X(PMOVSXWQ, 4) X(PMOVSXDQ, 8)
#define VECTOR_ZEROED(X)    X(PMOVZXBW, 8) X(PMOVZXBD, 4) X(PMOVZXBQ, 2) X(PMOVZXWD, 8) X(PMOVZXWQ, 4) X(PMOVZXDQ, 8)

/* Elements are chosen by the sign bits of XMM0. */
#define VECTOR_BLENDS(X) X(PBLENDVB, u8, s8) X(BLENDVPS, u32, s32) X(BLENDVPD, u64, s64)

/* Packed and scalar, single and double; some only PS and SS, or PS and PD. */
#define SSE_HOST_OPERATIONS(X)  X(ADD) X(SUB) X(MUL) X(DIV) X(SQRT) X(MIN) X(MAX) X(CMP)
#define SSE_OTHER_OPERATIONS(X) X(ROUND)
#define SSE_ESTIMATES(X)        X(RCP) X(RSQRT)
#define SSE_PACKED(X)           X(HADD) X(HSUB) X(ADDSUB) X(DP)

/* Bytes of a memory operand. The files: from XMM to XMM, and so on. */
#define SSE_FORMATS(X)      X(CVTPS2PD, 8) X(CVTPD2PS, 16) X(CVTSS2SD, 4) X(CVTSD2SS, 8) X(CVTDQ2PS, 16) X(CVTDQ2PD, 8)
#define SSE_ROUNDINGS(X)    X(CVTPS2DQ, 16) X(CVTTPS2DQ, 16) X(CVTPD2DQ, 16) X(CVTTPD2DQ, 16)
#define SSE_FROM_GENERAL(X) X(CVTSI2SS, 4) X(CVTSI2SD, 4)
#define SSE_TO_GENERAL(X)   X(CVTSS2SI, 4) X(CVTTSS2SI, 4) X(CVTSD2SI, 8) X(CVTTSD2SI, 8)
#define SSE_FROM_MMX(X)     X(CVTPI2PS, 8) X(CVTPI2PD, 8)
#define SSE_TO_MMX(X)       X(CVTPS2PI, 8) X(CVTTPS2PI, 8) X(CVTPD2PI, 16) X(CVTTPD2PI, 16)

#define X(name, ...) sse_fn sse_##name;
SSE_HOST_OPERATIONS(X)
SSE_OTHER_OPERATIONS(X)
SSE_ESTIMATES(X)
SSE_PACKED(X)
SSE_FORMATS(X)
SSE_ROUNDINGS(X)
SSE_FROM_GENERAL(X)
SSE_TO_GENERAL(X)
SSE_FROM_MMX(X)
SSE_TO_MMX(X)
#undef X
