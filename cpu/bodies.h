/* SPDX-License-Identifier: MIT
 *
 * How a body is written. The handlers made from the table (handlers.c) fetch operands, call the body with a constant
 * width, and store what it returns; so a body is the instruction's meaning and nothing else.
 *
 *   c     the CPU              op  the operation: immediate, slots
 *   f     the status flags, of those shapes that may be compiled without: cpu.flags, or a copy that nobody looks at
 *   d, s  operand values, zero-extended; a result may have rubbish above its width
 *   bits  operand size: 8, 16 or 32, a constant
 */
#pragma once
#include "access.h"
#include "flags.h"

#define BODY INLINE __attribute__((unused))

#define BODY_ARGUMENTS struct cpu *c __attribute__((unused)), const struct op *op __attribute__((unused))
#define FLAGS_ARGUMENT struct flags *f __attribute__((unused))
#define BITS_ARGUMENT  unsigned bits __attribute__((unused))

/* The destination's new value, from the source alone and from both. Cannot fail. */
#define WRITE_BODY(name)                                                                                               \
    BODY uint32_t name(BODY_ARGUMENTS, FLAGS_ARGUMENT, uint32_t s __attribute__((unused)), BITS_ARGUMENT)
#define MODIFY_BODY(name)                                                                                              \
    BODY uint32_t name(BODY_ARGUMENTS, FLAGS_ARGUMENT, uint32_t d, uint32_t s __attribute__((unused)), BITS_ARGUMENT)
/* Writes flags alone. There must be a name_holds() besides: a condition that reads those flags. */
#define COMPARE_BODY(name) BODY void name(FLAGS_ARGUMENT, uint32_t d, uint32_t s, BITS_ARGUMENT)
/* Writes neither operand. False: cpu.stop tells why, nothing has changed. */
#define READ_BODY(name)                                                                                                \
    BODY bool name(BODY_ARGUMENTS, FLAGS_ARGUMENT, uint32_t d, uint32_t s __attribute__((unused)), BITS_ARGUMENT)
#define EXCHANGE_BODY(name) BODY void name(FLAGS_ARGUMENT, uint32_t *d, uint32_t *s, BITS_ARGUMENT)
/* Does everything itself. False as for READ_BODY. `memory`: the ModRM operand is in memory, a constant. */
#define CUSTOM_BODY(name) BODY bool name(BODY_ARGUMENTS, bool memory __attribute__((unused)), BITS_ARGUMENT)
/* A jump to the target in the instruction: is it taken? */
#define BRANCH_BODY(name) BODY bool name(BODY_ARGUMENTS)
/* An indirect jump: where to? `d` is the operand. */
#define TARGET_BODY(name) BODY uint32_t name(BODY_ARGUMENTS, uint32_t d)
/* Ends the run of blocks: returns what op_stop() or op_leave() return. `d` is the operand. */
#define JUMP_BODY(name) BODY const struct op *name(BODY_ARGUMENTS, uint32_t d __attribute__((unused)), BITS_ARGUMENT)

enum { SLOT_EAX = 0, SLOT_CX = 4, SLOT_EDX = 8 };

/* An exception with this error code, for a body to return. */
INLINE bool fault(struct cpu *c, uint32_t number, uint32_t error)
{
    c->stop = STOP_EXCEPTION;
    c->exception = (struct cpu_exception){.number = number, .error = error};
    return false;
}

/* Kernel or user mode. Pages are others then. */
INLINE void mode_set(struct cpu *c, bool user)
{
    c->user = user;
    access_use_memory(c, c->memory);
}

INLINE uint32_t here(const struct cpu *c, const struct op *op)
{
    return c->eip + op->start;
}

INLINE uint32_t after(const struct cpu *c, const struct op *op)
{
    return c->eip + op->end;
}

/* Stack access. ESP moves only when the access has succeeded. */
INLINE bool push(struct cpu *c, uint32_t value, unsigned bits)
{
    uint32_t top = c->slots[ESP] - bits / 8;
    if (unlikely(!store(c, top, value, bits / 8)))
        return false;
    c->slots[ESP] = top;
    return true;
}

INLINE uint64_t pop(struct cpu *c, unsigned bits)
{
    uint64_t value = load(c, c->slots[ESP], bits / 8);
    if (likely(!(value & LOAD_FAILED)))
        c->slots[ESP] += bits / 8;
    return value;
}
