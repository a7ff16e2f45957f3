/* SPDX-License-Identifier: MIT
 *
 * Decoding of one instruction: bytes in, a struct insn out. Pure: it reads nothing but the bytes given.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table.h"

#define INSN_MAX 15 /* bytes; a longer instruction raises #GP (Intel SDM vol. 2, 2.3.11) */

/* Where an operand register is: its byte offset in the register array, so that AH is EAX's slot + 1. Two slots behind
 * the eight registers are not the guest's. */
enum slot { SLOT_ZERO = 8 * 4, SLOT_ADDRESS = 9 * 4, SLOTS = 10 };

enum decode_status {
    DECODE_OK,
    DECODE_MORE,     /* the instruction goes on behind the bytes given */
    DECODE_TOO_LONG, /* more than INSN_MAX bytes */
};

enum segment_base { SEGMENT_NONE, SEGMENT_FS, SEGMENT_GS };
enum repeat { REPEAT_NONE, REPEAT_WHILE_EQUAL /* F3 */, REPEAT_WHILE_NOT_EQUAL /* F2 */ };

struct insn {
    const struct encoding *encoding;
    const struct handlers *run; /* for these operands; NULL if there are none */
    bool illegal;
    uint8_t length;
    uint8_t width;   /* operand size: 32 or 16 */
    bool narrow;     /* 16-bit address size */
    uint8_t segment; /* enum segment_base */
    uint8_t repeat;  /* enum repeat, only where it repeats */
    bool memory;     /* ModRM (or offset) names memory: the address is base + (index << scale) + displacement */
    uint8_t destination, source; /* slots; SLOT_ZERO if not a register */
    uint8_t base, index, scale;  /* base and index are slots, SLOT_ZERO if absent */
    uint32_t displacement;       /* of the address; of a jump */
    uint32_t immediate;          /* sign-extended */
};

enum decode_status decode(const uint8_t *bytes, size_t available, struct insn *);
