/* SPDX-License-Identifier: MIT
 *
 * Bodies: the string instructions. Each iteration counts as one instruction. When the budget ends inside, EIP stays at
 * the instruction and the registers tell how far it got, as after an interrupt on the real CPU (SDM vol. 2, REP).
 */
#pragma once
#include "op_control.h"

static inline uint32_t string_pointer(struct cpu *c, const struct op *op, unsigned reg)
{
    return op->narrow ? c->slots[reg] & 0xFFFF : c->slots[reg];
}

/* ESI, in the segment an override may have chosen: its base is in the slot `base` then. */
static inline uint32_t source_address(struct cpu *c, const struct op *op)
{
    return *cpu_slot(c, op->base) + string_pointer(c, op, ESI);
}

static inline uint32_t destination_address(struct cpu *c, const struct op *op)
{
    return string_pointer(c, op, EDI);
}

static inline void string_advance(struct cpu *c, const struct op *op, unsigned reg, unsigned bits)
{
    uint32_t step = c->control & FLAG_DF ? -(bits / 8) : bits / 8;
    slot_put(c, reg * 4, c->slots[reg] + step, op->narrow ? 16 : 32);
}

BODY bool movs_once(struct cpu *c, const struct op *op, unsigned bits)
{
    uint64_t value = load(c, source_address(c, op), bits / 8);
    if ((value & LOAD_FAILED) || !store(c, destination_address(c, op), (uint32_t)value, bits / 8))
        return false;
    string_advance(c, op, ESI, bits);
    string_advance(c, op, EDI, bits);
    return true;
}

BODY bool stos_once(struct cpu *c, const struct op *op, unsigned bits)
{
    if (!store(c, destination_address(c, op), slot_get(c, SLOT_EAX, bits), bits / 8))
        return false;
    string_advance(c, op, EDI, bits);
    return true;
}

BODY bool lods_once(struct cpu *c, const struct op *op, unsigned bits)
{
    uint64_t value = load(c, source_address(c, op), bits / 8);
    if (value & LOAD_FAILED)
        return false;
    slot_put(c, SLOT_EAX, (uint32_t)value, bits);
    string_advance(c, op, ESI, bits);
    return true;
}

BODY bool cmps_once(struct cpu *c, const struct op *op, unsigned bits)
{
    /* Where both fault, x86 reports EDI (so a real AMD processor, see tests/oracle). */
    uint64_t b = load(c, destination_address(c, op), bits / 8);
    uint64_t a = b & LOAD_FAILED ? b : load(c, source_address(c, op), bits / 8);
    if (a & LOAD_FAILED)
        return false;
    flags_subtract(&c->flags, (uint32_t)a, (uint32_t)b, 0, bits);
    string_advance(c, op, ESI, bits);
    string_advance(c, op, EDI, bits);
    return true;
}

BODY bool scas_once(struct cpu *c, const struct op *op, unsigned bits)
{
    uint64_t value = load(c, destination_address(c, op), bits / 8);
    if (value & LOAD_FAILED)
        return false;
    flags_subtract(&c->flags, slot_get(c, SLOT_EAX, bits), (uint32_t)value, 0, bits);
    string_advance(c, op, EDI, bits);
    return true;
}

typedef bool string_once(struct cpu *, const struct op *, unsigned bits);

/* An iteration may overwrite the instruction itself. In a block such a store is refused, but not when running alone,
 * nor where the instruction goes on in the next page: then each iteration is decoded, or checked, anew. */
INLINE bool may_change_itself(const struct cpu *c, const struct op *op)
{
    return c->alone || op->straddles;
}

/* The block has paid for one iteration; each further one is paid for here. */
BODY bool repeat_string(struct cpu *c, const struct op *op, string_once *once, bool compares, unsigned bits)
{
    if (op->repeat == REPEAT_NONE)
        return once(c, op, bits);
    if (count_register(c, op) == 0)
        return true;
    for (;;) {
        if (!once(c, op, bits))
            return false;
        if (count_down(c, op) == 0)
            return true;
        if (compares && flag_zf(&c->flags) != (op->repeat == REPEAT_WHILE_EQUAL))
            return true;
        if (c->budget == 0 || may_change_itself(c, op))
            return leave_with(c, STOP_BUDGET);
        c->budget--;
    }
}

CUSTOM_BODY(MOVS)
{
    return repeat_string(c, op, movs_once, false, bits);
}

CUSTOM_BODY(STOS)
{
    return repeat_string(c, op, stos_once, false, bits);
}

CUSTOM_BODY(LODS)
{
    return repeat_string(c, op, lods_once, false, bits);
}

CUSTOM_BODY(CMPS)
{
    return repeat_string(c, op, cmps_once, true, bits);
}

CUSTOM_BODY(SCAS)
{
    return repeat_string(c, op, scas_once, true, bits);
}

CUSTOM_BODY(XLAT)
{
    uint32_t offset = c->slots[EBX] + slot_get(c, SLOT_EAX, 8);
    uint64_t value = load(c, *cpu_slot(c, op->base) + (op->narrow ? offset & 0xFFFF : offset), 1);
    if (value & LOAD_FAILED)
        return false;
    slot_put(c, SLOT_EAX, (uint32_t)value, 8);
    return true;
}

/* One port string instruction is one operation of the kernel's, whatever the count. */
static inline bool port_string(struct cpu *c, const struct op *op, bool in, uint32_t address, unsigned bits)
{
    if (!permitted(c))
        return false;
    c->io = (struct cpu_io){
        .port = (uint16_t)c->slots[EDX],
        .bytes = (uint8_t)(bits / 8),
        .in = in,
        .string = true,
        .repeated = op->repeat != REPEAT_NONE,
        .narrow = op->narrow,
        .length = (uint8_t)(op->end - op->start),
        .address = address,
        .count = op->repeat != REPEAT_NONE ? count_register(c, op) : 1,
    };
    return leave_with(c, STOP_IO);
}

CUSTOM_BODY(INS)
{
    return port_string(c, op, true, destination_address(c, op), bits);
}

CUSTOM_BODY(OUTS)
{
    return port_string(c, op, false, source_address(c, op), bits);
}
