/* SPDX-License-Identifier: MIT
 *
 * What is not generated, and why:
 * - the CS override, except before jumps, where it is a hint: x86 lets no code segment be written.
 * - F2 and F3 before 0F BC and BD: TZCNT and LZCNT, later extensions that ignore-the-prefix CPUs do not have.
 * - F2 and F3 before LOOPE and LOOPNE: on AMD's processors they choose the condition, which no manual says.
 * - BOUND with a register: EVEX, a later extension.
 * - BSWAP of 16 bits and SHLD, SHRD of 16 bits by more than 16: undefined results (Intel SDM vol. 2).
 * - AC set together with a misaligned stack: alignment checking is not in the virtual architecture.
 * - POPF images with TF, or without IF: single-stepping is not in the virtual architecture, IF is virtual.
 */
#include "maker.h"

#include "../../cpu/decode.h"

#include <string.h>

const uint32_t arena_pages[ARENA_PAGES + 1] = {
    ARENA_CODE, ARENA_CODE + 1, 0,          ARENA_LOW, ARENA_LOW + 1, ARENA_LAST_LOW,
    ARENA_DATA, ARENA_DATA + 1, ARENA_LAST, ~0U};

/* --- what rows are about --- */

bool row_named(const struct encoding *row, const char *names)
{
    size_t length = strlen(row->name);

    for (const char *at = names; (at = strstr(at, row->name)); at += length)
        if ((at == names || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
            return true;
    return false;
}

bool row_is_x87(const struct encoding *row)
{
    return (row->map >= MAP_D8 && row->map <= MAP_DF) ||
           (row->map == MAP_1 && ((row->first & 0xF8) == 0xD8 || row->first == 0x9B));
}

bool row_is_vector(const struct encoding *row)
{
    return row->map >= MAP_NP0F && row->map <= MAP_F20F3A;
}

bool uses_edi(const struct encoding *row)
{
    return row_is_vector(row) && row_named(row, "MASKMOV");
}

static bool uses_stack(const struct encoding *row)
{
    return row->map == MAP_1 && !row_is_x87(row) &&
           row_named(row, "PUSH POP PUSHI POPE PUSHA POPA PUSHF POPF ENTER LEAVE CALL CALLE RET");
}

bool row_jumps(const struct encoding *row)
{
    return (row->attributes & ENDS_BLOCK) && !row_named(row, "POPF INTO");
}

static bool is_string(const struct encoding *row)
{
    return row->form == FORM_String_b || row->form == FORM_String_v;
}

const char *row_skipped(const struct encoding *row)
{
    if (row->illegal)
        return "illegal: the sweep of all opcodes compares it";
    if (row->attributes & NO_ORACLE_PORT)
        return "a user process has no ports";
    if (row->attributes & NO_ORACLE_VIRTUAL)
        return "the virtual architecture defines it differently";
    return NULL;
}

uint8_t mandatory_prefix(const struct encoding *row)
{
    static const uint8_t prefixes[] = {0, 0x66, 0xF3, 0xF2}; /* the maps come in fours, in this order */

    return row_is_vector(row) ? prefixes[(row->map - MAP_NP0F) % 4] : 0;
}

/* With 66 as mandatory prefix or its absence there is one operand size only. */
static bool width_exists(const struct encoding *row, bool narrow)
{
    if (row_is_vector(row) && mandatory_prefix(row) < 0xF2)
        return narrow == (mandatory_prefix(row) == 0x66);
    return !narrow || !row_named(row, "BSWAP");
}

static bool memory_exists(const struct encoding *row, bool narrow, bool memory)
{
    if (form_layouts[row->form].modrm)
        return row->run[narrow][memory];
    return memory == (form_layouts[row->form].immediate == IMMEDIATE_OFFSET);
}

unsigned row_cells(const struct encoding *row)
{
    unsigned cells = 0;

    for (unsigned cell = 0; cell < CELLS && !row_skipped(row); cell++) {
        bool narrow = cell & CELL_NARROW_OPERAND;
        if (width_exists(row, narrow) && memory_exists(row, narrow, cell & CELL_MEMORY))
            cells |= 1u << cell;
    }
    return cells;
}

uint32_t row_extent(const struct encoding *row)
{
    if (row_is_vector(row))
        return row->first == 0xAE && row_named(row, "FXSAVE FXRSTOR") ? 512 : row->form == FORM_P_Q ? 8 : 16;
    if (!row_is_x87(row))
        return 8;
    if (row->form == FORM_Gv_M)
        return row_named(row, "FNSAVE FRSTOR") ? 108 : 28; /* else FNSTENV, FLDENV */
    return 10;
}

/* --- making a case --- */

/* Registers that an instruction uses without naming them. */
static void set_implied(struct maker *m, const struct encoding *row)
{
    struct rng *rng = &m->rng;
    uint32_t *regs = m->c->state.regs;

    if (is_string(row)) {
        uint32_t segment = m->segment, source = rng_spot(m);
        m->segment = 0; /* ES:EDI cannot be overridden */
        uint32_t destination = one_in(rng, 4) && !segment ? source + rng_below(rng, 17) - 8 : rng_spot(m);
        m->segment = segment;
        set_register(m, ESI, source);
        set_register(m, EDI, destination);
        set_register(m, ECX, one_in(rng, 32) ? rng_value(rng) : rng_below(rng, 20));
        if (row_named(row, "XLAT"))
            set_register(m, EBX, source - (regs[EAX] & 0xFF));
        patch_random(m, linear(m, source & (m->narrow_address ? 0xFFFF : ~0u)) - 12, 32);
        if (!one_in(rng, 3)) /* else what is compared is equal: both are zero, or the same bytes */
            patch_random(m, (destination & (m->narrow_address ? 0xFFFF : ~0u)) - 12, 32);
    }
    if (uses_stack(row) && m->base != ESP) {
        const struct maker before = *m;
        m->narrow_address = false;
        m->segment = 0;
        regs[ESP] = rng_spot(m) & (one_in(rng, 4) ? ~0u : ~3u);
        if (row_named(row, "ENTER LEAVE"))
            regs[EBP] = rng_spot(m);
        m->narrow_address = before.narrow_address;
        m->segment = before.segment;
    }
    if (uses_stack(row)) {
        patch_random(m, regs[ESP], 32);
        if (row_named(row, "ENTER LEAVE"))
            patch_random(m, regs[EBP] - 56, 64);
    }
    if (row_named(row, "LOOP LOOPE LOOPNE JCXZ") && one_in(rng, 2))
        regs[ECX] = (regs[ECX] & (m->narrow_address ? 0xFFFF0000 : 0)) | rng_below(rng, 3);
}

static void patch_word(struct maker *m, uint32_t value)
{
    patch_bytes(m, linear(m, m->spot), &value, 4);
}

/* Operands between which something happens: equal ones to compare, quotients that fit, bounds, nearby bits. */
static void relate_operands(struct maker *m, const struct encoding *row)
{
    const bool two_bytes = row->map == MAP_0F;
    struct rng *rng = &m->rng;
    uint32_t *regs = m->c->state.regs;

    if (row->flags == FLAGS_DIVIDE && m->base != EDX && m->base != EAX && !one_in(rng, 4)) {
        uint32_t high = regs[EDX] = rng_below(rng, 2) ? rng_below(rng, 3) - 1 : rng_value(rng) >> rng_below(rng, 32);
        if (one_in(rng, 2)) /* AH, for bytes */
            regs[EAX] = (regs[EAX] & 0xFFFF00FF) | (high & 0xFF) << 8;
    } else if (two_bytes && row_named(row, "CMPXCHG") && one_in(rng, 2)) {
        patch_word(m, regs[EAX]);
    } else if (two_bytes && row_named(row, "CMPXCHG8B") && one_in(rng, 2)) {
        patch_word(m, regs[EAX]);
        m->spot += 4;
        patch_word(m, regs[EDX]);
        m->spot -= 4;
    } else if (!two_bytes && row_named(row, "BOUND") && one_in(rng, 2)) {
        patch_word(m, rng_below(rng, 2) ? 0x80000000 : 0x00008000);
    } else if (two_bytes && row_named(row, "BT_G BTS_G BTR_G BTC_G") && m->memory && one_in(rng, 2)) {
        if (m->reg != m->base)
            regs[m->reg] = rng_below(rng, 2048) - 1024;
    } else if (two_bytes && row_named(row, "SHLD_CL SHRD_CL") && m->narrow_operand) {
        if (m->base != ECX)
            regs[ECX] = (regs[ECX] & ~31u) | rng_below(rng, 17);
        else
            regs[ECX] &= ~31u;
    } else if (!two_bytes && row_named(row, "POPF")) {
        uint32_t image = (rng_next(rng) & ~0x100u) | FLAG_IF;
        patch_bytes(m, regs[ESP], &image, 4);
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
    if (!(m->c->state.regs[ESP] & 3) && one_in(rng, 4) && row_named(row, "PUSHF"))
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

/* A string's length, mostly; with it registers must be settled before an address is made of them. */
static void set_lengths(struct maker *m)
{
    if (one_in(&m->rng, 3))
        return;
    m->c->state.regs[EAX] = rng_below(&m->rng, 40) - 20;
    m->c->state.regs[EDX] = rng_below(&m->rng, 40) - 20;
}

static void make_integer(struct maker *m, const struct encoding *row)
{
    set_implied(m, row);
    if (m->memory)
        patch_random(m, linear(m, m->spot), 8);
    relate_operands(m, row);
}

void case_make(struct oracle_case *c, const struct encoding *row, unsigned cell, uint64_t seed, uint64_t index)
{
    struct maker m = {.rng = {seed * 0xD1342543DE82EF95 + index}, .c = c, .base = 8};

    m.rng.state ^= rng_wide(&m.rng) * (2 * (uint64_t)(row - encodings) * CELLS + 2 * cell + 1);
    m.narrow_operand = cell & CELL_NARROW_OPERAND;
    m.narrow_address = cell & CELL_NARROW_ADDRESS;
    m.memory = cell & CELL_MEMORY;
    m.extent = row_extent(row);
    memset(c, 0, offsetof(struct oracle_case, patches));
    c->row = row;
    for (unsigned i = 0; i < CPU_REGISTERS; i++)
        c->state.regs[i] = rng_value(&m.rng);
    if (row->map == MAP_660F3A && row_named(row, "PCMPESTRI PCMPESTRM"))
        set_lengths(&m);
    emit_prefixes(&m, row);
    emit_opcode(&m, row);
    if (form_layouts[row->form].modrm)
        emit_modrm(&m, row);
    emit_immediate(&m, row);
    if (uses_edi(row))
        set_register(&m, EDI, m.spot = rng_spot(&m));
    if (row_is_x87(row) || row_is_vector(row))
        fpu_make(&m, row, linear(&m, m.spot));
    else
        make_integer(&m, row);
    spare_page_0(c);
    c->state.eflags = rng_flags(&m, row);
    c->state.eip = rng_eip(&m);
    c->step = row_jumps(row) || (is_string(row) && one_in(&m.rng, 8));
}
