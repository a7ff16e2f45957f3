/* SPDX-License-Identifier: MIT
 *
 * The inside of the CPU: decoded operations, blocks of them, the TLB, and the processor itself. Included by cpu/ only.
 *
 * A block is a run of decoded instructions of one page: up to a jump that is likely to be taken; conditional jumps
 * forward lead out of it, jumps within the page are followed while decoding. It knows no absolute address: operations
 * find theirs from cpu.eip, which holds the address of the current block's page. So all machines that share a page
 * share its blocks, wherever they have it. Each operation is one function that ends by calling the next (NEXT), so a
 * block runs without a central loop; at its end it goes to the next block through a link, if that has been found
 * before.
 */
#pragma once
#include <string.h>

#include "cpu.h"
#include "decode.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
/* For what is on the way of every instruction: the compilers' own judgement keeps too much of it out of line. */
#define INLINE static inline __attribute__((always_inline))
/* For what is not: kept out of the way. */
#define COLD   __attribute__((noinline, cold))
#define UNUSED __attribute__((unused))
/* Equal functions stay two: else gcc makes one of them a jump to the other. */
#if defined(__clang__)
#define NO_ICF
#else
#define NO_ICF __attribute__((no_icf))
#endif

/* Tail calls: an operation's last act is a jump to the next. Where the compiler cannot promise that (gcc without
 * optimisation, sanitizers), or the build says so, operations return the next one to a loop instead. */
#if defined(CPU_TAIL_CALLS)
#elif defined(__SANITIZE_ADDRESS__)
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
#define TAIL __attribute__((musttail)) return
#else
#define TAIL return
#endif

#if CPU_TAIL_CALLS
#define NEXT(c, next)                                                                                                  \
    do {                                                                                                               \
        const struct op *to_ = next;                                                                                   \
        __asm__("" : "+r"(to_)); /* into its register first, and jump through that */                                  \
        TAIL to_->run((c), to_);                                                                                       \
    } while (0)
#else
#define NEXT(c, next) return (next)
#endif

/* One operation. An instruction is one, preceded by another where its address needs more than base, index and
 * displacement. */
struct op {
    op_fn *run;
    uint32_t immediate; /* of a jump: the target, relative to the page's start */
    union {
        uint32_t displacement; /* of the address */
        int32_t cost; /* of a jump: the instructions of the block behind the link, less `left`; 0 if it leads nowhere */
    };
    uint8_t destination, source, base, index; /* slots */
    uint8_t scale;
    uint8_t narrow;     /* 16-bit address size */
    uint8_t repeat;     /* enum repeat */
    uint8_t left;       /* instructions of the block after this one */
    uint8_t straddles;  /* it goes on in the next page */
    int16_t start, end; /* of the instruction, relative to the page's start */
};
_Static_assert(sizeof(struct op) == 32, "two operations in a cache line");

struct block;
struct code;

/* Where an operation leads to out of its block; it lies behind that operation, in the place of another one. A block in
 * the same page is trusted without question: both die together. Else the link leads to itself, and is an operation:
 * op_go_far() goes to the block as long as the page now at that address still has the code with this serial number. */
struct link {
    op_fn *run;
    const struct op *to;
    struct block *block;      /* op_go_far() alone looks at these two */
    uint64_t serial;          /* of the target's code, or LINK_UNKNOWN */
} __attribute__((may_alias)); /* it lies where an operation might */

#define LINK_UNKNOWN (~UINT64_C(0))

_Static_assert(sizeof(struct link) == sizeof(struct op), "a link takes the place of an operation");

static inline struct link *op_link(const struct op *op)
{
    return (struct link *)(uintptr_t)(op + 1);
}

static inline struct op *op_of_link(struct link *link)
{
    return (struct op *)(void *)link - 1;
}

#define BLOCK_INSTRUCTIONS 32
/* An address or a link for each instruction, what checks a tail, the end and its link. */
#define BLOCK_OPS (2 * BLOCK_INSTRUCTIONS + 3)

/* What is kept of an instruction, to execute a part of a block. */
struct part {
    const struct handlers *handlers; /* NULL: illegal */
    int16_t start;                   /* relative to the page's start */
    uint8_t op; /* its first operation; a jump that was followed has none, here is the next one's */
    /* From here on instructions before this one have handlers that suppose that this one follows: it has their flags
     * not seen, or does its work with theirs. */
    uint8_t affects;
};

struct block {
    struct code *code;     /* NULL: a scratch block, used once */
    struct block *chained; /* next in the same bucket */
    uint16_t offset;       /* of the first instruction in the page */
    uint16_t instructions;
    uint16_t op_count;
    uint8_t tail_length; /* bytes of the one instruction that lie in the next page, 0 = none */
    uint8_t tail[INSN_MAX];
    struct op ops[]; /* then struct part of each instruction, and one more: where the block goes on */
};

static inline struct part *block_parts(const struct block *block)
{
    return (struct part *)(uintptr_t)(block->ops + block->op_count);
}

static inline const struct block *block_of_first(const struct op *op)
{
    return (const void *)((const char *)op - offsetof(struct block, ops));
}

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

/* Where an indirect jump has landed: at this address, under this code tag, is this block. */
struct landing {
    uint64_t tag; /* 0 = none */
    const struct op *first;
    uint32_t eip;
    int32_t cost; /* its instructions */
    uint64_t unused;
};

#define LANDING_SHIFT 5
_Static_assert(sizeof(struct landing) == 1 << LANDING_SHIFT, "a landing is found by shifting");

#define LANDINGS 256

/* What was decoded from the page with this key, of code tag and page number. */
struct code_entry {
    uint64_t key; /* 0 = none */
    struct code *code;
};

#define CODE_ENTRIES 64

/* Why operations stopped running. */
enum stop {
    STOP_LOOKUP,    /* at cpu.eip: find the block there */
    STOP_LINK,      /* at cpu.target, where cpu.link is to lead from the page at cpu.eip */
    STOP_SHORT,     /* at cpu.eip, where cpu.ahead begins: the budget is not enough for all of it */
    STOP_EXCEPTION, /* cpu.exception, at cpu.eip */
    STOP_RETRY,     /* at cpu.eip: this instruction must be run alone (it changes code or interrupt registers) */
    STOP_BUDGET,    /* in the middle of a repeated instruction, at cpu.eip: look at the budget, then go on */
    STOP_PAGE,      /* at cpu.eip: memory is away, cpu.wanted tells which */
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
    uint32_t eip;          /* while a block runs: where its page begins */
    uint32_t control;
    struct flags flags;
    struct fpu_state *fpu; /* the machine's own, in place: most do without */

    int64_t budget;        /* instructions left, the current block's already taken off */
    uint64_t tag;          /* of the memory, in place for a TLB key */
    uint64_t code_tag;     /* the same for code, of which memories can have one in common */
    struct memory *memory; /* borrowed for the run */
    const uint8_t *flat;   /* memory.flat, for addresses below flat_end; no access of 16 bytes leaves it then */
    const uint8_t *direct; /* memory.direct, for the same addresses */
    uint32_t flat_end;
    struct cpu_state *state; /* the same; registers and flags are stored when the run ends */
    uint64_t start_cycles;   /* cycle counter and budget when the run began */
    int64_t start_budget;

    bool alone;       /* a single instruction is run from the scratch block: stores may do anything */
    bool check;       /* interrupts may have become deliverable */
    bool user;        /* mode */
    bool translating; /* the MMU is on */
    enum stop stop;
    struct link *link;      /* the link to fill in, or NULL */
    uint32_t link_from;     /* and the address of the page it belongs to */
    uint32_t target;        /* STOP_LINK */
    struct block *ahead;    /* STOP_SHORT */
    const struct part *end; /* of the part of a block that runs: the instruction behind it */
    uint8_t end_left;       /* and the instructions of the block from there on */
    struct cpu_exception exception;
    struct cpu_page wanted;
    struct cpu_io io;
    struct cpu_crash crash;

    uint32_t bounce_address; /* modify_begin(): an operand that crosses a page is modified in `bounce` */
    uint8_t bounce[8];
    struct tlb_entry tlb[TLB_ENTRIES];
    struct landing landings[LANDINGS];
    struct code_entry code_entries[CODE_ENTRIES];

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
op_fn op_end_part;                       /* stands in for the one at cpu.end */
/* The less usual ways of a jump: into another page, by this link; to cpu.target; with a 16-bit target; into the block
 * of this page with this first operation, for which the budget, already reduced, is not enough. */
op_fn op_go_far, op_land, op_jump_narrow, op_out_of_budget;

/* So many PUSHes or POPs of 32-bit registers in a row, ESP not among them. */
#define RUN_LEAST 2
#define RUN_MOST  4
op_fn op_push_2, op_push_3, op_push_4, op_pop_2, op_pop_3, op_pop_4;

static inline uint32_t *cpu_slot(struct cpu *c, unsigned slot)
{
    return (uint32_t *)(void *)((char *)c->slots + slot);
}

static inline struct landing *landing_of(struct cpu *c, uint32_t eip)
{
    /* &c->landings[(eip ^ eip >> 8) % LANDINGS], in fewer instructions */
    uint32_t offset = (eip << LANDING_SHIFT ^ eip >> (8 - LANDING_SHIFT)) & (LANDINGS - 1) << LANDING_SHIFT;
    return (struct landing *)(void *)((char *)c->landings + offset);
}

/* After code has gone, or pages have got other addresses. */
static inline void code_places_forget(struct cpu *c)
{
    memset(c->landings, 0, sizeof(c->landings));
    memset(c->code_entries, 0, sizeof(c->code_entries));
}
