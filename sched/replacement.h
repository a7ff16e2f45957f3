/* SPDX-License-Identifier: MIT
 *
 * Which block of pages leaves memory when frames are wanted. The mechanism (what a block is, how it is written and
 * read) is the pager's (emu/pager.h); the policy is an object behind these operations, and knows of a block and of its
 * owner only what is embedded in them.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct resident;

/* Whose blocks they are: a machine. */
struct resident_owner {
    uint64_t time;   /* its virtual time: instructions it has executed */
    uint32_t epoch;  /* blocks touched in it count as used; only ever grows */
    bool active;     /* it runs or waits for its turn, so its working set is worth keeping: replacement_set_active() */
    uint32_t blocks; /* how many are in memory */
    uint32_t frames; /* that it has for itself */
    struct resident *first, *last; /* the policy's: of those it has, NULL = none */
};

/* A block that is in memory. */
struct resident {
    struct resident *next, *previous; /* in the policy's order; NULL when it has it not */
    struct resident_owner *owner;
    uint64_t used;   /* the policy's: the owner's time when it was last found used */
    uint32_t epoch;  /* the owner's when it was last touched */
    uint32_t number; /* of its first page */
    bool queued;     /* the policy has it */
    bool dirty;      /* it must be written before it leaves */
};

struct replacement;

struct replacement_ops {
    const char *name;
    bool watches; /* it wants touched(): owners begin a new epoch with each quantum */
    /* The block came into memory. */
    void (*add)(struct replacement *, struct resident *);
    /* It left, or ended with its owner. */
    void (*remove)(struct replacement *, struct resident *);
    /* The owner is going to be active, or not. May be NULL. */
    void (*activity)(struct replacement *, struct resident_owner *, bool active);
    /* Its first use in an epoch. May be NULL. */
    void (*touched)(struct replacement *, struct resident *);
    /* The block that should go; it stays with the policy until it is removed. NULL: none can go. */
    struct resident *(*victim)(struct replacement *);
    void (*free)(struct replacement *);
};

/* What policies ask. */
struct replacement_host {
    bool (*pinned)(const struct replacement_host *, const struct resident *); /* it cannot go now */
    void (*forget)(const struct replacement_host *, struct resident *);       /* its next use is noticed again */
};

/* Base of every policy. */
struct replacement {
    const struct replacement_ops *ops;
    const struct replacement_host *host; /* borrowed */
};

static inline void replacement_set_active(struct replacement *policy, struct resident_owner *owner, bool active)
{
    if (owner->active != active && policy->ops->activity)
        policy->ops->activity(policy, owner, active);
    owner->active = active;
}

static inline bool resident_is_used(const struct resident *block)
{
    return block->epoch == block->owner->epoch;
}

/* WSClock (Carr and Hennessy, SOSP 1981; the paper's choice, section 2.2). A hand goes round the blocks, those of one
 * owner side by side. A used block is spared and its use forgotten; one that was not used since goes, if its owner has
 * run for `window` of its own time without it. Owners that are not active have a clock of their own, which is asked
 * first and needs no window. If nothing is found, the first that can go does. NULL: no memory; so below. */
struct replacement *wsclock_new(const struct replacement_host *, uint64_t window);
/* The block whose last quantum of use is the longest ago. */
struct replacement *lru_new(const struct replacement_host *);
