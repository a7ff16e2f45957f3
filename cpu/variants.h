/* SPDX-License-Identifier: MIT
 *
 * Which handlers a row of the instruction table has, for each kind of operands: macros for handlers.c, which defines
 * HANDLER(name, what it knows, otherwise, what it does). OP_shape(id, shape, body, destination, its width, source, its
 * width) makes them, and the struct handlers of this id.
 */
#pragma once

/* What a handler knows: nothing; that the address has no index; which registers there are. */
#define NOT_FUSED                        CONDITION_COUNT
#define ADDRESSED                        op->index, op->scale
#define SLOWLY                           false, false, false, NOT_FUSED, op->destination, op->source, op->base, ADDRESSED
#define ANY(unseen, fused)               true, false, unseen, fused, op->destination, op->source, op->base, ADDRESSED
#define BASE(unseen, fused)              true, true, unseen, fused, op->destination, op->source, op->base, ADDRESSED
#define WITH_D(unseen, fused, unused, d) true, true, unseen, fused, 4 * d, op->source, op->base, ADDRESSED
#define WITH_EAX                         WITH_D
#define WITH_S(unseen, fused, unused, s) true, true, unseen, fused, op->destination, 4 * s, op->base, ADDRESSED
#define WITH_B(unseen, fused, unused, b) true, true, unseen, fused, op->destination, op->source, 4 * b, ADDRESSED
#define WITH_DS(unseen, fused, d, s)     true, true, unseen, fused, 4 * d, 4 * s, op->base, ADDRESSED
#define WITH_DB(unseen, fused, d, b)     true, true, unseen, fused, 4 * d, op->source, 4 * b, ADDRESSED
#define WITH_SB(unseen, fused, s, b)     true, true, unseen, fused, op->destination, 4 * s, 4 * b, ADDRESSED
#define WITH_XK(unseen, fused, x, k)     true, false, unseen, fused, op->destination, op->source, op->base, 4 * x, k

#define PER_REGISTER(X, a, ...)                                                                                        \
    X(a, 0, __VA_ARGS__)                                                                                               \
    X(a, 1, __VA_ARGS__)                                                                                               \
    X(a, 2, __VA_ARGS__)                                                                                               \
    X(a, 3, __VA_ARGS__) X(a, 4, __VA_ARGS__) X(a, 5, __VA_ARGS__) X(a, 6, __VA_ARGS__) X(a, 7, __VA_ARGS__)
/* A base may also be none: 8. */
#define PER_BASE(X, a, ...) PER_REGISTER(X, a, __VA_ARGS__) X(a, 8, __VA_ARGS__)
#define PER_FIRST(PER, X, ...)                                                                                         \
    PER(X, 0, __VA_ARGS__)                                                                                             \
    PER(X, 1, __VA_ARGS__)                                                                                             \
    PER(X, 2, __VA_ARGS__)                                                                                             \
    PER(X, 3, __VA_ARGS__)                                                                                             \
    PER(X, 4, __VA_ARGS__) PER(X, 5, __VA_ARGS__) PER(X, 6, __VA_ARGS__) PER(X, 7, __VA_ARGS__)

#define PER_SCALE(X, a, ...) X(a, 0, __VA_ARGS__) X(a, 1, __VA_ARGS__) X(a, 2, __VA_ARGS__) X(a, 3, __VA_ARGS__)

/* Which registers: macros for each, how the handler knows them, and where they stand in the table. */
#define PER_D(X, ...)   PER_REGISTER(X, 0, __VA_ARGS__)
#define PER_EAX(X, ...) X(0, 0, __VA_ARGS__)
#define PER_S(X, ...)   PER_REGISTER(X, 0, __VA_ARGS__)
#define PER_B(X, ...)   PER_BASE(X, 0, __VA_ARGS__)
#define PER_DS(X, ...)  PER_FIRST(PER_REGISTER, X, __VA_ARGS__)
#define PER_DB(X, ...)  PER_FIRST(PER_BASE, X, __VA_ARGS__)
#define PER_SB(X, ...)  PER_FIRST(PER_BASE, X, __VA_ARGS__)
#define PER_XK(X, ...)  PER_FIRST(PER_SCALE, X, __VA_ARGS__)

/* A table of handlers that know their registers, and what struct handlers says of two of them. Builds without tail
 * calls are not for speed, and do without: with sanitizers these thousands of functions take minutes to compile. */
#if CPU_TAIL_CALLS
#define KNOWING(a, b, id, WITH, unseen, ...) HANDLER(id##_##a##b, WITH(unseen, NOT_FUSED, a, b), __VA_ARGS__)
#define KNOWN(a, b, id)                      id##_##a##b,
#define TABLE(BY, id, unseen, ...)                                                                                     \
    PER_##BY(KNOWING, id, WITH_##BY, unseen, __VA_ARGS__) static op_fn *const id[] = {PER_##BY(KNOWN, id)};
#define TABLES_BY(BY, seen, unseen) .known_by = KNOWN_BY_##BY, .known = {seen, unseen}
#define INDEXED_BY(table)           .indexed = table
#else
#define TABLE(...)
#define TABLES_BY(...)  .known_by = KNOWN_BY_NONE
#define INDEXED_BY(...) .indexed = NULL
#endif

/* A table of handlers for an instruction and the conditional jump behind it, for those conditions that compilers put
 * after a comparison, or after another result; and one for each register that is known. */
#define CONDITIONS_OF_COMPARE(X, ...)                                                                                  \
    X(B, __VA_ARGS__)                                                                                                  \
    X(AE, __VA_ARGS__)                                                                                                 \
    X(E, __VA_ARGS__)                                                                                                  \
    X(NE, __VA_ARGS__)                                                                                                 \
    X(BE, __VA_ARGS__)                                                                                                 \
    X(A, __VA_ARGS__)                                                                                                  \
    X(S, __VA_ARGS__) X(NS, __VA_ARGS__) X(L, __VA_ARGS__) X(GE, __VA_ARGS__) X(LE, __VA_ARGS__) X(G, __VA_ARGS__)
#define RESULT_CONDITIONS(X, ...) X(E, __VA_ARGS__) X(NE, __VA_ARGS__) X(S, __VA_ARGS__) X(NS, __VA_ARGS__)
/* Of those, what is worth a handler for each register. */
#define CONDITIONS_AFTER_CMP(X, ...)                                                                                   \
    X(B, __VA_ARGS__)                                                                                                  \
    X(AE, __VA_ARGS__)                                                                                                 \
    X(E, __VA_ARGS__)                                                                                                  \
    X(NE, __VA_ARGS__)                                                                                                 \
    X(BE, __VA_ARGS__)                                                                                                 \
    X(A, __VA_ARGS__) X(L, __VA_ARGS__) X(GE, __VA_ARGS__) X(LE, __VA_ARGS__) X(G, __VA_ARGS__)
#define CONDITIONS_AFTER_TEST(X, ...) RESULT_CONDITIONS(X, __VA_ARGS__) X(LE, __VA_ARGS__) X(G, __VA_ARGS__)

#if CPU_TAIL_CALLS
#define FUSING(condition, id, HOW, ...) HANDLER(id##_##condition, HOW(false, CONDITION_##condition), __VA_ARGS__)
#define FUSION(condition, id)           [CONDITION_##condition] = id##_##condition,
#define FUSED_TABLE(EACH, id, HOW, ...)                                                                                \
    EACH(FUSING, id, HOW, __VA_ARGS__)                                                                                 \
    static op_fn *const id[CONDITION_COUNT] = {EACH(FUSION, id)};
#define FUSING_KNOWN(condition, id, BY, ...) PER_##BY(FUSING_ONE, id##_##condition, condition, WITH_##BY, __VA_ARGS__)
#define FUSING_ONE(a, b, id, condition, WITH, ...)                                                                     \
    HANDLER(id##_##a##b, WITH(false, CONDITION_##condition, a, b), __VA_ARGS__)
#define FUSION_KNOWN(condition, id, BY) [CONDITION_##condition] = {PER_##BY(KNOWN, id##_##condition)},
#define FUSED_KNOWN_TABLE(EACH, id, BY, ...)                                                                           \
    EACH(FUSING_KNOWN, id, BY, __VA_ARGS__)                                                                            \
    static op_fn *const id[CONDITION_COUNT][KNOWN_BASES] = {EACH(FUSION_KNOWN, id, BY)};
#define FUSED_BY(any, base)       .fused = {any, base}
#define FUSED_KNOWN_BY(BY, table) .fused_by = KNOWN_BY_##BY, .fused_known = table
#else
#define FUSED_TABLE(...)
#define FUSED_KNOWN_TABLE(...)
#define FUSED_BY(...)       .fused = {NULL}
#define FUSED_KNOWN_BY(...) .fused_by = KNOWN_BY_NONE
#endif

/* What a row and a combination of operand kinds have: see struct handlers. First those that cannot fail for want of
 * memory, or need not be fast. */
#define HANDLERS_REGISTERS(id, ...)                                                                                    \
    HANDLER(id##_any, SLOWLY, op_stop, __VA_ARGS__)                                                                    \
    static const struct handlers id = {.run = {{id##_any, id##_any}, {id##_any, id##_any}}};

/* Where there is memory, a slow handler stands behind the fast ones. */
#define HANDLERS_MEMORY(id, ...)                                                                                       \
    COLD HANDLER(id##_slow, SLOWLY, op_stop, __VA_ARGS__)                                                              \
        HANDLER(id##_any, ANY(false, NOT_FUSED), id##_slow, __VA_ARGS__)                                               \
            HANDLER(id##_base, BASE(false, NOT_FUSED), id##_slow, __VA_ARGS__) static const struct handlers id = {     \
                .run = {{id##_any, id##_base}, {id##_any, id##_base}}};

/* MOVE: with tables. */
#define HANDLERS_MOVE_REGISTERS(BY, id, ...)                                                                           \
    HANDLER(id##_any, SLOWLY, op_stop, __VA_ARGS__)                                                                    \
    TABLE(BY, id##_known, false, op_stop, __VA_ARGS__)                                                                 \
    static const struct handlers id = {.run = {{id##_any, id##_any}, {id##_any, id##_any}},                            \
                                       TABLES_BY(BY, id##_known, id##_known)};

#define HANDLERS_MOVE_STACK(BY, id, ...)                                                                               \
    COLD HANDLER(id##_slow, SLOWLY, op_stop, __VA_ARGS__)                                                              \
        HANDLER(id##_any, ANY(false, NOT_FUSED), id##_slow, __VA_ARGS__)                                               \
            HANDLER(id##_base, BASE(false, NOT_FUSED), id##_slow, __VA_ARGS__)                                         \
                TABLE(BY, id##_known, false, id##_slow, __VA_ARGS__) static const struct handlers id = {               \
                    .run = {{id##_any, id##_base}, {id##_any, id##_base}}, TABLES_BY(BY, id##_known, id##_known)};

#define HANDLERS_MOVE_MEMORY(BY, id, ...)                                                                              \
    COLD HANDLER(id##_slow, SLOWLY, op_stop, __VA_ARGS__)                                                              \
        HANDLER(id##_any, ANY(false, NOT_FUSED), id##_slow, __VA_ARGS__)                                               \
            HANDLER(id##_base, BASE(false, NOT_FUSED), id##_slow, __VA_ARGS__)                                         \
                TABLE(BY, id##_known, false, id##_slow, __VA_ARGS__)                                                   \
                    TABLE(XK, id##_indexed, false, id##_slow, __VA_ARGS__) static const struct handlers id = {         \
                        .run = {{id##_any, id##_base}, {id##_any, id##_base}},                                         \
                        TABLES_BY(BY, id##_known, id##_known),                                                         \
                        INDEXED_BY(id##_indexed)};

#define HANDLERS_MOVE_NARROW(id, ...)                                                                                  \
    COLD HANDLER(id##_slow, SLOWLY, op_stop, __VA_ARGS__)                                                              \
        HANDLER(id##_any, ANY(false, NOT_FUSED), id##_slow, __VA_ARGS__)                                               \
            HANDLER(id##_base, BASE(false, NOT_FUSED), id##_slow, __VA_ARGS__)                                         \
                TABLE(XK, id##_indexed, false, id##_slow, __VA_ARGS__) static const struct handlers id = {             \
                    .run = {{id##_any, id##_base}, {id##_any, id##_base}}, INDEXED_BY(id##_indexed)};

/* ALU: with flags that are seen and without, alone and with a jump. */
#define HANDLERS_ALU_REGISTERS(BY, id, ...)                                                                            \
    HANDLER(id##_any, SLOWLY, op_stop, __VA_ARGS__)                                                                    \
    HANDLER(id##_any_unseen, ANY(true, NOT_FUSED), op_stop, __VA_ARGS__)                                               \
    TABLE(BY, id##_known, false, op_stop, __VA_ARGS__)                                                                 \
    TABLE(BY, id##_known_unseen, true, op_stop, __VA_ARGS__)                                                           \
    FUSED_TABLE(RESULT_CONDITIONS, id##_any_fused, ANY, op_stop, __VA_ARGS__)                                          \
    static const struct handlers id = {.run = {{id##_any, id##_any}, {id##_any_unseen, id##_any_unseen}},              \
                                       TABLES_BY(BY, id##_known, id##_known_unseen),                                   \
                                       FUSED_BY(id##_any_fused, id##_any_fused)};

#define HANDLERS_ALU_MEMORY(BY, id, ...)                                                                               \
    COLD HANDLER(id##_slow, SLOWLY, op_stop, __VA_ARGS__)                                                              \
        HANDLER(id##_any, ANY(false, NOT_FUSED), id##_slow, __VA_ARGS__)                                               \
            HANDLER(id##_base, BASE(false, NOT_FUSED), id##_slow, __VA_ARGS__)                                         \
                HANDLER(id##_any_unseen, ANY(true, NOT_FUSED), id##_slow, __VA_ARGS__)                                 \
                    HANDLER(id##_base_unseen, BASE(true, NOT_FUSED), id##_slow, __VA_ARGS__)                           \
                        TABLE(BY, id##_known, false, id##_slow, __VA_ARGS__)                                           \
                            TABLE(BY, id##_known_unseen, true, id##_slow, __VA_ARGS__)                                 \
                                FUSED_TABLE(RESULT_CONDITIONS, id##_any_fused, ANY, id##_slow, __VA_ARGS__)            \
                                    FUSED_TABLE(RESULT_CONDITIONS, id##_base_fused, BASE, id##_slow,                   \
                                                __VA_ARGS__) static const struct handlers id = {                       \
                                        .run = {{id##_any, id##_base}, {id##_any_unseen, id##_base_unseen}},           \
                                        TABLES_BY(BY, id##_known, id##_known_unseen),                                  \
                                        FUSED_BY(id##_any_fused, id##_base_fused)};

/* The same of 8 and 16 bits, and of what no assembler emits. */
#define HANDLERS_NARROW_REGISTERS(id, ...)                                                                             \
    HANDLER(id##_any, SLOWLY, op_stop, __VA_ARGS__)                                                                    \
    HANDLER(id##_any_unseen, ANY(true, NOT_FUSED), op_stop, __VA_ARGS__)                                               \
    static const struct handlers id = {.run = {{id##_any, id##_any}, {id##_any_unseen, id##_any_unseen}}};

#define HANDLERS_NARROW_MEMORY(id, ...)                                                                                \
    COLD HANDLER(id##_slow, SLOWLY, op_stop, __VA_ARGS__)                                                              \
        HANDLER(id##_any, ANY(false, NOT_FUSED), id##_slow, __VA_ARGS__)                                               \
            HANDLER(id##_base, BASE(false, NOT_FUSED), id##_slow, __VA_ARGS__)                                         \
                HANDLER(id##_any_unseen, ANY(true, NOT_FUSED), id##_slow, __VA_ARGS__)                                 \
                    HANDLER(id##_base_unseen, BASE(true, NOT_FUSED), id##_slow,                                        \
                            __VA_ARGS__) static const struct handlers id = {                                           \
                        .run = {{id##_any, id##_base}, {id##_any_unseen, id##_base_unseen}}};

/* Comparisons: alone and with a jump; and with known registers, of the conditions EACH. */
#define HANDLERS_COMPARE_REGISTERS(EACH, BY, id, ...)                                                                  \
    HANDLER(id##_any, SLOWLY, op_stop, __VA_ARGS__)                                                                    \
    FUSED_TABLE(CONDITIONS_OF_COMPARE, id##_any_fused, ANY, op_stop, __VA_ARGS__)                                      \
    FUSED_KNOWN_TABLE(EACH, id##_known_fused, BY, op_stop, __VA_ARGS__)                                                \
    static const struct handlers id = {.run = {{id##_any, id##_any}, {id##_any, id##_any}},                            \
                                       FUSED_BY(id##_any_fused, id##_any_fused),                                       \
                                       FUSED_KNOWN_BY(BY, id##_known_fused)};

#define HANDLERS_COMPARE_MEMORY(EACH, BY, id, ...)                                                                     \
    COLD HANDLER(id##_slow, SLOWLY, op_stop, __VA_ARGS__)                                                              \
        HANDLER(id##_any, ANY(false, NOT_FUSED), id##_slow, __VA_ARGS__)                                               \
            HANDLER(id##_base, BASE(false, NOT_FUSED), id##_slow, __VA_ARGS__)                                         \
                FUSED_TABLE(CONDITIONS_OF_COMPARE, id##_any_fused, ANY, id##_slow, __VA_ARGS__)                        \
                    FUSED_TABLE(CONDITIONS_OF_COMPARE, id##_base_fused, BASE, id##_slow, __VA_ARGS__)                  \
                        FUSED_KNOWN_TABLE(EACH, id##_known_fused, BY, id##_slow,                                       \
                                          __VA_ARGS__) static const struct handlers id = {                             \
                            .run = {{id##_any, id##_base}, {id##_any, id##_base}},                                     \
                            FUSED_BY(id##_any_fused, id##_base_fused),                                                 \
                            FUSED_KNOWN_BY(BY, id##_known_fused)};

#define NO_CONDITIONS(X, ...)
#define HANDLERS_COMPARE_REGISTERS_ANY(...) HANDLERS_COMPARE_REGISTERS(NO_CONDITIONS, D, __VA_ARGS__)
#define HANDLERS_COMPARE_MEMORY_ANY(...)    HANDLERS_COMPARE_MEMORY(NO_CONDITIONS, B, __VA_ARGS__)

/* Which of these, by shape, kinds of operands and, where registers are known, width of the destination. */
#define OP(id, suffix, NAME, SHAPE, DK, dw, SK, sw) OP_##SHAPE(id##suffix, SHAPE, NAME, DK, dw, SK, sw)

#define OP_WRITE(id, SHAPE, NAME, DK, dw, SK, sw) PLAIN_##DK##SK(id, SHAPE, NAME, DK, dw, SK, sw)
#define OP_MODIFY                                 OP_WRITE
#define OP_TARGET                                 OP_WRITE
#define OP_CALL                                   HANDLERS_MEMORY
#define OP_CALL_TARGET                            HANDLERS_MEMORY
#define OP_BRANCH                                 HANDLERS_REGISTERS
#define OP_JUMP                                   HANDLERS_REGISTERS
#define OP_READ                                   HANDLERS_REGISTERS
#define OP_EXCHANGE                               HANDLERS_REGISTERS
#define OP_CUSTOM                                 HANDLERS_REGISTERS

#define PLAIN_RR HANDLERS_REGISTERS
#define PLAIN_RI HANDLERS_REGISTERS
#define PLAIN_RN HANDLERS_REGISTERS
#define PLAIN_RA HANDLERS_MEMORY
#define PLAIN_RM HANDLERS_MEMORY
#define PLAIN_RK HANDLERS_MEMORY
#define PLAIN_MR HANDLERS_MEMORY
#define PLAIN_MI HANDLERS_MEMORY
#define PLAIN_MN HANDLERS_MEMORY
#define PLAIN_KR HANDLERS_MEMORY
#define PLAIN_KI HANDLERS_MEMORY
#define PLAIN_KM HANDLERS_MEMORY
#define PLAIN_KN HANDLERS_MEMORY

#define OP_MOVE(id, SHAPE, NAME, DK, dw, SK, sw) MOVE_##dw(id, SHAPE, NAME, DK, dw, SK, sw)
#define MOVE_32(id, SHAPE, NAME, DK, dw, SK, sw) MOVE_##DK##SK(id, SHAPE, NAME, DK, dw, SK, sw)
#define MOVE_16                                  OP_WRITE
#define MOVE_8(id, SHAPE, NAME, DK, dw, SK, sw)  MOVE_8_##DK##SK(id, SHAPE, NAME, DK, dw, SK, sw)
#define MOVE_RR(...)                             HANDLERS_MOVE_REGISTERS(DS, __VA_ARGS__)
#define MOVE_RI(...)                             HANDLERS_MOVE_REGISTERS(D, __VA_ARGS__)
#define MOVE_RM(...)                             HANDLERS_MOVE_MEMORY(DB, __VA_ARGS__)
#define MOVE_RA(...)                             HANDLERS_MOVE_MEMORY(DB, __VA_ARGS__)
#define MOVE_MR(...)                             HANDLERS_MOVE_MEMORY(SB, __VA_ARGS__)
#define MOVE_MI(...)                             HANDLERS_MOVE_MEMORY(B, __VA_ARGS__)
#define MOVE_KR(...)                             HANDLERS_MOVE_STACK(S, __VA_ARGS__)
#define MOVE_RK(...)                             HANDLERS_MOVE_STACK(D, __VA_ARGS__)
#define MOVE_KM                                  HANDLERS_MEMORY
#define MOVE_KI                                  HANDLERS_MEMORY
#define MOVE_8_RR                                HANDLERS_REGISTERS
#define MOVE_8_RI                                HANDLERS_REGISTERS
#define MOVE_8_RM                                HANDLERS_MOVE_NARROW
#define MOVE_8_MR                                HANDLERS_MOVE_NARROW
#define MOVE_8_MI                                HANDLERS_MOVE_NARROW

#define OP_ALU(id, SHAPE, NAME, DK, dw, SK, sw) ALU_##dw(id, SHAPE, NAME, DK, dw, SK, sw)
#define ALU_32(id, SHAPE, NAME, DK, dw, SK, sw) ALU_##DK##SK(id, SHAPE, NAME, DK, dw, SK, sw)
#define ALU_16(id, SHAPE, NAME, DK, dw, SK, sw) NARROW_##DK##SK(id, SHAPE, NAME, DK, dw, SK, sw)
#define ALU_8                                   ALU_16
#define ALU_RR(...)                             HANDLERS_ALU_REGISTERS(DS, __VA_ARGS__)
#define ALU_RI(...)                             HANDLERS_ALU_REGISTERS(D, __VA_ARGS__)
#define ALU_RN(...)                             HANDLERS_ALU_REGISTERS(D, __VA_ARGS__)
#define ALU_RM(...)                             HANDLERS_ALU_MEMORY(DB, __VA_ARGS__)
#define ALU_MR(...)                             HANDLERS_ALU_MEMORY(SB, __VA_ARGS__)
#define ALU_MI(...)                             HANDLERS_ALU_MEMORY(B, __VA_ARGS__)
#define ALU_MN(...)                             HANDLERS_ALU_MEMORY(B, __VA_ARGS__)
#define NARROW_RR                               HANDLERS_NARROW_REGISTERS
#define NARROW_RI                               HANDLERS_NARROW_REGISTERS
#define NARROW_RN                               HANDLERS_NARROW_REGISTERS
#define NARROW_RM                               HANDLERS_NARROW_MEMORY
#define NARROW_MR                               HANDLERS_NARROW_MEMORY
#define NARROW_MI                               HANDLERS_NARROW_MEMORY
#define NARROW_MN                               HANDLERS_NARROW_MEMORY

#define OP_COMPARE(id, SHAPE, NAME, DK, dw, SK, sw) NAME##_##DK##SK##_##dw(id, SHAPE, NAME, DK, dw, SK, sw)
#define CMP_RR_32(...)                              HANDLERS_COMPARE_REGISTERS(CONDITIONS_AFTER_CMP, D, __VA_ARGS__)
#define CMP_RI_32(...)                              HANDLERS_COMPARE_REGISTERS(CONDITIONS_AFTER_CMP, D, __VA_ARGS__)
#define CMP_RM_32(...)                              HANDLERS_COMPARE_MEMORY(CONDITIONS_AFTER_CMP, B, __VA_ARGS__)
#define CMP_MR_32(...)                              HANDLERS_COMPARE_MEMORY(CONDITIONS_AFTER_CMP, B, __VA_ARGS__)
#define CMP_MI_32(...)                              HANDLERS_COMPARE_MEMORY(CONDITIONS_AFTER_CMP, B, __VA_ARGS__)
#define CMP_RR_16                                   HANDLERS_COMPARE_REGISTERS_ANY
#define CMP_RI_16                                   HANDLERS_COMPARE_REGISTERS_ANY
#define CMP_RM_16                                   HANDLERS_COMPARE_MEMORY_ANY
#define CMP_MR_16                                   HANDLERS_COMPARE_MEMORY_ANY
#define CMP_MI_16                                   HANDLERS_COMPARE_MEMORY_ANY
#define CMP_RR_8                                    HANDLERS_COMPARE_REGISTERS_ANY
#define CMP_RI_8                                    HANDLERS_COMPARE_REGISTERS_ANY
#define CMP_RM_8                                    HANDLERS_COMPARE_MEMORY_ANY
#define CMP_MR_8                                    HANDLERS_COMPARE_MEMORY_ANY
#define CMP_MI_8(...)                               HANDLERS_COMPARE_MEMORY(CONDITIONS_AFTER_CMP, B, __VA_ARGS__)
#define TEST_RR_32(...)                             HANDLERS_COMPARE_REGISTERS(CONDITIONS_AFTER_TEST, D, __VA_ARGS__)
#define TEST_RI_32                                  HANDLERS_COMPARE_REGISTERS_ANY
#define TEST_MR_32                                  HANDLERS_COMPARE_MEMORY_ANY
#define TEST_MI_32                                  HANDLERS_COMPARE_MEMORY_ANY
#define TEST_RR_16                                  HANDLERS_COMPARE_REGISTERS_ANY
#define TEST_RI_16                                  HANDLERS_COMPARE_REGISTERS_ANY
#define TEST_MR_16                                  HANDLERS_COMPARE_MEMORY_ANY
#define TEST_MI_16                                  HANDLERS_COMPARE_MEMORY_ANY
#define TEST_RR_8                                   HANDLERS_COMPARE_REGISTERS_ANY
#define TEST_RI_8                                   HANDLERS_COMPARE_REGISTERS_ANY
#define TEST_MR_8                                   HANDLERS_COMPARE_MEMORY_ANY
#define TEST_MI_8                                   HANDLERS_COMPARE_MEMORY_ANY

/* Of forms whose register is always EAX. */
#define OP_EAX(id, suffix, NAME, SHAPE, DK, dw, SK, sw) EAX_##SHAPE(id##suffix, SHAPE, NAME, DK, dw, SK, sw)
#define EAX_MODIFY                                      OP_MODIFY
#define EAX_MOVE(id, SHAPE, NAME, DK, dw, SK, sw)       PLAIN_##DK##SK(id, SHAPE, NAME, DK, dw, SK, sw)
#define EAX_ALU(...)                                    HANDLERS_ALU_REGISTERS(EAX, __VA_ARGS__)
#define EAX_COMPARE(...)                                HANDLERS_COMPARE_REGISTERS(CONDITIONS_AFTER_CMP, EAX, __VA_ARGS__)

/* Between registers, assemblers choose the other form: there are no tables for this one. */
#define OP_OTHER(id, suffix, NAME, SHAPE, DK, dw, SK, sw) OTHER_##SHAPE(id##suffix, SHAPE, NAME, DK, dw, SK, sw)
#define OTHER_MOVE                                        HANDLERS_REGISTERS
#define OTHER_ALU                                         HANDLERS_NARROW_REGISTERS
#define OTHER_COMPARE                                     HANDLERS_COMPARE_REGISTERS_ANY
#define OTHER_WRITE                                       OP_WRITE
#define OTHER_MODIFY                                      OP_MODIFY
#define OTHER_READ                                        OP_READ
#define OTHER_CUSTOM                                      OP_CUSTOM
