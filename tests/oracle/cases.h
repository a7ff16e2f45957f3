/* SPDX-License-Identifier: MIT
 *
 * Test cases for one instruction each: made from the instruction table and a number, or read from a line of text.
 *
 * The guest memory of a case is the arena: a few pages, filled with zeroes, with a few patches. Page 0 is the virtual
 * register page with irq_enabled = 1 and the bases of FS and GS; the pages beside the data pages are absent.
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

enum { CASE_CODE = 176, SEQUENCE_PARTS = 12, PATCHES = 10, PATCH_BYTES = 64 };

struct patch {
    uint32_t address;
    uint32_t length;
    uint8_t bytes[PATCH_BYTES];
};

struct oracle_case {
    const struct encoding *row; /* NULL: a sequence of instructions */
    uint32_t length;            /* of the code; may be more than 15: too long */
    bool step;                  /* exactly one instruction or iteration, wherever it leads; else until EIP moves */
    struct silicon_state state;
    uint32_t patch_count;
    uint8_t code[CASE_CODE];
    struct patch patches[PATCHES];
};

/* The forms of a row that have cases of their own: operand size, address size, register or memory. */
enum { CELL_MEMORY = 1, CELL_NARROW_ADDRESS = 2, CELL_NARROW_OPERAND = 4, CELLS = 8 };
/* A set of cells, as bits. */
unsigned row_cells(const struct encoding *);

/* Is the row's name among these, with spaces between them? */
bool row_named(const struct encoding *, const char *names);
bool row_is_x87(const struct encoding *);
bool row_is_vector(const struct encoding *); /* MMX, SSE, POPCNT */
/* The bytes of its memory operand, at most: FXSAVE and FNSAVE areas, environments, XMM registers, and the rest. */
uint32_t row_extent(const struct encoding *);

/* What these compute is ours to define: docs/cpu.md. */
#define ROWS_TRANSCENDENTAL "F2XM1 FYL2X FYL2XP1 FPTAN FPATAN FSIN FCOS FSINCOS"
#define ROWS_ESTIMATES      "RCPPS RCPSS RSQRTPS RSQRTSS"

/* Why a row has no cases; NULL: it has. */
const char *row_skipped(const struct encoding *);

/* Case number `index` of this cell of the row: a pure function of its arguments. */
void case_make(struct oracle_case *, const struct encoding *, unsigned cell, uint64_t seed, uint64_t index);

/* Sequence number `index`: instructions that go on to the next one, except that some are jumped over. What one leaves
 * undefined none of the others reads. It shows whether flags and floating-point state get from instruction to
 * instruction. */
void sequence_make(struct oracle_case *, uint64_t seed, uint64_t index);
/* The length of the instruction of a sequence that begins at this offset. */
uint32_t sequence_part(const struct oracle_case *, uint32_t offset);

/* The status flags that are undefined at `eip`, where the case ended, given its operands. */
uint32_t case_undefined_flags(const struct oracle_case *, uint32_t eip);
/* Where a relative jump leads; 0 if it is none. */
uint32_t case_jump_target(const struct oracle_case *);
/* The guest address of the memory operand of an instruction that has one, and what FS or GS adds to it. */
uint32_t case_operand(const struct oracle_case *);
uint32_t case_segment(const struct oracle_case *);

/* One line of text, without its end. case_parse returns where it stopped, NULL if the line is malformed. */
void case_print(const struct oracle_case *, FILE *);
const char *case_parse(struct oracle_case *, const char *line);

/* What differs from another state, as " name=value"s; and such text applied to a state. */
void fpu_print(const struct fpu_state *, const struct fpu_state *from, FILE *);
const char *fpu_parse(struct fpu_state *, const char *line);
/* As cpu_state_reset() leaves it. */
struct fpu_state fpu_at_reset(void);

/* Hexadecimal digits, at most `limit` bytes of them; returns where they end. */
const char *bytes_parse(const char *text, uint8_t *bytes, uint32_t limit, uint32_t *count);
