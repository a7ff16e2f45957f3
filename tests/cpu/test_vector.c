/* SPDX-License-Identifier: MIT
 *
 * MMX and SSE: every row of the instruction table against the processor that this runs on. 64-bit code executes the
 * same encodings on the same registers, so a page of generated code is enough: load the state, one instruction, store
 * the state. Memory operands lie below 4 GB, at the address that our machine has them at. RCP and RSQRT, which we
 * define, are compared with their definition.
 *
 * VECTOR_CASES=n in the environment: n cases of each row and form. VECTOR_SEED: another sequence. VECTOR_ONLY=NAME.
 */
#include <criterion/criterion.h>

#include <math.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define truncate cpu_truncate /* unistd.h has another one */
#include "../../cpu/cpu.h"
#include "../../cpu/decode.h"
#include "../../cpu/host_float.h"
#include "../../cpu/table.h"
#include "../oracle/flat_memory.h"

enum { DATA = 0x00800000, AFTER_DATA = DATA + 4096, CODE = 0x00803000, MEMORY_SIZE = 0x00810000, DEFAULT_CASES = 300 };

/* The image that FXSAVE stores (Intel SDM vol. 1, table 10-2). */
struct fx_image {
    uint16_t control, status;
    uint8_t full, reserved;
    uint16_t opcode;
    uint64_t instruction, operand;
    uint32_t mxcsr, mxcsr_mask;
    struct {
        uint64_t significand;
        uint16_t sign_exponent, none[3];
    } st[8];
    union xmm_register xmm[8];
    uint8_t rest[224];
};
_Static_assert(sizeof(struct fx_image) == 512, "as stored");

/* What an instruction works on, in and out. */
struct world {
    struct fx_image fx;
    uint32_t regs[8];
    uint32_t eflags;
    uint32_t exception; /* out: its vector, or NONE */
};
enum { NO_EXCEPTION = 256 };

static uint64_t sequence;

static uint64_t random_bits(void)
{
    sequence += 0x9E3779B97F4A7C15;
    uint64_t x = sequence;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
    x = (x ^ x >> 27) * 0x94D049BB133111EB;
    return x ^ x >> 31;
}

static unsigned random_below(unsigned limit)
{
    return (unsigned)(random_bits() >> 32) % limit;
}

/* Values. */

static uint64_t random_fraction(unsigned bits)
{
    uint64_t mask = (UINT64_C(1) << bits) - 1;
    switch (random_below(6)) {
    case 0:
        return 0;
    case 1:
        return mask;
    case 2:
        return UINT64_C(1) << random_below(bits);
    case 3:
        return mask ^ UINT64_C(1) << random_below(bits);
    case 4:
        return random_bits() & mask & ~UINT64_C(0) << random_below(bits);
    default:
        return random_bits() & mask;
    }
}

/* Near each other more often than chance has it, and often at the ends. */
static uint64_t random_float(unsigned exponent_bits, unsigned fraction_bits)
{
    unsigned most = (1u << exponent_bits) - 1, bias = most / 2;
    const unsigned exponents[] = {0,
                                  0,
                                  1,
                                  2,
                                  most,
                                  most - 1,
                                  random_below(most),
                                  bias + random_below(70) - 4,
                                  bias + random_below(8) - 4,
                                  bias / 2 + random_below(4),
                                  fraction_bits + random_below(8),
                                  bias + 31,
                                  bias + bias / 2 + random_below(4),
                                  bias + random_below(fraction_bits + 2)};
    uint64_t exponent = exponents[random_below(sizeof(exponents) / sizeof(exponents[0]))];
    return (random_bits() & 1) << (exponent_bits + fraction_bits) | exponent << fraction_bits |
           random_fraction(fraction_bits);
}

static uint32_t random_single(void)
{
    return (uint32_t)random_float(8, 23);
}

static uint64_t random_double(void)
{
    return random_float(11, 52);
}

static uint16_t random_word(void)
{
    static const uint16_t words[] = {0,      1,      0x7FFF, 0x8000, 0x8001, 0xFFFF,
                                     0x00FF, 0x0100, 0x7F80, 0x8080, 0xFF00, 0x007F};
    return random_below(2) ? (uint16_t)random_bits() : words[random_below(12)];
}

static uint8_t random_character(void)
{
    return (uint8_t)(random_below(4) ? random_below(4) : random_below(2) ? random_bits() : 0);
}

static void fill(union xmm_register *v, unsigned kind)
{
    for (unsigned i = 0; i < 16; i++) {
        if (kind == 0 && i < 2)
            v->u64[i] = random_bits();
        else if (kind == 1 && i < 4)
            v->u32[i] = random_single();
        else if (kind == 2 && i < 2)
            v->u64[i] = random_double();
        else if (kind == 3 && i < 8)
            v->u16[i] = random_word();
        else if (kind == 4)
            v->u8[i] = random_character();
        else if (kind == 5 && i < 2)
            v->u64[i] = random_below(80);
    }
}

static uint32_t random_mxcsr(void)
{
    uint32_t flags = random_below(4) ? 0 : random_below(64), rounding = random_below(4) << 13;
    uint32_t zeroes = (random_below(3) ? 0 : 1u << 6) | (random_below(3) ? 0 : 1u << 15);
    uint32_t masks = random_below(4) ? 63 : random_below(3) ? 63 ^ 1u << random_below(6) : random_below(64);
    return flags | masks << 7 | rounding | zeroes;
}

static struct world random_world(void)
{
    enum { PENDING = 0x8081 };
    struct world w = {.eflags = (uint32_t)random_bits() & FLAGS_STATUS, .exception = NO_EXCEPTION};
    unsigned kind = random_below(6);

    w.fx.control = 0x037F;
    w.fx.status = random_bits() & 0x7F00;
    w.fx.full = (uint8_t)random_bits();
    w.fx.mxcsr = random_mxcsr();
    if (random_below(32) == 0) {
        w.fx.control = 0x037E;
        w.fx.status |= PENDING;
    }
    for (unsigned i = 0; i < 8; i++) {
        union xmm_register mm;
        fill(&mm, kind);
        w.fx.st[i].significand = mm.u64[0];
        w.fx.st[i].sign_exponent = (uint16_t)random_bits();
        fill(&w.fx.xmm[i], random_below(8) ? kind : random_below(6));
        w.regs[i] = random_below(3) ? (uint32_t)random_bits() : random_below(40) - 20;
    }
    return w;
}

/* Silicon. */

struct gate {
    struct world in __attribute__((aligned(16)));
    struct world out __attribute__((aligned(16)));
    uint64_t host_mxcsr;
};
_Static_assert(offsetof(struct gate, in.regs) == 512 && offsetof(struct gate, in.eflags) == 544,
               "known to the assembly");
_Static_assert(offsetof(struct gate, out) == 560 && offsetof(struct gate, host_mxcsr) == 1112, "known to the assembly");

__asm__(".pushsection .rodata\n"
        "vector_gate:\n"
        "    push %rbx; push %rbp\n"
        "    mov %rdi, %r9\n"
        "    mov %rsp, %r8\n"
        "    stmxcsr 1112(%r9)\n"
        "    fxrstor (%r9)\n"
        "    mov 544(%r9), %eax\n"
        "    push %rax; popfq\n"
        "    mov 512(%r9), %eax; mov 516(%r9), %ecx; mov 520(%r9), %edx; mov 524(%r9), %ebx\n"
        "    mov 528(%r9), %esp; mov 532(%r9), %ebp; mov 536(%r9), %esi; mov 540(%r9), %edi\n"
        "vector_gate_instruction:\n"
        "    .fill 15, 1, 0x90\n"
        "    mov %eax, 560+512(%r9); mov %ecx, 560+516(%r9); mov %edx, 560+520(%r9); mov %ebx, 560+524(%r9)\n"
        "    mov %esp, 560+528(%r9); mov %ebp, 560+532(%r9); mov %esi, 560+536(%r9); mov %edi, 560+540(%r9)\n"
        "    mov %r8, %rsp\n"
        "    pushfq; pop %rax\n"
        "    mov %eax, 560+544(%r9)\n"
        "    fxsave 560(%r9)\n"
        "vector_gate_resume:\n"
        "    fninit\n"
        "    ldmxcsr 1112(%r9)\n"
        "    mov %r8, %rsp\n"
        "    pop %rbp; pop %rbx\n"
        "    ret\n"
        "vector_gate_end:\n"
        ".popsection\n");
extern const uint8_t vector_gate[], vector_gate_instruction[], vector_gate_resume[], vector_gate_end[];

static uint8_t *gate_code;
static struct gate gate;

static void signal_caught(int number, siginfo_t *info, void *context)
{
    static const int order[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI};
    ucontext_t *user = context;
    greg_t *regs = user->uc_mcontext.gregs;
    uint8_t *at = (uint8_t *)regs[REG_RIP];

    (void)info;
    if (at != gate_code + (vector_gate_instruction - vector_gate)) {
        signal(number, SIG_DFL);
        return;
    }
    for (int i = 0; i < 8; i++)
        gate.out.regs[i] = (uint32_t)regs[order[i]];
    gate.out.eflags = (uint32_t)regs[REG_EFL];
    gate.out.exception = (uint32_t)regs[REG_TRAPNO];
    memcpy(&gate.out.fx, user->uc_mcontext.fpregs, sizeof(gate.out.fx));
    regs[REG_RIP] = (greg_t)(gate_code + (vector_gate_resume - vector_gate));
}

static bool silicon_ready(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    struct sigaction action = {.sa_sigaction = signal_caught, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
    size_t size = (size_t)(vector_gate_end - vector_gate);

    gate_code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *data = mmap((void *)(uintptr_t)DATA, 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (gate_code == MAP_FAILED || data == MAP_FAILED || sigaltstack(&stack, NULL))
        return false;
    memcpy(gate_code, vector_gate, size);
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaction(signals[i], &action, NULL);
    return true;
}

static uint8_t *silicon_data(uint32_t address)
{
    return (uint8_t *)(uintptr_t)address;
}

static struct world silicon_run(const uint8_t *bytes, unsigned length, const struct world *in)
{
    uint8_t padded[15];

    memset(padded, 0x90, sizeof(padded));
    memcpy(padded, bytes, length);
    uint8_t *at = gate_code + (vector_gate_instruction - vector_gate);
    if (memcmp(at, padded, sizeof(padded)) != 0)
        memcpy(at, padded, sizeof(padded));
    gate.in = *in;
    gate.out = (struct world){.exception = NO_EXCEPTION};
    ((void (*)(struct gate *))gate_code)(&gate);
    return gate.out;
}

/* Ours. */

struct ours {
    struct cpu *cpu;
    struct flat_memory memory;
};

static void ours_init(struct ours *ours)
{
    ours->cpu = cpu_new(CPU_ENGINE_STEP);
    cr_assert(flat_memory_init(&ours->memory, MEMORY_SIZE, 1));
    cr_assert(flat_memory_add(&ours->memory, 0));
    cr_assert(flat_memory_add(&ours->memory, DATA / 4096));
    cr_assert(flat_memory_add(&ours->memory, CODE / 4096));
}

static void ours_drop(struct ours *ours)
{
    flat_memory_drop(&ours->memory);
    cpu_free(ours->cpu);
}

static unsigned stack_top(const struct fx_image *fx)
{
    return fx->status >> 11 & 7;
}

static void fpu_from_image(struct fpu_state *fpu, const struct fx_image *fx)
{
    fpu->control = fx->control;
    fpu->status = fx->status;
    fpu->full = fx->full;
    fpu->mxcsr = fx->mxcsr;
    for (unsigned i = 0; i < 8; i++)
        fpu->registers[(stack_top(fx) + i) & 7] =
            (struct x87_register){.significand = fx->st[i].significand, .sign_exponent = fx->st[i].sign_exponent};
    memcpy(fpu->xmm, fx->xmm, sizeof(fpu->xmm));
}

static void image_from_fpu(struct fx_image *fx, const struct fpu_state *fpu)
{
    fx->control = fpu->control;
    fx->status = fpu->status;
    fx->full = fpu->full;
    fx->mxcsr = fpu->mxcsr;
    for (unsigned i = 0; i < 8; i++) {
        const struct x87_register *st = &fpu->registers[(stack_top(fx) + i) & 7];
        fx->st[i].significand = st->significand;
        fx->st[i].sign_exponent = st->sign_exponent;
    }
    memcpy(fx->xmm, fpu->xmm, sizeof(fx->xmm));
}

static struct world ours_run(struct ours *ours, const uint8_t *bytes, unsigned length, const struct world *in)
{
    struct cpu_state state;
    struct world out = {.exception = NO_EXCEPTION};
    uint64_t executed;

    memcpy(flat_memory_at(&ours->memory, CODE), bytes, length);
    cpu_state_reset(&state, CODE, 0);
    memcpy(state.regs, in->regs, sizeof(state.regs));
    cpu_state_set_eflags(&state, in->eflags);
    fpu_from_image(&state.fpu, &in->fx);
    enum cpu_exit why = cpu_run(ours->cpu, &state, &ours->memory.memory, 1, 0, &executed);
    if (why == CPU_CRASH)
        out.exception = cpu_last_crash(ours->cpu)->exception.number;
    else
        cr_assert(why == CPU_BUDGET && executed == 1 && state.eip == CODE + length);
    memcpy(out.regs, state.regs, sizeof(out.regs));
    out.eflags = cpu_state_eflags(&state);
    image_from_fpu(&out.fx, &state.fpu);
    return out;
}

/* Cases. */

struct instruction {
    uint8_t bytes[15];
    unsigned length;
};

static void emit(struct instruction *i, unsigned byte)
{
    i->bytes[i->length++] = (uint8_t)byte;
}

static bool is_vector_map(enum map map)
{
    return map >= MAP_NP0F && map <= MAP_F20F3A;
}

/* The maps come in fours, by mandatory prefix. */
static void emit_opcode(struct instruction *i, const struct encoding *row)
{
    static const uint8_t prefixes[] = {0, 0x66, 0xF3, 0xF2}, escapes[] = {0, 0x38, 0x3A};
    unsigned index = row->map - MAP_NP0F;

    if ((row->form == FORM_Gv_Ev || row->form == FORM_Gv_Eb) && random_below(3) == 0)
        emit(i, 0x66);
    if (prefixes[index % 4])
        emit(i, prefixes[index % 4]);
    emit(i, 0x0F);
    if (escapes[index / 4])
        emit(i, escapes[index / 4]);
    emit(i, row->first);
}

static struct instruction instruction_make(const struct encoding *row, bool memory)
{
    struct instruction i = {.length = 0};
    unsigned reg = row->digit == NO_DIGIT ? random_below(8) : row->digit;

    if (random_below(32) == 0)
        emit(&i, 0xF0); /* LOCK: illegal */
    emit_opcode(&i, row);
    if (form_layouts[row->form].modrm)
        emit(&i, reg << 3 | (memory ? ESI : 0xC0 | random_below(8)));
    if (form_layouts[row->form].immediate == IMMEDIATE_BYTE)
        emit(&i, random_below(2) ? (unsigned)random_bits() : random_below(20));
    return i;
}

static bool named(const struct encoding *row, const char *name)
{
    return strcmp(row->name, name) == 0;
}

/* Mostly aligned; sometimes not, or over the page's end. FXRSTOR takes memory as it is, so that needs some sense. */
static void place_operand(struct ours *ours, const struct encoding *row, struct world *w)
{
    union xmm_register operand;
    const bool area = named(row, "FXSAVE") || named(row, "FXRSTOR");
    uint32_t address = DATA + 1024 + 16 * random_below(64);

    if (random_below(8) == 0)
        address += random_below(16);
    else if (random_below(16) == 0)
        address = AFTER_DATA - (area ? 16 * random_below(33) : random_below(24));
    fill(&operand, random_below(4) ? random_below(5) : 4);
    if (named(row, "LDMXCSR"))
        operand.u32[0] = random_below(4) ? random_mxcsr() : (uint32_t)random_bits() & ~(1u << 17);
    for (unsigned i = 0; i < 16 && address + i < AFTER_DATA; i++)
        *flat_memory_at(&ours->memory, address + i) = operand.u8[i];
    if (named(row, "FXRSTOR") && address + 512 <= AFTER_DATA) {
        struct world other = random_world();
        if (random_below(4) == 0)
            other.fx.control = (uint16_t)random_bits();
        if (random_below(4) == 0)
            other.fx.status = (uint16_t)random_bits();
        if (random_below(8) == 0)
            other.fx.mxcsr |= 1u << (18 + random_below(14));
        memcpy(flat_memory_at(&ours->memory, address), &other.fx, 288);
    }
    memcpy(silicon_data(DATA), flat_memory_at(&ours->memory, DATA), 4096);
    w->regs[ESI] = w->regs[EDI] = address;
}

/* FXSAVE: pointers and selectors belong to x87, and the mask is the processor's own; the rest is not written in 32-bit
 * mode. */
static void forget_undefined(struct ours *ours, const struct encoding *row, const struct world *w)
{
    uint32_t address = w->regs[ESI];
    if (!named(row, "FXSAVE") || address + 512 > AFTER_DATA)
        return;
    memcpy(silicon_data(address) + 6, flat_memory_at(&ours->memory, address) + 6, 18);
    memcpy(silicon_data(address) + 28, flat_memory_at(&ours->memory, address) + 28, 4);
    memcpy(silicon_data(address) + 288, flat_memory_at(&ours->memory, address) + 288, 512 - 288);
}

static bool worlds_equal(const struct world *a, const struct world *b)
{
    const uint32_t flags = FLAGS_STATUS;
    return a->exception == b->exception && memcmp(a->regs, b->regs, sizeof(a->regs)) == 0 &&
           ((a->eflags ^ b->eflags) & flags) == 0 && a->fx.control == b->fx.control && a->fx.status == b->fx.status &&
           a->fx.full == b->fx.full && a->fx.mxcsr == b->fx.mxcsr &&
           memcmp(a->fx.st, b->fx.st, sizeof(a->fx.st)) == 0 && memcmp(a->fx.xmm, b->fx.xmm, sizeof(a->fx.xmm)) == 0;
}

static void print_vector(const char *name, unsigned i, const union xmm_register *v)
{
    fprintf(stderr, "    %s%u %08x %08x %08x %08x\n", name, i, v->u32[3], v->u32[2], v->u32[1], v->u32[0]);
}

static void print_world(const char *title, const struct world *w, const struct world *reference)
{
    fprintf(stderr, "  %s: exception %u mxcsr %04x eflags %03x fsw %04x fcw %04x full %02x\n", title, w->exception,
            w->fx.mxcsr, w->eflags & FLAGS_STATUS, w->fx.status, w->fx.control, w->fx.full);
    for (unsigned i = 0; i < 8; i++) {
        if (w == reference || memcmp(&w->fx.xmm[i], &reference->fx.xmm[i], 16) != 0)
            print_vector("xmm", i, &w->fx.xmm[i]);
        if (w->regs[i] != reference->regs[i])
            fprintf(stderr, "    reg%u %08x\n", i, w->regs[i]);
        if (memcmp(&w->fx.st[i], &reference->fx.st[i], 16) != 0)
            fprintf(stderr, "    st%u %04x %016lx\n", i, w->fx.st[i].sign_exponent, w->fx.st[i].significand);
    }
}

static void print_case(const struct encoding *row, const struct instruction *i, const struct world *in,
                       const struct world *silicon, const struct world *ours)
{
    fprintf(stderr, "%s:", row->name);
    for (unsigned n = 0; n < i->length; n++)
        fprintf(stderr, " %02x", i->bytes[n]);
    fprintf(stderr, "  [esi = %08x]\n", in->regs[ESI]);
    print_world("before ", in, in);
    print_world("silicon", silicon, in);
    print_world("ours   ", ours, in);
}

static bool case_agrees(struct ours *ours, const struct encoding *row, const struct instruction *i, bool print)
{
    struct world in = random_world();

    place_operand(ours, row, &in);
    struct world theirs = silicon_run(i->bytes, i->length, &in);
    struct world mine = ours_run(ours, i->bytes, i->length, &in);
    forget_undefined(ours, row, &in);
    bool memory_equal = memcmp(silicon_data(DATA), flat_memory_at(&ours->memory, DATA), 4096) == 0;
    if (worlds_equal(&theirs, &mine) && memory_equal)
        return true;
    if (print) {
        print_case(row, i, &in, &theirs, &mine);
        if (!memory_equal)
            fprintf(stderr, "  memory differs\n");
    }
    return false;
}

static bool is_ours_alone(const struct encoding *row)
{
    return strncmp(row->name, "RCP", 3) == 0 || strncmp(row->name, "RSQRT", 5) == 0;
}

static unsigned long parameter(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 0) : otherwise;
}

static unsigned long row_check(struct ours *ours, const struct encoding *row, bool memory, unsigned long cases)
{
    enum { SAME_ENCODING = 8, PRINTED = 2 };
    unsigned long differ = 0;
    struct instruction i = {.length = 0};

    for (unsigned long n = 0; n < cases; n++) {
        if (n % SAME_ENCODING == 0)
            i = instruction_make(row, memory);
        differ += !case_agrees(ours, row, &i, differ < PRINTED);
    }
    if (differ)
        fprintf(stderr, "%s %s, %s form: %lu of %lu cases differ\n", map_name(row->map), row->name,
                memory ? "memory" : "register", differ, cases);
    return differ;
}

Test(cpu_vector, every_row_does_as_silicon)
{
    const unsigned long cases = parameter("VECTOR_CASES", DEFAULT_CASES);
    const char *only = getenv("VECTOR_ONLY");
    unsigned long differ = 0, forms = 0;
    struct ours ours;

    if (!silicon_ready())
        cr_skip_test("no memory where it must be");
    sequence = parameter("VECTOR_SEED", 1);
    ours_init(&ours);
    for (size_t n = 0; n < encoding_count; n++) {
        const struct encoding *row = &encodings[n];
        if (!is_vector_map(row->map) || row->illegal != LEGAL || is_ours_alone(row) || (only && !named(row, only)))
            continue;
        for (unsigned memory = 0; memory < 2; memory++) {
            if (!row->run[0][memory] || (memory && !form_layouts[row->form].modrm))
                continue;
            differ += row_check(&ours, row, memory, cases);
            forms++;
        }
    }
    ours_drop(&ours);
    fprintf(stderr, "%lu forms of vector rows, %lu cases each, %lu differ\n", forms, cases, differ);
    cr_assert_eq(differ, 0);
}

/* cpu/host_float.h: where it answers, the integers say the same and raise nothing that was not raised. */

typedef bool host_fn(uint32_t mxcsr, union xmm_register *d, const union xmm_register *s, unsigned width, unsigned count,
                     unsigned immediate);

#define OPERATION(name)                                                                                                \
    static bool host_##name##_here(uint32_t mxcsr, union xmm_register *d, const union xmm_register *s, unsigned width, \
                                   unsigned count, unsigned immediate)                                                 \
    {                                                                                                                  \
        return width == 32  ? count == 4 ? host_##name(mxcsr, d, s, 32, 4, immediate)                                  \
                                         : host_##name(mxcsr, d, s, 32, 1, immediate)                                  \
                : count == 2 ? host_##name(mxcsr, d, s, 64, 2, immediate)                                              \
                            : host_##name(mxcsr, d, s, 64, 1, immediate);                                              \
    }
SSE_HOST_OPERATIONS(OPERATION)
#define CONVERSION(name, bytes)                                                                                        \
    static bool host_##name##_here(uint32_t mxcsr, union xmm_register *d, const union xmm_register *s, unsigned width, \
                                   unsigned count, unsigned immediate)                                                 \
    {                                                                                                                  \
        (void)width, (void)count, (void)immediate;                                                                     \
        return host_##name(mxcsr, d, s);                                                                               \
    }
SSE_FORMATS(CONVERSION)
SSE_ROUNDINGS(CONVERSION)
SSE_FROM_GENERAL(CONVERSION)
SSE_TO_GENERAL(CONVERSION)

static const struct host_subject {
    const char *name;
    host_fn *host;
    sse_fn *integers;
} host_subjects[] = {
#define X(name, ...) {#name, host_##name##_here, sse_##name},
    SSE_HOST_OPERATIONS(X) SSE_FORMATS(X) SSE_ROUNDINGS(X) SSE_FROM_GENERAL(X) SSE_TO_GENERAL(X)
#undef X
};

static struct sse sse_of(uint32_t mxcsr, unsigned width, unsigned count, unsigned immediate)
{
    return (struct sse){
        .real = {.rounding = mxcsr >> MXCSR_ROUNDING_SHIFT & 3,
                 .unmasked = ~(mxcsr >> MXCSR_MASKS_SHIFT) & MXCSR_FLAGS,
                 .flush_to_zero = mxcsr & MXCSR_FTZ},
        .denormals_are_zero = mxcsr & MXCSR_DAZ,
        .bits = (uint8_t)width,
        .count = (uint8_t)count,
        .immediate = (uint8_t)immediate,
    };
}

/* True: it answered. */
static bool host_agrees(const struct host_subject *subject, unsigned width, unsigned count)
{
    uint32_t mxcsr = random_mxcsr() | (random_below(4) ? REAL_PRECISION : 0);
    unsigned immediate = random_below(8);
    union xmm_register d, s, host, integers;

    if (random_below(2))
        mxcsr &= ~(3u << MXCSR_ROUNDING_SHIFT);
    fill(&d, width == 32 ? 1 : 2);
    fill(&s, width == 32 ? 1 : 2);
    if (random_below(16) == 0)
        fill(&s, random_below(6));
    host = integers = d;
    if (!subject->host(mxcsr, &host, &s, width, count, immediate)) {
        cr_assert_eq(memcmp(&host, &d, sizeof(d)), 0, "%s: changed what it could not do", subject->name);
        return false;
    }
    struct sse f = sse_of(mxcsr, width, count, immediate);
    subject->integers(&f, &integers, &s);
    cr_assert(sse_settle(&f) && !(f.settled & ~mxcsr) && memcmp(&host, &integers, sizeof(host)) == 0,
              "%s of %ux%u, MXCSR %04x: %016lx %016lx, %016lx %016lx: host %016lx %016lx, integers %016lx %016lx flags "
              "%02x",
              subject->name, width, count, mxcsr, d.u64[1], d.u64[0], s.u64[1], s.u64[0], host.u64[1], host.u64[0],
              integers.u64[1], integers.u64[0], f.settled);
    return true;
}

Test(cpu_vector, host_arithmetic_is_that_of_integers)
{
    static const uint8_t forms[4][2] = {{32, 4}, {32, 1}, {64, 2}, {64, 1}};
    const unsigned long cases = parameter("VECTOR_CASES", DEFAULT_CASES) * 100;

    sequence = parameter("VECTOR_SEED", 1);
    for (size_t n = 0; n < sizeof(host_subjects) / sizeof(host_subjects[0]); n++) {
        unsigned long answered = 0;
        for (unsigned long i = 0; i < cases; i++)
            answered += host_agrees(&host_subjects[n], forms[i & 3][0], forms[i & 3][1]);
        cr_assert_gt(answered, cases / 50, "%s: %lu answers", host_subjects[n].name, answered);
    }
}

/* RCP and RSQRT: the exact value rounded to 12 bits, denormals being zeroes before and after. */

static float estimate_of(float x, bool root)
{
    double exact = fpclassify(x) == FP_SUBNORMAL ? copysign(INFINITY, x) : root && x != 0 ? 1 / sqrt(x) : 1 / (double)x;
    int exponent;
    double fraction = frexp(exact, &exponent);

    if (!isfinite(exact) || exact == 0)
        return (float)exact;
    double rounded = ldexp(nearbyint(ldexp(fraction, 12)), exponent - 12);
    return fabs(rounded) < 0x1p-126 ? copysignf(0, (float)rounded) : (float)rounded;
}

static float single_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static bool estimate_is_right(uint32_t operand, uint32_t result, bool root)
{
    float x = single_of(operand), wanted = estimate_of(x, root);
    uint32_t bits;

    memcpy(&bits, &wanted, sizeof(bits));
    if (isnan(x))
        return result == (operand | 0x400000);
    if (isnan(wanted))
        return result == 0xFFC00000;
    return result == bits;
}

/* The bound that the manuals give for the relative error is 1.5 * 2^-12 for each. Around the smallest normal number one
 * may be zero. */
static bool estimates_are_near(uint32_t a, uint32_t b)
{
    double x = single_of(a), y = single_of(b);
    if (isnan(x) || isinf(x))
        return a == b;
    if (x == 0 || y == 0)
        return signbit(x) == signbit(y) && fabs(x + y) < 0x1.002p-126;
    return fabs(x - y) <= fabs(x) * 3 * 0x1p-12;
}

Test(cpu_vector, estimates_are_exact_to_12_bits_and_near_silicon)
{
    static const uint8_t codes[4][4] = {
        {0x0F, 0x53, 0xC1}, {0x0F, 0x52, 0xC1}, {0xF3, 0x0F, 0x53, 0xC1}, {0xF3, 0x0F, 0x52, 0xC1}};
    const unsigned long cases = parameter("VECTOR_CASES", DEFAULT_CASES) * 10;
    struct ours ours;

    if (!silicon_ready())
        cr_skip_test("no memory where it must be");
    sequence = parameter("VECTOR_SEED", 1);
    ours_init(&ours);
    for (unsigned long n = 0; n < cases; n++) {
        bool root = n & 1, scalar = n & 2;
        struct world in = random_world();
        fill(&in.fx.xmm[1], random_below(2));
        struct world theirs = silicon_run(codes[n & 3], scalar ? 4 : 3, &in);
        struct world mine = ours_run(&ours, codes[n & 3], scalar ? 4 : 3, &in);
        for (unsigned i = 0; i < 4; i++) {
            uint32_t x = in.fx.xmm[1].u32[i], y = mine.fx.xmm[0].u32[i];
            if (scalar && i > 0)
                cr_assert_eq(y, in.fx.xmm[0].u32[i]);
            else
                cr_assert(estimate_is_right(x, y, root) && estimates_are_near(y, theirs.fx.xmm[0].u32[i]),
                          "%s of %08x: %08x, silicon %08x", root ? "rsqrt" : "rcp", x, y, theirs.fx.xmm[0].u32[i]);
        }
        cr_assert_eq(mine.fx.mxcsr, in.fx.mxcsr);
    }
    ours_drop(&ours);
}

/* Legality of all opcodes that MMX and SSE have among the two-byte ones. */

/* Extensions that we do not announce: SSE4A, and in 0F AE XSAVE, WRFSBASE, CLWB and their like. */
static bool is_newer(unsigned prefix, unsigned opcode, unsigned digit)
{
    if (opcode == 0xAE)
        return prefix != 0 || digit == 4 || digit == 5 || digit == 6;
    return (opcode == 0x2B && prefix >= 0xF2) ||
           ((opcode == 0x78 || opcode == 0x79) && (prefix == 0x66 || prefix == 0xF2));
}

static void legality_check(unsigned prefix, unsigned opcode, unsigned modrm)
{
    struct instruction i = {.length = 0};
    struct world in = random_world();
    struct insn insn;

    if (prefix)
        emit(&i, prefix);
    emit(&i, 0x0F);
    emit(&i, opcode);
    emit(&i, opcode == 0x77 ? 0x90 : modrm);
    for (unsigned n = 0; n < 2; n++) /* an immediate, or nothing */
        emit(&i, 0x90);
    in.fx.status &= 0x7F00;
    in.regs[ESI] = in.regs[EDI] = DATA;
    memset(silicon_data(DATA), 0, 4096);
    bool theirs = silicon_run(i.bytes, i.length, &in).exception == 6;
    cr_assert_eq(decode(i.bytes, sizeof(i.bytes), &insn), DECODE_OK);
    cr_expect_eq(insn.illegal, theirs, "%02x 0f %02x %02x: %s on silicon", prefix, opcode, modrm,
                 theirs ? "illegal" : "legal");
}

Test(cpu_vector, two_byte_opcodes_are_legal_as_on_silicon)
{
    static const uint8_t ranges[][2] = {{0x10, 0x17}, {0x28, 0x2F}, {0x50, 0x7F},
                                        {0xAE, 0xAE}, {0xC2, 0xC6}, {0xD0, 0xFE}};
    static const uint8_t prefixes[] = {0, 0x66, 0xF3, 0xF2};

    if (!silicon_ready())
        cr_skip_test("no memory where it must be");
    for (unsigned r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++)
        for (unsigned opcode = ranges[r][0]; opcode <= ranges[r][1]; opcode++)
            for (unsigned n = 0; n < 64; n++)
                if (!is_newer(prefixes[n & 3], opcode, n >> 2 & 7))
                    legality_check(prefixes[n & 3], opcode, (n >> 2 & 7) << 3 | (n & 32 ? 0xC1 : ESI));
}

/* Blocks of vector instructions, whose stores may hit the block itself, in both engines. */

enum { BLOCK_INSNS = 12, HLT = 0xF4 };

static unsigned random_block(uint8_t *bytes)
{
    unsigned length = 0;
    for (unsigned n = 0; n < BLOCK_INSNS;) {
        const struct encoding *row = &encodings[random_below((unsigned)encoding_count)];
        bool memory = random_below(2);
        if (!is_vector_map(row->map) || row->illegal != LEGAL || !row->run[0][memory])
            continue;
        struct instruction i = instruction_make(row, memory && form_layouts[row->form].modrm);
        memcpy(bytes + length, i.bytes, i.length);
        length += i.length;
        n++;
    }
    bytes[length] = HLT;
    return length;
}

static enum cpu_exit engine_run(enum cpu_engine engine, const uint8_t *code, const struct world *in, uint64_t budget,
                                struct cpu_state *state, uint8_t after[4096])
{
    struct ours ours;
    uint64_t executed = 0;

    ours_init(&ours);
    cpu_free(ours.cpu);
    ours.cpu = cpu_new(engine);
    memcpy(flat_memory_at(&ours.memory, CODE), code, 256);
    cpu_state_reset(state, CODE, 0);
    memcpy(state->regs, in->regs, sizeof(state->regs));
    fpu_from_image(&state->fpu, &in->fx);
    enum cpu_exit why = cpu_run(ours.cpu, state, &ours.memory.memory, budget, 0, &executed);
    memcpy(after, flat_memory_at(&ours.memory, CODE), 4096);
    ours_drop(&ours);
    return why;
}

Test(cpu_vector, both_engines_do_the_same)
{
    const unsigned long cases = parameter("VECTOR_CASES", DEFAULT_CASES);

    sequence = parameter("VECTOR_SEED", 1);
    for (unsigned long n = 0; n < cases; n++) {
        uint8_t code[256] = {0}, after[2][4096];
        struct cpu_state state[2];
        enum cpu_exit why[2];
        struct world in = random_world();
        unsigned length = random_block(code);
        uint64_t budget = random_below(4) ? 1000 : random_below(BLOCK_INSNS);

        in.regs[ESI] = in.regs[EDI] = CODE + random_below(2 * length) / (random_below(4) ? 16 : 1) * 16;
        why[0] = engine_run(CPU_ENGINE_BLOCKS, code, &in, budget, &state[0], after[0]);
        why[1] = engine_run(CPU_ENGINE_STEP, code, &in, budget, &state[1], after[1]);
        cr_assert_eq(why[0], why[1]);
        cr_assert_eq(state[0].eip, state[1].eip);
        cr_assert_arr_eq(state[0].regs, state[1].regs, sizeof(state[0].regs));
        cr_assert_eq(cpu_state_eflags(&state[0]), cpu_state_eflags(&state[1]));
        struct world fpu[2] = {{.eflags = 0}, {.eflags = 0}};
        image_from_fpu(&fpu[0].fx, &state[0].fpu);
        image_from_fpu(&fpu[1].fx, &state[1].fpu);
        cr_assert_arr_eq(&fpu[0].fx, &fpu[1].fx, sizeof(fpu[0].fx));
        cr_assert_arr_eq(after[0], after[1], sizeof(after[0]));
    }
}

/* MASKMOVQ's address is EDI in the default segment, which a prefix changes; 16 bits of it with the address-size prefix.
 */
Test(cpu_vector, masked_store_knows_segment_and_address_size)
{
    static const uint8_t code[] = {0x65, 0x67, 0x0F, 0xF7, 0xC1}; /* gs addr16 maskmovq %mm1, %mm0 */
    struct world in = random_world();
    struct ours ours;

    ours_init(&ours);
    in.fx.status = 0;
    in.fx.st[0].significand = 0x1122334455667788;
    in.fx.st[1].significand = 0x8000000000FF0080;
    in.regs[EDI] = 0xABCD0010;
    memcpy(flat_memory_at(&ours.memory, DENALI_REG_GS_BASE), &(uint32_t){DATA}, 4);
    struct world out = ours_run(&ours, code, sizeof(code), &in);
    uint64_t stored;
    memcpy(&stored, flat_memory_at(&ours.memory, DATA + 0x10), 8);
    cr_assert_eq(out.exception, NO_EXCEPTION);
    cr_assert_eq(stored, 0x1100000000660088);
    ours_drop(&ours);
}
