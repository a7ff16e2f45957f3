/* SPDX-License-Identifier: MIT */
#include "decode.h"

#include <string.h>

/* The bytes being decoded. Reads behind the end return 0 and leave a mark. */
struct cursor {
    const uint8_t *bytes;
    size_t available, position;
    bool overrun;
};

static uint32_t take(struct cursor *in, unsigned count)
{
    uint32_t value = 0;
    if (in->available - in->position < count) {
        in->overrun = true;
        in->position = in->available;
        return 0;
    }
    for (unsigned i = 0; i < count; i++)
        value |= (uint32_t)in->bytes[in->position++] << (8 * i);
    return value;
}

static uint32_t take_byte_signed(struct cursor *in)
{
    return (uint32_t)(int8_t)take(in, 1);
}

static uint32_t take_word_signed(struct cursor *in)
{
    return (uint32_t)(int16_t)take(in, 2);
}

struct prefixes {
    bool lock;
    uint8_t last_repeat; /* enum repeat; the last one counts */
};

/* Takes all prefixes; false when the bytes ended before an opcode came. */
static bool take_prefixes(struct cursor *in, struct insn *insn, struct prefixes *prefixes)
{
    while (in->position < in->available) {
        switch (in->bytes[in->position]) {
        case 0x26:
        case 0x2E:
        case 0x36:
        case 0x3E:
            insn->segment = SEGMENT_NONE;
            break;
        case 0x64:
            insn->segment = SEGMENT_FS;
            break;
        case 0x65:
            insn->segment = SEGMENT_GS;
            break;
        case 0x66:
            insn->width = 16;
            break;
        case 0x67:
            insn->narrow = true;
            break;
        case 0xF0:
            prefixes->lock = true;
            break;
        case 0xF2:
            prefixes->last_repeat = REPEAT_WHILE_NOT_EQUAL;
            break;
        case 0xF3:
            prefixes->last_repeat = REPEAT_WHILE_EQUAL;
            break;
        default:
            return true;
        }
        in->position++;
    }
    return false;
}

static uint8_t slot_byte(unsigned number)
{
    return (uint8_t)((number & 3) * 4 + (number >> 2));
}

static uint8_t slot_word(unsigned number)
{
    return (uint8_t)(number * 4);
}

/* 16-bit addressing (Intel SDM vol. 2, table 2-1): registers by r/m. */
static void take_address_16(struct cursor *in, struct insn *insn, uint8_t modrm)
{
    enum { AX, CX, DX, BX, SP, BP, SI, DI, NO };
    static const uint8_t bases[8] = {BX, BX, BP, BP, SI, DI, BP, BX};
    static const uint8_t indexes[8] = {SI, DI, SI, DI, NO, NO, NO, NO};
    unsigned mod = modrm >> 6, rm = modrm & 7;

    insn->base = slot_word(bases[rm]);
    insn->index = slot_word(indexes[rm]);
    if (mod == 0 && rm == 6) {
        insn->base = SLOT_ZERO;
        insn->displacement = take(in, 2);
    } else if (mod == 1) {
        insn->displacement = take_byte_signed(in);
    } else if (mod == 2) {
        insn->displacement = take(in, 2);
    }
}

/* 32-bit addressing (Intel SDM vol. 2, tables 2-2 and 2-3). */
static void take_address_32(struct cursor *in, struct insn *insn, uint8_t modrm)
{
    unsigned mod = modrm >> 6, rm = modrm & 7;
    unsigned base = rm;

    if (rm == 4) {
        uint8_t sib = (uint8_t)take(in, 1);
        unsigned index = (sib >> 3) & 7;
        base = sib & 7;
        if (index != 4) {
            insn->index = slot_word(index);
            insn->scale = sib >> 6;
        }
    }
    insn->base = slot_word(base);
    if (mod == 0 && base == 5) {
        insn->base = SLOT_ZERO;
        insn->displacement = take(in, 4);
    } else if (mod == 1) {
        insn->displacement = take_byte_signed(in);
    } else if (mod == 2) {
        insn->displacement = take(in, 4);
    }
}

static void take_immediate(struct cursor *in, struct insn *insn, enum immediate kind)
{
    bool narrow_operand = insn->width == 16;

    switch (kind) {
    case IMMEDIATE_NONE:
        break;
    case IMMEDIATE_BYTE:
        insn->immediate = take_byte_signed(in);
        break;
    case IMMEDIATE_WORD:
        insn->immediate = take(in, 2);
        break;
    case IMMEDIATE_FULL:
        insn->immediate = narrow_operand ? take_word_signed(in) : take(in, 4);
        break;
    case IMMEDIATE_WORD_BYTE:
        insn->immediate = take(in, 2);
        insn->displacement = take(in, 1);
        break;
    case IMMEDIATE_JUMP_BYTE:
        insn->displacement = take_byte_signed(in);
        break;
    case IMMEDIATE_JUMP_FULL:
        insn->displacement = narrow_operand ? take_word_signed(in) : take(in, 4);
        break;
    case IMMEDIATE_OFFSET:
        insn->displacement = take(in, insn->narrow ? 2 : 4);
        insn->memory = true;
        break;
    case IMMEDIATE_ONE:
        insn->immediate = 1;
        break;
    }
}

static uint8_t operand_slot(const struct insn *insn, enum operand operand, uint8_t opcode, uint8_t modrm)
{
    unsigned reg = (modrm >> 3) & 7, rm = modrm & 7;

    switch (operand) {
    case OPERAND_NONE:
        return SLOT_ZERO;
    case OPERAND_AL:
    case OPERAND_eAX:
        return slot_word(0);
    case OPERAND_CL:
        return slot_word(1);
    case OPERAND_Zb:
        return slot_byte(opcode & 7);
    case OPERAND_Zv:
        return slot_word(opcode & 7);
    case OPERAND_Gb:
        return slot_byte(reg);
    case OPERAND_Gv:
        return slot_word(reg);
    case OPERAND_Eb:
        return insn->memory ? SLOT_ZERO : slot_byte(rm);
    case OPERAND_Ev:
        return insn->memory ? SLOT_ZERO : slot_word(rm);
    case OPERAND_reg:
        return (uint8_t)reg;
    case OPERAND_rm:
        return (uint8_t)rm;
    case OPERAND_STi:
        return opcode & 7;
    }
    return SLOT_ZERO;
}

/* An opcode as it was found: its last byte, the row, and the byte that follows (ModRM, if the row has one). */
struct opcode {
    const struct encoding *encoding;
    uint8_t byte, next;
    bool has_next;
};

static void peek(const struct cursor *in, struct opcode *opcode)
{
    opcode->has_next = in->position < in->available;
    opcode->next = opcode->has_next ? in->bytes[in->position] : 0;
}

/* The mandatory prefix chooses among four maps that lie in this order: none, 66, F3, F2. */
static unsigned mandatory_prefix(const struct insn *insn, const struct prefixes *prefixes)
{
    if (prefixes->last_repeat != REPEAT_NONE)
        return prefixes->last_repeat == REPEAT_WHILE_EQUAL ? 2 : 3;
    return insn->width == 16;
}

/* Does the byte behind the opcode decide about the row? (Where digit 0 has none, encoding_find() does not tell.) */
static bool has_digits(enum map map, uint8_t opcode)
{
    for (unsigned digit = 0; digit < 8; digit++) {
        const struct encoding *encoding = encoding_find(map, opcode, digit);
        if (encoding_is_listed(encoding) && encoding->digit != NO_DIGIT)
            return true;
    }
    return false;
}

static struct opcode take_two_byte(struct cursor *in, const struct insn *insn, const struct prefixes *prefixes)
{
    struct opcode opcode = {.byte = (uint8_t)take(in, 1)};
    enum map map = MAP_NP0F;

    if (opcode.byte == 0x38 || opcode.byte == 0x3A) {
        map = opcode.byte == 0x38 ? MAP_NP0F38 : MAP_NP0F3A;
        opcode.byte = (uint8_t)take(in, 1);
    }
    peek(in, &opcode);
    unsigned digit = (opcode.next >> 3) & 7;
    opcode.encoding = encoding_find(map + mandatory_prefix(insn, prefixes), opcode.byte, digit);
    in->overrun |= !opcode.has_next && has_digits(map + mandatory_prefix(insn, prefixes), opcode.byte);
    if (map == MAP_NP0F && !encoding_is_listed(opcode.encoding))
        opcode.encoding = encoding_find(MAP_0F, opcode.byte, digit);
    return opcode;
}

static struct opcode take_opcode(struct cursor *in, const struct insn *insn, const struct prefixes *prefixes)
{
    struct opcode opcode = {.byte = (uint8_t)take(in, 1)};

    if (opcode.byte == 0x0F)
        return take_two_byte(in, insn, prefixes);
    peek(in, &opcode);
    opcode.encoding = encoding_find(MAP_1, opcode.byte, (opcode.next >> 3) & 7);
    if (opcode.byte >= 0xD8 && opcode.byte <= 0xDF && opcode.next >= 0xC0) {
        opcode.encoding = encoding_find(MAP_D8 + (opcode.byte & 7), opcode.next, 0);
        opcode.byte = (uint8_t)take(in, 1);
    }
    return opcode;
}

/* LOCK is legal only before an instruction that reads, modifies and writes memory (SDM vol. 2, LOCK). */
static bool lock_is_legal(const struct insn *insn)
{
    return (insn->encoding->attributes & LOCKABLE) && insn->memory;
}

enum decode_status decode(const uint8_t *bytes, size_t available, struct insn *insn)
{
    size_t limit = available < INSN_MAX ? available : INSN_MAX;
    struct cursor in = {.bytes = bytes, .available = limit};
    struct prefixes prefixes = {0};
    const enum decode_status short_of_bytes = available < INSN_MAX ? DECODE_MORE : DECODE_TOO_LONG;

    *insn = (struct insn){.width = 32, .base = SLOT_ZERO, .index = SLOT_ZERO};
    if (!take_prefixes(&in, insn, &prefixes))
        return short_of_bytes;

    struct opcode opcode = take_opcode(&in, insn, &prefixes);
    if (in.overrun)
        return short_of_bytes;
    insn->encoding = opcode.encoding;
    if (!opcode.has_next && opcode.encoding->digit != NO_DIGIT)
        return short_of_bytes;
    uint8_t modrm = opcode.next;

    const struct form_layout *form = &form_layouts[insn->encoding->form];
    if (form->modrm) {
        take(&in, 1);
        insn->memory = modrm >> 6 != 3;
        if (insn->memory && insn->narrow)
            take_address_16(&in, insn, modrm);
        else if (insn->memory)
            take_address_32(&in, insn, modrm);
    }
    take_immediate(&in, insn, form->immediate);
    if (in.overrun)
        return short_of_bytes;

    if (insn->encoding->form == FORM_Gv_address) /* LEA: the address within the segment */
        insn->segment = SEGMENT_NONE;
    insn->destination = operand_slot(insn, form->destination, opcode.byte, modrm);
    insn->source = operand_slot(insn, form->source, opcode.byte, modrm);
    insn->length = (uint8_t)in.position;
    if (insn->encoding->attributes & STRING)
        insn->repeat = prefixes.last_repeat;
    if ((insn->encoding->attributes & POPS_FIRST) && insn->base == slot_word(4))
        insn->displacement += insn->width / 8;
    insn->run = insn->encoding->run[insn->width == 16][insn->memory];
    insn->illegal = insn->encoding->illegal != LEGAL || !insn->run || (prefixes.lock && !lock_is_legal(insn));
    return DECODE_OK;
}
