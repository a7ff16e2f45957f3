/* SPDX-License-Identifier: MIT
 *
 * The instruction table as data: what instructions.def says, one struct encoding per row, and the maps that find a row
 * by opcode.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpu;
struct op;

/* Executes one operation; returns the next, or NULL when the run loop is to look. See run.c. */
typedef const struct op *op_fn(struct cpu *, const struct op *);

/* The handlers for one encoding's operands: they do the same, but know more or less about what is around them. */
enum { ADDRESS_ANY, ADDRESS_BASE, ADDRESSES };    /* base, index and displacement, or without index */
enum { FLAGS_SEEN, FLAGS_UNSEEN, FLAGS_CHOICES }; /* may anybody look at the status flags that it leaves? */

/* By which 32-bit registers handlers are to be had that know them: destination, source, base. There are 8 of each, but
 * 9 bases: the last is none. */
enum known_by {
    KNOWN_BY_NONE,
    KNOWN_BY_D,
    KNOWN_BY_EAX,
    KNOWN_BY_S,
    KNOWN_BY_B,
    KNOWN_BY_DS,
    KNOWN_BY_DB,
    KNOWN_BY_SB
};
#define KNOWN_BASES 9

struct handlers {
    op_fn *run[FLAGS_CHOICES][ADDRESSES];
    /* By register number, or the first one's * how many there are of the second + the second's; for an address without
     * index. */
    op_fn *const *known[FLAGS_CHOICES];
    /* By the index register's number * 4 + the scale's logarithm; NULL: there are none. */
    op_fn *const *indexed;
    /* Together with the conditional jump that follows it, by condition code; the jump's operation stays behind it.
     * NULL, or NULL for a condition: there is none. */
    op_fn *const *fused[ADDRESSES];
    op_fn *const (*fused_known)[KNOWN_BASES];
    uint8_t known_by, fused_by; /* enum known_by: the index of `known`, and of a row of fused_known */
};

/* The operands of each form: has it ModRM, which immediate, destination, source. */
#define FORMS(FORM)                                                                                                    \
    FORM(NONE, 0, NONE, NONE, NONE)                                                                                    \
    FORM(NONE_b, 0, NONE, NONE, NONE)                                                                                  \
    FORM(NONE_v, 0, NONE, NONE, NONE)                                                                                  \
    FORM(String_b, 0, NONE, NONE, NONE)                                                                                \
    FORM(String_v, 0, NONE, NONE, NONE)                                                                                \
    FORM(Ib, 0, BYTE, NONE, NONE)                                                                                      \
    FORM(Ibs, 0, BYTE, NONE, NONE)                                                                                     \
    FORM(Iw, 0, WORD, NONE, NONE)                                                                                      \
    FORM(Iz, 0, FULL, NONE, NONE)                                                                                      \
    FORM(Iw_Ib, 0, WORD_BYTE, NONE, NONE)                                                                              \
    FORM(Jb, 0, JUMP_BYTE, NONE, NONE)                                                                                 \
    FORM(Jz, 0, JUMP_FULL, NONE, NONE)                                                                                 \
    FORM(AL_Ib, 0, BYTE, AL, NONE)                                                                                     \
    FORM(eAX_Iz, 0, FULL, eAX, NONE)                                                                                   \
    FORM(AL_port, 0, BYTE, NONE, NONE)                                                                                 \
    FORM(eAX_port, 0, BYTE, NONE, NONE)                                                                                \
    FORM(AL_Ob, 0, OFFSET, AL, NONE)                                                                                   \
    FORM(eAX_Ov, 0, OFFSET, eAX, NONE)                                                                                 \
    FORM(Ob_AL, 0, OFFSET, NONE, AL)                                                                                   \
    FORM(Ov_eAX, 0, OFFSET, NONE, eAX)                                                                                 \
    FORM(Zv, 0, NONE, Zv, NONE)                                                                                        \
    FORM(Zv_eAX, 0, NONE, Zv, eAX)                                                                                     \
    FORM(push_Zv, 0, NONE, NONE, Zv)                                                                                   \
    FORM(push_Ev, 1, NONE, NONE, Ev)                                                                                   \
    FORM(push_Iz, 0, FULL, NONE, NONE)                                                                                 \
    FORM(push_Ibs, 0, BYTE, NONE, NONE)                                                                                \
    FORM(pop_Zv, 0, NONE, Zv, NONE)                                                                                    \
    FORM(pop_v, 0, NONE, NONE, NONE)                                                                                   \
    FORM(pop_Iw, 0, WORD, NONE, NONE)                                                                                  \
    FORM(Zb_Ib, 0, BYTE, Zb, NONE)                                                                                     \
    FORM(Zv_Iz, 0, FULL, Zv, NONE)                                                                                     \
    FORM(Eb, 1, NONE, Eb, NONE)                                                                                        \
    FORM(Ev, 1, NONE, Ev, NONE)                                                                                        \
    FORM(M, 1, NONE, NONE, NONE)                                                                                       \
    FORM(Ev_address, 1, NONE, Ev, NONE)                                                                                \
    FORM(Eb_Ib, 1, BYTE, Eb, NONE)                                                                                     \
    FORM(Ev_Ib, 1, BYTE, Ev, NONE)                                                                                     \
    FORM(Ev_Iz, 1, FULL, Ev, NONE)                                                                                     \
    FORM(Eb_1, 1, ONE, Eb, NONE)                                                                                       \
    FORM(Ev_1, 1, ONE, Ev, NONE)                                                                                       \
    FORM(Eb_CL, 1, NONE, Eb, CL)                                                                                       \
    FORM(Ev_CL, 1, NONE, Ev, CL)                                                                                       \
    FORM(Eb_Gb, 1, NONE, Eb, Gb)                                                                                       \
    FORM(Ev_Gv, 1, NONE, Ev, Gv)                                                                                       \
    FORM(Ev_Gv_address, 1, NONE, Ev, Gv)                                                                               \
    FORM(Ev_Gv_Ib, 1, BYTE, Ev, Gv)                                                                                    \
    FORM(Gb_Eb, 1, NONE, Gb, Eb)                                                                                       \
    FORM(Gv_Ev, 1, NONE, Gv, Ev)                                                                                       \
    FORM(Gv_Eb, 1, NONE, Gv, Eb)                                                                                       \
    FORM(Gv_Ew, 1, NONE, Gv, Ev)                                                                                       \
    FORM(Gv_M, 1, NONE, Gv, NONE)                                                                                      \
    FORM(Gv_address, 1, NONE, Gv, NONE)                                                                                \
    FORM(Gv_Ev_Iz, 1, FULL, Gv, Ev)                                                                                    \
    FORM(Gv_Ev_Ib, 1, BYTE, Gv, Ev)                                                                                    \
    FORM(memory, 1, NONE, reg, NONE)                                                                                   \
    FORM(P_Q, 1, NONE, reg, rm)                                                                                        \
    FORM(V_W, 1, NONE, reg, rm)                                                                                        \
    FORM(P_Q_Ib, 1, BYTE, reg, rm)                                                                                     \
    FORM(V_W_Ib, 1, BYTE, reg, rm)                                                                                     \
    FORM(P_N, 1, NONE, reg, rm)                                                                                        \
    FORM(V_U, 1, NONE, reg, rm)                                                                                        \
    FORM(P_N_Ib, 1, BYTE, reg, rm)                                                                                     \
    FORM(V_U_Ib, 1, BYTE, reg, rm)                                                                                     \
    FORM(P_M, 1, NONE, reg, NONE)                                                                                      \
    FORM(V_M, 1, NONE, reg, NONE)                                                                                      \
    FORM(STi, 0, NONE, NONE, STi)

enum form {
#define FORM(name, ...) FORM_##name,
    FORMS(FORM)
#undef FORM
};

/* JUMP_*: a displacement from the next instruction. OFFSET: an address as wide as the address size. ONE: no bytes,
 * the value 1. FULL: 4 bytes, 2 with the operand-size prefix. Bytes are sign-extended. */
enum immediate {
    IMMEDIATE_NONE,
    IMMEDIATE_BYTE,
    IMMEDIATE_WORD,
    IMMEDIATE_FULL,
    IMMEDIATE_WORD_BYTE,
    IMMEDIATE_JUMP_BYTE,
    IMMEDIATE_JUMP_FULL,
    IMMEDIATE_OFFSET,
    IMMEDIATE_ONE,
};

enum operand {
    OPERAND_NONE,
    OPERAND_AL,
    OPERAND_eAX,
    OPERAND_CL,
    OPERAND_Zb,
    OPERAND_Zv,
    OPERAND_Eb,
    OPERAND_Ev,
    OPERAND_Gb,
    OPERAND_Gv,
    OPERAND_reg, /* of ModRM, as a bare number: x87, MMX and SSE registers are no slots */
    OPERAND_rm,
    OPERAND_STi, /* the low three bits of the opcode */
};

/* Opcode maps. The two of i686 have a row in every place. The others list what there is; after 0F, a row for the
 * mandatory prefix (66, F3, F2 or none: NP) goes before the one of map 0F. An x87 opcode with a register operand has
 * its ModRM byte as opcode in one of the maps D8 to DF; those with memory are in map 1. */
/* The formatter never comes to rest on this list. */
/* clang-format off */
#define MAPS(MAP) \
    MAP(1) MAP(0F) \
    MAP(NP0F) MAP(660F) MAP(F30F) MAP(F20F) \
    MAP(NP0F38) MAP(660F38) MAP(F30F38) MAP(F20F38) \
    MAP(NP0F3A) MAP(660F3A) MAP(F30F3A) MAP(F20F3A) \
    MAP(D8) MAP(D9) MAP(DA) MAP(DB) MAP(DC) MAP(DD) MAP(DE) MAP(DF)
/* clang-format on */

enum map {
#define MAP(name) MAP_##name,
    MAPS(MAP)
#undef MAP
        MAP_COUNT
};

struct form_layout {
    const char *name;
    uint8_t modrm;       /* has a ModRM byte */
    uint8_t immediate;   /* enum immediate */
    uint8_t destination; /* enum operand */
    uint8_t source;
};

/* What a handler does around its body: see bodies.h. */
enum shape {
    SHAPE_WRITE,
    SHAPE_MOVE,
    SHAPE_MODIFY,
    SHAPE_ALU,
    SHAPE_COMPARE,
    SHAPE_READ,
    SHAPE_EXCHANGE,
    SHAPE_CUSTOM,
    SHAPE_BRANCH,
    SHAPE_CALL,
    SHAPE_TARGET,
    SHAPE_CALL_TARGET,
    SHAPE_JUMP,
};

/* What an instruction does to the status flags: rows of flag_effects[]. */
enum flag_effect {
    FLAGS_NONE,
    FLAGS_ARITHMETIC,
    FLAGS_ARITHMETIC_CF,
    FLAGS_LOGIC,
    FLAGS_INCREMENT,
    FLAGS_DECIMAL,
    FLAGS_ASCII,
    FLAGS_ASCII_DIGITS,
    FLAGS_MULTIPLY,
    FLAGS_DIVIDE,
    FLAGS_SHIFT,
    FLAGS_SHIFT_1,
    FLAGS_SHIFT_DOUBLE,
    FLAGS_ROTATE,
    FLAGS_ROTATE_1,
    FLAGS_BIT,
    FLAGS_SCAN,
    FLAGS_CARRY,
    FLAGS_SAHF,
    FLAGS_ZERO,
    FLAGS_READS_CF,
    FLAGS_READS_ALL,
    FLAGS_WRITES_ALL,
};

/* Masks of FLAG_*. What is undefined is also written: our value for it is fixed, whatever it is. */
struct flag_masks {
    uint16_t read, written, undefined;
    uint16_t kept;       /* of `written`: what may remain as it was, or depends on it */
    const char *section; /* of the Intel SDM, vol. 2, that says so */
};

enum attribute {
    LOCKABLE = 1,           /* LOCK is legal with a memory destination */
    ENDS_BLOCK = 2,         /* nothing follows it in a decoded block */
    STRING = 4,             /* REP and REPNE repeat it */
    NO_ORACLE_PORT = 8,     /* cannot be compared with a real CPU: a user process has no ports */
    NO_ORACLE_VIRTUAL = 16, /* nor this: the virtual architecture defines it differently */
    USES_STACK = 64,        /* pushes or pops its operand */
    POPS_FIRST = 32,        /* an address with ESP as base takes ESP after the pop (SDM vol. 2, POP) */
};

/* Why an encoding raises the illegal-instruction exception. */
enum illegal_reason {
    LEGAL,
    ILLEGAL_UNDEFINED, /* x86 has no such instruction */
    ILLEGAL_AMBIGUOUS, /* defined by privilege or segmentation, which this architecture has not */
    ILLEGAL_EXTENSION, /* newer than i686, not announced by CPUID */
    ILLEGAL_SSE,       /* MMX and SSE: not announced by CPUID */
    ILLEGAL_PREFIX,    /* a prefix: never looked up as an opcode */
};

#define NO_DIGIT 0xFF

struct encoding {
    const char *name;
    uint8_t map;         /* enum map */
    uint8_t first, last; /* opcodes */
    uint8_t digit;       /* 0-7 or NO_DIGIT */
    uint8_t form;        /* enum form */
    uint8_t shape;       /* enum shape */
    uint8_t flags;       /* enum flag_effect */
    uint8_t attributes;  /* of enum attribute */
    uint8_t illegal;     /* enum illegal_reason */
    /* [operand size: 32, 16][ModRM: register, memory]; NULL: that form is illegal */
    const struct handlers *run[2][2];
};

extern const struct encoding encodings[];
extern const size_t encoding_count;
extern const struct form_layout form_layouts[];
extern const struct flag_masks flag_effects[];

/* The row for an opcode and the reg field of the byte that follows it. Where the map has none, that of an undefined
 * instruction: see encoding_is_listed(). */
const struct encoding *encoding_find(enum map, uint8_t opcode, unsigned digit);
bool encoding_is_listed(const struct encoding *);
/* The name of a map as it stands in the table. */
const char *map_name(enum map);
