/* SPDX-License-Identifier: MIT
 *
 * The way there and back: a page of code made from the assembly below, with the instruction in its middle. State is
 * loaded with FXRSTOR and saved with FXSAVE; a signal brings exceptions (SDM vol. 1, 10.5.1).
 */
#include "host_x87.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__x86_64__) && defined(__linux__)

/* Known to the assembly: `before` at 0, `after` at 512, then rax and rflags. */
struct image {
    uint16_t control, status;
    uint8_t full, zero;
    uint16_t opcode;
    uint64_t instruction, operand;
    uint32_t mxcsr, mxcsr_mask;
    struct {
        uint64_t significand;
        uint16_t sign_exponent;
        uint8_t reserved[6];
    } st[8];
    uint8_t xmm[512 - 160];
};
struct exchange {
    struct image before, after;
    uint64_t rax, rflags;
};
_Static_assert(sizeof(struct image) == 512 && offsetof(struct exchange, rax) == 1024, "known to the assembly");

__asm__(".pushsection .rodata\n"
        "x87_entry:\n"
        "    push %rbx\n"
        "    mov %rdi, %rbx\n"
        "    fxrstor (%rbx)\n"
        "    pushq 1032(%rbx); popfq\n"
        "    mov 1024(%rbx), %rax\n"
        "x87_instruction:\n"
        "    .fill 16, 1, 0x90\n"
        "x87_next:\n"
        "    pushfq; popq 1032(%rbx)\n"
        "    mov %rax, 1024(%rbx)\n"
        "    fxsave 512(%rbx)\n"
        "    fninit\n"
        "    pop %rbx\n"
        "    ret\n"
        "x87_end:\n"
        ".popsection\n");
extern const uint8_t x87_entry[], x87_instruction[], x87_next[], x87_end[];

enum { ARENA = 1 << 18, CODE_PAGE = 4096, SIGNALS = 4 };
static const int signals[SIGNALS] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS};

struct host_x87 {
    struct exchange exchange __attribute__((aligned(16)));
    uint8_t *arena, *code, *memory;
    struct sigaction before[SIGNALS];
};

/* File-scope state: a signal handler has no other way to be told. Set while the instruction runs. */
static struct {
    const struct host_x87 *host;
    volatile uint32_t exception;
} running;

static void signal_caught(int number, siginfo_t *info, void *context)
{
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

    (void)info;
    if (!running.host) { /* a fault of the test itself */
        signal(number, SIG_DFL);
        return;
    }
    running.exception = (uint32_t)regs[REG_TRAPNO];
    regs[REG_RIP] = (greg_t)(uintptr_t)(running.host->code + (x87_next - x87_entry));
}

struct host_x87 *host_x87_new(uint16_t address)
{
    struct host_x87 *self = aligned_alloc(16, sizeof(*self));
    struct sigaction action = {.sa_sigaction = signal_caught, .sa_flags = SA_SIGINFO};

    if (!self)
        return NULL;
    memset(self, 0, sizeof(*self));
    self->arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (self->arena == MAP_FAILED) {
        free(self);
        return NULL;
    }
    self->code = self->arena;
    self->memory = (uint8_t *)(((uintptr_t)self->arena + 0x1FFFF) & ~(uintptr_t)0xFFFF) + address;
    memcpy(self->code, x87_entry, (size_t)(x87_end - x87_entry));
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &action, &self->before[i]);
    return self;
}

void host_x87_free(struct host_x87 *self)
{
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &self->before[i], NULL);
    munmap(self->arena, ARENA);
    free(self);
}

void host_x87_code(struct host_x87 *self, const uint8_t *bytes, size_t length)
{
    uint8_t *place = self->code + (x87_instruction - x87_entry);

    memset(place, 0x90, X87_CODE_BYTES);
    memcpy(place, bytes, length);
}

static void registers_put(struct image *image, const struct x87_case *x)
{
    for (unsigned i = 0; i < 8; i++) {
        const struct x87_register *r = &x->registers[((x->status >> 11) + i) & 7];
        image->st[i].significand = r->significand;
        image->st[i].sign_exponent = r->sign_exponent;
    }
}

static void registers_get(const struct image *image, struct x87_case *x)
{
    for (unsigned i = 0; i < 8; i++) {
        struct x87_register *r = &x->registers[((x->status >> 11) + i) & 7];
        r->significand = image->st[i].significand;
        r->sign_exponent = image->st[i].sign_exponent;
    }
}

void host_x87_run(struct host_x87 *self, struct x87_case *x)
{
    const uint32_t address = (uint32_t)(uintptr_t)self->memory, status_flags = FLAGS_STATUS;
    struct exchange *e = &self->exchange;

    e->before = (struct image){.control = x->control, .status = x->status, .full = x->full, .mxcsr = MXCSR_RESET};
    registers_put(&e->before, x);
    e->rax = (uintptr_t)self->memory;
    e->rflags = FLAG_ONE | 1 << 9 | x->eflags;
    memcpy(self->memory, x->memory, sizeof(x->memory));
    running.exception = X87_NO_EXCEPTION;
    running.host = self;
    ((void (*)(struct exchange *))(uintptr_t)self->code)(e);
    running.host = NULL;
    x->control = e->after.control;
    x->status = e->after.status;
    x->full = e->after.full;
    registers_get(&e->after, x);
    x->eax ^= (uint32_t)e->rax ^ address;
    x->eflags = (uint32_t)e->rflags & status_flags;
    x->exception = running.exception;
    memcpy(x->memory, self->memory, sizeof(x->memory));
}

#else

struct host_x87 *host_x87_new(uint16_t address)
{
    (void)address;
    return NULL;
}

void host_x87_free(struct host_x87 *self)
{
    (void)self;
}

void host_x87_code(struct host_x87 *self, const uint8_t *bytes, size_t length)
{
    (void)self, (void)bytes, (void)length;
}

void host_x87_run(struct host_x87 *self, struct x87_case *x)
{
    (void)self, (void)x;
}

#endif
