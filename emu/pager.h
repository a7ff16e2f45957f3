/* SPDX-License-Identifier: MIT
 *
 * Demand paging: when frames are wanted, a block of pages that a policy chooses (sched/replacement.h) leaves memory for
 * its machine's region of swap, and comes back as a whole when one of its pages is needed. Only pages that a machine
 * has for itself are paged; those of its image, which others share, stay.
 *
 * Blocks move between runs of the CPU only. What a machine asked for is pinned until an instruction was done
 * (space_progress()), so that it gets there however few frames there are. Where all that machines wait for does not fit
 * into memory they would take it from each other for ever: one of them at a time is favoured and keeps what it has.
 */
#pragma once
#include "cost.h"
#include "space.h"

struct leaf_paging;

/* What the pager tells. */
struct pager_host {
    /* A block of this space could not be written: its pages are about to be given up. */
    void (*lost)(struct pager_host *, struct space *, const char *why);
    /* The last block of this space has left memory. */
    void (*emptied)(struct pager_host *, struct space *);
};

struct pager_counters {
    uint64_t in, out; /* blocks read; written */
    uint64_t dropped; /* blocks that left without being written: swap has them already */
    uint64_t swapped; /* pages that are in swap now and not in memory */
    uint64_t lost;    /* spaces given up */
};

struct pager {
    struct replacement_host replacement_host; /* embedded */
    struct frame_pool *frames;                /* borrowed, as all below where it does not say owned */
    struct swap *swap;                        /* owned */
    struct replacement *policy;               /* owned; NULL: none has been set */
    struct pager_host *host;
    const struct cost_model *costs;
    const struct clock *clock;
    uint32_t block_shift;     /* log2 of the pages of a block */
    uint8_t *buffer;          /* a block; owned */
    struct disk_clock *disks; /* of each of swap's; owned */

    struct space *running;  /* its page 0 is pinned; NULL: no machine runs */
    struct space *asking;   /* whose block is being brought in, or made room in; NULL: none is */
    uint32_t asked;         /* first page of that block: until then it stays, whoever it belongs to */
    unsigned pressure;      /* 1: what others have pinned does not count, but for the favoured one; 2: nor does its */
    struct space *favoured; /* one of those that wait: it gets all it asks for, then another; NULL: none */
    const struct space *served; /* the last favoured one; only compared */
    uint64_t work;              /* cycles that moving pages took the kernel: it charges them, and sets this to 0 */
    char error[160];            /* why a page could not be had */
    struct pager_counters counters;
};

/* The swap becomes the pager's. The policy is set after that: it wants &replacement_host. NULL: no memory; the swap is
 * then freed. */
struct pager *pager_new(struct frame_pool *, struct swap *, struct pager_host *, const struct cost_model *,
                        const struct clock *);
void pager_free(struct pager *);

/* Make so many frames free. False: nothing can leave. */
bool pager_make_room(struct pager *, uint64_t frames);
/* The machine of this space runs (NULL: none does): its page 0 stays in memory, and a new epoch of use begins. */
void pager_run(struct pager *, struct space *);

/* For emu/space.c. */

/* A region for the space, and blocks for its state behind its memory. False: no memory. */
bool pager_take_region(struct pager *, struct space *);
void pager_give_region(struct pager *, struct space *);
/* The page can be had from now on, or one step of the way to that is done. False: space.trouble tells why not. */
bool pager_bring(struct pager *, struct space *, uint32_t number, bool write);
/* Entries for a leaf. NULL: no memory. */
struct leaf_paging *pager_leaf_new(const struct pager *);
size_t pager_leaf_bytes(const struct pager *);
/* The leaf's pages are gone; so are its entries. */
void pager_forget(struct pager *, struct leaf_paging *);
bool pager_is_swapped(const struct leaf_paging *, uint32_t number);
/* Is the block of this page out? */
bool pager_is_out(const struct pager *, const struct leaf_paging *, uint32_t number);
/* These pages of a leaf that is the space's own are in swap, and not what the image has there. */
void pager_set_swapped(struct space *, struct space_node *leaf, uint16_t swapped);
void pager_note_use(struct space *, struct leaf_paging *, uint32_t number);
void pager_note_write(struct space *, struct leaf_paging *, uint32_t number);
/* The bytes of a swapped page, without bringing it in: in *block, allocated here, which holds that whose first page is
 * *block_number (UINT32_MAX at first) already. NULL: it cannot be read. */
const uint8_t *pager_peek(const struct space *, uint32_t number, uint8_t **block, uint32_t *block_number);

/* For emu/hibernate.c: a machine's state, behind its memory in its region. */

/* The most bytes of state that there is room for. */
size_t pager_state_room(const struct pager *, const struct space *);
/* A machine that is swapped out as a whole is gone for good, with so many pages. */
void pager_forget_sleeper(struct pager *, struct swap_region *, uint32_t pages);
bool pager_state_write(struct pager *, const struct space *, const uint8_t *bytes, size_t length);
/* At most `room` bytes; *length is how many there are. `charged`: it takes the time that it takes. False: `error` tells
 * why. */
bool pager_state_read(struct pager *, struct space *, uint8_t *bytes, size_t room, size_t *length, bool charged);
