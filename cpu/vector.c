/* SPDX-License-Identifier: MIT */
#include "vector.h"

#include "host_float.h"
#include "x87.h"

/* Operands. */

/* What crosses pages is accessed in pieces. */
static unsigned step_of(unsigned bytes)
{
    return bytes < 4 ? bytes : 4;
}

bool vector_load_slow(struct cpu *c, uint32_t address, void *to, unsigned bytes)
{
    const unsigned step = step_of(bytes);

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
bool vector_store_slow(struct cpu *c, uint32_t address, const void *from, unsigned bytes)
{
    const unsigned step = step_of(bytes);

    if (!is_writable(c, address, bytes))
        return false;
    for (unsigned done = 0; done < bytes; done += step)
        if (!store(c, address + done, bytes_get((const uint8_t *)from + done, step), step))
            return false;
    return true;
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
    const uint32_t mxcsr = c->fpu->mxcsr;
    const uint8_t unmasked = ~(mxcsr >> MXCSR_MASKS_SHIFT) & MXCSR_FLAGS;

    return (struct sse){
        .real = {.rounding = mxcsr >> MXCSR_ROUNDING_SHIFT & 3,
                 .unmasked = unmasked,
                 .flush_to_zero = mxcsr & MXCSR_FTZ},
        .denormals_are_zero = mxcsr & MXCSR_DAZ,
        .host = DENALI_HOST_FLOAT && host_may_round(mxcsr),
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
    c->fpu->mxcsr |= f->settled;
    return masked || fault(c, DENALI_EXC_SIMD, 0);
}

bool sse_apply(struct cpu *c, const struct op *op, bool memory, sse_fn *fn, unsigned bits, unsigned count)
{
    union xmm_register s, d = c->fpu->xmm[op->destination];
    struct sse f = sse_begin(c, op, bits, count);

    if (!vector_source(c, op, memory, FILE_XMM, count == 1 ? bits / 8 : 16, &s))
        return false;
    fn(&f, &d, &s);
    if (!sse_end(c, &f))
        return false;
    c->fpu->xmm[op->destination] = d;
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
    const union xmm_register d = c->fpu->xmm[op->destination];
    struct sse f = sse_begin(c, op, bits, 1);
    union xmm_register s;

    if (!vector_source(c, op, memory, FILE_XMM, bits / 8, &s))
        return false;
    int order = bits == 32 ? sse_order(&f, d.u32[0], s.u32[0], quiet) : sse_order(&f, d.u64[0], s.u64[0], quiet);
    if (!sse_end(c, &f))
        return false;
    static const uint32_t flags[] = {FLAG_CF, FLAG_ZF, 0, FLAG_ZF | FLAG_PF | FLAG_CF};
    flags_set_status(&c->flags, flags[order + 1]);
    return true;
}

/* State. */

bool mxcsr_load(struct cpu *c, uint32_t value)
{
    if (value & ~(uint32_t)MXCSR_VALID)
        return fault(c, DENALI_EXC_PROTECTION, 0);
    c->fpu->mxcsr = value;
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
    const struct fpu_state *fpu = c->fpu;
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
    struct fpu_state *fpu = c->fpu;
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
