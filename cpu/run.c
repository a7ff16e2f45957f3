/* SPDX-License-Identifier: MIT
 *
 * The run loop. Blocks run by themselves, from one to the next, until an operation returns NULL; what is then to be
 * done stands in cpu.stop. Interrupts, budget and new blocks are dealt with here, between blocks.
 *
 * What cannot be done inside a block (a store to code or to the interrupt registers, tracing) is done by running one
 * instruction alone, in a scratch block: the same operations, so the same results. --engine step does only that, with
 * each instruction decoded afresh. Where a budget ends in a block, so many of its instructions become the scratch
 * block.
 */
#include <assert.h>

#include "bodies.h"
#include "block.h"
#include "op_control.h"

/* Operations that are no instructions, and the ways out of a block. */

const struct op *op_leave(struct cpu *c, const struct op *op, enum stop stop, uint32_t eip)
{
    c->budget += op->left;
    c->eip = eip;
    c->stop = stop;
    c->link = NULL;
    return NULL;
}

const struct op *op_stop(struct cpu *c, const struct op *op)
{
    enum stop stop = c->stop;
    bool done = stop == STOP_IDLE || stop == STOP_HALT || stop == STOP_TERMINATE || stop == STOP_MMU;

    op_leave(c, op, stop, done ? after(c, op) : here(c, op));
    if (stop == STOP_RETRY || stop == STOP_PAGE)
        c->budget++;
    return NULL;
}

const struct op *op_illegal(struct cpu *c, const struct op *op)
{
    fault(c, DENALI_EXC_ILLEGAL, 0);
    return op_stop(c, op);
}

const struct op *op_too_long(struct cpu *c, const struct op *op)
{
    fault(c, DENALI_EXC_PROTECTION, 0);
    return op_stop(c, op);
}

/* The address of the operation that follows, whose base register becomes the result. */
const struct op *op_address(struct cpu *c, const struct op *op)
{
    uint32_t address = address_of(c, op);
    if (op->narrow)
        address &= 0xFFFF;
    if (op->immediate != SEGMENT_NONE)
        address += register_read(c, op->immediate == SEGMENT_FS ? DENALI_REG_FS_BASE : DENALI_REG_GS_BASE);
    *cpu_slot(c, SLOT_ADDRESS) = address;
    NEXT(c, op + 1);
}

/* The end of a block that does not end by a jump. */
const struct op *op_end(struct cpu *c, const struct op *op)
{
    GO(op);
}

const struct op *op_jump_narrow(struct cpu *c, const struct op *op)
{
    return op_leave(c, op, STOP_LOOKUP, truncate(c->eip + op->immediate, 16));
}

const struct op *op_out_of_budget(struct cpu *c, const struct op *op)
{
    struct block *block = (struct block *)(uintptr_t)block_of_first(op);

    if (op->run == op_go_far) /* no block: out of the part of one, in which the budget is below 0 anyway */
        TAIL op_go_far(c, op);
    c->budget += block->instructions;
    c->eip += block->offset;
    c->stop = STOP_SHORT;
    c->ahead = block;
    c->link = NULL;
    return NULL;
}

const struct op *op_end_part(struct cpu *c, const struct op *op)
{
    (void)op;
    c->budget += c->end_left;
    c->eip += (uint32_t)c->end->start;
    c->stop = STOP_LOOKUP;
    c->link = NULL;
    return NULL;
}

/* Runs of PUSHes and POPs ask once for all their memory. Where it is not at hand, each goes by itself. */

static const struct op *push_alone(struct cpu *c, const struct op *op)
{
    if (!push(c, *cpu_slot(c, op->source), 32))
        return op_stop(c, op);
    NEXT(c, op + 1);
}

static const struct op *pop_alone(struct cpu *c, const struct op *op)
{
    const uint64_t value = pop(c, 32);
    if (value & LOAD_FAILED)
        return op_stop(c, op);
    *cpu_slot(c, op->destination) = (uint32_t)value;
    NEXT(c, op + 1);
}

#define OP_RUN(count)                                                                                                  \
    const struct op *op_push_##count(struct cpu *c, const struct op *op)                                               \
    {                                                                                                                  \
        const uint32_t top = c->slots[ESP] - 4 * (count);                                                              \
        uint8_t *place;                                                                                                \
        if (unlikely(!modify_fast(c, top, 4 * (count), &place)))                                                       \
            TAIL push_alone(c, op);                                                                                    \
        for (unsigned i = 0; i < (count); i++)                                                                         \
            bytes_put(place + 4 * ((count)-1 - i), *cpu_slot(c, op[i].source), 4);                                     \
        c->slots[ESP] = top;                                                                                           \
        NEXT(c, op + (count));                                                                                         \
    }                                                                                                                  \
    const struct op *op_pop_##count(struct cpu *c, const struct op *op)                                                \
    {                                                                                                                  \
        const uint8_t *place;                                                                                          \
        if (unlikely(!read_fast(c, c->slots[ESP], 4 * (count), &place)))                                               \
            TAIL pop_alone(c, op);                                                                                     \
        for (unsigned i = 0; i < (count); i++)                                                                         \
            *cpu_slot(c, op[i].destination) = bytes_get(place + 4 * i, 4);                                             \
        c->slots[ESP] += 4 * (count);                                                                                  \
        NEXT(c, op + (count));                                                                                         \
    }
OP_RUN(2)
OP_RUN(3)
OP_RUN(4)
_Static_assert(4 * RUN_MOST <= FLAT_MARGIN, "a run is one access");

/* NULL: nothing is known. */
static struct code *code_at(struct cpu *c, uint32_t eip)
{
    const uint64_t key = code_key(c, eip);
    const struct code_entry *entry = code_entry(c, key);
    return entry->key == key ? entry->code : NULL;
}

const struct op *op_go_far(struct cpu *c, const struct op *op)
{
    struct link *link = op_link(op - 1);
    const unsigned left = op[-1].left;

    c->target = c->eip + op[-1].immediate;
    const struct code *code = code_at(c, c->target);
    if (likely(code && code->serial == link->serial)) {
        c->eip = c->target & ~PAGE_MASK;
        RUN_BLOCK(link->block->ops, (int64_t)link->block->instructions - left);
    }
    c->budget += left;
    c->stop = STOP_LINK;
    c->link = link;
    return NULL;
}

/* What has been decoded there already is looked up, so that only new code leaves for the run loop. */
const struct op *op_land(struct cpu *c, const struct op *op)
{
    struct code *code = code_at(c, c->target);
    struct block *block = code ? code_find(code, c->target & PAGE_MASK) : NULL;

    if (likely(block)) {
        *landing_of(c, c->target) =
            (struct landing){.tag = c->code_tag, .eip = c->target, .first = block->ops, .cost = block->instructions};
        c->eip = c->target & ~PAGE_MASK;
        RUN_BLOCK(block->ops, block->instructions - op->left);
    }
    return op_leave(c, op, STOP_LOOKUP, c->target);
}

/* Before an instruction that goes on in the next page: are its bytes there still those that were decoded? It is the
 * first operation of its block. */
const struct op *op_check_tail(struct cpu *c, const struct op *op)
{
    const struct block *block = block_of_first(op);
    const struct page *page = fetch_page(c, c->eip + PAGE_SIZE);
    if (unlikely(!page || memcmp(page->bytes, block->tail, block->tail_length) != 0)) {
        c->stop = STOP_RETRY;
        return op_stop(c, op);
    }
    NEXT(c, op + 1);
}

/* Operations of the page at cpu.eip, for whose instructions the budget is enough. */
static void run_ops(struct cpu *c, const struct op *op, unsigned instructions)
{
    c->budget -= instructions;
    c->eip &= ~PAGE_MASK;
    while (op)
        op = op->run(c, op);
}

/* Delivery of interrupts and exceptions: a frame of three words; of five, on the kernel's stack, if it was user mode
 * that was interrupted. */

static bool crash(struct cpu *c, enum cpu_crash_cause cause, struct cpu_exception exception, struct cpu_exception first)
{
    c->crash = (struct cpu_crash){.cause = cause, .exception = exception, .first = first};
    return false;
}

static bool enter_kernel_mode(struct cpu *c)
{
    uint32_t stack = c->slots[ESP];

    mode_set(c, false);
    c->slots[ESP] = register_read(c, DENALI_REG_KERNEL_STACK);
    return push(c, DENALI_SS_USER, 32) && push(c, stack, 32);
}

static bool push_frame(struct cpu *c)
{
    uint32_t stack = c->slots[ESP], code = c->user ? DENALI_CS_USER : DENALI_CS_KERNEL;
    bool was_user = c->user;
    bool pushed =
        (!was_user || enter_kernel_mode(c)) && push(c, eflags_image(c), 32) && push(c, code, 32) && push(c, c->eip, 32);
    if (!pushed) {
        c->slots[ESP] = stack;
        mode_set(c, was_user);
    }
    return pushed;
}

/* Enter a handler; false: the frame cannot be written. */
static bool deliver(struct cpu *c, uint32_t handler, struct cpu_exception what)
{
    bool was_alone = c->alone;

    c->alone = true;
    bool delivered = push_frame(c) && register_write(c, DENALI_REG_IRQ_ENABLED, 0);
    c->alone = was_alone;
    if (!delivered) /* where memory is away, it is no exception that has stopped it */
        return c->stop == STOP_EXCEPTION && crash(c, CRASH_DOUBLE, c->exception, what);
    c->eip = handler;
    c->check = true;
    return true;
}

static bool deliver_exception(struct cpu *c, struct cpu_exception exception)
{
    uint32_t handler = register_read(c, DENALI_REG_EXC_HANDLER);

    if (handler == 0)
        return crash(c, CRASH_UNHANDLED, exception, (struct cpu_exception){0});
    if (!deliver(c, handler, exception)) {
        c->state->undelivered = (struct cpu_undelivered){.waits = c->stop == STOP_PAGE, .exception = exception};
        return false;
    }
    c->counters.exceptions_delivered++;
    return register_write(c, DENALI_REG_EXC_NUMBER, exception.number) &&
           register_write(c, DENALI_REG_EXC_ERROR, exception.error) &&
           register_write(c, DENALI_REG_EXC_ADDRESS, exception.address);
}

static bool deliver_interrupt(struct cpu *c)
{
    const uint8_t *registers = registers_read(c);

    c->check = false;
    const uint32_t handler = bytes_get(registers + DENALI_REG_IRQ_HANDLER, 4);
    if (handler == 0 || !bytes_get(registers + DENALI_REG_IRQ_ENABLED, 4) ||
        !bytes_get(registers + DENALI_REG_IRQ_PENDING, 4))
        return true;
    if (!deliver(c, handler, (struct cpu_exception){.number = CPU_INTERRUPT}))
        return false;
    c->counters.interrupts_delivered++;
    return true;
}

/* Running. */

/* The instruction at EIP becomes the scratch block. Stores to the interrupt registers come by often, so it is taken
 * from a block if it can be. False: as block_decode_alone() says. */
static bool find_alone(struct cpu *c)
{
    const struct block *block = c->engine == CPU_ENGINE_STEP || c->trace ? NULL : block_find(c);

    if (!block || block->tail_length > 0)
        return block_decode_alone(c);
    block_take_alone(c, block);
    return true;
}

static void run_alone(struct cpu *c)
{
    c->link = NULL;
    if (!find_alone(c)) {
        c->budget -= c->stop == STOP_EXCEPTION;
        return;
    }
    /* An indirect jump would go on in a block. It finds no budget for that. */
    const int64_t rest = c->budget - 1;
    c->budget -= rest;
    c->start_budget -= rest;
    c->alone = true;
    run_ops(c, c->scratch->ops, c->scratch->instructions);
    c->alone = false;
    c->budget += rest;
    c->start_budget += rest;
    c->link = NULL;
}

/* The block at EIP becomes known to the link that was looking for it. The same page of code may be at two addresses,
 * and one address may have two pages' code in turn: only what stays within both is trusted without question. */
static void link_fill(struct cpu *c, struct link *link, struct block *to)
{
    struct op *from = op_of_link(link);

    link->block = to;
    link->serial = to->code->serial;
    if (c->link_from >> PAGE_SHIFT == c->eip >> PAGE_SHIFT) {
        link->to = to->ops;
        from->cost = to->instructions - from->left;
    }
}

/* Where in a block execution is to begin. */
struct place {
    struct block *block;
    unsigned number; /* of the instruction */
};

/* The block whose middle the machine's last budget has ended in, if it still stands. */
static struct place resume(struct cpu *c)
{
    const struct cpu_resume *resume = &c->state->resume;
    struct code *code = resume->serial && resume->eip == c->eip ? code_here(c) : NULL;

    if (!code || code->serial != resume->serial)
        return (struct place){0};
    struct block *block = code_find(code, resume->offset);
    if (!block || resume->number >= block->instructions)
        return (struct place){0};
    return (struct place){.block = block, .number = resume->number};
}

/* The first operation of all may be none of the first instruction's: op_check_tail. */
static const struct op *op_at(struct place place)
{
    return place.block->ops + (place.number > 0 ? block_parts(place.block)[place.number].op : 0);
}

/* Fewer instructions of a block than are left of it: as many as the budget allows. All that are left are taken off it
 * nevertheless, as operations suppose, so it is below 0 meanwhile; and no way leads back to this place with that. */
static void run_part(struct cpu *c, struct place place)
{
    const struct part *parts = block_parts(place.block);
    const unsigned left = place.block->instructions - place.number, end = place.number + (unsigned)c->budget;
    op_fn *before[BLOCK_INSTRUCTIONS];

    c->state->resume = (struct cpu_resume){.serial = place.block->code->serial,
                                           .eip = (c->eip & ~PAGE_MASK) + (uint32_t)parts[end].start,
                                           .offset = place.block->offset,
                                           .number = (uint8_t)end};
    c->end = &parts[end];
    c->end_left = (uint8_t)(place.block->instructions - end);
    block_cut(place.block, end, before);
    run_ops(c, op_at(place), left);
    block_mend(place.block, end, before);
}

static struct place place_find(struct cpu *c)
{
    if (c->stop == STOP_SHORT)
        return (struct place){.block = c->ahead};
    struct place place = resume(c);
    return place.block ? place : (struct place){.block = block_find(c)};
}

static void run_block(struct cpu *c)
{
    struct link *link = c->link;
    const struct place place = place_find(c);

    if (!place.block) {
        run_alone(c);
        return;
    }
    const unsigned left = place.block->instructions - place.number;
    if (c->budget < left) {
        run_part(c, place);
        return;
    }
    c->state->resume.serial = 0;
    if (link && place.number == 0)
        link_fill(c, link, place.block);
    run_ops(c, op_at(place), left);
}

static void state_load(struct cpu *c, struct cpu_state *state, struct memory *memory)
{
    memcpy(c->slots, state->regs, sizeof(state->regs));
    c->eip = state->eip;
    c->control = state->control;
    c->flags = state->flags;
    c->fpu = &state->fpu;
    c->user = state->user;
    c->translating = state->mmu.on;
    c->state = state;
    access_use_memory(c, memory);
}

static void state_store(const struct cpu *c)
{
    struct cpu_state *state = c->state;

    memcpy(state->regs, c->slots, sizeof(state->regs));
    state->eip = c->eip;
    state->control = c->control;
    state->flags = c->flags;
    state->user = c->user;
}

static void trace(const struct cpu *c)
{
    state_store(c);
    c->trace(c->trace_owner, c->state, c->memory);
}

static bool must_run_alone(const struct cpu *c)
{
    return c->engine == CPU_ENGINE_STEP || c->trace || c->stop == STOP_RETRY;
}

static void run_some(struct cpu *c)
{
    if (c->trace)
        trace(c);
    if (must_run_alone(c))
        run_alone(c);
    else
        run_block(c);
}

/* What is known of the block that would be next is so no longer. */
static void forget_next(struct cpu *c)
{
    c->link = NULL;
    if (c->stop == STOP_SHORT)
        c->stop = STOP_LOOKUP;
}

/* Interrupts that have become deliverable go first, then the budget counts. */
static bool prepare(struct cpu *c)
{
    if (c->counters.blocks_bytes > CODE_LIMIT) {
        code_drop_all(c);
        forget_next(c);
    }
    if (c->stop == STOP_EXCEPTION) {
        c->link = NULL;
        if (!deliver_exception(c, c->exception))
            return false;
    }
    while (c->check) {
        forget_next(c);
        if (!deliver_interrupt(c))
            return false;
    }
    return true;
}

static bool concerns_kernel(enum stop stop, enum cpu_exit *reason)
{
    switch (stop) {
    case STOP_IO:
        *reason = CPU_IO;
        return true;
    case STOP_IDLE:
        *reason = CPU_IDLE;
        return true;
    case STOP_HALT:
        *reason = CPU_HALT;
        return true;
    case STOP_TERMINATE:
        *reason = CPU_TERMINATE;
        return true;
    case STOP_PAGE:
        *reason = CPU_PAGE;
        return true;
    default:
        return false;
    }
}

/* A jump without a link has not moved EIP yet. */
static void follow(struct cpu *c)
{
    if (c->stop != STOP_LINK)
        return;
    c->link_from = c->eip;
    c->eip = c->target;
    c->stop = STOP_LOOKUP;
}

static enum cpu_exit run(struct cpu *c)
{
    enum cpu_exit reason;

    for (;;) {
        if (!prepare(c))
            return c->stop == STOP_PAGE ? CPU_PAGE : CPU_CRASH;
        if (c->budget == 0)
            return CPU_BUDGET;
        run_some(c);
        follow(c);
        if (concerns_kernel(c->stop, &reason))
            return reason;
    }
}

static void take_undelivered(struct cpu *c)
{
    struct cpu_undelivered *undelivered = &c->state->undelivered;

    c->stop = STOP_LOOKUP;
    if (!undelivered->waits)
        return;
    c->stop = STOP_EXCEPTION;
    c->exception = undelivered->exception;
    *undelivered = (struct cpu_undelivered){0};
}

enum cpu_exit cpu_run(struct cpu *c, struct cpu_state *state, struct memory *memory, uint64_t budget, uint64_t cycles,
                      uint64_t *executed)
{
    assert(budget <= INT64_MAX);
    state_load(c, state, memory);
    c->budget = c->start_budget = (int64_t)budget;
    c->start_cycles = cycles;
    c->check = true;
    c->link = NULL;
    c->crash = (struct cpu_crash){0};
    take_undelivered(c);
    enum cpu_exit reason = run(c);
    state_store(c);
    *executed = (uint64_t)(c->start_budget - c->budget);
    return reason;
}

bool cpu_raise(struct cpu *c, struct cpu_state *state, struct memory *memory, struct cpu_exception exception,
               struct cpu_crash *crash_out)
{
    state_load(c, state, memory);
    bool delivered = deliver_exception(c, exception);
    state_store(c);
    *crash_out = c->crash;
    return delivered || state->undelivered.waits;
}

void cpu_io_done(const struct cpu_io *io, struct cpu_state *state, uint32_t value, uint32_t left)
{
    state->eip += io->length;
    if (!io->string) {
        if (io->in)
            memcpy(&state->regs[EAX], &value, io->bytes);
        return;
    }
    size_t width = io->narrow ? 2 : 4;
    uint32_t *pointer = &state->regs[io->in ? EDI : ESI];
    uint32_t advanced = *pointer + (io->count - left) * io->bytes;
    memcpy(pointer, &advanced, width);
    if (io->repeated)
        memcpy(&state->regs[ECX], &left, width);
}
