/* SPDX-License-Identifier: MIT */
#include "vector.h"

#include "bodies.h"
#include "x87.h"

/* Operands. */

/* What crosses pages is accessed in pieces. */
static unsigned step_of(unsigned bytes)
{
    return bytes < 4 ? bytes : 4;
}

bool vector_load(struct cpu *c, uint32_t address, void *to, unsigned bytes)
{
    const struct tlb_entry *entry = tlb_entry(c, address);
    const unsigned step = step_of(bytes);

    if (likely(entry->read_key == tlb_key(c, address + (bytes - 1)))) {
        memcpy(to, (const uint8_t *)(entry->offset + address), bytes);
        return true;
    }
    for (unsigned done = 0; done < bytes; done += step)
        if (load(c, address + done, step) & LOAD_FAILED)
            return false;
    for (unsigned done = 0; done < bytes; done += step)
        bytes_put((uint8_t *)to + done, (uint32_t)load(c, address + done, step), step);
    return true;
}

static bool is_writable(struct cpu *c, uint32_t address, unsigned bytes)
{
    for (unsigned done = 0; done < bytes; done += step_of(bytes))
        if (!modify_begin(c, address + done, step_of(bytes)))
            return false;
    return true;
}

/* Once all of it has been found writable, nothing can fail. */
bool vector_store(struct cpu *c, uint32_t address, const void *from, unsigned bytes)
{
    const struct tlb_entry *entry = tlb_entry(c, address);
    const unsigned step = step_of(bytes);

    if (likely(entry->write_key == tlb_key(c, address + (bytes - 1)))) {
        memcpy((uint8_t *)(entry->offset + address), from, bytes);
        return true;
    }
    if (!is_writable(c, address, bytes))
        return false;
    for (unsigned done = 0; done < bytes; done += step)
        if (!store(c, address + done, bytes_get((const uint8_t *)from + done, step), step))
            return false;
    return true;
}

bool vector_is_aligned(struct cpu *c, uint32_t address)
{
    return address % 16 == 0 || fault(c, DENALI_EXC_PROTECTION, 0);
}

union xmm_register vector_get(const struct cpu *c, enum vector_file file, unsigned number)
{
    if (file == FILE_XMM)
        return c->fpu.xmm[number];
    return (union xmm_register){.u64 = {file == FILE_MMX ? c->fpu.registers[number].significand : c->slots[number]}};
}

void vector_put(struct cpu *c, enum vector_file file, unsigned number, const union xmm_register *value)
{
    if (file == FILE_XMM)
        c->fpu.xmm[number] = *value;
    else if (file == FILE_MMX)
        c->fpu.registers[number] = (struct x87_register){.significand = value->u64[0], .sign_exponent = 0xFFFF};
    else
        c->slots[number] = value->u32[0];
}

bool vector_source(struct cpu *c, const struct op *op, bool memory, enum vector_file file, unsigned bytes,
                   union xmm_register *s)
{
    if (!memory) {
        *s = vector_get(c, file, op->source);
        return true;
    }
    uint32_t address = address_of(c, op);
    *s = (union xmm_register){0};
    return (bytes < 16 || vector_is_aligned(c, address)) && vector_load(c, address, s, bytes);
}

bool mmx_ready(struct cpu *c)
{
    enum { ERROR_SUMMARY = 1 << 7 };
    return !(c->fpu.status & ERROR_SUMMARY) || fault(c, DENALI_EXC_X87, 0);
}

void mmx_enter(struct cpu *c)
{
    enum { TOP = 7 << 11 };
    c->fpu.status &= (uint16_t)~TOP;
    c->fpu.full = 0xFF;
}

/* Integer instructions. */

bool vector_apply(struct cpu *c, const struct op *op, bool memory, unsigned bits, unsigned bytes, vector_fn *fn)
{
    const unsigned immediate = op->immediate & 0xFF;
    union xmm_register s;

    if (bits == 128) {
        if (!vector_source(c, op, memory, FILE_XMM, bytes, &s))
            return false;
        fn(&c->fpu.xmm[op->destination], &s, 16, immediate);
        return true;
    }
    if (!mmx_ready(c) || !vector_source(c, op, memory, FILE_MMX, bytes, &s))
        return false;
    union xmm_register d = vector_get(c, FILE_MMX, op->destination);
    fn(&d, &s, 8, immediate);
    mmx_enter(c);
    vector_put(c, FILE_MMX, op->destination, &d);
    return true;
}

bool vector_shift(struct cpu *c, const struct op *op, unsigned bits, vector_fn *fn)
{
    struct op with_source = *op;
    with_source.destination = op->source;
    return vector_apply(c, &with_source, false, bits, bits / 8, fn);
}

/* Bytes whose mask has bit 7 set go to EDI, which FS or GS may be added to: that is all of the operand's address. All
 * of the operand must be writable, whatever the mask. */
bool vector_masked_store(struct cpu *c, const struct op *op, unsigned bits)
{
    const enum vector_file file = bits == 64 ? FILE_MMX : FILE_XMM;
    const unsigned bytes = bits / 8;
    const uint32_t address = address_of(c, op) + (op->narrow ? c->slots[EDI] & 0xFFFF : c->slots[EDI]);
    const union xmm_register data = vector_get(c, file, op->destination), mask = vector_get(c, file, op->source);
    union xmm_register result;

    if (file == FILE_MMX && !mmx_ready(c))
        return false;
    if (file == FILE_MMX)
        mmx_enter(c);
    if (!is_writable(c, address, bytes) || !vector_load(c, address, &result, bytes))
        return false;
    for (unsigned i = 0; i < bytes; i++)
        result.u8[i] = mask.s8[i] < 0 ? data.u8[i] : result.u8[i];
    return vector_store(c, address, &result, bytes);
}

/* Floating point. */

static struct sse sse_begin(const struct cpu *c, const struct op *op, unsigned bits, unsigned count)
{
    const uint32_t mxcsr = c->fpu.mxcsr;
    const uint8_t unmasked = ~(mxcsr >> MXCSR_MASKS_SHIFT) & MXCSR_FLAGS;

    return (struct sse){
        .real = {.rounding = mxcsr >> MXCSR_ROUNDING_SHIFT & 3,
                 .unmasked = unmasked,
                 .flush_to_zero = mxcsr & MXCSR_FTZ},
        .denormals_are_zero = mxcsr & MXCSR_DAZ,
        .bits = (uint8_t)bits,
        .count = (uint8_t)count,
        .immediate = (uint8_t)op->immediate,
    };
}

bool sse_settle(struct sse *f)
{
    enum { OF_OPERANDS = REAL_INVALID | REAL_DENORMAL | REAL_DIVIDE };
    uint8_t raised = f->real.raised;

    if (raised & f->real.unmasked & OF_OPERANDS)
        raised &= OF_OPERANDS;
    f->settled |= raised;
    f->real.raised = 0;
    return !(f->settled & f->real.unmasked);
}

static bool sse_end(struct cpu *c, struct sse *f)
{
    bool masked = sse_settle(f);
    c->fpu.mxcsr |= f->settled;
    return masked || fault(c, DENALI_EXC_SIMD, 0);
}

bool sse_apply(struct cpu *c, const struct op *op, bool memory, sse_fn *fn, unsigned bits, unsigned count)
{
    union xmm_register s, d = c->fpu.xmm[op->destination];
    struct sse f = sse_begin(c, op, bits, count);

    if (!vector_source(c, op, memory, FILE_XMM, count == 1 ? bits / 8 : 16, &s))
        return false;
    fn(&f, &d, &s);
    if (!sse_end(c, &f))
        return false;
    c->fpu.xmm[op->destination] = d;
    return true;
}

bool sse_convert(struct cpu *c, const struct op *op, bool memory, sse_fn *fn, enum vector_file from,
                 enum vector_file to, unsigned bytes)
{
    const bool mmx = to == FILE_MMX || (from == FILE_MMX && !memory);
    union xmm_register s, d = vector_get(c, to, op->destination);
    struct sse f = sse_begin(c, op, 0, 0);

    if ((mmx && !mmx_ready(c)) || !vector_source(c, op, memory, from, bytes, &s))
        return false;
    if (mmx)
        mmx_enter(c);
    fn(&f, &d, &s);
    if (!sse_end(c, &f))
        return false;
    vector_put(c, to, op->destination, &d);
    return true;
}

bool sse_compare(struct cpu *c, const struct op *op, bool memory, unsigned bits, bool quiet)
{
    const union xmm_register d = c->fpu.xmm[op->destination];
    struct sse f = sse_begin(c, op, bits, 1);
    union xmm_register s;

    if (!vector_source(c, op, memory, FILE_XMM, bits / 8, &s))
        return false;
    int order = bits == 32 ? sse_order(&f, d.u32[0], s.u32[0], quiet) : sse_order(&f, d.u64[0], s.u64[0], quiet);
    if (!sse_end(c, &f))
        return false;
    static const uint32_t flags[] = {FLAG_CF, FLAG_ZF, 0, FLAG_ZF | FLAG_PF | FLAG_CF};
    flags_set_status(c, flags[order + 1]);
    return true;
}

/* State. */

bool mxcsr_load(struct cpu *c, uint32_t value)
{
    if (value & ~(uint32_t)MXCSR_VALID)
        return fault(c, DENALI_EXC_PROTECTION, 0);
    c->fpu.mxcsr = value;
    return true;
}

/* The 32-bit form, as far as it means something; selectors are 0. All of the FX_BYTES must be accessible. */
enum { FX_BYTES = 512 };

struct fx_area {
    uint16_t control, status;
    uint8_t full, reserved;
    uint16_t opcode;
    uint32_t instruction, instruction_selector;
    uint32_t operand, operand_selector;
    uint32_t mxcsr, mxcsr_mask;
    struct {
        uint64_t significand;
        uint16_t sign_exponent, none[3];
    } registers[8];
    union xmm_register xmm[8];
};
_Static_assert(sizeof(struct fx_area) == 288, "SDM vol. 1, table 10-2");

static unsigned top(const struct fpu_state *fpu)
{
    return fpu->status >> 11 & 7;
}

bool fx_save(struct cpu *c, uint32_t address)
{
    const struct fpu_state *fpu = &c->fpu;
    struct fx_area area = {
        .control = fpu->control,
        .status = fpu->status,
        .full = fpu->full,
        .opcode = fpu->opcode,
        .instruction = fpu->instruction,
        .operand = fpu->operand,
        .mxcsr = fpu->mxcsr,
        .mxcsr_mask = MXCSR_VALID,
    };

    for (unsigned i = 0; i < 8; i++) {
        const struct x87_register *st = &fpu->registers[(top(fpu) + i) & 7];
        area.registers[i].significand = st->significand;
        area.registers[i].sign_exponent = st->sign_exponent;
    }
    memcpy(area.xmm, fpu->xmm, sizeof(area.xmm));
    return vector_is_aligned(c, address) && is_writable(c, address, FX_BYTES) &&
           vector_store(c, address, &area, sizeof(area));
}

bool fx_restore(struct cpu *c, uint32_t address)
{
    struct fpu_state *fpu = &c->fpu;
    uint8_t bytes[FX_BYTES];
    struct fx_area area;

    if (!vector_is_aligned(c, address) || !vector_load(c, address, bytes, sizeof(bytes)))
        return false;
    memcpy(&area, bytes, sizeof(area));
    if (!mxcsr_load(c, area.mxcsr))
        return false;
    x87_set_status(fpu, area.status);
    x87_set_control(fpu, area.control);
    fpu->full = area.full;
    fpu->opcode = area.opcode & 0x7FF;
    fpu->instruction = area.instruction;
    fpu->operand = area.operand;
    for (unsigned i = 0; i < 8; i++)
        fpu->registers[(top(fpu) + i) & 7] = (struct x87_register){.significand = area.registers[i].significand,
                                                                   .sign_exponent = area.registers[i].sign_exponent};
    memcpy(fpu->xmm, area.xmm, sizeof(area.xmm));
    return true;
}
