/* SPDX-License-Identifier: MIT
 *
 * A case under construction: what the files that make cases share.
 */
#pragma once
#include "cases.h"
#include "random.h"

struct maker {
    struct rng rng;
    struct oracle_case *c;
    bool narrow_operand, narrow_address;
    uint32_t segment; /* base that FS or GS adds to the address of the memory operand */
    uint32_t extent;  /* bytes of the memory operand, about */
    uint32_t spot;    /* the address, within its segment, of the memory operand */
    bool memory;      /* has one */
    uint8_t base;     /* register that was set to reach it, or 8 */
    uint8_t reg;      /* of the ModRM byte */
};

/* Values at which arithmetic changes its mind. */
uint32_t rng_value(struct rng *);

void emit(struct maker *, uint32_t value, unsigned bytes);
/* The bytes of the opcode, without mandatory prefix. */
void emit_opcode(struct maker *, const struct encoding *);
/* 66, F3, F2, or 0. */
uint8_t mandatory_prefix(const struct encoding *);
void emit_immediate(struct maker *, const struct encoding *);

/* The prefixes of the cell, and up to three more; rarely so many that the instruction gets too long. */
void emit_prefixes(struct maker *, const struct encoding *);
/* With the address of a memory operand, for which registers are set. */
void emit_modrm(struct maker *, const struct encoding *);
void set_register(struct maker *, unsigned number, uint32_t value);

/* The address of an operand within its segment: inside a page, across two, across the end of what is accessible,
 * outside. XMM operands are mostly aligned. */
uint32_t rng_spot(struct maker *);
uint32_t linear(const struct maker *, uint32_t spot);

/* Does it end somewhere else than at the next instruction? */
bool row_jumps(const struct encoding *);
/* Does EDI point to its memory operand, which is not named? */
bool uses_edi(const struct encoding *);

/* As many patches as it takes; what finds no place is left out. */
void patch_bytes(struct maker *, uint32_t address, const void *bytes, uint32_t length);
void patch_random(struct maker *, uint32_t address, uint32_t length);

/* x87, MMX and SSE registers and words, and the memory operand at this address, for a row or (NULL) a sequence. */
void fpu_make(struct maker *, const struct encoding *, uint32_t address);
