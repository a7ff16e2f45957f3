/* SPDX-License-Identifier: MIT
 *
 * The way there and back (AMD64 Architecture Programmer's Manual vol. 2, 4.8; Intel SDM vol. 3, 6.12.1.1):
 *
 *   entry:  save the host's registers, load the guest's; IRETQ loads CS, EIP, EFLAGS, SS and ESP at once
 *   guest:  one instruction, then  JMP 0x33:back
 *   back:   store the guest's registers, take back the host's stack, return
 *
 * The code page sits at the top of the 32-bit linear space, where a far jump from 32-bit code reaches it; the data
 * page follows it, above 4 GB, where no 32-bit instruction can.
 *
 * FS holds the host's thread-local storage: its base is put back first thing, in a signal handler too.
 */
#include "silicon.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "../../cpu/x87.h"

#if defined(__x86_64__) && defined(__linux__)
#include <asm/ldt.h>

#define GUEST_BASE 0x20000000UL
#define GATE_CODE  0xFFFFF000UL
#define GATE_DATA  0x100000000UL
#define PAGE       4096UL

/* Entries of the local descriptor table, as selectors (table indicator 1, privilege 3). */
enum { LDT_DATA, LDT_CODE, LDT_FS, LDT_GS };
#define SELECTOR(entry) ((entry) << 3 | 7)
#define HOST_CS         0x33
#define HOST_SS         0x2B
#ifndef HWCAP2_FSGSBASE
#define HWCAP2_FSGSBASE (1 << 1) /* asm/hwcap2.h */
#endif

/* What FXSAVE stores (Intel SDM vol. 1, table 10-2). */
struct fx_image {
    uint16_t control, status;
    uint8_t full, reserved;
    uint16_t opcode;
    uint32_t instruction, instruction_selector;
    uint32_t operand, operand_selector;
    uint32_t mxcsr, mxcsr_mask;
    struct {
        uint64_t significand;
        uint16_t sign_exponent, none[3];
    } st[8];
    union xmm_register xmm[8];
    uint8_t rest[224];
};
_Static_assert(sizeof(struct fx_image) == 512, "as stored");

/* The page at GATE_DATA. The assembly below knows the offsets. */
struct gate {
    uint64_t host_rsp;               /* 0 */
    uint32_t in[8];                  /* 8 */
    uint32_t out[8];                 /* 40 */
    uint64_t eflags;                 /* 72: after the instruction */
    uint64_t frame[5];               /* 80: for IRETQ: RIP, CS, RFLAGS, RSP, SS */
    uint32_t data, fs, gs;           /* 120: selectors for DS and ES, for FS, for GS */
    uint32_t with_fpu;               /* 132 */
    uint64_t host_fs;                /* 136 */
    uint32_t host_mxcsr;             /* 144 */
    uint32_t host_control;           /* 148 */
    uint32_t jumped, none;           /* 152: it came back from the target of a jump */
    struct fx_image fpu_in, fpu_out; /* 160, 672 */
};
_Static_assert(offsetof(struct gate, frame) == 80 && offsetof(struct gate, host_fs) == 136 &&
                   offsetof(struct gate, fpu_in) == 160 && offsetof(struct gate, fpu_out) == 672,
               "known to the assembly");

/* Copied to GATE_CODE; `gate_data` = the page after it. */
__asm__(".pushsection .rodata\n"
        ".balign 4096\n"
        "gate_entry:\n"
        "    push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "    mov %rsp, gate_data(%rip)\n"
        "    cmpl $0, gate_data+132(%rip)\n"
        "    je 1f\n"
        "    stmxcsr gate_data+144(%rip)\n"
        "    fnstcw gate_data+148(%rip)\n"
        "    fxrstor gate_data+160(%rip)\n"
        "1:  rdfsbase %rax\n"
        "    mov %rax, gate_data+136(%rip)\n"
        "    mov gate_data+120(%rip), %ds\n"
        "    mov gate_data+120(%rip), %es\n"
        "    mov gate_data+124(%rip), %fs\n"
        "    mov gate_data+128(%rip), %gs\n"
        "    mov gate_data+8(%rip), %eax\n"
        "    mov gate_data+12(%rip), %ecx\n"
        "    mov gate_data+16(%rip), %edx\n"
        "    mov gate_data+20(%rip), %ebx\n"
        "    mov gate_data+28(%rip), %ebp\n"
        "    mov gate_data+32(%rip), %esi\n"
        "    mov gate_data+36(%rip), %edi\n"
        "    lea gate_data+80(%rip), %rsp\n"
        "    iretq\n"
        "gate_back_jumped:\n"
        "    movl $1, gate_data+152(%rip)\n"
        "gate_back:\n"
        "    mov %eax, gate_data+40(%rip)\n"
        "    mov %ecx, gate_data+44(%rip)\n"
        "    mov %edx, gate_data+48(%rip)\n"
        "    mov %ebx, gate_data+52(%rip)\n"
        "    mov %esp, gate_data+56(%rip)\n"
        "    mov %ebp, gate_data+60(%rip)\n"
        "    mov %esi, gate_data+64(%rip)\n"
        "    mov %edi, gate_data+68(%rip)\n"
        "    mov gate_data(%rip), %rsp\n"
        "    pushfq\n"
        "    popq gate_data+72(%rip)\n"
        "    xor %eax, %eax\n"
        "    mov %eax, %fs\n"
        "    mov gate_data+136(%rip), %rax\n"
        "    wrfsbase %rax\n"
        "    cmpl $0, gate_data+132(%rip)\n"
        "    je gate_resume\n"
        "    fxsave gate_data+672(%rip)\n"
        "gate_resume:\n" /* from here also after a signal */
        "    mov gate_data(%rip), %rsp\n"
        "    pushq $2; popfq\n"
        "    cmpl $0, gate_data+132(%rip)\n"
        "    je 1f\n"
        "    fninit\n"
        "    fldcw gate_data+148(%rip)\n"
        "    ldmxcsr gate_data+144(%rip)\n"
        "1:  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "    ret\n"
        ".balign 4096\n"
        "gate_data:\n"
        ".popsection\n");
extern const uint8_t gate_entry[], gate_back_jumped[], gate_back[], gate_resume[], gate_data[];

static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
enum { SIGNALS = sizeof(signals) / sizeof(signals[0]), ALTERNATE_STACK = 64 << 10, MAPPINGS = 64, GUEST_PAGES = 4096 };

struct silicon {
    struct gate *gate;
    uint8_t *stack;
    uint8_t *mapped[MAPPINGS];
    unsigned mappings;
    bool present[GUEST_PAGES];
    struct sigaction before[SIGNALS];
};

/* File-scope state: a signal handler has no other way to be told. Valid between entry and return of silicon_run. */
static struct {
    struct silicon_state *state;
    struct silicon_trap *trap;
    struct gate *gate;
} running;

static uint64_t gate_address(const uint8_t *label)
{
    return GATE_CODE + (uint64_t)(label - gate_entry);
}

static void host_fs_restore(uint64_t base)
{
    __asm__ volatile("mov %0, %%fs\n\twrfsbase %1" : : "r"(0), "r"(base));
}

/* Registers of the interrupted instruction out, the way back in. */
__attribute__((no_stack_protector)) static void signal_caught(int number, siginfo_t *info, void *context)
{
    static const int order[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI};
    const mcontext_t *interrupted = &((ucontext_t *)context)->uc_mcontext;
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

    (void)info;
    __builtin_ia32_writeeflags_u64(2); /* the kernel leaves AC as it was */
    if (!running.state) {              /* a fault of the test itself */
        signal(number, SIG_DFL);
        return;
    }
    host_fs_restore(running.gate->host_fs);
    if (running.gate->with_fpu)
        memcpy(&running.gate->fpu_out, interrupted->fpregs, sizeof(running.gate->fpu_out));
    for (int i = 0; i < 8; i++)
        running.state->regs[i] = (uint32_t)regs[order[i]];
    running.state->eip = (uint32_t)regs[REG_RIP];
    running.state->eflags = (uint32_t)regs[REG_EFL];
    running.trap->taken = true;
    running.trap->number = (uint32_t)regs[REG_TRAPNO];
    running.trap->error = (uint32_t)regs[REG_ERR];
    running.trap->address = (uint32_t)regs[REG_CR2] - (uint32_t)GUEST_BASE;
    regs[REG_RIP] = (greg_t)gate_address(gate_resume);
    regs[REG_EFL] = 2;
    regs[REG_CSGSFS] = (regs[REG_CSGSFS] & 0x0000FFFFFFFF0000) | HOST_CS | (greg_t)HOST_SS << 48;
}

static bool segment_set(unsigned entry, unsigned long base, unsigned contents)
{
    struct user_desc segment = {.entry_number = entry,
                                .base_addr = (unsigned)base,
                                .limit = 0xFFFFF,
                                .limit_in_pages = 1,
                                .seg_32bit = 1,
                                .contents = contents & 3,
                                .useable = 1};

    return syscall(SYS_modify_ldt, 0x11, &segment, sizeof(segment)) == 0;
}

/* Anything of ours below 4 GB could be overwritten by a guest's wild store. */
static bool low_memory_free(void)
{
    char line[512];
    unsigned long start = ~0UL;
    FILE *maps = fopen("/proc/self/maps", "r");

    if (!maps)
        return false;
    bool some = fgets(line, sizeof(line), maps) && sscanf(line, "%lx", &start) == 1;
    fclose(maps);
    return some && start > GATE_DATA;
}

static void *map_at(struct silicon *self, unsigned long address)
{
    void *p = mmap((void *)address, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    if (p == MAP_FAILED || self->mappings == MAPPINGS)
        return NULL;
    return self->mapped[self->mappings++] = p;
}

static bool gate_build(struct silicon *self)
{
    uint8_t *code = map_at(self, GATE_CODE);

    self->gate = map_at(self, GATE_DATA);
    if (!code || !self->gate)
        return false;
    memcpy(code, gate_entry, PAGE);
    self->gate->data = SELECTOR(LDT_DATA);
    self->gate->fs = SELECTOR(LDT_FS);
    self->gate->gs = SELECTOR(LDT_GS);
    return mprotect(code, PAGE, PROT_READ | PROT_EXEC) == 0;
}

static bool signals_catch(struct silicon *self)
{
    struct sigaction action = {.sa_sigaction = signal_caught, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t alternate = {.ss_size = ALTERNATE_STACK};

    alternate.ss_sp = self->stack = malloc(ALTERNATE_STACK);
    if (!self->stack || sigaltstack(&alternate, NULL))
        return false;
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &action, &self->before[i]);
    return true;
}

struct silicon *silicon_new(const uint32_t *pages, const char **reason)
{
    struct silicon *self = calloc(1, sizeof(*self));
    bool mapped = true;

    *reason = "out of memory";
    if (!self)
        return NULL;
    *reason = "the process has mappings below 4 GB (not position-independent, or a sanitizer)";
    if (!low_memory_free())
        goto failed;
    *reason = "the kernel does not let a process set the base of FS";
    if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE))
        goto failed;
    *reason = "the kernel gives no local descriptor table (modify_ldt)";
    if (!segment_set(LDT_DATA, GUEST_BASE, MODIFY_LDT_CONTENTS_DATA) ||
        !segment_set(LDT_CODE, GUEST_BASE, MODIFY_LDT_CONTENTS_CODE) ||
        !segment_set(LDT_FS, GUEST_BASE + SILICON_FS_BASE, MODIFY_LDT_CONTENTS_DATA) ||
        !segment_set(LDT_GS, GUEST_BASE + SILICON_GS_BASE, MODIFY_LDT_CONTENTS_DATA))
        goto failed;
    *reason = "cannot map writable and executable pages below 4 GB";
    for (; *pages != ~0U; pages++) {
        mapped = mapped && map_at(self, GUEST_BASE + *pages * PAGE);
        self->present[*pages] = true;
    }
    if (!mapped || !gate_build(self))
        goto failed;
    *reason = "no signal stack";
    if (!signals_catch(self))
        goto failed;
    return self;
failed:
    silicon_free(self);
    return NULL;
}

void silicon_free(struct silicon *self)
{
    const stack_t none = {.ss_flags = SS_DISABLE};

    if (self->stack) {
        for (int i = 0; i < SIGNALS; i++)
            sigaction(signals[i], &self->before[i], NULL);
        sigaltstack(&none, NULL);
        free(self->stack);
    }
    while (self->mappings)
        munmap(self->mapped[--self->mappings], PAGE);
    free(self);
}

uint8_t *silicon_memory(struct silicon *self, uint32_t address)
{
    (void)self;
    return (uint8_t *)GUEST_BASE + address;
}

/* JMP ptr16:32 at this address; if that is not all in accessible memory, nor is an instruction before it. */
static void return_place(struct silicon *self, uint32_t address, const uint8_t *label)
{
    uint64_t back = gate_address(label);
    const uint8_t code[SILICON_RETURN_BYTES] = {
        0xEA, (uint8_t)back, (uint8_t)(back >> 8), (uint8_t)(back >> 16), (uint8_t)(back >> 24), HOST_CS, 0};
    uint32_t last = address + sizeof(code) - 1;

    if (self->present[address / PAGE % GUEST_PAGES] && self->present[last / PAGE % GUEST_PAGES])
        memcpy(silicon_memory(self, address), code, sizeof(code));
}

static void image_put(struct fx_image *image, const struct fpu_state *fpu)
{
    image->control = fpu->control;
    image->status = fpu->status;
    image->full = fpu->full;
    image->opcode = fpu->opcode;
    image->instruction = fpu->instruction;
    image->operand = fpu->operand;
    image->mxcsr = fpu->mxcsr;
    for (unsigned i = 0; i < 8; i++) {
        const struct x87_register *st = &fpu->registers[((fpu->status >> X87_TOP_SHIFT) + i) & 7];
        image->st[i].significand = st->significand;
        image->st[i].sign_exponent = st->sign_exponent;
    }
    memcpy(image->xmm, fpu->xmm, sizeof(image->xmm));
}

static void image_get(const struct fx_image *image, struct fpu_state *fpu)
{
    fpu->control = image->control;
    fpu->status = image->status;
    fpu->full = image->full;
    fpu->opcode = image->opcode;
    fpu->instruction = image->instruction;
    fpu->operand = image->operand;
    fpu->mxcsr = image->mxcsr;
    for (unsigned i = 0; i < 8; i++) {
        struct x87_register *st = &fpu->registers[((fpu->status >> X87_TOP_SHIFT) + i) & 7];
        st->significand = image->st[i].significand;
        st->sign_exponent = image->st[i].sign_exponent;
    }
    memcpy(fpu->xmm, image->xmm, sizeof(fpu->xmm));
}

/* Through the gate. The instruction ended with a trap, or came back from where the way back lies. */
static struct silicon_trap gate_pass(struct silicon *self, struct silicon_state *state, uint32_t flags)
{
    struct gate *gate = self->gate;
    struct silicon_trap trap = {0};

    memcpy(gate->in, state->regs, sizeof(gate->in));
    gate->frame[0] = state->eip;
    gate->frame[1] = SELECTOR(LDT_CODE);
    gate->frame[2] = state->eflags | flags;
    gate->frame[3] = state->regs[ESP];
    gate->frame[4] = SELECTOR(LDT_DATA);
    gate->jumped = 0;
    gate->with_fpu = state->with_fpu;
    if (state->with_fpu)
        image_put(&gate->fpu_in, &state->fpu);
    running.state = state;
    running.trap = &trap;
    running.gate = gate;
    ((void (*)(void))GATE_CODE)();
    running.state = NULL;
    if (state->with_fpu)
        image_get(&gate->fpu_out, &state->fpu);
    if (!trap.taken) {
        memcpy(state->regs, gate->out, sizeof(gate->out));
        state->eflags = (uint32_t)gate->eflags;
    }
    return trap;
}

void silicon_place(struct silicon *self, uint32_t next, uint32_t target)
{
    return_place(self, next, gate_back);
    if (target)
        return_place(self, target, gate_back_jumped);
}

struct silicon_trap silicon_execute(struct silicon *self, struct silicon_state *state, uint32_t length, uint32_t target,
                                    bool step)
{
    const uint32_t next = state->eip + length, trap_flag = 1 << 8;

    struct silicon_trap trap = gate_pass(self, state, step ? trap_flag : 0);
    if (trap.taken && trap.number == 1 && state->eip == (uint32_t)gate_address(gate_back))
        trap.taken = false; /* the instruction set TF: it did complete */
    if (!trap.taken)
        state->eip = self->gate->jumped ? target : next;
    if (step)
        state->eflags &= ~trap_flag;
    return trap;
}

struct silicon_trap silicon_run(struct silicon *self, struct silicon_state *state, uint32_t length, bool step)
{
    if (!step)
        silicon_place(self, state->eip + length, 0);
    return silicon_execute(self, state, length, 0, step);
}

#else

struct silicon *silicon_new(const uint32_t *pages, const char **reason)
{
    (void)pages;
    *reason = "the host is not x86-64 Linux";
    return NULL;
}

void silicon_free(struct silicon *self)
{
    (void)self;
}

uint8_t *silicon_memory(struct silicon *self, uint32_t address)
{
    (void)self, (void)address;
    return NULL;
}

struct silicon_trap silicon_run(struct silicon *self, struct silicon_state *state, uint32_t length, bool step)
{
    (void)self, (void)state, (void)length, (void)step;
    return (struct silicon_trap){0};
}

void silicon_place(struct silicon *self, uint32_t next, uint32_t target)
{
    (void)self, (void)next, (void)target;
}

struct silicon_trap silicon_execute(struct silicon *self, struct silicon_state *state, uint32_t length, uint32_t target,
                                    bool step)
{
    (void)self, (void)state, (void)length, (void)target, (void)step;
    return (struct silicon_trap){0};
}

#endif
