/* SPDX-License-Identifier: MIT
 *
 * Bodies: the x87. They say which operands an instruction has; x87_quick.h does the work if that is simple, else x87.c.
 */
#pragma once
#include "x87_quick.h"

/* Two-operand arithmetic: with memory, ST(0) op ST(i), ST(i) op ST(0), and that with a pop. */
#define X(name, integer, operation)                                                                                    \
    CUSTOM_BODY(name##_m32)                                                                                            \
    {                                                                                                                  \
        return quick_arithmetic_memory(c, op, operation, X87_SINGLE) ||                                                \
               x87_arithmetic_memory(c, op, operation, X87_SINGLE);                                                    \
    }                                                                                                                  \
    CUSTOM_BODY(name##_m64)                                                                                            \
    {                                                                                                                  \
        return quick_arithmetic_memory(c, op, operation, X87_DOUBLE) ||                                                \
               x87_arithmetic_memory(c, op, operation, X87_DOUBLE);                                                    \
    }                                                                                                                  \
    CUSTOM_BODY(integer##_m16)                                                                                         \
    {                                                                                                                  \
        return quick_arithmetic_memory(c, op, operation, X87_INT16) ||                                                 \
               x87_arithmetic_memory(c, op, operation, X87_INT16);                                                     \
    }                                                                                                                  \
    CUSTOM_BODY(integer##_m32)                                                                                         \
    {                                                                                                                  \
        return quick_arithmetic_memory(c, op, operation, X87_INT32) ||                                                 \
               x87_arithmetic_memory(c, op, operation, X87_INT32);                                                     \
    }                                                                                                                  \
    CUSTOM_BODY(name)                                                                                                  \
    {                                                                                                                  \
        return quick_arithmetic(c, op, operation, 0, op->source, false) || x87_arithmetic(c, op, operation);           \
    }                                                                                                                  \
    CUSTOM_BODY(name##_to)                                                                                             \
    {                                                                                                                  \
        return quick_arithmetic(c, op, operation, op->source, 0, false) || x87_arithmetic_to(c, op, operation, false); \
    }                                                                                                                  \
    CUSTOM_BODY(name##P)                                                                                               \
    {                                                                                                                  \
        return quick_arithmetic(c, op, operation, op->source, 0, true) || x87_arithmetic_to(c, op, operation, true);   \
    }
X(FADD, FIADD, X87_ADD)
X(FMUL, FIMUL, X87_MUL)
X(FSUB, FISUB, X87_SUB)
X(FSUBR, FISUBR, X87_SUBR)
X(FDIV, FIDIV, X87_DIV)
X(FDIVR, FIDIVR, X87_DIVR)
#undef X

/* Memory formats: instruction, format, pops. */
#define X(name, format)                                                                                                \
    CUSTOM_BODY(name)                                                                                                  \
    {                                                                                                                  \
        return quick_load(c, op, format) || x87_load(c, op, format);                                                   \
    }
X(FLD_m32, X87_SINGLE)
X(FLD_m64, X87_DOUBLE)
X(FLD_m80, X87_EXTENDED)
X(FILD_m16, X87_INT16)
X(FILD_m32, X87_INT32)
X(FILD_m64, X87_INT64)
X(FBLD, X87_BCD)
#undef X

#define X(name, format, pops)                                                                                          \
    CUSTOM_BODY(name)                                                                                                  \
    {                                                                                                                  \
        return quick_store(c, op, format, pops, false) || x87_store(c, op, format, pops);                              \
    }
X(FST_m32, X87_SINGLE, false)
X(FST_m64, X87_DOUBLE, false)
X(FSTP_m32, X87_SINGLE, true)
X(FSTP_m64, X87_DOUBLE, true)
X(FSTP_m80, X87_EXTENDED, true)
X(FIST_m16, X87_INT16, false)
X(FIST_m32, X87_INT32, false)
X(FISTP_m16, X87_INT16, true)
X(FISTP_m32, X87_INT32, true)
X(FISTP_m64, X87_INT64, true)
X(FBSTP, X87_BCD, true)
#undef X

#define X(name, format)                                                                                                \
    CUSTOM_BODY(name)                                                                                                  \
    {                                                                                                                  \
        return quick_store(c, op, format, true, true) || x87_store_truncated(c, op, format);                           \
    }
X(FISTTP_m16, X87_INT16)
X(FISTTP_m32, X87_INT32)
X(FISTTP_m64, X87_INT64)
#undef X

#define X(name, format, pops)                                                                                          \
    CUSTOM_BODY(name)                                                                                                  \
    {                                                                                                                  \
        return quick_compare_memory(c, op, format, pops) || x87_compare_memory(c, op, format, pops);                   \
    }
X(FCOM_m32, X87_SINGLE, false)
X(FCOM_m64, X87_DOUBLE, false)
X(FCOMP_m32, X87_SINGLE, true)
X(FCOMP_m64, X87_DOUBLE, true)
X(FICOM_m16, X87_INT16, false)
X(FICOM_m32, X87_INT32, false)
X(FICOMP_m16, X87_INT16, true)
X(FICOMP_m32, X87_INT32, true)
#undef X

#define X(name, ...)                                                                                                   \
    CUSTOM_BODY(name)                                                                                                  \
    {                                                                                                                  \
        const struct x87_comparison how = {__VA_ARGS__};                                                               \
        return quick_compare(c, op, how.pops, how.to_eflags) || x87_compare(c, op, how);                               \
    }
X(FCOM, .pops = 0)
X(FCOMP, .pops = 1)
X(FCOMPP, .pops = 2)
X(FUCOM, .quiet = true)
X(FUCOMP, .quiet = true, .pops = 1)
X(FUCOMPP, .quiet = true, .pops = 2)
X(FCOMI, .to_eflags = true)
X(FCOMIP, .to_eflags = true, .pops = 1)
X(FUCOMI, .to_eflags = true, .quiet = true)
X(FUCOMIP, .to_eflags = true, .quiet = true, .pops = 1)
#undef X

#define X(name, condition)                                                                                             \
    CUSTOM_BODY(FCMOV##name)                                                                                           \
    {                                                                                                                  \
        return x87_move_if(c, op, condition);                                                                          \
    }
X(B, flag_cf(&c->flags))
X(E, flag_zf(&c->flags))
X(BE, flag_cf(&c->flags) || flag_zf(&c->flags))
X(U, flag_pf(&c->flags))
X(NB, !flag_cf(&c->flags))
X(NE, !flag_zf(&c->flags))
X(NBE, !flag_cf(&c->flags) && !flag_zf(&c->flags))
X(NU, !flag_pf(&c->flags))
#undef X

#define X(name, constant)                                                                                              \
    CUSTOM_BODY(name)                                                                                                  \
    {                                                                                                                  \
        return x87_load_constant(c, op, constant);                                                                     \
    }
X(FLDL2T, X87_LOG2_10)
X(FLDL2E, X87_LOG2_E)
X(FLDPI, X87_PI)
X(FLDLG2, X87_LOG10_2)
X(FLDLN2, X87_LN_2)
#undef X

/* The rest: instruction and what it calls. */
#define X(name, ...)                                                                                                   \
    CUSTOM_BODY(name)                                                                                                  \
    {                                                                                                                  \
        return __VA_ARGS__;                                                                                            \
    }
X(FLD1, quick_load_constant(c, op, quick_from_integer(1)) || x87_load_constant(c, op, X87_ONE))
X(FLDZ, quick_load_constant(c, op, quick_from_integer(0)) || x87_load_constant(c, op, X87_ZERO))
X(FLD, quick_load_register(c, op) || x87_load_register(c, op))
X(FST, quick_store_register(c, op, false) || x87_store_register(c, op, false))
X(FSTP, quick_store_register(c, op, true) || x87_store_register(c, op, true))
X(FSTPNCE, x87_pop_to(c, op))
X(FXCH, quick_exchange(c, op) || x87_exchange(c, op))
X(FFREE, x87_free(c, op, false))
X(FFREEP, x87_free(c, op, true))
X(FINCSTP, x87_rotate(c, op, 1))
X(FDECSTP, x87_rotate(c, op, -1))
X(FCHS, quick_set_sign(c, op, 0xFFFF, QUICK_SIGN) || x87_change_sign(c, op))
X(FABS, quick_set_sign(c, op, 0x7FFF, 0) || x87_clear_sign(c, op))
X(FTST, x87_test(c, op))
X(FXAM, x87_examine(c, op))
X(FSQRT, x87_compute(c, op, X87_SQUARE_ROOT))
X(FRNDINT, x87_compute(c, op, X87_ROUND))
X(F2XM1, x87_compute(c, op, X87_EXP2_MINUS_ONE))
X(FSIN, x87_compute(c, op, X87_SINE))
X(FCOS, x87_compute(c, op, X87_COSINE))
X(FSCALE, x87_compute_pair(c, op, X87_SCALE))
X(FPREM, x87_compute_pair(c, op, X87_REMAINDER))
X(FPREM1, x87_compute_pair(c, op, X87_REMAINDER_NEAREST))
X(FYL2X, x87_compute_pair(c, op, X87_Y_LOG2))
X(FYL2XP1, x87_compute_pair(c, op, X87_Y_LOG2_PLUS_ONE))
X(FPATAN, x87_compute_pair(c, op, X87_ARC_TANGENT))
X(FXTRACT, x87_split(c, op, X87_EXTRACT))
X(FPTAN, x87_split(c, op, X87_TANGENT))
X(FSINCOS, x87_split(c, op, X87_SINE_COSINE))
X(FNOP, x87_nop(c, op))
X(FWAIT, x87_wait(c))
X(FNENI, true)
X(FNDISI, true)
X(FNSETPM, true)
X(FLDCW, x87_load_control(c, op))
X(FNSTCW, x87_store_word(c, op, c->fpu->control))
X(FNSTSW, x87_store_word(c, op, c->fpu->status))
X(FNCLEX, x87_clear_exceptions(c))
X(FLDENV, x87_load_environment(c, op, bits, false))
X(FRSTOR, x87_load_environment(c, op, bits, true))
X(FNSTENV, x87_store_environment(c, op, bits, false))
X(FNSAVE, x87_store_environment(c, op, bits, true))
#undef X

CUSTOM_BODY(FNSTSW_AX)
{
    slot_put(c, SLOT_EAX, c->fpu->status, 16);
    return true;
}

CUSTOM_BODY(FNINIT)
{
    x87_reset(c->fpu);
    return true;
}
