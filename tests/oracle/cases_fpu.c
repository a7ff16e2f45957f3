/* SPDX-License-Identifier: MIT
 *
 * Floating-point states and operands: of every class, near each other so that sums cancel, at the limits of formats.
 */
#include "../../cpu/vector.h"
#include "../../cpu/x87.h"
#include "maker.h"

#include <string.h>

enum { PRECISION_EXTENDED = 3 };

/* --- numbers --- */

/* Bits as arithmetic likes to see them: any, few, ones or zeroes at one end, and around the middle of a rounding. */
static uint64_t rng_significand(struct rng *rng)
{
    const unsigned shift = rng_below(rng, 64);
    const uint64_t any = rng_wide(rng), ones = ~UINT64_C(0) >> shift, edge = UINT64_C(1) << shift;

    switch (rng_below(rng, 8)) {
    case 0:
        return edge;
    case 1:
        return ones + rng_below(rng, 3) - 1;
    case 2:
        return ~ones + rng_below(rng, 3) - 1;
    case 3:
        return (any & ~ones) | edge;
    case 4:
        return ((any >> 40) << 40) + (UINT64_C(1) << 39) + rng_below(rng, 3) - 1;
    case 5:
        return ((any >> 11) << 11) + (UINT64_C(1) << 10) + rng_below(rng, 3) - 1;
    case 6:
        return any & rng_wide(rng) & rng_wide(rng) & rng_wide(rng);
    default:
        return any;
    }
}

/* Of normal numbers: where formats, integers and FPREM end. */
static unsigned rng_exponent(struct rng *rng)
{
    static const uint16_t edges[] = {0x3FFF, 0x3FFF, 0x3FFF,        0x3FFF + 127,   0x3FFF - 126,
                                     0x43FE, 0x3C01, 0x3FFF + 16,   0x3FFF + 32,    0x3FFF + 60,
                                     0x3F6A, 0x3BCD, 0x3FFF + 63,   0x7FFE - 70,    70,
                                     0x5FFF, 0x1FFF, 0x3FFF + 8191, 0x3FFF - 12288, 5};
    unsigned exponent = one_in(rng, 4) ? rng_below(rng, 0x7FFF) : RNG_CHOICE(rng, edges) + rng_below(rng, 9) - 4;

    return exponent < 1 ? 1 : exponent > 0x7FFE ? 0x7FFE : exponent;
}

/* Of any class (SDM vol. 1, tables 8-2 and 8-3). */
static struct x87_register rng_extended(struct rng *rng)
{
    const uint64_t integer_bit = UINT64_C(1) << 63, quiet_bit = UINT64_C(1) << 62;
    uint64_t significand = rng_significand(rng);
    unsigned exponent = rng_exponent(rng);

    switch (rng_below(rng, 24)) {
    case 0:
    case 1:
        exponent = 0, significand = 0;
        break;
    case 2: /* denormal */
        exponent = 0, significand &= ~integer_bit;
        break;
    case 3: /* pseudo-denormal */
        exponent = 0, significand |= integer_bit;
        break;
    case 4:
    case 5:
        exponent = 0x7FFF, significand = integer_bit;
        break;
    case 6:
    case 7:
        exponent = 0x7FFF, significand |= integer_bit | quiet_bit;
        break;
    case 8:
        exponent = 0x7FFF, significand = (significand & ~quiet_bit) | integer_bit;
        break;
    case 9: /* unnormal, pseudo-infinity, pseudo-NaN */
        exponent = one_in(rng, 2) ? 0x7FFF : exponent, significand &= ~integer_bit;
        break;
    case 10: /* a small integer, and half of one */
        exponent = 0x3FFF + rng_below(rng, 4), significand = integer_bit | (uint64_t)rng_below(rng, 16) << 59;
        break;
    default:
        significand |= integer_bit;
        break;
    }
    return (struct x87_register){.sign_exponent = (uint16_t)(exponent | rng_below(rng, 2) << 15),
                                 .significand = significand};
}

/* Nearly the same number: cancellation, equality, NaNs of one payload. */
static struct x87_register rng_neighbour(struct rng *rng, struct x87_register of)
{
    of.sign_exponent ^= (uint16_t)(rng_below(rng, 2) << 15);
    of.significand += one_in(rng, 3) ? rng_below(rng, 3) - UINT64_C(1) : 0;
    of.sign_exponent += one_in(rng, 4) ? rng_below(rng, 5) - 2u : 0;
    of.significand ^= one_in(rng, 8) ? UINT64_C(1) << 62 : 0;
    return of;
}

static uint64_t rng_fraction(struct rng *rng, unsigned bits)
{
    const uint64_t mask = (UINT64_C(1) << bits) - 1;

    switch (rng_below(rng, 6)) {
    case 0:
        return 0;
    case 1:
        return mask;
    case 2:
        return UINT64_C(1) << rng_below(rng, bits);
    case 3:
        return mask ^ UINT64_C(1) << rng_below(rng, bits);
    case 4:
        return rng_wide(rng) & mask & ~UINT64_C(0) << rng_below(rng, bits);
    default:
        return rng_wide(rng) & mask;
    }
}

/* Near each other more often than chance has it, and often at the ends. `most`: of infinity. */
static unsigned rng_float_exponent(struct rng *rng, unsigned most, unsigned fraction_bits)
{
    const unsigned bias = most / 2;

    switch (rng_below(rng, 14)) {
    case 0:
    case 1:
        return 0;
    case 2:
        return 1 + rng_below(rng, 2);
    case 3:
        return most;
    case 4:
        return most - 1;
    case 5:
    case 6:
        return rng_below(rng, most);
    case 7:
        return bias + rng_below(rng, 70) - 4;
    case 8:
    case 9:
        return bias + rng_below(rng, 8) - 4;
    case 10:
        return bias / 2 + rng_below(rng, 4);
    case 11:
        return one_in(rng, 2) ? fraction_bits + rng_below(rng, 8) : bias + 31;
    case 12:
        return bias + bias / 2 + rng_below(rng, 4);
    default:
        return bias + rng_below(rng, fraction_bits + 2);
    }
}

static uint64_t rng_float(struct rng *rng, unsigned exponent_bits, unsigned fraction_bits)
{
    const uint64_t exponent = rng_float_exponent(rng, (1u << exponent_bits) - 1, fraction_bits);

    return (uint64_t)rng_below(rng, 2) << (exponent_bits + fraction_bits) | exponent << fraction_bits |
           rng_fraction(rng, fraction_bits);
}

static uint32_t rng_single(struct rng *rng)
{
    return (uint32_t)rng_float(rng, 8, 23);
}

static uint64_t rng_double(struct rng *rng)
{
    return rng_float(rng, 11, 52);
}

static uint16_t rng_word(struct rng *rng)
{
    static const uint16_t words[16] = {0,      1,      0x7FFF, 0x8000, 0x8001, 0xFFFF, 0x00FF, 0x0100,
                                       0x7F80, 0x8080, 0xFF00, 0x007F, 0xFFFE, 0x7FFE, 2,      0x0080};
    const uint32_t any = rng_next(rng);

    return any >> 31 ? (uint16_t)any : words[any >> 16 & 15];
}

/* Few different ones, and zeroes, which end strings. */
static uint8_t rng_character(struct rng *rng)
{
    const uint32_t any = rng_next(rng);

    return (uint8_t)(any >> 30 ? any & 3 : any >> 29 ? any : 0);
}

static void rng_bcd(struct rng *rng, uint8_t *bytes)
{
    const unsigned digits = rng_below(rng, 19);

    memset(bytes, 0, 10);
    for (unsigned i = 0; i < digits; i++)
        bytes[i / 2] |= (uint8_t)(rng_below(rng, one_in(rng, 8) ? 16 : 10) << (4 * (i % 2)));
    bytes[9] = (uint8_t)rng_next(rng);
}

/* --- vectors --- */

enum elements { ANY_BITS, SINGLES, DOUBLES, WORDS, CHARACTERS, COUNTS, ELEMENTS };

/* What a row works on, if its name tells. */
static enum elements rng_elements(struct rng *rng, const struct encoding *row)
{
    const size_t length = row ? strlen(row->name) : 0;
    const char *end = length > 2 ? row->name + length - 2 : "";

    if (!one_in(rng, 4) && (strcmp(end, "PS") == 0 || strcmp(end, "SS") == 0))
        return SINGLES;
    if (!one_in(rng, 4) && (strcmp(end, "PD") == 0 || strcmp(end, "SD") == 0))
        return DOUBLES;
    return rng_below(rng, ELEMENTS);
}

static union xmm_register rng_vector(struct rng *rng, enum elements kind)
{
    union xmm_register v;

    switch (kind) {
    case SINGLES:
        for (unsigned i = 0; i < 4; i++)
            v.u32[i] = rng_single(rng);
        break;
    case DOUBLES:
        for (unsigned i = 0; i < 2; i++)
            v.u64[i] = rng_double(rng);
        break;
    case WORDS:
        for (unsigned i = 0; i < 8; i++)
            v.u16[i] = rng_word(rng);
        break;
    case CHARACTERS:
        for (unsigned i = 0; i < 16; i++)
            v.u8[i] = rng_character(rng);
        break;
    case COUNTS:
        v.u64[0] = rng_below(rng, 80);
        v.u64[1] = rng_below(rng, 80);
        break;
    default:
        v.u64[0] = rng_wide(rng);
        v.u64[1] = rng_wide(rng);
        break;
    }
    return v;
}

/* --- words --- */

/* Exceptions are rarely pending; only then is it seen that an instruction waits. */
static void rng_words(struct rng *rng, struct fpu_state *f)
{
    const unsigned masks = one_in(rng, 2) ? 0x3F : one_in(rng, 2) ? rng_below(rng, 64) : 0x3F ^ 1u << rng_below(rng, 6);
    const unsigned precision = one_in(rng, 2) ? PRECISION_EXTENDED : rng_below(rng, 4);
    unsigned flags = one_in(rng, 2) ? 0 : rng_below(rng, 128);

    if (!one_in(rng, 32))
        flags &= masks | X87_STACK_FAULT;
    x87_set_status(f, (uint16_t)((rng_next(rng) & (X87_CONDITIONS | X87_TOP)) | flags));
    x87_set_control(f, (uint16_t)(masks | precision << X87_PRECISION_SHIFT | rng_below(rng, 4) << X87_ROUNDING_SHIFT |
                                  rng_below(rng, 2) << 12));
    const unsigned next = (f->status >> X87_TOP_SHIFT) + 7;
    f->full = (uint8_t)(one_in(rng, 3) ? rng_next(rng) : one_in(rng, 2) ? 0xFF : 0xFF ^ 1u << (next & 7));
}

static uint32_t rng_mxcsr(struct rng *rng)
{
    const uint32_t flags = one_in(rng, 4) ? rng_below(rng, 64) : 0;
    const uint32_t masks = !one_in(rng, 4)  ? 0x3F
                           : one_in(rng, 3) ? rng_below(rng, 64)
                                            : 0x3F ^ 1u << rng_below(rng, 6);

    return flags | masks << MXCSR_MASKS_SHIFT | rng_below(rng, 4) << MXCSR_ROUNDING_SHIFT |
           (one_in(rng, 3) ? MXCSR_DAZ : 0) | (one_in(rng, 3) ? MXCSR_FTZ : 0);
}

static struct fpu_state rng_fpu(struct rng *rng, const struct encoding *row)
{
    struct fpu_state f = {.mxcsr = rng_mxcsr(rng),
                          .opcode = rng_next(rng) & 0x7FF,
                          .instruction = rng_next(rng),
                          .operand = rng_next(rng)};
    const bool numbers = !row || row_is_x87(row);
    const enum elements kind = row && numbers ? ANY_BITS : rng_elements(rng, row);

    rng_words(rng, &f);
    for (unsigned i = 0; i < 8; i++) {
        f.xmm[i] = rng_vector(rng, one_in(rng, 8) ? rng_below(rng, ELEMENTS) : kind);
        if (!numbers)
            f.registers[i] =
                (struct x87_register){.significand = rng_vector(rng, kind).u64[0], .sign_exponent = rng_word(rng)};
        else if (i > 0 && one_in(rng, 4))
            f.registers[i] = rng_neighbour(rng, f.registers[rng_below(rng, i)]);
        else
            f.registers[i] = rng_extended(rng);
    }
    return f;
}

/* Processors compute these precisely for small operands only, and always say inexact; with the exception masked this
 * shows in the flags alone, which are not compared (compare.c). */
static void make_transcendental(struct rng *rng, struct fpu_state *f)
{
    struct x87_register *st = &f->registers[f->status >> X87_TOP_SHIFT & 7];
    const unsigned exponent = st->sign_exponent & 0x7FFF;

    if (exponent != 0 && exponent != 0x7FFF)
        st->sign_exponent = (uint16_t)((st->sign_exponent & 0x8000) | (0x3FFC - rng_below(rng, 80)));
    x87_set_control(f, f->control | REAL_UNDERFLOW | REAL_PRECISION);
}

/* --- memory operands --- */

/* Of D8 to DF, by digit: single, double, integer, extended, BCD, any bytes. */
static const char *const x87_operands[8] = {"ssssssss", "s.aaaaaa", "iiiiiiii", "iaaa.xaa",
                                            "dddddddd", "daaaa.aa", "iiiiiiii", "iaaabiaa"};

static void x87_operand(struct maker *m, const struct encoding *row, uint32_t address)
{
    struct rng *rng = &m->rng;
    const struct x87_register extended = rng_extended(rng);
    uint64_t bytes[14];

    for (unsigned i = 0; i < 14; i++)
        bytes[i] = rng_wide(rng);
    switch (x87_operands[row->first & 7][row->digit]) {
    case 's':
        bytes[0] = rng_single(rng);
        break;
    case 'd':
        bytes[0] = rng_double(rng);
        break;
    case 'i':
        bytes[0] = one_in(rng, 3) ? rng_below(rng, 20) - UINT64_C(10) : rng_significand(rng);
        break;
    case 'x':
        bytes[0] = extended.significand;
        bytes[1] = extended.sign_exponent;
        break;
    case 'b':
        rng_bcd(rng, (uint8_t *)bytes);
        break;
    default: /* environments: what comes of them depends on the status and control word most of all */
        if (one_in(rng, 2))
            bytes[0] = (bytes[0] & ~UINT64_C(0x3F)) | 0x3F;
        break;
    }
    patch_bytes(m, address, bytes, row_named(row, "FRSTOR") ? 108 : row_named(row, "FLDENV") ? 28 : 10);
}

/* The first 288 bytes of an FXSAVE area (SDM vol. 1, table 10-2), made of any registers. */
static void fxrstor_operand(struct maker *m, const struct encoding *row, uint32_t address)
{
    struct rng *rng = &m->rng;
    const struct fpu_state f = rng_fpu(rng, row);
    uint32_t area[72] = {0};

    area[0] = f.control | (uint32_t)f.status << 16;
    if (one_in(rng, 4))
        area[0] = rng_next(rng);
    area[1] = f.full | (uint32_t)f.opcode << 16;
    area[2] = f.instruction;
    area[4] = f.operand;
    area[6] = f.mxcsr | (one_in(rng, 8) ? 1u << (18 + rng_below(rng, 14)) : 0);
    for (unsigned i = 0; i < 8; i++) {
        memcpy(&area[8 + 4 * i], &f.registers[i].significand, 8);
        memcpy(&area[10 + 4 * i], &f.registers[i].sign_exponent, 2);
    }
    memcpy(&area[40], f.xmm, sizeof(f.xmm));
    patch_bytes(m, address, area, sizeof(area));
}

static void vector_operand(struct maker *m, const struct encoding *row, uint32_t address)
{
    struct rng *rng = &m->rng;
    const union xmm_register any = rng_vector(rng, one_in(rng, 8) ? rng_below(rng, ELEMENTS) : rng_elements(rng, row));
    /* Bit 17 is one on AMD's processors, reserved here. */
    const uint32_t mxcsr = one_in(rng, 4) ? rng_next(rng) & ~(1u << 17) : rng_mxcsr(rng);

    if (row->first == 0xAE && row_named(row, "FXRSTOR"))
        fxrstor_operand(m, row, address);
    else if (row->first == 0xAE && row_named(row, "LDMXCSR"))
        patch_bytes(m, address, &mxcsr, 4);
    else
        patch_bytes(m, address, &any, 16);
}

void fpu_make(struct maker *m, const struct encoding *row, uint32_t address)
{
    struct fpu_state *f = &m->c->state.fpu;

    m->c->state.with_fpu = true;
    *f = rng_fpu(&m->rng, row);
    if (!row)
        return;
    if (row->map == MAP_D9 && row_named(row, ROWS_TRANSCENDENTAL))
        make_transcendental(&m->rng, f);
    if (row_is_x87(row) && m->memory)
        x87_operand(m, row, address);
    else if (m->memory || uses_edi(row))
        vector_operand(m, row, address);
}
