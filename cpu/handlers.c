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
#include "variants.h"

/* Source operands: R register, I immediate, M memory, K the top of the stack, which is popped, A address, N none.
 * `w` is the width in bits. In a handler fast, base_only and `otherwise` say how it reaches memory,
 * destination, source, base and index in which slots its registers are. */
#define ADDRESS base_value(c, base) + (base_only ? 0 : *cpu_slot(c, index) << scale) + op->displacement

INLINE uint32_t base_value(struct cpu *c, unsigned base)
{
    return __builtin_constant_p(base) && base == SLOT_ZERO ? 0 : *cpu_slot(c, base);
}

/* The same as load_fast() and modify_fast(), whatever it takes. */
INLINE bool load_any(struct cpu *c, uint32_t address, unsigned bytes, uint32_t *value)
{
    uint64_t loaded = load(c, address, bytes);
    *value = (uint32_t)loaded;
    return !(loaded & LOAD_FAILED);
}

INLINE bool modify_any(struct cpu *c, uint32_t address, unsigned bytes, uint8_t **operand)
{
    *operand = modify_begin(c, address, bytes);
    return *operand;
}

#define LOAD(address, w)                                                                                               \
    ({                                                                                                                 \
        uint32_t loaded;                                                                                               \
        if (unlikely(!(fast ? load_fast : load_any)(c, address, (w) / 8, &loaded)))                                    \
            TAIL otherwise(c, op);                                                                                     \
        loaded;                                                                                                        \
    })

#define SOURCE_R(w) slot_get(c, source, w)
#define SOURCE_I(w) truncate(op->immediate, w)
#define SOURCE_A(w) ADDRESS
#define SOURCE_N(w) 0
#define SOURCE_M(w) LOAD(ADDRESS, w)
#define SOURCE_K(w)                                                                                                    \
    ({                                                                                                                 \
        uint32_t popped = LOAD(c->slots[ESP], w);                                                                      \
        c->slots[ESP] += (w) / 8;                                                                                      \
        popped;                                                                                                        \
    })

/* Destinations: R, M, K pushed, N. */
#define STORE(address, value, w)                                                                                       \
    if (unlikely(!(fast ? store_fast : store)(c, address, value, (w) / 8)))                                            \
        TAIL otherwise(c, op);

#define MODIFY(w)                                                                                                      \
    ({                                                                                                                 \
        uint8_t *place;                                                                                                \
        if (unlikely(!(fast ? modify_fast : modify_any)(c, ADDRESS, (w) / 8, &place)))                                 \
            TAIL otherwise(c, op);                                                                                     \
        place;                                                                                                         \
    })

#define DESTINATION_R(w) slot_get(c, destination, w)
#define DESTINATION_M(w) SOURCE_M(w)
#define DESTINATION_K(w) SOURCE_K(w)

/* The jump at `at`; else what follows it and its link. A 16-bit target is cut to 64 KB, so it is not always at the same
 * distance: such jumps are not linked. */
#define BRANCH(at, taken, bits)                                                                                        \
    if (taken) {                                                                                                       \
        if ((bits) == 16)                                                                                              \
            TAIL op_jump_narrow(c, at);                                                                                \
        GO(at);                                                                                                        \
    }                                                                                                                  \
    NEXT(c, (at) + 2);

/* After an instruction that leaves flags: the jump that goes by them, or the next operation. `fused` is a constant. */
#define GO_ON(holds)                                                                                                   \
    if (fused != NOT_FUSED) {                                                                                          \
        BRANCH(op + 1, holds, 32)                                                                                      \
    }                                                                                                                  \
    NEXT(c, op + 1);

/* Shape _ destination: what a handler does around its body. */
#define WRITE_R(NAME, dw, SK, sw)                                                                                      \
    uint32_t s = SOURCE_##SK(sw);                                                                                      \
    slot_put(c, destination, NAME(c, op, f, s, dw), dw);                                                               \
    NEXT(c, op + 1);

#define WRITE_M(NAME, dw, SK, sw)                                                                                      \
    STORE(ADDRESS, NAME(c, op, f, SOURCE_##SK(sw), dw), dw)                                                            \
    NEXT(c, op + 1);

#define WRITE_K(NAME, dw, SK, sw)                                                                                      \
    uint32_t s = SOURCE_##SK(sw), top = c->slots[ESP] - (dw) / 8;                                                      \
    STORE(top, NAME(c, op, f, s, dw), dw)                                                                              \
    c->slots[ESP] = top;                                                                                               \
    NEXT(c, op + 1);

#define MODIFY_R(NAME, dw, SK, sw)                                                                                     \
    uint32_t s = SOURCE_##SK(sw);                                                                                      \
    slot_put(c, destination, NAME(c, op, f, slot_get(c, destination, dw), s, dw), dw);                                 \
    GO_ON(condition_holds(f, fused))

#define MODIFY_M(NAME, dw, SK, sw)                                                                                     \
    uint8_t *d = MODIFY(dw);                                                                                           \
    bytes_put(d, NAME(c, op, f, bytes_get(d, (dw) / 8), SOURCE_##SK(sw), dw), (dw) / 8);                               \
    if (!fast)                                                                                                         \
        modify_end(c, d, (dw) / 8);                                                                                    \
    GO_ON(condition_holds(f, fused))

/* The same, of the instructions that programs consist of: see OP_MOVE and OP_ALU. */
#define MOVE_R WRITE_R
#define MOVE_M WRITE_M
#define MOVE_K WRITE_K
#define ALU_R  MODIFY_R
#define ALU_M  MODIFY_M

#define EXCHANGE_R(NAME, dw, SK, sw)                                                                                   \
    uint32_t d = slot_get(c, destination, dw), s = SOURCE_##SK(sw);                                                    \
    NAME(f, &d, &s, dw);                                                                                               \
    slot_put(c, source, s, sw);                                                                                        \
    slot_put(c, destination, d, dw);                                                                                   \
    NEXT(c, op + 1);

#define EXCHANGE_M(NAME, dw, SK, sw)                                                                                   \
    uint8_t *place_d = MODIFY(dw);                                                                                     \
    uint32_t d = bytes_get(place_d, (dw) / 8), s = SOURCE_##SK(sw);                                                    \
    NAME(f, &d, &s, dw);                                                                                               \
    bytes_put(place_d, d, (dw) / 8);                                                                                   \
    modify_end(c, place_d, (dw) / 8);                                                                                  \
    slot_put(c, source, s, sw);                                                                                        \
    NEXT(c, op + 1);

#define COMPARE_ANY(DK, NAME, dw, SK, sw)                                                                              \
    uint32_t d = DESTINATION_##DK(dw), s = SOURCE_##SK(sw);                                                            \
    NAME(f, d, s, dw);                                                                                                 \
    GO_ON(NAME##_holds(fused, d, s, dw))
#define COMPARE_R(...) COMPARE_ANY(R, __VA_ARGS__)
#define COMPARE_M(...) COMPARE_ANY(M, __VA_ARGS__)

#define READ_ANY(DK, NAME, dw, SK, sw)                                                                                 \
    uint32_t d = DESTINATION_##DK(dw), s = SOURCE_##SK(sw);                                                            \
    if (unlikely(!NAME(c, op, f, d, s, dw)))                                                                           \
        TAIL op_stop(c, op);                                                                                           \
    NEXT(c, op + 1);
#define READ_R(...) READ_ANY(R, __VA_ARGS__)
#define READ_M(...) READ_ANY(M, __VA_ARGS__)

#define BRANCH_N(NAME, dw, SK, sw) BRANCH(op, NAME(c, op), dw)

#define TARGET_ANY(DK, NAME, dw, SK, sw)                                                                               \
    uint32_t d = DESTINATION_##DK(dw);                                                                                 \
    LAND(NAME(c, op, d));
#define TARGET_R(...) TARGET_ANY(R, __VA_ARGS__)
#define TARGET_M(...) TARGET_ANY(M, __VA_ARGS__)
#define TARGET_K(...) TARGET_ANY(K, __VA_ARGS__)

#define PUSH_RETURN(w)                                                                                                 \
    uint32_t top = c->slots[ESP] - (w) / 8;                                                                            \
    STORE(top, after(c, op), w)                                                                                        \
    c->slots[ESP] = top;

#define CALL_N(NAME, dw, SK, sw)                                                                                       \
    PUSH_RETURN(dw)                                                                                                    \
    BRANCH(op, NAME(c, op), dw)

#define CALL_TARGET_ANY(DK, NAME, dw, SK, sw)                                                                          \
    uint32_t d = DESTINATION_##DK(dw);                                                                                 \
    PUSH_RETURN(dw)                                                                                                    \
    LAND(NAME(c, op, d));
#define CALL_TARGET_R(...) CALL_TARGET_ANY(R, __VA_ARGS__)
#define CALL_TARGET_M(...) CALL_TARGET_ANY(M, __VA_ARGS__)

#define JUMP_N(NAME, dw, SK, sw) return NAME(c, op, 0, dw);

#define CUSTOM_ANY(memory, NAME, dw, SK, sw)                                                                           \
    if (unlikely(!NAME(c, op, memory, dw)))                                                                            \
        TAIL op_stop(c, op);                                                                                           \
    NEXT(c, op + 1);
#define CUSTOM_N(...) CUSTOM_ANY(false, __VA_ARGS__)
#define CUSTOM_R(...) CUSTOM_ANY(false, __VA_ARGS__)
#define CUSTOM_M(...) CUSTOM_ANY(true, __VA_ARGS__)

/* One handler. `fast`: accesses that the TLB does not have at hand are left to the handler `otherwise`, which starts
 * the instruction again; so the fast one calls nothing and needs no stack. Else it does all itself. */
#define HANDLER(...) HANDLER_(__VA_ARGS__)
#define HANDLER_(name, fast_, base_only_, unseen_, fused_, destination_, source_, base_, index_, scale_, otherwise_,   \
                 SHAPE, NAME, DK, dw, SK, sw)                                                                          \
    NO_ICF static const struct op *name(struct cpu *c, const struct op *op)                                            \
    {                                                                                                                  \
        const bool fast UNUSED = fast_, base_only UNUSED = base_only_;                                                 \
        const enum condition fused UNUSED = fused_;                                                                    \
        const unsigned destination UNUSED = destination_, source UNUSED = source_, base UNUSED = base_;                \
        const unsigned index UNUSED = index_, scale UNUSED = scale_;                                                   \
        op_fn *const otherwise UNUSED = otherwise_;                                                                    \
        struct flags copy = c->flags, *f UNUSED = unseen_ ? &copy : &c->flags;                                         \
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
#define WIDE_OTHER(id, B, S)                                                                                           \
    OP_OTHER(id, r32, B, S, R, 32, R, 32)                                                                              \
    OP(id, m32, B, S, R, 32, M, 32) OP_OTHER(id, r16, B, S, R, 16, R, 16) OP(id, m16, B, S, R, 16, M, 16)

#define FORM_NONE(id, B, S)     ONE(id, B, S, N, N, 32)
#define FORM_NONE_b(id, B, S)   ONE(id, B, S, N, N, 8)
#define FORM_NONE_v(id, B, S)   WIDE(id, B, S, N, N)
#define FORM_String_b(id, B, S) ONE(id, B, S, N, N, 8)
#define FORM_String_v(id, B, S) WIDE(id, B, S, N, N)
#define FORM_Ib(id, B, S)       ONE(id, B, S, N, I, 32)
#define FORM_Ibs(id, B, S)      WIDE(id, B, S, N, I)
#define FORM_Iw(id, B, S)       WIDE(id, B, S, N, I)
#define FORM_Iz(id, B, S)       WIDE(id, B, S, N, I)
#define FORM_Iw_Ib(id, B, S)    WIDE(id, B, S, N, I)
#define FORM_Jb(id, B, S)       WIDE(id, B, S, N, N)
#define FORM_Jz(id, B, S)       WIDE(id, B, S, N, N)
#define FORM_AL_Ib(id, B, S)    ONE(id, B, S, R, I, 8)
#define FORM_eAX_Iz(id, B, S)   OP_EAX(id, 32, B, S, R, 32, I, 32) OP(id, 16, B, S, R, 16, I, 16)
#define FORM_AL_port(id, B, S)  ONE(id, B, S, N, I, 8)
#define FORM_eAX_port(id, B, S) WIDE(id, B, S, N, I)
#define FORM_AL_Ob(id, B, S)    ONE(id, B, S, R, M, 8)
#define FORM_eAX_Ov(id, B, S)   OP_EAX(id, 32, B, S, R, 32, M, 32) OP(id, 16, B, S, R, 16, M, 16)
#define FORM_Ob_AL(id, B, S)    ONE(id, B, S, M, R, 8)
#define FORM_Ov_eAX(id, B, S)   OP_EAX(id, 32, B, S, M, 32, R, 32) OP(id, 16, B, S, M, 16, R, 16)
#define FORM_Zv(id, B, S)       WIDE(id, B, S, R, N)
#define FORM_Zv_eAX(id, B, S)   WIDE(id, B, S, R, R)
#define FORM_push_Zv(id, B, S)  WIDE(id, B, S, K, R)
#define FORM_push_Ev(id, B, S)                                                                                         \
    OP(id, r32, B, S, K, 32, R, 32)                                                                                    \
    OP(id, m32, B, S, K, 32, M, 32) OP(id, r16, B, S, K, 16, R, 16) OP(id, m16, B, S, K, 16, M, 16)
#define FORM_push_Iz(id, B, S)       WIDE(id, B, S, K, I)
#define FORM_push_Ibs(id, B, S)      WIDE(id, B, S, K, I)
#define FORM_pop_Zv(id, B, S)        WIDE(id, B, S, R, K)
#define FORM_pop_v(id, B, S)         WIDE(id, B, S, K, N)
#define FORM_pop_Iw(id, B, S)        WIDE(id, B, S, K, N)
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
#define FORM_Gv_Ev(id, B, S)         WIDE_OTHER(id, B, S)
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
        {&id, &id},                                                                                                    \
        {                                                                                                              \
            &id, &id                                                                                                   \
        }                                                                                                              \
    }
#define RUN_WIDE(id)                                                                                                   \
    {                                                                                                                  \
        {&id##32, &id##32},                                                                                            \
        {                                                                                                              \
            &id##16, &id##16                                                                                           \
        }                                                                                                              \
    }
#define RUN_BYTE_E(id)                                                                                                 \
    {                                                                                                                  \
        {&id##r, &id##m},                                                                                              \
        {                                                                                                              \
            &id##r, &id##m                                                                                             \
        }                                                                                                              \
    }
#define RUN_WIDE_E(id)                                                                                                 \
    {                                                                                                                  \
        {&id##r32, &id##m32},                                                                                          \
        {                                                                                                              \
            &id##r16, &id##m16                                                                                         \
        }                                                                                                              \
    }
#define RUN_M(id)                                                                                                      \
    {                                                                                                                  \
        {NULL, &id##m},                                                                                                \
        {                                                                                                              \
            NULL, &id##m                                                                                               \
        }                                                                                                              \
    }
#define RUN_R(id)                                                                                                      \
    {                                                                                                                  \
        {&id##r, NULL},                                                                                                \
        {                                                                                                              \
            &id##r, NULL                                                                                               \
        }                                                                                                              \
    }
#define RUN_WIDE_M(id)                                                                                                 \
    {                                                                                                                  \
        {NULL, &id##m32},                                                                                              \
        {                                                                                                              \
            NULL, &id##m16                                                                                             \
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
#define RUN_push_Zv       RUN_WIDE
#define RUN_push_Ev       RUN_WIDE_E
#define RUN_push_Iz       RUN_WIDE
#define RUN_push_Ibs      RUN_WIDE
#define RUN_pop_Zv        RUN_WIDE
#define RUN_pop_v         RUN_WIDE
#define RUN_pop_Iw        RUN_WIDE
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

static const struct handlers illegal = {.run = {{op_illegal, op_illegal}, {op_illegal, op_illegal}}};

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

#define ROW(map_, first_, last_, digit_, NAME, form_, shape_, flags_, attributes_, illegal_, ...)                      \
    {.name = NAME,                                                                                                     \
     .map = MAP_##map_,                                                                                                \
     .first = first_,                                                                                                  \
     .last = last_,                                                                                                    \
     .digit = DIGIT(digit_),                                                                                           \
     .form = FORM_##form_,                                                                                             \
     .shape = SHAPE_##shape_,                                                                                          \
     .flags = FLAGS_##flags_,                                                                                          \
     .attributes = attributes_,                                                                                        \
     .illegal = illegal_,                                                                                              \
     .run = __VA_ARGS__},

const struct encoding encodings[] = {
    /* What is found where no row is listed. */
    {.name = "ILLEGAL",
     .digit = NO_DIGIT,
     .form = FORM_NONE,
     .shape = SHAPE_CUSTOM,
     .illegal = ILLEGAL_UNDEFINED,
     .run = RUN_ONE(illegal)},
#define INSN(map, opcode, digit, NAME, form, shape, flags, attributes)                                                 \
    ROW(map, 0x##opcode, 0x##opcode, digit, #NAME, form, shape, flags, attributes, LEGAL,                              \
        RUN_##form(op_##map##_##opcode##_##digit##_))
#define INSN_R(map, opcode, digit, NAME, form, shape, flags, attributes)                                               \
    ROW(map, 0x##opcode, 0x##opcode + 7, digit, #NAME, form, shape, flags, attributes, LEGAL,                          \
        RUN_##form(op_##map##_##opcode##_##digit##_))
#define ILLEGAL(map, first, last, digit, why)                                                                          \
    ROW(map, 0x##first, 0x##last, digit, "ILLEGAL", NONE, CUSTOM, NONE, 0, ILLEGAL_##why, RUN_ONE(illegal))
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
