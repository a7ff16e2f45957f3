/* SPDX-License-Identifier: MIT
 *
 * Which machine runs next. The mechanism (when a machine is ready, what happens in its quantum) is the kernel's; the
 * policy is an object behind three operations, and knows of a machine only the entity embedded in it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A machine, as its scheduler sees it. */
struct sched_entity {
    struct sched_entity *next; /* in the policy's queue; NULL when not queued */
    union {                    /* the same; which of them is the policy's affair */
        struct sched_entity *previous;
        size_t place;
    };
    uint32_t id;
    bool queued;
    /* Left by itself since its last quantum: compensated when it comes back (paper, 2.2). Set by the kernel before
     * add(), not changed while queued, cleared by next(). */
    bool idled;
};

struct scheduler;

struct scheduler_ops {
    const char *name;
    /* Room for so many entities more, or fewer, so that nothing below can fail. False: no memory. */
    bool (*reserve)(struct scheduler *, size_t entities);
    void (*release)(struct scheduler *, size_t entities);
    /* The entity is ready (it was not queued). It runs after those before it. */
    void (*add)(struct scheduler *, struct sched_entity *);
    /* The entity runs at once, before all others (interrupts=immediate; a preempted machine going on). */
    void (*add_first)(struct scheduler *, struct sched_entity *);
    /* Take a queued entity out again. */
    void (*remove)(struct scheduler *, struct sched_entity *);
    /* Take the next one to run out; NULL: none is ready. */
    struct sched_entity *(*next)(struct scheduler *);
    void (*free)(struct scheduler *);
};

/* Base of every policy. */
struct scheduler {
    const struct scheduler_ops *ops;
    uint32_t queued; /* entities */
};

/* Round-robin in the order of becoming ready. A machine that idled is put before those that did not, but of
 * ROUND_ROBIN_COMPENSATED such quanta in a row the next goes to one that waits: nobody starves. NULL: no memory. */
#define ROUND_ROBIN_COMPENSATED 8
struct scheduler *round_robin_new(void);
/* A ready machine is drawn; one that idled is LOTTERY_COMPENSATION times as likely as one that did not. */
#define LOTTERY_COMPENSATION 4
struct scheduler *lottery_new(uint64_t seed);
