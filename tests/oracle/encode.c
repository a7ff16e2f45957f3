/* SPDX-License-Identifier: MIT
 *
 * The bytes of an instruction with its operands: prefixes, opcode, ModRM and what makes its address, immediates.
 */
#include "maker.h"

#include <string.h>

uint32_t rng_value(struct rng *rng)
{
    static const uint32_t values[] = {
        0,          1,          2,          3,          4,          7,          8,          9,          0xA,
        0xF,        0x10,       0x11,       0x1F,       0x20,       0x21,       0x3F,       0x40,       0x7F,
        0x80,       0x81,       0x99,       0x9A,       0xFF,       0x100,      0x7FFF,     0x8000,     0x8001,
        0xFFFF,     0x10000,    0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFF8000, 0xFFFFFF80,
        0xFFFFFF7F, 0x55555555, 0xAAAAAAAA, 0x80008000, 0x80808080, 0x01010101, 0x7F7F7F7F, 0x99999999, 0x12345678,
    };
    switch (rng_below(rng, 4)) {
    case 0:
        return rng_next(rng);
    case 1:
        return rng_next(rng) >> rng_below(rng, 32);
    case 2:
        return RNG_CHOICE(rng, values) + rng_below(rng, 3) - 1;
    default:
        return RNG_CHOICE(rng, values);
    }
}

void emit(struct maker *m, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes && m->c->length < CASE_CODE; i++)
        m->c->code[m->c->length++] = (uint8_t)(value >> (8 * i));
}

void patch_bytes(struct maker *m, uint32_t address, const void *bytes, uint32_t length)
{
    const uint8_t *from = bytes;

    while (length && m->c->patch_count < PATCHES) {
        struct patch *patch = &m->c->patches[m->c->patch_count++];
        patch->address = address;
        patch->length = length < PATCH_BYTES ? length : PATCH_BYTES;
        memcpy(patch->bytes, from, patch->length);
        address += patch->length;
        from += patch->length;
        length -= patch->length;
    }
}

void patch_random(struct maker *m, uint32_t address, uint32_t length)
{
    uint32_t values[PATCH_BYTES / 4];

    for (uint32_t i = 0; i < length / 4; i++)
        values[i] = rng_value(&m->rng);
    patch_bytes(m, address, values, length);
}

static uint32_t rng_linear(struct maker *m)
{
    struct rng *rng = &m->rng;
    uint32_t data = (m->narrow_address && !m->segment ? ARENA_LOW : ARENA_DATA) << PAGE_SHIFT;
    uint32_t end = data + 2 * PAGE_SIZE;

    if (m->segment) /* not below: an offset that wraps around hits the segment limit on silicon */
        data = m->segment + 8;
    switch (rng_below(rng, 32)) {
    case 0:
        return end - rng_below(rng, m->extent);
    case 1:
        return data - rng_below(rng, m->segment ? 8 : m->extent);
    case 2:
        return (m->narrow_address ? 0x10000 : ARENA_SIZE) - rng_below(rng, 2 * m->extent);
    case 3:
        return one_in(rng, 4) ? rng_next(rng) : data + 256 + rng_below(rng, 512) * 4;
    case 4:
    case 5:
    case 6:
    case 7:
        return end - PAGE_SIZE - rng_below(rng, m->extent);
    default:
        return data + 64 + rng_below(rng, end - data - 128 - m->extent);
    }
}

uint32_t rng_spot(struct maker *m)
{
    uint32_t at = rng_linear(m);

    if (m->extent >= 16 && !one_in(&m->rng, 6))
        at = (at + 15) & ~15u;
    at -= m->segment;
    return m->narrow_address ? at & 0xFFFF : at;
}

uint32_t linear(const struct maker *m, uint32_t spot)
{
    return spot + m->segment;
}

static uint8_t rng_segment(struct maker *m, const struct encoding *row)
{
    static const uint8_t segments[] = {0x26, 0x36, 0x36, 0x3E, 0x64, 0x64, 0x65, 0x65};
    uint8_t prefix = row_jumps(row) ? 0x2E : RNG_CHOICE(&m->rng, segments);

    m->segment = prefix == 0x64 ? SILICON_FS_BASE : prefix == 0x65 ? SILICON_GS_BASE : 0;
    return prefix;
}

static bool repeat_is_harmless(const struct encoding *row)
{
    return !row_is_vector(row) && !(row->map == MAP_0F && (row->first == 0xBC || row->first == 0xBD)) &&
           !row_named(row, "LOOPE LOOPNE");
}

void emit_prefixes(struct maker *m, const struct encoding *row)
{
    struct rng *rng = &m->rng;
    uint8_t prefixes[20];
    uint32_t count = 0;

    if (m->narrow_operand)
        prefixes[count++] = 0x66;
    if (m->narrow_address)
        prefixes[count++] = 0x67;
    if (mandatory_prefix(row) >= 0xF2)
        prefixes[count++] = mandatory_prefix(row);
    if (one_in(rng, row->attributes & LOCKABLE ? 8 : 100)) /* mostly illegal */
        prefixes[count++] = 0xF0;
    if (row->attributes & STRING ? !one_in(rng, 3) : one_in(rng, 32) && repeat_is_harmless(row))
        prefixes[count++] = rng_below(rng, 3) ? 0xF3 : 0xF2;
    if (one_in(rng, 300))
        for (uint32_t extra = 4 + rng_below(rng, 10); extra; extra--)
            prefixes[count++] = 0x3E;
    if (one_in(rng, 6))
        prefixes[count++] = rng_segment(m, row);
    while (count) { /* in any order; a segment override after the padding ones would win, so FS and GS stay last */
        uint32_t take = m->segment ? 0 : rng_below(rng, count);
        emit(m, prefixes[take], 1);
        memmove(prefixes + take, prefixes + take + 1, --count - take);
    }
}

void emit_opcode(struct maker *m, const struct encoding *row)
{
    static const uint8_t escapes[] = {0, 0x38, 0x3A};

    if (row->map >= MAP_D8)
        emit(m, 0xD8u + row->map - MAP_D8, 1);
    else if (row->map != MAP_1)
        emit(m, 0x0F, 1);
    if (row_is_vector(row) && row->map >= MAP_NP0F38)
        emit(m, escapes[(row->map - MAP_NP0F) / 4], 1);
    emit(m, row->first + rng_below(&m->rng, (uint32_t)(row->last - row->first) + 1), 1);
}

void set_register(struct maker *m, unsigned number, uint32_t value)
{
    uint32_t *reg = &m->c->state.regs[number];

    *reg = m->narrow_address ? (*reg & 0xFFFF0000) | (value & 0xFFFF) : value;
    m->base = (uint8_t)number;
}

/* 16-bit addressing: choose registers so that the sum is m->spot. */
static void emit_address_16(struct maker *m, unsigned mod, unsigned rm)
{
    static const uint8_t bases[8] = {EBX, EBX, EBP, EBP, ESI, EDI, EBP, EBX};
    static const uint8_t indexes[8] = {ESI, EDI, ESI, EDI, 8, 8, 8, 8};
    uint32_t displacement = mod == 1 ? (uint32_t)(int8_t)rng_next(&m->rng) : rng_next(&m->rng);

    if (mod == 0 && rm == 6) {
        emit(m, m->spot, 2);
        return;
    }
    if (mod == 0)
        displacement = 0;
    uint32_t rest = indexes[rm] == 8 ? 0 : m->c->state.regs[indexes[rm]];
    set_register(m, bases[rm], m->spot - displacement - rest);
    emit(m, displacement, mod);
}

/* 32-bit addressing: the same with base, scaled index and displacement; what is free is set, the last one fits. */
static void emit_address_32(struct maker *m, unsigned mod, unsigned rm)
{
    uint32_t displacement = mod == 0 ? 0 : mod == 1 ? (uint32_t)(int8_t)rng_next(&m->rng) : rng_value(&m->rng);
    uint32_t sib = rng_next(&m->rng) & 0xFF, scale = 0, index = 4, base = rm;
    uint32_t *regs = m->c->state.regs;

    if (rm == 4) {
        emit(m, sib, 1);
        scale = sib >> 6;
        index = sib >> 3 & 7;
        base = sib & 7;
    }
    if (mod == 0 && base == 5) {
        emit(m, m->spot - (index == 4 ? 0 : regs[index] << scale), 4);
        return;
    }
    if (index == base && index != 4)
        set_register(m, base, (m->spot - displacement) / (1 + (1u << scale)));
    else
        set_register(m, base, m->spot - displacement - (index == 4 ? 0 : regs[index] << scale));
    emit(m, displacement, mod == 2 ? 4 : mod);
}

void emit_modrm(struct maker *m, const struct encoding *row)
{
    const bool memory_only = row->form == FORM_M || row->form == FORM_Gv_address; /* illegal with a register */
    const unsigned mod = rng_below(&m->rng, 3), rm = rng_below(&m->rng, 8);

    m->reg = (uint8_t)(row->digit == NO_DIGIT ? rng_below(&m->rng, 8) : row->digit);
    if (memory_only && one_in(&m->rng, 32))
        m->memory = false;
    emit(m, (m->memory ? mod : 3) << 6 | (unsigned)m->reg << 3 | rm, 1);
    if (!m->memory)
        return;
    m->spot = rng_spot(m);
    if (m->narrow_address)
        emit_address_16(m, mod, rm);
    else
        emit_address_32(m, mod, rm);
}

void emit_immediate(struct maker *m, const struct encoding *row)
{
    uint32_t value = rng_value(&m->rng);

    switch ((enum immediate)form_layouts[row->form].immediate) {
    case IMMEDIATE_NONE:
    case IMMEDIATE_ONE:
        break;
    case IMMEDIATE_BYTE:
        if (m->narrow_operand && row_named(row, "SHLD SHRD"))
            value = (value & ~31u) | rng_below(&m->rng, 17);
        emit(m, value, 1);
        break;
    case IMMEDIATE_JUMP_BYTE:
        emit(m, value, 1);
        break;
    case IMMEDIATE_WORD:
        emit(m, value, 2);
        break;
    case IMMEDIATE_JUMP_FULL:
        if (!one_in(&m->rng, 4)) /* else mostly out of memory */
            value = rng_below(&m->rng, 2 * PAGE_SIZE) - PAGE_SIZE;
        emit(m, value, m->narrow_operand ? 2 : 4);
        break;
    case IMMEDIATE_FULL:
        emit(m, value, m->narrow_operand ? 2 : 4);
        break;
    case IMMEDIATE_WORD_BYTE: /* ENTER: mostly small frames */
        emit(m, one_in(&m->rng, 4) ? value : rng_below(&m->rng, 64), 2);
        emit(m, one_in(&m->rng, 2) ? 0 : rng_below(&m->rng, 2) ? rng_below(&m->rng, 4) : value, 1);
        break;
    case IMMEDIATE_OFFSET:
        m->spot = rng_spot(m);
        emit(m, m->spot, m->narrow_address ? 2 : 4);
        break;
    }
}
