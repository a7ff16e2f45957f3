/* SPDX-License-Identifier: MIT
 *
 * Bodies: moves, the stack, jumps, flags, exceptions, and what belongs to the virtual machine.
 */
#pragma once
#include "bodies.h"
#include "mmu.h"

WRITE_BODY(MOV)
{
    return s;
}

WRITE_BODY(MOVZX)
{
    return s;
}

WRITE_BODY(MOVSX8)
{
    return (uint32_t)sign_extend(s, 8);
}

WRITE_BODY(MOVSX16)
{
    return (uint32_t)sign_extend(s, 16);
}

WRITE_BODY(LEA)
{
    return s;
}

#define X(name)                                                                                                        \
    WRITE_BODY(SET##name)                                                                                              \
    {                                                                                                                  \
        return condition_holds(f, CONDITION_##name);                                                                   \
    }                                                                                                                  \
    MODIFY_BODY(CMOV##name)                                                                                            \
    {                                                                                                                  \
        return condition_holds(f, CONDITION_##name) ? s : d;                                                           \
    }
CONDITIONS(X)
#undef X

CUSTOM_BODY(NOP)
{
    return true;
}

/* The stack. The top of it is the destination of PUSH, and the source of POP. */
WRITE_BODY(PUSH)
{
    return s;
}

WRITE_BODY(POP)
{
    return s;
}

/* The address is that after the pop (SDM vol. 2, POP). */
CUSTOM_BODY(POPE)
{
    uint64_t value = load(c, c->slots[ESP], bits / 8);
    if ((value & LOAD_FAILED) || (memory && !store(c, address_of(c, op), (uint32_t)value, bits / 8)))
        return false;
    c->slots[ESP] += bits / 8;
    if (!memory)
        slot_put(c, op->destination, (uint32_t)value, bits);
    return true;
}

CUSTOM_BODY(PUSHA)
{
    uint32_t top = c->slots[ESP];
    for (unsigned i = 0; i < CPU_REGISTERS; i++) {
        top -= bits / 8;
        if (!store(c, top, c->slots[i], bits / 8))
            return false;
    }
    c->slots[ESP] = top;
    return true;
}

CUSTOM_BODY(POPA)
{
    uint32_t values[CPU_REGISTERS];
    for (unsigned i = 0; i < CPU_REGISTERS; i++) {
        uint64_t value = load(c, c->slots[ESP] + i * (bits / 8), bits / 8);
        if (value & LOAD_FAILED)
            return false;
        values[CPU_REGISTERS - 1 - i] = (uint32_t)value;
    }
    for (unsigned i = 0; i < CPU_REGISTERS; i++)
        if (i != ESP)
            slot_put(c, i * 4, values[i], bits);
    c->slots[ESP] += CPU_REGISTERS * (bits / 8);
    return true;
}

INLINE bool must_begin_again(const struct cpu *c)
{
    return c->stop == STOP_RETRY || c->stop == STOP_PAGE;
}

/* Frames may overlap: after its first store ENTER cannot begin again. So whether it must run alone, or needs memory
 * that is away, comes first. */
INLINE bool enter_may_begin(struct cpu *c, uint32_t top, unsigned level, unsigned size)
{
    if ((!modify_begin(c, top, size) || !modify_begin(c, top - level * size, size)) && must_begin_again(c))
        return false;
    bool loads = level > 1 && ((load(c, c->slots[EBP] - size, size) & LOAD_FAILED) ||
                               (load(c, c->slots[EBP] - (level - 1) * size, size) & LOAD_FAILED));
    return !loads || !must_begin_again(c);
}

/* SDM vol. 2, ENTER: EBP, the frame pointers of the enclosing levels, this frame's; then room for the locals, whose end
 * must be writable. A fault in the middle leaves what has been pushed. */
CUSTOM_BODY(ENTER)
{
    unsigned size = bits / 8, level = op->displacement & 31;
    uint32_t top = c->slots[ESP] - size, frame = top, end = top - level * size - op->immediate;

    if (!enter_may_begin(c, top, level, size) || !store(c, top, c->slots[EBP], size))
        return false;
    for (unsigned i = 1; i < level; i++) {
        uint64_t pointer = load(c, c->slots[EBP] - i * size, size);
        top -= size;
        if ((pointer & LOAD_FAILED) || !store(c, top, (uint32_t)pointer, size))
            return false;
    }
    if (level > 0 && !store(c, top - size, frame, size))
        return false;
    if (!modify_begin(c, end, size))
        return false;
    slot_put(c, EBP * 4, frame, bits);
    c->slots[ESP] = end;
    return true;
}

CUSTOM_BODY(LEAVE)
{
    uint64_t value = load(c, c->slots[EBP], bits / 8);
    if (value & LOAD_FAILED)
        return false;
    c->slots[ESP] = c->slots[EBP] + bits / 8;
    slot_put(c, EBP * 4, (uint32_t)value, bits);
    return true;
}

CUSTOM_BODY(BOUND)
{
    uint64_t low = load(c, address_of(c, op), bits / 8);
    uint64_t high = low & LOAD_FAILED ? low : load(c, address_beyond(c, op, bits / 8), bits / 8);
    if (high & LOAD_FAILED)
        return false;
    int64_t index = sign_extend(slot_get(c, op->destination, bits), bits);
    if (index < sign_extend((uint32_t)low, bits) || index > sign_extend((uint32_t)high, bits))
        return fault(c, DENALI_EXC_BOUND, 0);
    return true;
}

/* Into a block: to its first operation. The cost is that of its instructions, less those that have been paid for but
 * are not executed. */
#define RUN_BLOCK(first, cost)                                                                                         \
    do {                                                                                                               \
        c->budget -= (cost);                                                                                           \
        if (unlikely(c->budget < 0))                                                                                   \
            TAIL op_out_of_budget(c, first);                                                                           \
        NEXT(c, first);                                                                                                \
    } while (0)

/* By the link of the operation `at`. */
#define GO(at) RUN_BLOCK(op_link(at)->to, (at)->cost)

/* To an address that may be another each time. */
#define LAND(address)                                                                                                  \
    do {                                                                                                               \
        uint32_t to = address;                                                                                         \
        const struct landing *landing = landing_of(c, to);                                                             \
        if (likely(landing->eip == to && landing->tag == c->code_tag)) {                                               \
            c->eip = to & ~PAGE_MASK;                                                                                  \
            RUN_BLOCK(landing->first, landing->cost);                                                                  \
        }                                                                                                              \
        c->target = to;                                                                                                \
        TAIL op_land(c, op);                                                                                           \
    } while (0)

#define X(name)                                                                                                        \
    BRANCH_BODY(J##name)                                                                                               \
    {                                                                                                                  \
        return condition_holds(&c->flags, CONDITION_##name);                                                           \
    }
CONDITIONS(X)
#undef X

INLINE uint32_t count_register(struct cpu *c, const struct op *op)
{
    return op->narrow ? c->slots[ECX] & 0xFFFF : c->slots[ECX];
}

INLINE uint32_t count_down(struct cpu *c, const struct op *op)
{
    slot_put(c, SLOT_CX, c->slots[ECX] - 1, op->narrow ? 16 : 32);
    return count_register(c, op);
}

BRANCH_BODY(LOOP)
{
    return count_down(c, op) != 0;
}

BRANCH_BODY(LOOPE)
{
    return count_down(c, op) != 0 && flag_zf(&c->flags);
}

BRANCH_BODY(LOOPNE)
{
    return count_down(c, op) != 0 && !flag_zf(&c->flags);
}

BRANCH_BODY(JCXZ)
{
    return count_register(c, op) == 0;
}

BRANCH_BODY(JMP)
{
    return true;
}

BRANCH_BODY(CALL)
{
    return true;
}

TARGET_BODY(JMPE)
{
    return d;
}

TARGET_BODY(CALLE)
{
    return d;
}

/* The target has been popped: it is the operand. */
TARGET_BODY(RET)
{
    c->slots[ESP] += op->immediate;
    return d;
}

/* Flags. */
CUSTOM_BODY(CMC)
{
    flags_set_cf(&c->flags, !flag_cf(&c->flags));
    return true;
}

CUSTOM_BODY(CLC)
{
    flags_set_cf(&c->flags, false);
    return true;
}

CUSTOM_BODY(STC)
{
    flags_set_cf(&c->flags, true);
    return true;
}

CUSTOM_BODY(CLD)
{
    c->control &= ~(uint32_t)FLAG_DF;
    return true;
}

CUSTOM_BODY(STD)
{
    c->control |= FLAG_DF;
    return true;
}

#define FLAGS_IN_AH (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF)

CUSTOM_BODY(LAHF)
{
    slot_put(c, SLOT_EAX + 1, (flags_status(&c->flags) & FLAGS_IN_AH) | FLAG_ONE, 8);
    return true;
}

CUSTOM_BODY(SAHF)
{
    flags_set_status(&c->flags, (flags_status(&c->flags) & FLAG_OF) | (slot_get(c, SLOT_EAX + 1, 8) & FLAGS_IN_AH));
    return true;
}

INLINE uint32_t eflags_image(struct cpu *c)
{
    bool enabled = register_read(c, DENALI_REG_IRQ_ENABLED) != 0;
    return flags_status(&c->flags) | c->control | FLAG_ONE | (enabled ? FLAG_IF : 0);
}

CUSTOM_BODY(PUSHF)
{
    return push(c, eflags_image(c), bits);
}

/* All of EFLAGS from a popped image; interrupts may now be deliverable. A 16-bit image leaves the upper half. User mode
 * keeps IF. */
INLINE bool eflags_restore(struct cpu *c, uint32_t image, unsigned bits)
{
    if (!c->user && !register_write(c, DENALI_REG_IRQ_ENABLED, image & FLAG_IF ? 1 : 0))
        return false;
    uint32_t kept = bits == 32 ? 0 : c->control & ~UINT32_C(0xFFFF);
    c->control = (image & FLAGS_CONTROL) | kept;
    flags_set_status(&c->flags, image);
    c->check = true;
    return true;
}

JUMP_BODY(POPF)
{
    uint64_t image = load(c, c->slots[ESP], bits / 8);
    if ((image & LOAD_FAILED) || !eflags_restore(c, (uint32_t)image, bits))
        return op_stop(c, op);
    c->slots[ESP] += bits / 8;
    return op_leave(c, op, STOP_LOOKUP, after(c, op));
}

/* Words from the top of the stack, which stays where it is. */
INLINE bool stack_read(struct cpu *c, uint32_t *words, unsigned count, unsigned bits)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t word = load(c, c->slots[ESP] + i * (bits / 8), bits / 8);
        if (word & LOAD_FAILED)
            return false;
        words[i] = (uint32_t)word;
    }
    return true;
}

/* SDM vol. 2, IRET. CS counts only where kernel mode may return to user mode; SS never does: there is no segmentation.
 * User mode cannot leave itself by it. */
JUMP_BODY(IRET)
{
    enum { NEW_EIP, NEW_CS, NEW_EFLAGS, NEW_ESP, NEW_SS, WORDS, WORDS_SAME_MODE = NEW_ESP };
    uint32_t frame[WORDS];

    if (!stack_read(c, frame, WORDS_SAME_MODE, bits))
        return op_stop(c, op);
    bool to_user = c->translating && !c->user && frame[NEW_CS] == DENALI_CS_USER;
    if ((to_user && !stack_read(c, frame, WORDS, bits)) || !eflags_restore(c, frame[NEW_EFLAGS], bits))
        return op_stop(c, op);
    c->slots[ESP] = to_user ? frame[NEW_ESP] : c->slots[ESP] + WORDS_SAME_MODE * (bits / 8);
    if (to_user)
        mode_set(c, true);
    return op_leave(c, op, STOP_LOOKUP, frame[NEW_EIP]);
}

/* What only kernel mode may do. */
INLINE bool permitted(struct cpu *c)
{
    return likely(!c->user) || fault(c, DENALI_EXC_PROTECTION, 0);
}

CUSTOM_BODY(CLI)
{
    return permitted(c) && register_write(c, DENALI_REG_IRQ_ENABLED, 0);
}

JUMP_BODY(STI)
{
    if (!permitted(c) || !register_write(c, DENALI_REG_IRQ_ENABLED, 1))
        return op_stop(c, op);
    c->check = true;
    return op_leave(c, op, STOP_LOOKUP, after(c, op));
}

/* Traps: the exception comes after the instruction. Where there is no handler to return from, EIP stays at the
 * instruction, for the report of the machine's end. */
INLINE const struct op *trap(struct cpu *c, const struct op *op, uint32_t number, uint32_t error)
{
    fault(c, number, error);
    if (register_read(c, DENALI_REG_EXC_HANDLER) == 0)
        return op_stop(c, op);
    return op_leave(c, op, STOP_EXCEPTION, after(c, op));
}

JUMP_BODY(INT3)
{
    return trap(c, op, DENALI_EXC_BREAKPOINT, 0);
}

JUMP_BODY(INT)
{
    return trap(c, op, DENALI_EXC_INT_N, op->immediate & 0xFF);
}

JUMP_BODY(INTO)
{
    if (flag_of(&c->flags))
        return trap(c, op, DENALI_EXC_OVERFLOW, 0);
    return op_leave(c, op, STOP_LOOKUP, after(c, op));
}

/* The virtual machine. */
INLINE bool leave_with(struct cpu *c, enum stop stop)
{
    c->stop = stop;
    return false;
}

CUSTOM_BODY(HLT)
{
    return permitted(c) && leave_with(c, STOP_HALT);
}

CUSTOM_BODY(VIRTUAL)
{
    switch (op->immediate) {
    case DENALI_OP_IDLE:
        return permitted(c) && leave_with(c, STOP_IDLE);
    case DENALI_OP_TERMINATE:
        return permitted(c) && leave_with(c, STOP_TERMINATE);
    default:
        return fault(c, DENALI_EXC_ILLEGAL, 0);
    }
}

CUSTOM_BODY(RDTSC)
{
    uint64_t before = (uint64_t)(c->start_budget - c->budget) - op->left - 1;
    uint64_t cycles = c->start_cycles + before;
    c->slots[EAX] = (uint32_t)cycles;
    c->slots[EDX] = (uint32_t)(cycles >> 32);
    return true;
}

/* SDM vol. 2, CPUID. What is announced works, what is not is illegal. */
enum {
    CPUID_FPU = 1 << 0,
    CPUID_TSC = 1 << 4,
    CPUID_CX8 = 1 << 8,
    CPUID_CMOV = 1 << 15,
    CPUID_CLFLUSH = 1 << 19,
    CPUID_MMX = 1 << 23,
    CPUID_FXSR = 1 << 24,
    CPUID_SSE = 1 << 25,
    CPUID_SSE2 = 1 << 26,
    CPUID_CLFLUSH_64 = 64 / 8 << 8, /* in EBX: bytes of a line */
};
/* The same in ECX. */
enum {
    CPUID_SSE3 = 1 << 0,
    CPUID_SSSE3 = 1 << 9,
    CPUID_SSE4_1 = 1 << 19,
    CPUID_SSE4_2 = 1 << 20,
    CPUID_POPCNT = 1 << 23,
};
#define CPUID_FAMILY_6 0x600

INLINE uint32_t four_letters(const char *text)
{
    return bytes_get((const uint8_t *)text, 4);
}

CUSTOM_BODY(CPUID)
{
    uint32_t leaf = c->slots[EAX];
    c->slots[EAX] = c->slots[EBX] = c->slots[ECX] = c->slots[EDX] = 0;
    if (leaf == 0) {
        c->slots[EAX] = 1;
        c->slots[EBX] = four_letters("Dena");
        c->slots[EDX] = four_letters("liDe");
        c->slots[ECX] = four_letters("nali");
    } else if (leaf == 1) {
        c->slots[EAX] = CPUID_FAMILY_6;
        c->slots[EBX] = CPUID_CLFLUSH_64;
        c->slots[ECX] = CPUID_SSE3 | CPUID_SSSE3 | CPUID_SSE4_1 | CPUID_SSE4_2 | CPUID_POPCNT;
        c->slots[EDX] = CPUID_FPU | CPUID_TSC | CPUID_CX8 | CPUID_CMOV | CPUID_CLFLUSH | CPUID_MMX | CPUID_FXSR |
                        CPUID_SSE | CPUID_SSE2;
    }
    return true;
}

INLINE bool mmu_io(struct cpu *c, uint32_t port, bool in)
{
    if (in)
        c->slots[EAX] = mmu_port_read(&c->state->mmu, port);
    else
        mmu_port_write(c, port, c->slots[EAX]);
    return leave_with(c, STOP_MMU);
}

/* Ports: the kernel performs the operation, but for those of the MMU. */
INLINE bool port_io(struct cpu *c, const struct op *op, uint32_t port, bool in, unsigned bits)
{
    if (!permitted(c))
        return false;
    if (bits == 32 && mmu_has_port(&c->state->mmu, port & 0xFFFF))
        return mmu_io(c, port & 0xFFFF, in);
    c->io = (struct cpu_io){
        .port = (uint16_t)port,
        .bytes = (uint8_t)(bits / 8),
        .in = in,
        .length = (uint8_t)(op->end - op->start),
        .value = in ? 0 : slot_get(c, SLOT_EAX, bits),
        .count = 1,
    };
    return leave_with(c, STOP_IO);
}

CUSTOM_BODY(IN)
{
    return port_io(c, op, op->immediate & 0xFF, true, bits);
}

CUSTOM_BODY(OUT)
{
    return port_io(c, op, op->immediate & 0xFF, false, bits);
}

CUSTOM_BODY(IN_DX)
{
    return port_io(c, op, c->slots[EDX], true, bits);
}

CUSTOM_BODY(OUT_DX)
{
    return port_io(c, op, c->slots[EDX], false, bits);
}
