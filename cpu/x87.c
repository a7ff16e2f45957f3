/* SPDX-License-Identifier: MIT */
#include "x87_core.h"

/* Control, status, exceptions. */

static void summarize(struct fpu_state *f)
{
    bool pending = f->status & ~f->control & X87_EXCEPTIONS;
    f->status &= (uint16_t) ~(X87_SUMMARY | X87_BUSY);
    f->status |= pending ? X87_SUMMARY | X87_BUSY : 0;
}

void x87_set_control(struct fpu_state *f, uint16_t control)
{
    f->control = (control & X87_CONTROL_WRITABLE) | X87_CONTROL_ONES;
    summarize(f);
}

void x87_set_status(struct fpu_state *f, uint16_t status)
{
    f->status = status;
    summarize(f);
}

void x87_reset(struct fpu_state *f)
{
    f->control = X87_CONTROL_RESET;
    f->status = 0;
    f->full = 0;
    f->opcode = 0;
    f->instruction = f->operand = 0;
}

bool x87_raise(struct fpu_state *f, unsigned raised)
{
    f->status |= (uint16_t)raised;
    summarize(f);
    return !(raised & BEFORE_COMPUTING & ~f->control);
}

bool x87_stack_fault(struct fpu_state *f, unsigned which)
{
    set_conditions(f, X87_C1, which == STACK_OVERFLOW ? X87_C1 : 0);
    return x87_raise(f, REAL_INVALID | X87_STACK_FAULT);
}

bool x87_conclude(struct fpu_state *f, const struct real_context *context)
{
    set_conditions(f, X87_C1, context->rounded_up ? X87_C1 : 0);
    return x87_raise(f, context->raised);
}

bool x87_wait(struct cpu *c)
{
    return c->fpu->status & X87_SUMMARY ? fault(c, DENALI_EXC_X87, 0) : true;
}

bool x87_begin(struct cpu *c, const struct op *op)
{
    if (!x87_wait(c))
        return false;
    c->fpu->instruction = here(c, op);
    return true;
}

static uint8_t code_byte(struct cpu *c, uint32_t address)
{
    const struct page *page = fetch_page(c, address);
    return page ? page->bytes[address & PAGE_MASK] : 0;
}

bool x87_end(struct cpu *c, const struct op *op)
{
    if (likely(!(c->fpu->status & X87_SUMMARY)))
        return true;
    uint32_t address = here(c, op), last = after(c, op) - 1;
    while (address != last && (code_byte(c, address) & 0xF8) != 0xD8)
        address++;
    c->fpu->opcode = (uint16_t)((code_byte(c, address) & 7) << 8 | code_byte(c, address + 1));
    return true;
}

bool x87_nop(struct cpu *c, const struct op *op)
{
    return x87_begin(c, op) && x87_end(c, op);
}

/* NaNs (SDM vol. 1, 4.8.3.5 and table 4-7). */

static bool is_nan(struct real value)
{
    return value.invalid || value.class == REAL_NAN;
}

static bool is_signaling(struct real value)
{
    return value.class == REAL_NAN && !(value.significand & QUIET_BIT);
}

static struct x87_register quiet_nan(struct real value)
{
    return (struct x87_register){.sign_exponent = EXPONENT_INFINITE | (value.negative ? SIGN : 0),
                                 .significand = value.significand | UINT64_C(3) << 62};
}

/* A quiet one rather than a signaling one, then the larger significand, then the positive one. */
static struct real nan_choose(struct real a, struct real b)
{
    if (a.class != REAL_NAN || b.class != REAL_NAN)
        return a.class == REAL_NAN ? a : b;
    if (is_signaling(a) != is_signaling(b))
        return is_signaling(a) ? b : a;
    if (a.significand != b.significand)
        return a.significand > b.significand ? a : b;
    return a.negative ? b : a;
}

bool x87_nan_result(struct real_context *context, struct real a, struct real b, struct x87_register *result)
{
    if (!is_nan(a) && !is_nan(b))
        return false;
    if (a.invalid || b.invalid || is_signaling(a) || is_signaling(b))
        context->raised |= REAL_INVALID;
    *result = a.invalid || b.invalid ? indefinite : quiet_nan(nan_choose(a, b));
    return true;
}

void x87_round_result(struct real_context *context, struct real value, bool denormal, struct x87_register *result)
{
    note_denormal(context, denormal);
    if (!(context->raised & context->unmasked & BEFORE_COMPUTING))
        *result = real_to_extended(context, value);
}

/* Moves of whole registers, and constants. */

void x87_push(struct fpu_state *f, struct x87_register value)
{
    if (!is_full(f, 7))
        push_stack(f, value);
    else if (x87_stack_fault(f, STACK_OVERFLOW))
        push_stack(f, indefinite);
}

bool x87_load_register(struct cpu *c, const struct op *op)
{
    struct fpu_state *f = c->fpu;

    if (!x87_begin(c, op))
        return false;
    set_conditions(f, X87_C1, 0);
    if (is_full(f, op->source))
        x87_push(f, *st(f, op->source));
    else if (x87_stack_fault(f, STACK_UNDERFLOW))
        push_stack(f, indefinite);
    return x87_end(c, op);
}

/* Significands cut off: the exact ones go on (SDM vol. 2, FLD1…). `up`: they are nearer to the next number. */
bool x87_load_constant(struct cpu *c, const struct op *op, enum x87_constant which)
{
    static const struct constant {
        struct x87_register value;
        bool inexact, up;
    } constants[] = {
        [X87_ONE] = {{.sign_exponent = 0x3FFF, .significand = 0x8000000000000000}, false, false},
        [X87_LOG2_10] = {{.sign_exponent = 0x4000, .significand = 0xD49A784BCD1B8AFE}, true, false},
        [X87_LOG2_E] = {{.sign_exponent = 0x3FFF, .significand = 0xB8AA3B295C17F0BB}, true, true},
        [X87_PI] = {{.sign_exponent = 0x4000, .significand = 0xC90FDAA22168C234}, true, true},
        [X87_LOG10_2] = {{.sign_exponent = 0x3FFD, .significand = 0x9A209A84FBCFF798}, true, true},
        [X87_LN_2] = {{.sign_exponent = 0x3FFE, .significand = 0xB17217F7D1CF79AB}, true, true},
        [X87_ZERO] = {{0}, false, false},
    };
    struct fpu_state *f = c->fpu;
    struct x87_register value = constants[which].value;
    unsigned rounding = f->control >> X87_ROUNDING_SHIFT & 3;

    if (!x87_begin(c, op))
        return false;
    if (rounding == ROUND_UP)
        value.significand += constants[which].inexact;
    else if (rounding == ROUND_NEAREST)
        value.significand += constants[which].up;
    set_conditions(f, X87_C1, 0);
    x87_push(f, value);
    return x87_end(c, op);
}

bool x87_store_register(struct cpu *c, const struct op *op, bool pops)
{
    struct fpu_state *f = c->fpu;

    if (!x87_begin(c, op))
        return false;
    set_conditions(f, X87_C1, 0);
    if (is_full(f, 0) || x87_stack_fault(f, STACK_UNDERFLOW)) {
        put(f, op->source, is_full(f, 0) ? *st(f, 0) : indefinite);
        pop_stack(f, pops);
    }
    return x87_end(c, op);
}

bool x87_pop_to(struct cpu *c, const struct op *op)
{
    struct fpu_state *f = c->fpu;

    if (!x87_begin(c, op))
        return false;
    set_conditions(f, X87_C1, 0);
    if (is_full(f, 0))
        put(f, op->source, *st(f, 0));
    pop_stack(f, 1);
    return x87_end(c, op);
}

static bool set_sign(struct cpu *c, const struct op *op, unsigned kept, unsigned inverted)
{
    struct fpu_state *f = c->fpu;

    if (!x87_begin(c, op))
        return false;
    set_conditions(f, X87_C1, 0);
    if (is_full(f, 0))
        st(f, 0)->sign_exponent = (uint16_t)((st(f, 0)->sign_exponent & kept) ^ inverted);
    else if (x87_stack_fault(f, STACK_UNDERFLOW))
        put(f, 0, indefinite);
    return x87_end(c, op);
}

bool x87_clear_sign(struct cpu *c, const struct op *op)
{
    return set_sign(c, op, 0x7FFF, 0);
}

bool x87_change_sign(struct cpu *c, const struct op *op)
{
    return set_sign(c, op, 0xFFFF, SIGN);
}

bool x87_exchange(struct cpu *c, const struct op *op)
{
    struct fpu_state *f = c->fpu;
    unsigned i = op->source;

    if (!x87_begin(c, op))
        return false;
    set_conditions(f, X87_C1, 0);
    if ((is_full(f, 0) && is_full(f, i)) || x87_stack_fault(f, STACK_UNDERFLOW)) {
        struct x87_register first = is_full(f, 0) ? *st(f, 0) : indefinite;
        put(f, 0, is_full(f, i) ? *st(f, i) : indefinite);
        put(f, i, first);
    }
    return x87_end(c, op);
}

bool x87_move_if(struct cpu *c, const struct op *op, bool condition)
{
    struct fpu_state *f = c->fpu;
    unsigned i = op->source;

    if (!x87_begin(c, op))
        return false;
    if (!is_full(f, 0) || !is_full(f, i)) {
        if (x87_stack_fault(f, STACK_UNDERFLOW))
            put(f, 0, indefinite);
    } else if (condition) {
        put(f, 0, *st(f, i));
    }
    return x87_end(c, op);
}

bool x87_free(struct cpu *c, const struct op *op, bool pops)
{
    if (!x87_begin(c, op))
        return false;
    set_conditions(c->fpu, X87_C1, 0);
    empty(c->fpu, op->source);
    pop_stack(c->fpu, pops);
    return x87_end(c, op);
}

bool x87_rotate(struct cpu *c, const struct op *op, int by)
{
    if (!x87_begin(c, op))
        return false;
    set_conditions(c->fpu, X87_C1, 0);
    rotate(c->fpu, by);
    return x87_end(c, op);
}

/* Control. */

bool x87_load_control(struct cpu *c, const struct op *op)
{
    uint64_t value = 0;

    if (!x87_wait(c) || (value = load(c, address_of(c, op), 2)) & LOAD_FAILED)
        return false;
    x87_set_control(c->fpu, (uint16_t)value);
    return true;
}

bool x87_store_word(struct cpu *c, const struct op *op, uint16_t word)
{
    return store(c, address_of(c, op), word, 2);
}

bool x87_clear_exceptions(struct cpu *c)
{
    c->fpu->status &= (uint16_t) ~(X87_EXCEPTIONS | X87_STACK_FAULT | X87_SUMMARY | X87_BUSY);
    return true;
}
