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
 */
#include "silicon.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__) && defined(__linux__)
#include <asm/ldt.h>

#define GUEST_BASE 0x20000000UL
#define GATE_CODE  0xFFFFF000UL
#define GATE_DATA  0x100000000UL
#define PAGE       4096UL

/* Entries of the local descriptor table, as selectors (table indicator 1, privilege 3). */
enum { LDT_DATA, LDT_CODE, LDT_GS };
#define SELECTOR(entry) ((entry) << 3 | 7)
#define HOST_CS         0x33
#define HOST_SS         0x2B

/* The page at GATE_DATA. The assembly below knows the offsets. */
struct gate {
    uint64_t host_rsp; /* 0 */
    uint32_t in[8];    /* 8 */
    uint32_t out[8];   /* 40 */
    uint64_t eflags;   /* 72: after the instruction */
    uint64_t frame[5]; /* 80: for IRETQ: RIP, CS, RFLAGS, RSP, SS */
    uint32_t data;     /* 120: selectors for DS and ES, and for GS */
    uint32_t gs;       /* 124 */
};
_Static_assert(offsetof(struct gate, frame) == 80 && offsetof(struct gate, gs) == 124, "known to the assembly");

/* Copied to GATE_CODE; `gate_data` = the page after it. */
__asm__(".pushsection .rodata\n"
        ".balign 4096\n"
        "gate_entry:\n"
        "    push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "    mov %rsp, gate_data(%rip)\n"
        "    mov gate_data+120(%rip), %ds\n"
        "    mov gate_data+120(%rip), %es\n"
        "    mov gate_data+124(%rip), %gs\n"
        "    mov gate_data+8(%rip), %eax\n"
        "    mov gate_data+12(%rip), %ecx\n"
        "    mov gate_data+16(%rip), %edx\n"
        "    mov gate_data+20(%rip), %ebx\n"
        "    mov gate_data+28(%rip), %ebp\n"
        "    mov gate_data+32(%rip), %esi\n"
        "    mov gate_data+36(%rip), %edi\n"
        "    lea gate_data+80(%rip), %rsp\n"
        "    iretq\n"
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
        "gate_resume:\n" /* from here also after a signal */
        "    mov gate_data(%rip), %rsp\n"
        "    pushq $2; popfq\n"
        "    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "    ret\n"
        ".balign 4096\n"
        "gate_data:\n"
        ".popsection\n");
extern const uint8_t gate_entry[], gate_back[], gate_resume[], gate_data[];

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
} running;

static uint64_t gate_address(const uint8_t *label)
{
    return GATE_CODE + (uint64_t)(label - gate_entry);
}

/* Registers of the interrupted instruction out, the way back in. */
static void signal_caught(int number, siginfo_t *info, void *context)
{
    static const int order[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI};
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

    (void)info;
    __builtin_ia32_writeeflags_u64(2); /* the kernel leaves AC as it was */
    if (!running.state) {              /* a fault of the test itself */
        signal(number, SIG_DFL);
        return;
    }
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
    *reason = "the kernel gives no local descriptor table (modify_ldt)";
    if (!segment_set(LDT_DATA, GUEST_BASE, MODIFY_LDT_CONTENTS_DATA) ||
        !segment_set(LDT_CODE, GUEST_BASE, MODIFY_LDT_CONTENTS_CODE) ||
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

/* JMP ptr16:32 after the instruction; if that is not all in accessible memory, the instruction is not either. */
static void return_place(struct silicon *self, uint32_t address)
{
    uint64_t back = gate_address(gate_back);
    const uint8_t code[SILICON_RETURN_BYTES] = {
        0xEA, (uint8_t)back, (uint8_t)(back >> 8), (uint8_t)(back >> 16), (uint8_t)(back >> 24), HOST_CS, 0};
    uint32_t last = address + sizeof(code) - 1;

    if (self->present[address / PAGE % GUEST_PAGES] && self->present[last / PAGE % GUEST_PAGES])
        memcpy(silicon_memory(self, address), code, sizeof(code));
}

struct silicon_trap silicon_run(struct silicon *self, struct silicon_state *state, uint32_t length, bool step)
{
    const uint32_t next = state->eip + length, trap_flag = 1 << 8;
    struct gate *gate = self->gate;
    struct silicon_trap trap = {0};
    uint64_t back = gate_address(gate_back);

    if (!step)
        return_place(self, next);
    memcpy(gate->in, state->regs, sizeof(gate->in));
    gate->frame[0] = state->eip;
    gate->frame[1] = SELECTOR(LDT_CODE);
    gate->frame[2] = state->eflags | (step ? trap_flag : 0);
    gate->frame[3] = state->regs[4];
    gate->frame[4] = SELECTOR(LDT_DATA);
    running.state = state;
    running.trap = &trap;
    ((void (*)(void))GATE_CODE)();
    running.state = NULL;
    if (!trap.taken) {
        memcpy(state->regs, gate->out, sizeof(gate->out));
        state->eflags = (uint32_t)gate->eflags;
        state->eip = next;
    } else if (trap.number == 1 && state->eip == (uint32_t)back) { /* the instruction set TF: it did complete */
        trap.taken = false;
        state->eip = next;
    }
    if (step)
        state->eflags &= ~trap_flag;
    return trap;
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

#endif
