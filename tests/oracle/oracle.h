/* SPDX-License-Identifier: MIT
 *
 * What the files of the oracle share: the memory that cases run in, what an execution leaves behind, and the program's
 * state.
 */
#pragma once
#include "cases.h"
#include "flat_memory.h"

enum { CHANGES = 600, NO_EXCEPTION = ~0, ENGINES = 2 };

struct change {
    uint32_t address;
    uint8_t byte;
};

/* What an execution left behind. */
struct outcome {
    struct silicon_state state;
    int exception; /* NO_EXCEPTION: completed */
    uint32_t error, address;
    uint32_t change_count; /* may be more than CHANGES: the rest is only in the digest */
    uint64_t digest;
    struct change changes[CHANGES];
};

/* The bytes of each page of the arena in one memory. */
struct arena {
    uint8_t *pages[ARENA_PAGES];
};

enum { ARENA_ALL = (1 << ARENA_PAGES) - 1, ARENA_CODE_PAGES = 3 };

/* Our memory. It gets a new tag before each run, so that whoever writes to a page asks first. */
struct arena_memory {
    struct flat_memory flat;
    unsigned written; /* pages asked for since this was set to 0, as bits */
};

struct oracle {
    struct silicon *silicon; /* NULL: recorded answers only */
    struct arena_memory memory;
    struct cpu *cpus[ENGINES];
    bool careful;                    /* look at all of memory after each run, not only where it should have changed */
    uint64_t instructions;           /* of the present case */
    struct arena real, ours, before; /* `before`: as it is when a case begins */
    uint64_t cases, sequences, faults, mismatches, incomparable;
    uint64_t (*coverage)[CELLS]; /* of each row */
    const char *findings;        /* NULL, or the file that gets each mismatch */
};

/* arena.c. Addresses without a page are left out. */
bool arena_map(struct oracle *);
void arena_unmap(struct oracle *);
uint8_t *arena_at(const struct arena *, uint32_t address);
void arena_write(const struct arena *, uint32_t address, const uint8_t *bytes, uint32_t count);
/* Patches in, and out again. */
void case_patch(struct oracle *, const struct oracle_case *);
void case_unpatch(struct oracle *, const struct oracle_case *);
/* The code of the case into all memories, ways back included; before anything runs, as code may change itself. */
void case_place(struct oracle *, const struct oracle_case *);
/* List what an execution changed in these pages, and take it back. */
void changes_collect(struct oracle *, const struct arena *, unsigned pages, struct outcome *);
void change_note(struct outcome *, uint32_t address, uint8_t byte);
/* Is everything as it is when a case begins? If not, it is afterwards. */
bool arena_settle(struct oracle *);

/* execute.c. Where a relative jump leads, if it is to run with ways back at both ends; else 0. */
uint32_t case_landing(const struct oracle_case *);
/* What silicon changes is collected later, by changes_collect(). */
void run_silicon(struct oracle *, const struct oracle_case *, struct outcome *);
/* The engines must run in order: the first finds out how many instructions (iterations) there are. Returns the pages
 * written. */
unsigned run_ours(struct oracle *, int engine, const struct oracle_case *, struct outcome *);
/* Runs a case on silicon alone, memory included. */
void run_silicon_alone(struct oracle *, const struct oracle_case *, struct outcome *);

/* compare.c */
bool outcome_equal(const struct oracle_case *, const struct outcome *real, const struct outcome *ours);
/* Nothing follows from a difference. The second: whatever we do. */
bool incomparable(const struct oracle_case *, const struct outcome *real, const struct outcome *ours);
bool incomparable_on_silicon(const struct oracle_case *, const struct outcome *real);
/* Bytes of the memory operand that are not compared. */
bool change_is_hidden(const struct oracle_case *, const struct change *);

/* Runs everything. Without silicon, *real is given; else it comes out. Returns the engine that differs, or -1. */
int case_compare(struct oracle *, const struct oracle_case *, struct outcome *real, struct outcome ours[ENGINES]);

/* record.c */
void mismatch_report(struct oracle *, int engine, struct oracle_case *);
void record(struct oracle *, uint64_t cases, uint64_t seed, const char *row);
int replay(struct oracle *, char **paths);

/* coverage.c */
void coverage_note(struct oracle *, const struct oracle_case *, unsigned cell);
void coverage_print(const struct oracle *, bool each);
void skipped_print(void);
