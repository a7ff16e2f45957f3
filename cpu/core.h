/* SPDX-License-Identifier: MIT
 *
 * The inside of the CPU: decoded operations, blocks of them, the TLB, and the processor itself. Included by cpu/ only.
 *
 * A block is a run of decoded instructions of one page. It knows no absolute address: operations find theirs from
 * cpu.eip, which holds the address of the current block's first instruction. So all machines that share a page share
 * its blocks, wherever they have it. Each operation is one function that ends by calling the next (NEXT), so a block
 * runs without a central loop; at its end it goes to the next block through a link, if that has been found before.
 */
#pragma once
#include "cpu.h"
#include "decode.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
/* For what is on the way of every instruction: the compilers' own judgement keeps too much of it out of line. */
#define INLINE static inline __attribute__((always_inline))

/* Tail calls: an operation's last act is a jump to the next. Where the compiler cannot promise that (gcc without
 * optimisation, sanitizers), operations return the next one to a loop instead. */
#if defined(__SANITIZE_ADDRESS__)
#define CPU_TAIL_CALLS 0
#elif defined(__clang__)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer) || __has_feature(memory_sanitizer)
#define CPU_TAIL_CALLS 0
#else
#define CPU_TAIL_CALLS 1
#endif
#elif defined(__OPTIMIZE__)
#define CPU_TAIL_CALLS 1
#else
#define CPU_TAIL_CALLS 0
#endif

#if CPU_TAIL_CALLS && defined(__clang__)
#define NEXT(c, op) __attribute__((musttail)) return (op)->run((c), (op))
#elif CPU_TAIL_CALLS
#define NEXT(c, op) return (op)->run((c), (op))
#else
#define NEXT(c, op) return (op)
#endif

/* One operation. An instruction is one, preceded by another where its address needs more than base, index and
 * displacement. */
struct op {
    op_fn *run;
    uint32_t immediate;    /* of a jump: the target, relative to the block's start */
    uint32_t displacement; /* of the address; of a jump: the next instruction, relative to the block's start */
    uint8_t destination, source, base, index; /* slots */
    uint8_t scale;
    uint8_t narrow;  /* 16-bit address size */
    uint8_t repeat;  /* enum repeat */
    uint8_t number;  /* instructions before this one in the block */
    uint16_t start;  /* of the instruction, relative to the block's start */
    uint16_t length; /* of the instruction */
};

struct block;
struct code;

/* Where a block goes next. Trusted without question within one page (of addresses, and so of code); into another page
 * only while the page now at that address still has the code with this serial number. */
struct link {
    struct block *block; /* NULL: not known yet */
    uint64_t serial;     /* of the target's code; 0 = the block's own */
    uint32_t eip;        /* the target, where it may be another each time; serial is then never 0 */
};

#define BLOCK_INSTRUCTIONS 32
#define BLOCK_OPS          (2 * BLOCK_INSTRUCTIONS + 2)

struct block {
    struct code *code;     /* NULL: a scratch block, used once */
    struct block *chained; /* next in the same bucket */
    uint16_t offset;       /* of the first instruction in the page */
    uint16_t instructions;
    uint16_t length;     /* bytes of guest code */
    uint8_t tail_length; /* bytes of the one instruction that lie in the next page, 0 = none */
    uint8_t tail[INSN_MAX];
    struct link links[2]; /* 0: falls through, jumps indirectly or unconditionally; 1: a conditional jump is taken */
    struct op ops[];
};

#define CODE_BUCKETS       256
#define CODE_GRANULE_SHIFT 6 /* 64 bytes: a page has 64 granules, one bit each */

/* What was decoded from one page. */
struct code {
    struct cpu *cpu; /* that decoded it, and accounts for it */
    struct page *page;
    uint64_t serial;              /* never used again */
    uint64_t granules;            /* that hold decoded bytes */
    struct code *next, *previous; /* all code of the CPU */
    struct block *buckets[CODE_BUCKETS];
};

static inline struct block **code_bucket(struct code *code, uint32_t offset)
{
    return &code->buckets[(offset ^ offset >> 8) % CODE_BUCKETS];
}

/* The block that starts at `offset` in the page, NULL if none has been decoded there. */
static inline struct block *code_find(struct code *code, uint32_t offset)
{
    struct block *block = *code_bucket(code, offset);
    while (block && block->offset != offset)
        block = block->chained;
    return block;
}

/* A TLB entry: a page of one memory (the key holds its tag), and where it is in host memory. */
struct tlb_entry {
    uint64_t read_key, write_key; /* key of the page; 0 = may not be used so without asking */
    uintptr_t offset;             /* host address = offset + guest address */
    struct page *page;
};

#define TLB_ENTRIES 256

/* Why operations stopped running. */
enum stop {
    STOP_LOOKUP,    /* at cpu.eip: find the block there */
    STOP_LINK,      /* at cpu.target, where cpu.unlinked is to lead from the block at cpu.eip */
    STOP_EXCEPTION, /* cpu.exception, at cpu.eip */
    STOP_RETRY,     /* at cpu.eip: this instruction must be run alone (it changes code or interrupt registers) */
    STOP_BUDGET,    /* in the middle of a repeated instruction, at cpu.eip: look at the budget, then go on */
    STOP_EXHAUSTED, /* at cpu.eip: no physical frame for a write */
    STOP_MMU,       /* after an instruction that the MMU's registers have carried out */
    STOP_IO,
    STOP_IDLE,
    STOP_HALT,
    STOP_TERMINATE,
};

/* The TLB tag of one address space and mode of one memory: see mmu_tag(). */
struct mmu_context {
    uint64_t memory_tag, tag; /* tag 0: none */
    uint16_t name;
};

#define MMU_CONTEXTS 64

struct cpu {
    /* The machine that runs: struct cpu_state, unfolded. */
    uint32_t slots[SLOTS]; /* eight registers, a zero, and an address computed by the operation before */
    uint32_t eip;          /* start of the current block */
    uint32_t control;
    int64_t flag_result;
    uint64_t flag_carry;
    struct fpu_state fpu;

    int64_t budget;          /* instructions left, the current block's already taken off */
    struct block *block;     /* that runs */
    uint64_t tag;            /* of the memory, in place for a TLB key */
    struct memory *memory;   /* borrowed for the run */
    struct cpu_state *state; /* the same: its MMU is used in place, all else is stored when the run ends */
    uint64_t start_cycles;   /* cycle counter and budget when the run began */
    int64_t start_budget;

    bool alone;       /* a single instruction is run from the scratch block: stores may do anything */
    bool check;       /* interrupts may have become deliverable */
    bool user;        /* mode */
    bool translating; /* the MMU is on */
    enum stop stop;
    struct link *unlinked;  /* the link to fill in, or NULL */
    uint32_t unlinked_from; /* and the address of the block it belongs to */
    uint32_t target;        /* STOP_LINK */
    struct cpu_exception exception;
    struct cpu_io io;
    struct cpu_crash crash;

    uint32_t bounce_address; /* modify_begin(): an operand that crosses a page is modified in `bounce` */
    uint8_t bounce[8];
    struct tlb_entry tlb[TLB_ENTRIES];

    enum cpu_engine engine;
    cpu_trace_fn *trace;
    void *trace_owner;
    struct cpu_counters counters;
    uint64_t serials;       /* given to code so far */
    struct code *codes;     /* all there is */
    struct block *scratch;  /* room for one instruction */
    uint64_t context_count; /* MMU contexts given a tag so far */
    struct mmu_context contexts[MMU_CONTEXTS];
};

/* The end of an operation that does not go on: the instruction has faulted, or must be run again. */
const struct op *op_stop(struct cpu *, const struct op *);
/* The same, with an exception. */
const struct op *op_raise(struct cpu *, const struct op *, uint32_t number, uint32_t error, uint32_t address);
/* The end of a run with the instruction done. */
const struct op *op_leave(struct cpu *, const struct op *, enum stop, uint32_t eip);

op_fn op_illegal, op_too_long;           /* raise their exceptions */
op_fn op_address, op_end, op_check_tail; /* operations that are no instructions */

static inline uint32_t *cpu_slot(struct cpu *c, unsigned slot)
{
    return &c->slots[slot >> 2];
}
