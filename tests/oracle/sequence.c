/* SPDX-License-Identifier: MIT
 *
 * Sequences of instructions: integer ones, or all kinds mixed.
 */
#include "../../cpu/decode.h"
#include "maker.h"

#include <string.h>

/* Not these: what they leave is partly ours to define, or known to silicon only for a while (compare.c), also POPA
 * where it faults; state at a random address is no state; BOUND, XLAT and their like mostly fault. */
static bool fits_sequence(const struct encoding *row, uint32_t undefined, bool fpu)
{
    static const char not_these[] =
        "POPA BOUND XLAT ENTER LEAVE POPE BT_G BTS_G BTR_G BTC_G MASKMOV FNSTENV FLDENV FNSAVE FRSTOR FXSAVE FXRSTOR "
        "LDMXCSR FLDCW " ROWS_TRANSCENDENTAL " " ROWS_ESTIMATES;

    return !row_skipped(row) && !(row->attributes & ENDS_BLOCK) && !(flag_effects[row->flags].read & undefined) &&
           (fpu || !(row_is_x87(row) || row_is_vector(row))) && !row_named(row, not_these);
}

static const struct encoding *rng_row(struct rng *rng, uint32_t undefined, bool fpu)
{
    for (;;) {
        const struct encoding *row = &encodings[rng_below(rng, (uint32_t)encoding_count)];
        if (fits_sequence(row, undefined, fpu) && (row->flags != FLAGS_DIVIDE || one_in(rng, 8)))
            return row;
    }
}

/* Registers, or what ESI or EDI points to as long as nothing has changed them. */
static void emit_simple_modrm(struct maker *m, const struct encoding *row)
{
    const bool memory = !row->run[m->narrow_operand][0] || (row->run[m->narrow_operand][1] && one_in(&m->rng, 4));
    const unsigned reg = row->digit == NO_DIGIT ? rng_below(&m->rng, 8) : row->digit;

    emit(m, memory ? 0x40 | reg << 3 | (ESI + rng_below(&m->rng, 2)) : 0xC0 | reg << 3 | rng_below(&m->rng, 8), 1);
    if (memory)
        emit(m, rng_below(&m->rng, 100) & (row_is_vector(row) ? ~15u : ~0u), 1);
}

static uint32_t undefined_after(const struct encoding *row, uint32_t undefined)
{
    const struct flag_masks *flags = &flag_effects[row->flags];

    if (row->flags == FLAGS_SHIFT || row->flags == FLAGS_ROTATE || row->flags == FLAGS_SHIFT_DOUBLE)
        return undefined | flags->undefined | FLAG_CF; /* 0 leaves all, a count beyond the width leaves CF undefined */
    return (undefined & ~(uint32_t)flags->written) | flags->undefined;
}

static const struct encoding *emit_part(struct maker *m, uint32_t undefined, bool fpu)
{
    const struct encoding *row = rng_row(&m->rng, undefined, fpu);
    const uint8_t prefix = mandatory_prefix(row);

    m->narrow_operand = prefix == 0x66 || (!row_is_vector(row) && one_in(&m->rng, 4) &&
                                           !row_named(row, "BSWAP SHLD SHRD SHLD_CL SHRD_CL"));
    if (m->narrow_operand)
        emit(m, 0x66, 1);
    if (prefix >= 0xF2)
        emit(m, prefix, 1);
    emit_opcode(m, row);
    if (form_layouts[row->form].modrm)
        emit_simple_modrm(m, row);
    emit_immediate(m, row);
    return row;
}

void sequence_make(struct oracle_case *c, uint64_t seed, uint64_t index)
{
    struct maker m = {.rng = {~seed * 0xD1342543DE82EF95 + index}, .c = c, .base = 8, .extent = 8};
    uint32_t undefined = 0;
    const uint32_t wanted = 2 + rng_below(&m.rng, SEQUENCE_PARTS - 3);
    const bool fpu = !one_in(&m.rng, 3);

    memset(c, 0, offsetof(struct oracle_case, patches));
    for (unsigned i = 0; i < CPU_REGISTERS; i++)
        c->state.regs[i] = i < ESP ? rng_value(&m.rng) : (ARENA_DATA << PAGE_SHIFT) + 0x200 * i;
    for (uint32_t parts = 0; parts < wanted; parts++) {
        uint32_t before = undefined, jump = c->length;
        bool jumped_over = !undefined && one_in(&m.rng, 4);
        if (jumped_over)
            emit(&m, 0x70 | rng_below(&m.rng, 16), 2); /* Jcc, over the next one */
        undefined = undefined_after(emit_part(&m, undefined, fpu), undefined);
        if (jumped_over) {
            c->code[jump + 1] = (uint8_t)(c->length - jump - 2);
            undefined |= before;
        }
    }
    if (fpu)
        fpu_make(&m, NULL, 0);
    patch_random(&m, c->state.regs[ESI], 64);
    patch_random(&m, c->state.regs[EDI], 64);
    patch_random(&m, c->state.regs[ESP], 32);
    c->state.eflags = (rng_next(&m.rng) & FLAGS_STATUS) | FLAG_ONE;
    c->state.eip = (ARENA_CODE << PAGE_SHIFT) + rng_below(&m.rng, 2 * PAGE_SIZE - CASE_CODE - 16);
}

uint32_t sequence_part(const struct oracle_case *c, uint32_t offset)
{
    struct insn insn;

    return decode(c->code + offset, c->length - offset, &insn) == DECODE_OK ? insn.length : c->length - offset;
}

/* Walks through the code as sequence_make() made it. */
static uint32_t sequence_undefined_flags(const struct oracle_case *c, uint32_t end)
{
    uint32_t undefined = 0, before = 0;
    bool jumped_over = false;
    struct insn insn;

    for (uint32_t at = 0; at < end && decode(c->code + at, c->length - at, &insn) == DECODE_OK; at += insn.length) {
        const bool jump = insn.encoding->attributes & ENDS_BLOCK;
        if (jump)
            before = undefined;
        else
            undefined = undefined_after(insn.encoding, undefined) | (jumped_over ? before : 0);
        jumped_over = jump;
    }
    return undefined;
}

/* By how many bits a shift or rotate shifts; ~0: it is none. */
static uint32_t shift_count(const struct oracle_case *c, const struct insn *insn)
{
    switch (insn->encoding->flags) {
    case FLAGS_SHIFT_1:
    case FLAGS_ROTATE_1:
        return 1;
    case FLAGS_SHIFT:
    case FLAGS_ROTATE:
    case FLAGS_SHIFT_DOUBLE:
        return (form_layouts[insn->encoding->form].immediate == IMMEDIATE_BYTE ? insn->immediate : c->state.regs[ECX]) &
               31;
    default:
        return ~0u;
    }
}

uint32_t case_undefined_flags(const struct oracle_case *c, uint32_t eip)
{
    struct insn insn;

    if (!c->row)
        return sequence_undefined_flags(c, eip - c->state.eip);
    if (decode(c->code, c->length, &insn) != DECODE_OK)
        return 0;
    uint32_t undefined = flag_effects[c->row->flags].undefined, count = shift_count(c, &insn);
    uint32_t width = form_layouts[c->row->form].destination == OPERAND_Eb ? 8 : insn.width;
    if (count == ~0u)
        return undefined;
    if (count == 0)
        return 0;
    undefined = c->row->flags == FLAGS_ROTATE || c->row->flags == FLAGS_ROTATE_1 ? 0 : FLAG_AF;
    if (count > 1)
        undefined |= FLAG_OF;
    if (count >= width && row_named(c->row, "SHL SHR"))
        undefined |= FLAG_CF;
    return undefined;
}

uint32_t case_jump_target(const struct oracle_case *c)
{
    struct insn insn;

    if (!c->row || decode(c->code, c->length, &insn) != DECODE_OK)
        return 0;
    const enum immediate kind = form_layouts[c->row->form].immediate;
    if (kind != IMMEDIATE_JUMP_BYTE && kind != IMMEDIATE_JUMP_FULL)
        return 0;
    const uint32_t target = c->state.eip + insn.length + insn.displacement;
    return insn.width == 16 ? target & 0xFFFF : target;
}

static uint32_t segment_base(const struct insn *insn)
{
    return insn->segment == SEGMENT_FS ? SILICON_FS_BASE : insn->segment == SEGMENT_GS ? SILICON_GS_BASE : 0;
}

uint32_t case_segment(const struct oracle_case *c)
{
    struct insn insn;

    return decode(c->code, c->length, &insn) == DECODE_OK ? segment_base(&insn) : 0;
}

uint32_t case_operand(const struct oracle_case *c)
{
    const uint32_t *regs = c->state.regs;
    struct insn insn;

    if (decode(c->code, c->length, &insn) != DECODE_OK)
        return 0;
    const uint32_t implied = uses_edi(insn.encoding) ? regs[EDI] : 0;
    const uint32_t base = insn.base == SLOT_ZERO ? implied : regs[insn.base / 4];
    const uint32_t index = insn.index == SLOT_ZERO ? 0 : regs[insn.index / 4];
    const uint32_t offset = base + (index << insn.scale) + insn.displacement;
    return (insn.narrow ? offset & 0xFFFF : offset) + segment_base(&insn);
}
