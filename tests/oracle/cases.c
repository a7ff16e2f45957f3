/* SPDX-License-Identifier: MIT
 *
 * What is not generated, and why:
 * - the FS override: its base belongs to the host's thread-local storage. GS takes the same way through the CPU.
 * - the CS override, except before jumps, where it is a hint: x86 lets no code segment be written.
 * - F2 and F3 before 0F BC and BD: TZCNT and LZCNT, later extensions that ignore-the-prefix CPUs do not have.
 * - F2 and F3 before LOOPE and LOOPNE: on AMD's processors they choose the condition, which no manual says.
 * - BOUND with a register: EVEX, a later extension.
 * - BSWAP of 16 bits and SHLD, SHRD of 16 bits by more than 16: undefined results (Intel SDM vol. 2).
 * - AC set together with a misaligned stack: alignment checking is not in the virtual architecture.
 * - POPF images with TF, or without IF: single-stepping is not in the virtual architecture, IF is virtual.
 */
#include "cases.h"

#include "../../cpu/decode.h"

#include <ctype.h>
#include <string.h>

const uint32_t arena_pages[ARENA_PAGES + 1] = {
    ARENA_CODE, ARENA_CODE + 1, 0,          ARENA_LOW, ARENA_LOW + 1, ARENA_LAST_LOW,
    ARENA_DATA, ARENA_DATA + 1, ARENA_LAST, ~0U};

/* --- random numbers: splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014) --- */

struct rng {
    uint64_t state;
};

static uint32_t rng_next(struct rng *rng)
{
    uint64_t z = rng->state += 0x9E3779B97F4A7C15;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return (uint32_t)((z ^ z >> 31) >> 32);
}

static uint32_t rng_below(struct rng *rng, uint32_t limit)
{
    return (uint32_t)((uint64_t)rng_next(rng) * limit >> 32);
}

static bool one_in(struct rng *rng, uint32_t n)
{
    return rng_below(rng, n) == 0;
}

/* Values at which arithmetic changes its mind. */
static uint32_t rng_value(struct rng *rng)
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
        return values[rng_below(rng, sizeof(values) / sizeof(values[0]))] + rng_below(rng, 3) - 1;
    default:
        return values[rng_below(rng, sizeof(values) / sizeof(values[0]))];
    }
}

/* --- what rows are about --- */

static bool named(const struct encoding *row, const char *names)
{
    size_t length = strlen(row->name);

    for (const char *at = names; (at = strstr(at, row->name)); at += length)
        if ((at == names || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
            return true;
    return false;
}

static bool uses_stack(const struct encoding *row)
{
    return named(row, "PUSH POP PUSHI POPE PUSHA POPA PUSHF POPF ENTER LEAVE CALL CALLE RET");
}

static bool jumps(const struct encoding *row)
{
    return (row->attributes & ENDS_BLOCK) && !named(row, "POPF INTO");
}

static bool is_string(const struct encoding *row)
{
    return row->form == FORM_String_b || row->form == FORM_String_v;
}

static bool has_width(const struct encoding *row)
{
    return strchr(form_layouts[row->form].name, 'v') || strchr(form_layouts[row->form].name, 'z');
}

const char *row_skipped(const struct encoding *row)
{
    if (row->illegal)
        return "illegal: the sweep of all opcodes compares it";
    if (row->attributes & NO_ORACLE_PORT)
        return "a user process has no ports";
    if (row->attributes & NO_ORACLE_VIRTUAL)
        return "the virtual architecture defines it differently";
    if (row->map > MAP_0F || (row->map == MAP_1 && ((row->first & 0xF8) == 0xD8 || row->first == 0x9B)))
        return "x87, MMX, SSE: tests/cpu/test_x87.c and test_vector.c compare it";
    return NULL;
}

/* --- making a case --- */

struct maker {
    struct rng rng;
    struct oracle_case *c;
    bool narrow_operand, narrow_address, gs;
    uint32_t spot; /* the address, within its segment, of the memory operand */
    bool memory;   /* has one */
    uint8_t base;  /* register that was set to reach it, or 8 */
    uint8_t reg;   /* of the ModRM byte */
};

static void emit(struct maker *m, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes && m->c->length < CASE_CODE; i++)
        m->c->code[m->c->length++] = (uint8_t)(value >> (8 * i));
}

static struct patch *patch_add(struct oracle_case *c, uint32_t address, uint32_t length)
{
    struct patch *patch = &c->patches[c->patch_count++];

    patch->address = address;
    patch->length = length;
    return patch;
}

static void patch_random(struct maker *m, uint32_t address, uint32_t length)
{
    struct patch *patch = patch_add(m->c, address, length);

    for (uint32_t i = 0; i < length; i += 4) {
        uint32_t value = rng_value(&m->rng);
        memcpy(patch->bytes + i, &value, 4);
    }
}

/* A linear address of a memory operand: inside a page, across two, across the end of what is accessible, outside. */
static uint32_t rng_linear(struct maker *m)
{
    struct rng *rng = &m->rng;
    uint32_t data = (m->narrow_address && !m->gs ? ARENA_LOW : ARENA_DATA) << PAGE_SHIFT;
    uint32_t end = data + 2 * PAGE_SIZE;

    if (m->gs) /* not below: an offset that wraps around hits the segment limit on silicon */
        data = SILICON_GS_BASE + 8;
    switch (rng_below(rng, 32)) {
    case 0:
        return end - rng_below(rng, 8);
    case 1:
        return data - rng_below(rng, 8);
    case 2:
        return (m->narrow_address ? 0x10000 : ARENA_SIZE) - rng_below(rng, 16);
    case 3:
        return one_in(rng, 4) ? rng_next(rng) : data + 256 + rng_below(rng, 1024) * 4;
    case 4:
    case 5:
    case 6:
    case 7:
        return end - PAGE_SIZE - rng_below(rng, 8);
    default:
        return data + 64 + rng_below(rng, end - data - 128);
    }
}

/* The same within the segment, as wide as the address size. */
static uint32_t rng_spot(struct maker *m)
{
    uint32_t spot = rng_linear(m) - (m->gs ? SILICON_GS_BASE : 0);

    return m->narrow_address ? spot & 0xFFFF : spot;
}

static uint32_t linear(const struct maker *m, uint32_t spot)
{
    return spot + (m->gs ? SILICON_GS_BASE : 0);
}

/* Up to four prefixes, rarely so many that the instruction gets too long. */
static void emit_prefixes(struct maker *m, const struct encoding *row)
{
    static const uint8_t segments[] = {0x26, 0x36, 0x36, 0x3E, 0x65, 0x65};
    struct rng *rng = &m->rng;
    bool repeatable =
        !(row->map == MAP_0F && (row->first == 0xBC || row->first == 0xBD)) && !named(row, "LOOPE LOOPNE");
    uint8_t prefixes[20];
    uint32_t count = 0;

    m->narrow_operand = one_in(rng, has_width(row) ? 3 : 16) && !named(row, "BSWAP");
    m->narrow_address = one_in(rng, 5);
    if (m->narrow_operand)
        prefixes[count++] = 0x66;
    if (m->narrow_address)
        prefixes[count++] = 0x67;
    if (one_in(rng, row->attributes & LOCKABLE ? 8 : 100))
        prefixes[count++] = 0xF0;
    if (row->attributes & STRING ? !one_in(rng, 3) : one_in(rng, 32) && repeatable)
        prefixes[count++] = rng_below(rng, 3) ? 0xF3 : 0xF2;
    if (one_in(rng, 300))
        for (uint32_t extra = 4 + rng_below(rng, 10); extra; extra--)
            prefixes[count++] = 0x3E;
    if (one_in(rng, 8)) {
        prefixes[count] = jumps(row) ? 0x2E : segments[rng_below(rng, sizeof(segments))];
        m->gs = prefixes[count++] == 0x65;
    }
    while (count) { /* in any order; a segment override after the padding ones would win, so GS stays last */
        uint32_t take = m->gs ? 0 : rng_below(rng, count);
        emit(m, prefixes[take], 1);
        memmove(prefixes + take, prefixes + take + 1, --count - take);
    }
}

static void set_register(struct maker *m, unsigned number, uint32_t value)
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

static void emit_modrm(struct maker *m, const struct encoding *row)
{
    bool memory_only = row->form == FORM_M || row->form == FORM_Gv_M || row->form == FORM_Gv_address;
    bool memory = rng_below(&m->rng, 5) < 3;
    unsigned reg = row->digit == NO_DIGIT ? rng_below(&m->rng, 8) : row->digit, rm = rng_below(&m->rng, 8);
    unsigned mod = rng_below(&m->rng, 3);

    if (memory_only)
        memory = row->form == FORM_Gv_M || !one_in(&m->rng, 32);
    m->memory = memory;
    m->reg = (uint8_t)reg;
    emit(m, (memory ? mod : 3) << 6 | reg << 3 | rm, 1);
    if (!memory)
        return;
    m->spot = rng_spot(m);
    if (m->narrow_address)
        emit_address_16(m, mod, rm);
    else
        emit_address_32(m, mod, rm);
}

static void emit_immediate(struct maker *m, const struct encoding *row)
{
    uint32_t value = rng_value(&m->rng);

    switch ((enum immediate)form_layouts[row->form].immediate) {
    case IMMEDIATE_NONE:
    case IMMEDIATE_ONE:
        break;
    case IMMEDIATE_BYTE:
        if (m->narrow_operand && named(row, "SHLD SHRD"))
            value = (value & ~31u) | rng_below(&m->rng, 17);
        emit(m, value, 1);
        break;
    case IMMEDIATE_JUMP_BYTE:
        emit(m, value, 1);
        break;
    case IMMEDIATE_WORD:
        emit(m, value, 2);
        break;
    case IMMEDIATE_FULL:
    case IMMEDIATE_JUMP_FULL:
        emit(m, value, m->narrow_operand ? 2 : 4);
        break;
    case IMMEDIATE_WORD_BYTE: /* ENTER: mostly small frames */
        emit(m, one_in(&m->rng, 4) ? value : rng_below(&m->rng, 64), 2);
        emit(m, one_in(&m->rng, 2) ? 0 : rng_below(&m->rng, 2) ? rng_below(&m->rng, 4) : value, 1);
        break;
    case IMMEDIATE_OFFSET:
        m->memory = true;
        m->spot = rng_spot(m);
        emit(m, m->spot, m->narrow_address ? 2 : 4);
        break;
    }
}

/* Registers that an instruction uses without naming them. */
static void set_implied(struct maker *m, const struct encoding *row)
{
    struct rng *rng = &m->rng;
    uint32_t *regs = m->c->state.regs;

    if (is_string(row)) {
        bool gs = m->gs;
        uint32_t source = rng_spot(m);
        m->gs = false; /* ES:EDI cannot be overridden */
        uint32_t destination = one_in(rng, 4) && !gs ? source + rng_below(rng, 17) - 8 : rng_spot(m);
        m->gs = gs;
        set_register(m, ESI, source);
        set_register(m, EDI, destination);
        set_register(m, ECX, one_in(rng, 32) ? rng_value(rng) : rng_below(rng, 20));
        if (named(row, "XLAT"))
            set_register(m, EBX, source - (regs[EAX] & 0xFF));
        patch_random(m, linear(m, source & (m->narrow_address ? 0xFFFF : ~0u)) - 12, 32);
        if (!one_in(rng, 3)) /* else what is compared is equal: both are zero, or the same bytes */
            patch_random(m, (destination & (m->narrow_address ? 0xFFFF : ~0u)) - 12, 32);
    }
    if (uses_stack(row) && m->base != ESP) {
        bool narrow = m->narrow_address, gs = m->gs;
        m->narrow_address = m->gs = false;
        regs[ESP] = rng_spot(m) & (one_in(rng, 4) ? ~0u : ~3u);
        if (named(row, "ENTER LEAVE"))
            regs[EBP] = rng_spot(m);
        m->narrow_address = narrow;
        m->gs = gs;
    }
    if (uses_stack(row)) {
        patch_random(m, regs[ESP], 32);
        if (named(row, "ENTER LEAVE"))
            patch_random(m, regs[EBP] - 56, 64);
    }
    if (named(row, "LOOP LOOPE LOOPNE JCXZ") && one_in(rng, 2))
        regs[ECX] = (regs[ECX] & (m->narrow_address ? 0xFFFF0000 : 0)) | rng_below(rng, 3);
}

static void patch_word(struct maker *m, uint32_t value)
{
    if (m->c->patch_count < PATCHES)
        memcpy(patch_add(m->c, linear(m, m->spot), 4)->bytes, &value, 4);
}

/* Operands between which something happens: equal ones to compare, quotients that fit, bounds, nearby bits. */
static void relate_operands(struct maker *m, const struct encoding *row)
{
    struct rng *rng = &m->rng;
    uint32_t *regs = m->c->state.regs;

    if (named(row, "DIV IDIV") && m->base != EDX && m->base != EAX && !one_in(rng, 4)) {
        uint32_t high = regs[EDX] = rng_below(rng, 2) ? rng_below(rng, 3) - 1 : rng_value(rng) >> rng_below(rng, 32);
        if (one_in(rng, 2)) /* AH, for bytes */
            regs[EAX] = (regs[EAX] & 0xFFFF00FF) | (high & 0xFF) << 8;
    } else if (named(row, "CMPXCHG") && one_in(rng, 2)) {
        patch_word(m, regs[EAX]);
    } else if (named(row, "CMPXCHG8B") && one_in(rng, 2)) {
        patch_word(m, regs[EAX]);
        m->spot += 4;
        patch_word(m, regs[EDX]);
        m->spot -= 4;
    } else if (named(row, "BOUND") && one_in(rng, 2)) {
        patch_word(m, rng_below(rng, 2) ? 0x80000000 : 0x00008000);
    } else if (named(row, "BT_G BTS_G BTR_G BTC_G") && m->memory && one_in(rng, 2)) {
        if (m->reg != m->base)
            regs[m->reg] = rng_below(rng, 2048) - 1024;
    } else if (named(row, "SHLD_CL SHRD_CL") && m->narrow_operand) {
        if (m->base != ECX)
            regs[ECX] = (regs[ECX] & ~31u) | rng_below(rng, 17);
        else
            regs[ECX] &= ~31u;
    } else if (named(row, "POPF")) {
        uint32_t image = (rng_next(rng) & ~0x100u) | FLAG_IF;
        memcpy(patch_add(m->c, regs[ESP], 4)->bytes, &image, 4);
    }
}

static uint32_t rng_flags(struct maker *m, const struct encoding *row)
{
    struct rng *rng = &m->rng;
    uint32_t flags = (rng_next(rng) & FLAGS_STATUS) | FLAG_ONE;

    if (one_in(rng, is_string(row) ? 3 : 16))
        flags |= FLAG_DF;
    if (one_in(rng, 16))
        flags |= FLAG_ID;
    if (one_in(rng, 32))
        flags |= FLAG_NT;
    if (named(row, "PUSHF") && !(m->c->state.regs[ESP] & 3) && one_in(rng, 4))
        flags |= FLAG_AC;
    return flags;
}

/* Mostly within a page; sometimes across two, or running out of the last one. */
static uint32_t rng_eip(struct maker *m)
{
    const uint32_t first = ARENA_CODE << PAGE_SHIFT, behind = first + 2 * PAGE_SIZE;

    switch (rng_below(&m->rng, 64)) {
    case 0:
        return behind - rng_below(&m->rng, m->c->length < INSN_MAX ? m->c->length : INSN_MAX);
    case 1:
    case 2:
        return first + PAGE_SIZE - rng_below(&m->rng, m->c->length);
    default:
        return first + rng_below(&m->rng, PAGE_SIZE - 64);
    }
}

/* The virtual registers keep their values. */
static void spare_page_0(struct oracle_case *c)
{
    for (uint32_t i = 0; i < c->patch_count; i++)
        if (c->patches[i].address < PAGE_SIZE || c->patches[i].address + c->patches[i].length < PAGE_SIZE)
            c->patches[i].length = 0;
}

void case_make(struct oracle_case *c, const struct encoding *row, uint64_t seed, uint64_t index)
{
    struct maker m = {.rng = {seed * 0xD1342543DE82EF95 + index}, .c = c, .base = 8};

    *c = (struct oracle_case){.row = row};
    rng_next(&m.rng);
    for (unsigned i = 0; i < CPU_REGISTERS; i++)
        c->state.regs[i] = rng_value(&m.rng);
    emit_prefixes(&m, row);
    if (row->map == MAP_0F)
        emit(&m, 0x0F, 1);
    emit(&m, row->first + rng_below(&m.rng, (uint32_t)(row->last - row->first) + 1), 1);
    if (form_layouts[row->form].modrm)
        emit_modrm(&m, row);
    emit_immediate(&m, row);
    set_implied(&m, row);
    if (m.memory)
        patch_random(&m, linear(&m, m.spot), 8);
    relate_operands(&m, row);
    spare_page_0(c);
    c->state.eflags = rng_flags(&m, row);
    c->state.eip = rng_eip(&m);
    c->step = jumps(row) || (is_string(row) && one_in(&m.rng, 8));
}

/* --- making a sequence --- */

static bool fits_sequence(const struct encoding *row, uint32_t undefined)
{
    return !row_skipped(row) && !(row->attributes & ENDS_BLOCK) && !(flag_effects[row->flags].read & undefined) &&
           !named(row, "BOUND XLAT ENTER LEAVE POPE BT_G BTS_G BTR_G BTC_G");
}

static const struct encoding *rng_row(struct rng *rng, uint32_t undefined)
{
    for (;;) {
        const struct encoding *row = &encodings[rng_below(rng, (uint32_t)encoding_count)];
        if (fits_sequence(row, undefined) && (!named(row, "DIV IDIV AAM") || one_in(rng, 8)))
            return row;
    }
}

/* Registers, or what ESI or EDI points to as long as nothing has changed them. */
static void emit_simple_modrm(struct maker *m, const struct encoding *row)
{
    bool memory = one_in(&m->rng, 4) || row->form == FORM_M || row->form == FORM_Gv_address;
    unsigned reg = row->digit == NO_DIGIT ? rng_below(&m->rng, 8) : row->digit;

    emit(m, memory ? 0x40 | reg << 3 | (ESI + rng_below(&m->rng, 2)) : 0xC0 | reg << 3 | rng_below(&m->rng, 8), 1);
    if (memory)
        emit(m, rng_below(&m->rng, 100), 1);
}

/* One instruction; what is undefined after it. */
static uint32_t emit_part(struct maker *m, uint32_t undefined)
{
    const struct encoding *row = rng_row(&m->rng, undefined);
    const struct flag_masks *flags = &flag_effects[row->flags];
    bool maybe_none = row->flags == FLAGS_SHIFT || row->flags == FLAGS_ROTATE || row->flags == FLAGS_SHIFT_DOUBLE;

    m->narrow_operand = one_in(&m->rng, 4) && !named(row, "BSWAP SHLD SHRD SHLD_CL SHRD_CL");
    if (m->narrow_operand)
        emit(m, 0x66, 1);
    if (row->map == MAP_0F)
        emit(m, 0x0F, 1);
    emit(m, row->first + rng_below(&m->rng, (uint32_t)(row->last - row->first) + 1), 1);
    if (form_layouts[row->form].modrm)
        emit_simple_modrm(m, row);
    emit_immediate(m, row);
    if (maybe_none) /* a count of 0 leaves all flags, one beyond the width leaves CF undefined */
        return undefined | flags->undefined | FLAG_CF;
    return (undefined & ~(uint32_t)flags->written) | flags->undefined;
}

static struct part *part_begin(struct oracle_case *c, uint32_t undefined)
{
    struct part *part = &c->parts[c->part_count++];

    *part = (struct part){.start = (uint8_t)c->length, .undefined = (uint16_t)undefined};
    return part;
}

void sequence_make(struct oracle_case *c, uint64_t seed, uint64_t index)
{
    struct maker m = {.rng = {~seed * 0xD1342543DE82EF95 + index}, .c = c, .base = 8};
    uint32_t undefined = 0, wanted = 2 + rng_below(&m.rng, CASE_PARTS - 3);

    *c = (struct oracle_case){0};
    for (unsigned i = 0; i < CPU_REGISTERS; i++)
        c->state.regs[i] = i < ESP ? rng_value(&m.rng) : (ARENA_DATA << PAGE_SHIFT) + 0x200 * i;
    while (c->part_count < wanted) {
        uint32_t before = undefined, jump = c->length;
        bool jumped_over = !undefined && one_in(&m.rng, 4);
        part_begin(c, undefined);
        if (jumped_over) {
            emit(&m, (0x70 | rng_below(&m.rng, 16)), 2); /* Jcc, over the next one */
            part_begin(c, undefined);
        }
        undefined = emit_part(&m, undefined);
        if (jumped_over) {
            c->code[jump + 1] = (uint8_t)(c->length - jump - 2);
            undefined |= before;
        }
    }
    part_begin(c, undefined);
    patch_random(&m, c->state.regs[ESI], 64);
    patch_random(&m, c->state.regs[EDI], 64);
    patch_random(&m, c->state.regs[ESP], 32);
    c->state.eflags = (rng_next(&m.rng) & FLAGS_STATUS) | FLAG_ONE;
    c->state.eip = (ARENA_CODE << PAGE_SHIFT) + rng_below(&m.rng, 2 * PAGE_SIZE - CASE_CODE - 16);
}

/* --- what a case is about --- */

struct case_shape case_shape(const struct oracle_case *c)
{
    struct case_shape shape = {.immediate = c->code[c->length - 1]};
    uint32_t at = 0;

    for (;; at++) {
        uint8_t byte = c->code[at];
        shape.narrow_operand |= byte == 0x66;
        shape.narrow_address |= byte == 0x67;
        shape.lock |= byte == 0xF0;
        shape.repeat |= byte == 0xF2 || byte == 0xF3;
        if (!(byte == 0x26 || byte == 0x2E || byte == 0x36 || byte == 0x3E || (byte >= 0x64 && byte <= 0x67) ||
              byte == 0xF0 || byte == 0xF2 || byte == 0xF3))
            break;
    }
    if (c->row->map == MAP_0F)
        at++;
    shape.modrm = c->code[at + 1];
    shape.memory = form_layouts[c->row->form].modrm ? shape.modrm < 0xC0
                                                    : form_layouts[c->row->form].immediate == IMMEDIATE_OFFSET;
    return shape;
}

/* By how many bits a shift or rotate shifts; ~0: it is none. */
static uint32_t shift_count(const struct oracle_case *c, const struct case_shape *shape)
{
    switch (c->row->flags) {
    case FLAGS_SHIFT_1:
    case FLAGS_ROTATE_1:
        return 1;
    case FLAGS_SHIFT:
    case FLAGS_ROTATE:
    case FLAGS_SHIFT_DOUBLE:
        return (form_layouts[c->row->form].immediate == IMMEDIATE_BYTE ? shape->immediate : c->state.regs[ECX]) & 31;
    default:
        return ~0u;
    }
}

static uint32_t sequence_undefined_flags(const struct oracle_case *c, uint32_t eip)
{
    for (uint32_t i = 0; i < c->part_count; i++)
        if (c->state.eip + c->parts[i].start == eip)
            return c->parts[i].undefined;
    return 0;
}

uint32_t case_undefined_flags(const struct oracle_case *c, uint32_t eip)
{
    if (!c->row)
        return sequence_undefined_flags(c, eip);
    struct case_shape shape = case_shape(c);
    uint32_t undefined = flag_effects[c->row->flags].undefined, count = shift_count(c, &shape);
    bool byte = form_layouts[c->row->form].destination == OPERAND_Eb;
    uint32_t width = byte ? 8 : shape.narrow_operand ? 16 : 32;

    if (count == ~0u)
        return undefined;
    if (count == 0)
        return 0;
    undefined = c->row->flags == FLAGS_ROTATE || c->row->flags == FLAGS_ROTATE_1 ? 0 : FLAG_AF;
    if (count > 1)
        undefined |= FLAG_OF;
    if (count >= width && named(c->row, "SHL SHR"))
        undefined |= FLAG_CF;
    return undefined;
}

/* --- text --- */

void case_print(const struct oracle_case *c, FILE *out)
{
    fprintf(out, "%s %s ", c->row ? c->row->name : "SEQUENCE", c->step ? "step" : "run");
    for (uint32_t i = 0; i < c->length; i++)
        fprintf(out, "%02x", c->code[i]);
    fprintf(out, " eip=%x eflags=%x regs=", c->state.eip, c->state.eflags);
    for (unsigned i = 0; i < CPU_REGISTERS; i++)
        fprintf(out, "%s%x", i ? "," : "", c->state.regs[i]);
    for (uint32_t i = 0; i < c->patch_count; i++) {
        fprintf(out, " @%x=", c->patches[i].address);
        for (uint32_t k = 0; k < c->patches[i].length; k++)
            fprintf(out, "%02x", c->patches[i].bytes[k]);
    }
}

const char *bytes_parse(const char *text, uint8_t *bytes, uint32_t limit, uint32_t *count)
{
    unsigned byte;

    for (*count = 0; *count < limit && isxdigit((unsigned char)*text) && sscanf(text, "%2x", &byte) == 1; text += 2)
        bytes[(*count)++] = (uint8_t)byte;
    return text;
}

static const struct encoding *row_of(const struct oracle_case *c)
{
    static const char prefixes[] = "\x26\x2E\x36\x3E\x64\x65\x66\x67\xF0\xF2\xF3";
    uint32_t at = 0;

    while (at < c->length && c->code[at] && strchr(prefixes, (char)c->code[at]))
        at++;
    enum map map = c->code[at] == 0x0F ? MAP_0F : MAP_1;
    at += map == MAP_0F;
    return encoding_find(map, c->code[at], c->code[at + 1] >> 3 & 7);
}

const char *case_parse(struct oracle_case *c, const char *line)
{
    uint32_t *r = c->state.regs;
    char mode[5];
    int used = 0;

    *c = (struct oracle_case){0};
    if (sscanf(line, "%*s %4s %n", mode, &used) != 1 || !used)
        return NULL;
    c->step = strcmp(mode, "step") == 0;
    line = bytes_parse(line + used, c->code, CASE_CODE - 2, &c->length);
    used = 0;
    if (sscanf(line, " eip=%x eflags=%x regs=%x,%x,%x,%x,%x,%x,%x,%x%n", &c->state.eip, &c->state.eflags, r, r + 1,
               r + 2, r + 3, r + 4, r + 5, r + 6, r + 7, &used) != 10 ||
        !used)
        return NULL;
    line += used;
    c->row = row_of(c);
    for (unsigned address; c->patch_count < PATCHES && sscanf(line, " @%x=%n", &address, &used) == 1;) {
        struct patch *patch = patch_add(c, address, 0);
        line = bytes_parse(line + used, patch->bytes, PATCH_BYTES, &patch->length);
    }
    return line;
}
