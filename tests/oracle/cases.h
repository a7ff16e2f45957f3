/* SPDX-License-Identifier: MIT
 *
 * Test cases for one instruction each: made from the instruction table and a number, or read from a line of text.
 *
 * The guest memory of a case is the arena: a few pages, filled with zeroes, with a few patches. Page 0 is the virtual
 * register page with irq_enabled = 1 and gs_base = SILICON_GS_BASE; the pages beside the data pages are absent.
 */
#pragma once
#include <stdio.h>

#include "../../cpu/cpu.h"
#include "../../cpu/table.h"
#include "silicon.h"

enum {
    ARENA_LOW = 0x8, /* two pages that 16-bit addresses reach */
    ARENA_LAST_LOW = 0xF,
    ARENA_CODE = 0x20,  /* two pages */
    ARENA_DATA = 0x30,  /* two pages */
    ARENA_LAST = 0xFFF, /* the last page of memory */
    ARENA_SIZE = 0x1000000,
    ARENA_PAGES = 9,
};
/* The pages of the arena, ended by ~0; the code pages come first. */
extern const uint32_t arena_pages[ARENA_PAGES + 1];

enum { CASE_CODE = 176, CASE_PARTS = 12, PATCHES = 5, PATCH_BYTES = 64 };

struct patch {
    uint32_t address;
    uint32_t length;
    uint8_t bytes[PATCH_BYTES];
};

/* One instruction of a sequence. */
struct part {
    uint8_t start;      /* in the code */
    uint16_t undefined; /* status flags that are undefined before it */
};

struct oracle_case {
    const struct encoding *row; /* NULL: a sequence of instructions */
    uint8_t code[CASE_CODE];
    uint32_t length; /* may be more than 15: too long */
    bool step;       /* exactly one instruction or iteration, wherever it leads; else until EIP moves */
    struct silicon_state state;
    struct patch patches[PATCHES];
    uint32_t patch_count;
    uint32_t part_count; /* of a sequence, and one more for its end */
    struct part parts[CASE_PARTS + 1];
};

/* The parts of `code` that decide about coverage and about undefined flags. */
struct case_shape {
    bool narrow_operand, narrow_address, lock, repeat, memory;
    uint8_t modrm, immediate; /* the last byte */
};
struct case_shape case_shape(const struct oracle_case *);

/* Why a row has no cases; NULL: it has. */
const char *row_skipped(const struct encoding *);

/* Case number `index` of this row: a pure function of its arguments. */
void case_make(struct oracle_case *, const struct encoding *, uint64_t seed, uint64_t index);

/* Sequence number `index`: instructions that go on to the next one, except that some are jumped over. What one leaves
 * undefined none of the others reads. It shows whether flags get from instruction to instruction. */
void sequence_make(struct oracle_case *, uint64_t seed, uint64_t index);

/* The status flags that are undefined at `eip`, where the case ended, given its operands. */
uint32_t case_undefined_flags(const struct oracle_case *, uint32_t eip);

/* One line of text, without its end. case_parse returns where it stopped, NULL if the line is malformed. */
void case_print(const struct oracle_case *, FILE *);
const char *case_parse(struct oracle_case *, const char *line);

/* Hexadecimal digits, at most `limit` bytes of them; returns where they end. */
const char *bytes_parse(const char *text, uint8_t *bytes, uint32_t limit, uint32_t *count);
