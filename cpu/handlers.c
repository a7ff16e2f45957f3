/* SPDX-License-Identifier: MIT
 *
 * A handler for every row of the instruction table and each combination of operand size and register or memory operand:
 * it fetches the operands, calls the row's body with constants, and stores what comes back. Then the table itself,
 * which refers to them. A row without a body does not compile.
 */
#include "op_arithmetic.h"
#include "op_control.h"
#include "op_shift.h"
#include "op_string.h"
#include "op_vector.h"
#include "op_vector_move.h"
#include "op_x87.h"

#define HANDLER(name) static const struct op *name(struct cpu *c, const struct op *op)

/* Source operands: R register, I immediate, M memory, A address, N none. `w` is the width in bits. */
#define SOURCE_R(w) slot_get(c, op->source, w)
#define SOURCE_I(w) truncate(op->immediate, w)
#define SOURCE_A(w) address_of(c, op)
#define SOURCE_N(w) 0
#define SOURCE_M(w)                                                                                                    \
    ({                                                                                                                 \
        uint64_t loaded = load(c, address_of(c, op), (w) / 8);                                                         \
        if (unlikely(loaded & LOAD_FAILED))                                                                            \
            return op_stop(c, op);                                                                                     \
        (uint32_t) loaded;                                                                                             \
    })

/* Shape _ destination (R register, M memory, N none): what a handler does around its body. */
#define WRITE_R(NAME, dw, SK, sw)                                                                                      \
    slot_put(c, op->destination, NAME(c, op, SOURCE_##SK(sw), dw), dw);                                                \
    NEXT(c, op + 1);

#define WRITE_M(NAME, dw, SK, sw)                                                                                      \
    if (unlikely(!store(c, address_of(c, op), NAME(c, op, SOURCE_##SK(sw), dw), (dw) / 8)))                            \
        return op_stop(c, op);                                                                                         \
    NEXT(c, op + 1);

#define MODIFY_R(NAME, dw, SK, sw)                                                                                     \
    uint32_t s = SOURCE_##SK(sw);                                                                                      \
    slot_put(c, op->destination, NAME(c, op, slot_get(c, op->destination, dw), s, dw), dw);                            \
    NEXT(c, op + 1);

#define MODIFY_M(NAME, dw, SK, sw)                                                                                     \
    uint8_t *d = modify_begin(c, address_of(c, op), (dw) / 8);                                                         \
    if (unlikely(!d))                                                                                                  \
        return op_stop(c, op);                                                                                         \
    bytes_put(d, NAME(c, op, bytes_get(d, (dw) / 8), SOURCE_##SK(sw), dw), (dw) / 8);                                  \
    modify_end(c, d, (dw) / 8);                                                                                        \
    NEXT(c, op + 1);

#define EXCHANGE_R(NAME, dw, SK, sw)                                                                                   \
    uint32_t d = slot_get(c, op->destination, dw), s = SOURCE_##SK(sw);                                                \
    NAME(c, op, &d, &s, dw);                                                                                           \
    slot_put(c, op->source, s, sw);                                                                                    \
    slot_put(c, op->destination, d, dw);                                                                               \
    NEXT(c, op + 1);

#define EXCHANGE_M(NAME, dw, SK, sw)                                                                                   \
    uint8_t *operand = modify_begin(c, address_of(c, op), (dw) / 8);                                                   \
    if (unlikely(!operand))                                                                                            \
        return op_stop(c, op);                                                                                         \
    uint32_t d = bytes_get(operand, (dw) / 8), s = SOURCE_##SK(sw);                                                    \
    NAME(c, op, &d, &s, dw);                                                                                           \
    bytes_put(operand, d, (dw) / 8);                                                                                   \
    modify_end(c, operand, (dw) / 8);                                                                                  \
    slot_put(c, op->source, s, sw);                                                                                    \
    NEXT(c, op + 1);

#define DESTINATION_R(w) slot_get(c, op->destination, w)
#define DESTINATION_N(w) 0
#define DESTINATION_M(w) SOURCE_M(w)

#define READ_ANY(DK, NAME, dw, SK, sw)                                                                                 \
    uint32_t d = DESTINATION_##DK(dw), s = SOURCE_##SK(sw);                                                            \
    if (unlikely(!NAME(c, op, d, s, dw)))                                                                              \
        return op_stop(c, op);                                                                                         \
    NEXT(c, op + 1);
#define READ_R(...) READ_ANY(R, __VA_ARGS__)
#define READ_M(...) READ_ANY(M, __VA_ARGS__)

#define JUMP_ANY(DK, NAME, dw, SK, sw)                                                                                 \
    uint32_t d = DESTINATION_##DK(dw);                                                                                 \
    const struct op *next = NAME(c, op, d, dw);                                                                        \
    if (unlikely(!next))                                                                                               \
        return NULL;                                                                                                   \
    NEXT(c, next);
#define JUMP_N(...) JUMP_ANY(N, __VA_ARGS__)
#define JUMP_R(...) JUMP_ANY(R, __VA_ARGS__)
#define JUMP_M(...) JUMP_ANY(M, __VA_ARGS__)

#define CUSTOM_ANY(memory, NAME, dw, SK, sw)                                                                           \
    if (unlikely(!NAME(c, op, memory, dw)))                                                                            \
        return op_stop(c, op);                                                                                         \
    NEXT(c, op + 1);
#define CUSTOM_N(...) CUSTOM_ANY(false, __VA_ARGS__)
#define CUSTOM_R(...) CUSTOM_ANY(false, __VA_ARGS__)
#define CUSTOM_M(...) CUSTOM_ANY(true, __VA_ARGS__)

/* One handler: destination kind and width, source kind and width. */
#define OP(id, suffix, NAME, SHAPE, DK, dw, SK, sw)                                                                    \
    HANDLER(id##suffix)                                                                                                \
    {                                                                                                                  \
        SHAPE##_##DK(NAME, dw, SK, sw)                                                                                 \
    }

/* Handlers of each form. Suffixes: r, m by ModRM; 32, 16 by operand size. */
#define ONE(id, B, S, DK, SK, w) OP(id, , B, S, DK, w, SK, w)
#define WIDE(id, B, S, DK, SK)   OP(id, 32, B, S, DK, 32, SK, 32) OP(id, 16, B, S, DK, 16, SK, 16)
#define BYTE_E(id, B, S, SK)     OP(id, r, B, S, R, 8, SK, 8) OP(id, m, B, S, M, 8, SK, 8)
#define WIDE_E(id, B, S, SK)                                                                                           \
    OP(id, r32, B, S, R, 32, SK, 32)                                                                                   \
    OP(id, m32, B, S, M, 32, SK, 32) OP(id, r16, B, S, R, 16, SK, 16) OP(id, m16, B, S, M, 16, SK, 16)
#define WIDE_G(id, B, S, sw32, sw16)                                                                                   \
    OP(id, r32, B, S, R, 32, R, sw32)                                                                                  \
    OP(id, m32, B, S, R, 32, M, sw32) OP(id, r16, B, S, R, 16, R, sw16) OP(id, m16, B, S, R, 16, M, sw16)

#define FORM_NONE(id, B, S)          ONE(id, B, S, N, N, 32)
#define FORM_NONE_b(id, B, S)        ONE(id, B, S, N, N, 8)
#define FORM_NONE_v(id, B, S)        WIDE(id, B, S, N, N)
#define FORM_String_b(id, B, S)      ONE(id, B, S, N, N, 8)
#define FORM_String_v(id, B, S)      WIDE(id, B, S, N, N)
#define FORM_Ib(id, B, S)            ONE(id, B, S, N, I, 32)
#define FORM_Ibs(id, B, S)           WIDE(id, B, S, N, I)
#define FORM_Iw(id, B, S)            WIDE(id, B, S, N, I)
#define FORM_Iz(id, B, S)            WIDE(id, B, S, N, I)
#define FORM_Iw_Ib(id, B, S)         WIDE(id, B, S, N, I)
#define FORM_Jb(id, B, S)            WIDE(id, B, S, N, N)
#define FORM_Jz(id, B, S)            WIDE(id, B, S, N, N)
#define FORM_AL_Ib(id, B, S)         ONE(id, B, S, R, I, 8)
#define FORM_eAX_Iz(id, B, S)        WIDE(id, B, S, R, I)
#define FORM_AL_port(id, B, S)       ONE(id, B, S, N, I, 8)
#define FORM_eAX_port(id, B, S)      WIDE(id, B, S, N, I)
#define FORM_AL_Ob(id, B, S)         ONE(id, B, S, R, M, 8)
#define FORM_eAX_Ov(id, B, S)        WIDE(id, B, S, R, M)
#define FORM_Ob_AL(id, B, S)         ONE(id, B, S, M, R, 8)
#define FORM_Ov_eAX(id, B, S)        WIDE(id, B, S, M, R)
#define FORM_Zv(id, B, S)            WIDE(id, B, S, R, N)
#define FORM_Zv_eAX(id, B, S)        WIDE(id, B, S, R, R)
#define FORM_Zb_Ib(id, B, S)         ONE(id, B, S, R, I, 8)
#define FORM_Zv_Iz(id, B, S)         WIDE(id, B, S, R, I)
#define FORM_Eb(id, B, S)            BYTE_E(id, B, S, N)
#define FORM_Ev(id, B, S)            WIDE_E(id, B, S, N)
#define FORM_M(id, B, S)             OP(id, m, B, S, M, 32, N, 32)
#define FORM_Ev_address(id, B, S)    WIDE_E(id, B, S, N)
#define FORM_Eb_Ib(id, B, S)         BYTE_E(id, B, S, I)
#define FORM_Ev_Ib(id, B, S)         WIDE_E(id, B, S, I)
#define FORM_Ev_Iz(id, B, S)         WIDE_E(id, B, S, I)
#define FORM_Eb_1(id, B, S)          BYTE_E(id, B, S, I)
#define FORM_Ev_1(id, B, S)          WIDE_E(id, B, S, I)
#define FORM_Eb_CL(id, B, S)         BYTE_E(id, B, S, R)
#define FORM_Ev_CL(id, B, S)         WIDE_E(id, B, S, R)
#define FORM_Eb_Gb(id, B, S)         BYTE_E(id, B, S, R)
#define FORM_Ev_Gv(id, B, S)         WIDE_E(id, B, S, R)
#define FORM_Ev_Gv_address(id, B, S) WIDE_E(id, B, S, R)
#define FORM_Ev_Gv_Ib(id, B, S)      WIDE_E(id, B, S, R)
#define FORM_Gb_Eb(id, B, S)         OP(id, r, B, S, R, 8, R, 8) OP(id, m, B, S, R, 8, M, 8)
#define FORM_Gv_Ev(id, B, S)         WIDE_G(id, B, S, 32, 16)
#define FORM_Gv_Eb(id, B, S)         WIDE_G(id, B, S, 8, 8)
#define FORM_Gv_Ew(id, B, S)         WIDE_G(id, B, S, 16, 16)
#define FORM_Gv_M(id, B, S)          OP(id, m32, B, S, M, 32, N, 32) OP(id, m16, B, S, M, 16, N, 16)
#define FORM_Gv_address(id, B, S)    OP(id, m32, B, S, R, 32, A, 32) OP(id, m16, B, S, R, 16, A, 16)
#define FORM_Gv_Ev_Iz(id, B, S)      WIDE_G(id, B, S, 32, 16)
#define FORM_Gv_Ev_Ib(id, B, S)      WIDE_G(id, B, S, 32, 16)

/* x87, MMX and SSE: bodies fetch their operands themselves. */
#define FORM_memory(id, B, S) OP(id, m, B, S, M, 32, N, 32)
#define FORM_STi(id, B, S)    ONE(id, B, S, N, N, 32)

/* Of P_Q, P_N, P_M the body's `bits` is 64, of V_W, V_U, V_M 128: which registers, and of a register alone (N, U) or
 * memory alone (M) there is one handler. */
#define FORM_P_Q(id, B, S)    OP(id, r, B, S, R, 64, N, 64) OP(id, m, B, S, M, 64, N, 64)
#define FORM_V_W(id, B, S)    OP(id, r, B, S, R, 128, N, 128) OP(id, m, B, S, M, 128, N, 128)
#define FORM_P_Q_Ib(id, B, S) FORM_P_Q(id, B, S)
#define FORM_V_W_Ib(id, B, S) FORM_V_W(id, B, S)
#define FORM_P_N(id, B, S)    OP(id, r, B, S, R, 64, N, 64)
#define FORM_V_U(id, B, S)    OP(id, r, B, S, R, 128, N, 128)
#define FORM_P_N_Ib(id, B, S) FORM_P_N(id, B, S)
#define FORM_V_U_Ib(id, B, S) FORM_V_U(id, B, S)
#define FORM_P_M(id, B, S)    OP(id, m, B, S, M, 64, N, 64)
#define FORM_V_M(id, B, S)    OP(id, m, B, S, M, 128, N, 128)

#define INSN(map, opcode, digit, NAME, form, shape, flags, attributes)                                                 \
    FORM_##form(op_##map##_##opcode##_##digit##_, NAME, shape)
#define INSN_R INSN
#define ILLEGAL(...)
#include "instructions.def"
#undef INSN
#undef INSN_R
#undef ILLEGAL

/* Which of a form's handlers runs: [operand size][register, memory]. */
#define RUN_ONE(id)                                                                                                    \
    {                                                                                                                  \
        {id, id},                                                                                                      \
        {                                                                                                              \
            id, id                                                                                                     \
        }                                                                                                              \
    }
#define RUN_WIDE(id)                                                                                                   \
    {                                                                                                                  \
        {id##32, id##32},                                                                                              \
        {                                                                                                              \
            id##16, id##16                                                                                             \
        }                                                                                                              \
    }
#define RUN_BYTE_E(id)                                                                                                 \
    {                                                                                                                  \
        {id##r, id##m},                                                                                                \
        {                                                                                                              \
            id##r, id##m                                                                                               \
        }                                                                                                              \
    }
#define RUN_WIDE_E(id)                                                                                                 \
    {                                                                                                                  \
        {id##r32, id##m32},                                                                                            \
        {                                                                                                              \
            id##r16, id##m16                                                                                           \
        }                                                                                                              \
    }
#define RUN_M(id)                                                                                                      \
    {                                                                                                                  \
        {NULL, id##m},                                                                                                 \
        {                                                                                                              \
            NULL, id##m                                                                                                \
        }                                                                                                              \
    }
#define RUN_R(id)                                                                                                      \
    {                                                                                                                  \
        {id##r, NULL},                                                                                                 \
        {                                                                                                              \
            id##r, NULL                                                                                                \
        }                                                                                                              \
    }
#define RUN_WIDE_M(id)                                                                                                 \
    {                                                                                                                  \
        {NULL, id##m32},                                                                                               \
        {                                                                                                              \
            NULL, id##m16                                                                                              \
        }                                                                                                              \
    }

#define RUN_NONE          RUN_ONE
#define RUN_NONE_b        RUN_ONE
#define RUN_NONE_v        RUN_WIDE
#define RUN_String_b      RUN_ONE
#define RUN_String_v      RUN_WIDE
#define RUN_Ib            RUN_ONE
#define RUN_Ibs           RUN_WIDE
#define RUN_Iw            RUN_WIDE
#define RUN_Iz            RUN_WIDE
#define RUN_Iw_Ib         RUN_WIDE
#define RUN_Jb            RUN_WIDE
#define RUN_Jz            RUN_WIDE
#define RUN_AL_Ib         RUN_ONE
#define RUN_eAX_Iz        RUN_WIDE
#define RUN_AL_port       RUN_ONE
#define RUN_eAX_port      RUN_WIDE
#define RUN_AL_Ob         RUN_ONE
#define RUN_eAX_Ov        RUN_WIDE
#define RUN_Ob_AL         RUN_ONE
#define RUN_Ov_eAX        RUN_WIDE
#define RUN_Zv            RUN_WIDE
#define RUN_Zv_eAX        RUN_WIDE
#define RUN_Zb_Ib         RUN_ONE
#define RUN_Zv_Iz         RUN_WIDE
#define RUN_Eb            RUN_BYTE_E
#define RUN_Ev            RUN_WIDE_E
#define RUN_Ev_address    RUN_WIDE_E
#define RUN_Eb_Ib         RUN_BYTE_E
#define RUN_Ev_Ib         RUN_WIDE_E
#define RUN_Ev_Iz         RUN_WIDE_E
#define RUN_Eb_1          RUN_BYTE_E
#define RUN_Ev_1          RUN_WIDE_E
#define RUN_Eb_CL         RUN_BYTE_E
#define RUN_Ev_CL         RUN_WIDE_E
#define RUN_Eb_Gb         RUN_BYTE_E
#define RUN_Ev_Gv         RUN_WIDE_E
#define RUN_Ev_Gv_address RUN_WIDE_E
#define RUN_Ev_Gv_Ib      RUN_WIDE_E
#define RUN_Gb_Eb         RUN_BYTE_E
#define RUN_Gv_Ev         RUN_WIDE_E
#define RUN_Gv_Eb         RUN_WIDE_E
#define RUN_Gv_Ew         RUN_WIDE_E
#define RUN_Gv_M          RUN_WIDE_M
#define RUN_Gv_address    RUN_WIDE_M
#define RUN_Gv_Ev_Iz      RUN_WIDE_E
#define RUN_Gv_Ev_Ib      RUN_WIDE_E

#define RUN_memory RUN_M
#define RUN_STi    RUN_ONE
#define RUN_P_Q    RUN_BYTE_E
#define RUN_V_W    RUN_BYTE_E
#define RUN_P_Q_Ib RUN_BYTE_E
#define RUN_V_W_Ib RUN_BYTE_E
#define RUN_P_N    RUN_R
#define RUN_V_U    RUN_R
#define RUN_P_N_Ib RUN_R
#define RUN_V_U_Ib RUN_R
#define RUN_P_M    RUN_M
#define RUN_V_M    RUN_M

#define DIGIT(d) DIGIT_##d
#define DIGIT__  NO_DIGIT
#define DIGIT_0  0
#define DIGIT_1  1
#define DIGIT_2  2
#define DIGIT_3  3
#define DIGIT_4  4
#define DIGIT_5  5
#define DIGIT_6  6
#define DIGIT_7  7

#define ROW(map_, first_, last_, digit_, NAME, form_, flags_, attributes_, illegal_, ...)                              \
    {.name = NAME,                                                                                                     \
     .map = MAP_##map_,                                                                                                \
     .first = first_,                                                                                                  \
     .last = last_,                                                                                                    \
     .digit = DIGIT(digit_),                                                                                           \
     .form = FORM_##form_,                                                                                             \
     .flags = FLAGS_##flags_,                                                                                          \
     .attributes = attributes_,                                                                                        \
     .illegal = illegal_,                                                                                              \
     .run = __VA_ARGS__},

const struct encoding encodings[] = {
    /* What is found where no row is listed. */
    {.name = "ILLEGAL", .digit = NO_DIGIT, .form = FORM_NONE, .illegal = ILLEGAL_UNDEFINED, .run = RUN_ONE(op_illegal)},
#define INSN(map, opcode, digit, NAME, form, shape, flags, attributes)                                                 \
    ROW(map, 0x##opcode, 0x##opcode, digit, #NAME, form, flags, attributes, LEGAL,                                     \
        RUN_##form(op_##map##_##opcode##_##digit##_))
#define INSN_R(map, opcode, digit, NAME, form, shape, flags, attributes)                                               \
    ROW(map, 0x##opcode, 0x##opcode + 7, digit, #NAME, form, flags, attributes, LEGAL,                                 \
        RUN_##form(op_##map##_##opcode##_##digit##_))
#define ILLEGAL(map, first, last, digit, why)                                                                          \
    ROW(map, 0x##first, 0x##last, digit, "ILLEGAL", NONE, NONE, 0, ILLEGAL_##why, RUN_ONE(op_illegal))
#include "instructions.def"
#undef INSN
#undef INSN_R
#undef ILLEGAL
};

const size_t encoding_count = sizeof(encodings) / sizeof(encodings[0]);

/* Row numbers by opcode and digit, for all maps. Two rows for one place do not compile. */
enum row {
    ROW_UNLISTED,
#define INSN(map, opcode, digit, ...)         ROW_##map##_##opcode##_##digit,
#define INSN_R                                INSN
#define ILLEGAL(map, first, last, digit, why) ROW_##map##_##first##_##digit,
#include "instructions.def"
#undef INSN
#undef INSN_R
#undef ILLEGAL
};

#define DIGITS(d) DIGITS_##d
#define DIGITS__  0 ... 7
#define DIGITS_0  0
#define DIGITS_1  1
#define DIGITS_2  2
#define DIGITS_3  3
#define DIGITS_4  4
#define DIGITS_5  5
#define DIGITS_6  6
#define DIGITS_7  7

static const uint16_t rows[MAP_COUNT][256][8] = {
#define INSN(map, opcode, digit, ...) [MAP_##map][0x##opcode][DIGITS(digit)] = ROW_##map##_##opcode##_##digit,
#define INSN_R(map, opcode, digit, ...)                                                                                \
    [MAP_##map][0x##opcode... 0x##opcode + 7][DIGITS(digit)] = ROW_##map##_##opcode##_##digit,
#define ILLEGAL(map, first, last, digit, why)                                                                          \
    [MAP_##map][0x##first... 0x##last][DIGITS(digit)] = ROW_##map##_##first##_##digit,
#include "instructions.def"
#undef INSN
#undef INSN_R
#undef ILLEGAL
};

const struct encoding *encoding_find(enum map map, uint8_t opcode, unsigned digit)
{
    return &encodings[rows[map][opcode][digit & 7]];
}

bool encoding_is_listed(const struct encoding *encoding)
{
    return encoding != &encodings[ROW_UNLISTED];
}
