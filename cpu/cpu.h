/* SPDX-License-Identifier: MIT
 *
 * One simulated physical processor. It runs virtual machines in turn: cpu_run() loads a machine's registers
 * (struct cpu_state), executes its instructions until something concerns the kernel, and stores the
 * registers back. Everything a guest can feel is in struct cpu_state and in its memory; struct cpu itself
 * holds only what can be thrown away (translations, decoded blocks) and the run in progress.
 *
 * The CPU knows no device and no schedule. Interrupts are bits in the virtual register page; it looks at
 * them when cpu_run() is entered and after the instructions that can unmask them.
 */
#pragma once
#include <stddef.h>

#include "memory.h"

enum cpu_register { EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI, CPU_REGISTERS };

/* EFLAGS bits (Intel SDM vol. 1, 3.4.3). IF is virtual: it lives in DENALI_REG_IRQ_ENABLED. */
enum eflags {
    FLAG_CF = 1 << 0,
    FLAG_ONE = 1 << 1, /* always set */
    FLAG_PF = 1 << 2,
    FLAG_AF = 1 << 4,
    FLAG_ZF = 1 << 6,
    FLAG_SF = 1 << 7,
    FLAG_IF = 1 << 9,
    FLAG_DF = 1 << 10,
    FLAG_OF = 1 << 11,
    FLAG_NT = 1 << 14,
    FLAG_AC = 1 << 18,
    FLAG_ID = 1 << 21,
    FLAGS_STATUS = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF,
    FLAGS_CONTROL = FLAG_DF | FLAG_NT | FLAG_AC | FLAG_ID, /* kept as written; only DF has an effect */
};

/* An x87 register: 80-bit extended precision (SDM vol. 1, 4.2.2). Its significand is also an MMX register. */
struct x87_register {
    uint64_t significand;
    uint16_t sign_exponent;
};

union xmm_register {
    uint8_t u8[16];
    uint16_t u16[8];
    uint32_t u32[4];
    uint64_t u64[2];
    int8_t s8[16];
    int16_t s16[8];
    int32_t s32[4];
    int64_t s64[2];
};

/* x87, MMX and SSE state (SDM vol. 1, 8.1 and 10.2). */
struct fpu_state {
    struct x87_register registers[8]; /* R0 to R7; ST(i) is registers[(top + i) & 7] */
    uint16_t control, status;         /* status includes top, bits 11-13 */
    uint8_t full;                     /* bit i: register i is not empty */
    uint16_t opcode;                  /* of the last instruction: 11 bits */
    uint32_t instruction, operand;    /* addresses of the last instruction and its memory operand */
    uint32_t mxcsr;
    union xmm_register xmm[8];
};

enum { X87_CONTROL_RESET = 0x037F, MXCSR_RESET = 0x1F80 };

/* An entry of the MMU: page and frame word as denali.h has them, bits of no meaning 0. */
struct mmu_entry {
    uint32_t page, frame;
};

/* The optional MMU of one machine (docs/architecture.md, section 11). */
struct mmu_state {
    bool present; /* it has one: set once, before the machine runs */
    bool on;
    uint8_t asid;
    uint8_t index;
    uint8_t probed; /* entry found by the last probe, plus 1; 0 = none */
    uint32_t page;  /* of the next entry written */
    struct mmu_entry entries[DENALI_MMU_ENTRIES];
};

/* The six status flags, not yet computed: see cpu/flags.h. */
struct flags {
    uint64_t result, mix;
};

/* Where a budget has ended in the middle of decoded code, so that the next one need not decode what is left. It says
 * nothing about the machine, and may be zeroed at any time. */
struct cpu_resume {
    uint64_t serial; /* of the code; 0 = nothing */
    uint32_t eip;
    uint16_t offset; /* of the block in the page */
    uint8_t number;  /* of the instruction in the block */
};

struct cpu_exception {
    uint32_t number;  /* DENALI_EXC_* */
    uint32_t error;   /* DENALI_REG_EXC_ERROR */
    uint32_t address; /* DENALI_REG_EXC_ADDRESS */
};

/* An exception that has happened, but whose frame was to be pushed on a page that is away. */
struct cpu_undelivered {
    bool waits;
    struct cpu_exception exception;
};

/* The registers of one machine. Zeroed plus cpu_state_reset() is the state at boot. */
struct cpu_state {
    uint32_t regs[CPU_REGISTERS];
    uint32_t eip;
    uint32_t control; /* EFLAGS & FLAGS_CONTROL */
    struct flags flags;
    struct cpu_resume resume;
    struct cpu_undelivered undelivered;
    bool user; /* mode; only while mmu.on */
    struct mmu_state mmu;
    struct fpu_state fpu; /* last, as most of the MMU before it: few ask for them, all for what is above */
};

void cpu_state_reset(struct cpu_state *, uint32_t entry, uint32_t stack);
/* EFLAGS as PUSHF would show them, without IF. */
uint32_t cpu_state_eflags(const struct cpu_state *);
void cpu_state_set_eflags(struct cpu_state *, uint32_t eflags);

/* The physical address behind one that this machine uses now, for an access of DENALI_FAULT_WRITE or _FETCH, 0 = read.
 * False: *exception is what the access raises. Whether there is memory is another question. */
bool cpu_translate(const struct cpu_state *, uint32_t address, uint32_t access, uint32_t *physical,
                   struct cpu_exception *exception);

/* Why cpu_run() came back. EIP is that of the next instruction, except where noted. */
enum cpu_exit {
    CPU_BUDGET,    /* exactly the budget was executed */
    CPU_IO,        /* at a port instruction, described by cpu->io; EIP is still at it: the kernel performs it, then
                      calls cpu_io_done(), or cpu_raise() if its buffer faults */
    CPU_IDLE,      /* after IDLE: EDX:EAX is the timeout; the kernel puts the answer in EAX */
    CPU_HALT,      /* after HLT: idle without timeout, no answer */
    CPU_TERMINATE, /* after TERMINATE: EAX is the exit status */
    CPU_CRASH,     /* an exception had no handler, or could not be delivered: cpu->crash; EIP at the culprit */
    CPU_PAGE,      /* memory is away (struct memory): cpu_last_page() tells which. Nothing of the instruction at EIP has
                      happened, or nothing more of a repeated one; it is not counted. Run on once the page is there */
};

/* The page behind CPU_PAGE. */
struct cpu_page {
    uint32_t number; /* physical */
    bool write;      /* to be written */
};

/* The port instruction behind CPU_IO. One string instruction is one operation. */
struct cpu_io {
    uint16_t port;
    uint8_t bytes;    /* 1, 2 or 4 */
    bool in;          /* else out */
    bool string;      /* INS or OUTS */
    bool repeated;    /* with REP: count is ECX, else 1 */
    bool narrow;      /* 16-bit address size: the string registers are SI, DI and CX */
    uint8_t length;   /* of the instruction */
    uint32_t value;   /* out: what is written */
    uint32_t address; /* string: where the buffer is */
    uint32_t count;   /* string: elements */
};

enum cpu_crash_cause {
    CRASH_UNHANDLED, /* no exception handler */
    CRASH_DOUBLE,    /* a second exception while delivering the first: cause.first tells which */
};

struct cpu_crash {
    enum cpu_crash_cause cause;
    struct cpu_exception exception; /* the last one */
    struct cpu_exception first;     /* CRASH_DOUBLE: the one that was being delivered; number 256 = an interrupt */
};

#define CPU_INTERRUPT 256 /* in cpu_crash.first: an interrupt was being delivered */

enum cpu_engine {
    CPU_ENGINE_BLOCKS, /* decoded blocks, cached and linked */
    CPU_ENGINE_STEP,   /* every instruction fetched and decoded anew: slow, obviously right */
};

struct cpu_counters {
    uint64_t blocks_decoded;
    uint64_t blocks_bytes;         /* host memory in decoded blocks now */
    uint64_t interrupts_delivered; /* handlers entered */
    uint64_t exceptions_delivered;
};

struct cpu;

/* A trace hook is called before each instruction, with the registers as they are then. It must change nothing. */
typedef void cpu_trace_fn(void *owner, const struct cpu_state *, struct memory *);

/* NULL: out of host memory. */
struct cpu *cpu_new(enum cpu_engine);
void cpu_free(struct cpu *);

/* Run at most `budget` instructions of the machine with these registers and this memory. An iteration of a
 * repeated string instruction counts as an instruction, as does an instruction that faults; a port string
 * instruction counts one. `cycles` is the time stamp counter on entry; it advances by one per instruction.
 * Stores the number executed in *executed (never more than budget; CPU_BUDGET: exactly budget). A port instruction
 * behind CPU_IO is counted. */
enum cpu_exit cpu_run(struct cpu *, struct cpu_state *, struct memory *, uint64_t budget, uint64_t cycles,
                      uint64_t *executed);

/* After CPU_IO: the instruction is done. `value` is what IN read (as many bytes as it asked for). For a string
 * instruction `left` elements were not transferred; pointer and counter advance by the others. A NIC receive also
 * sets EAX: the kernel does that. */
void cpu_io_done(const struct cpu_io *, struct cpu_state *, uint32_t value, uint32_t left);

/* Deliver an exception at the present EIP, as if the instruction there had faulted; where memory is away, cpu_run()
 * does it. False: the machine crashed, *crash tells how. */
bool cpu_raise(struct cpu *, struct cpu_state *, struct memory *, struct cpu_exception, struct cpu_crash *crash);

/* Set to be called before every instruction; NULL = no tracing. Results do not change, speed does. */
void cpu_set_trace(struct cpu *, cpu_trace_fn *, void *owner);

const struct cpu_io *cpu_last_io(const struct cpu *);
const struct cpu_crash *cpu_last_crash(const struct cpu *);
const struct cpu_page *cpu_last_page(const struct cpu *);
const struct cpu_counters *cpu_counters(const struct cpu *);

/* Forget the blocks of a page, before its bytes change or its memory is freed. Nothing may be running from them:
 * call it between cpu_run()s only. */
void code_drop(struct page *);
/* The same if decoded bytes lie in [offset, offset + length). */
void code_written(struct page *, uint32_t offset, uint32_t length);
