/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "ring.h"

struct clock {
    struct resident head;  /* of the ring; no block */
    struct resident *hand; /* what is looked at next, or the head */
};

struct wsclock {
    struct replacement base;
    struct clock clocks[2]; /* by owner.active */
    uint64_t window, count; /* of blocks */
    uint64_t hurry;         /* victims to take with less looking, because a whole search has found none */
};

static void clock_init(struct clock *clock)
{
    ring_init(&clock->head);
    clock->hand = &clock->head;
}

/* Behind the last of its owner's, else at the end of the ring: no other owner's blocks are parted. */
static void wsclock_add(struct replacement *base, struct resident *block)
{
    struct wsclock *wsclock = (struct wsclock *)base;
    struct resident_owner *owner = block->owner;
    struct clock *clock = &wsclock->clocks[owner->active];

    ring_insert_after(owner->last ? owner->last : clock->head.previous, block);
    owner->first = owner->first ? owner->first : block;
    owner->last = block;
    block->used = owner->time;
    wsclock->count++;
}

static void wsclock_remove(struct replacement *base, struct resident *block)
{
    struct wsclock *wsclock = (struct wsclock *)base;
    struct resident_owner *owner = block->owner;
    struct clock *clock = &wsclock->clocks[owner->active];
    bool alone = owner->first == owner->last;

    if (clock->hand == block)
        clock->hand = block->next;
    if (owner->first == block)
        owner->first = alone ? NULL : block->next;
    if (owner->last == block)
        owner->last = alone ? NULL : block->previous;
    ring_remove(block);
    wsclock->count--;
}

/* The owner's blocks, which stand side by side, move to the other clock in one piece. */
static void wsclock_activity(struct replacement *base, struct resident_owner *owner, bool active)
{
    struct wsclock *wsclock = (struct wsclock *)base;
    struct clock *from = &wsclock->clocks[!active], *to = &wsclock->clocks[active];
    struct resident *before, *after, *place;

    if (!owner->first)
        return;
    if (from->hand->owner == owner) /* the head has none */
        from->hand = owner->last->next;
    before = owner->first->previous;
    after = owner->last->next;
    before->next = after;
    after->previous = before;
    place = to->head.previous;
    owner->first->previous = place;
    owner->last->next = place->next;
    place->next->previous = owner->last;
    place->next = owner->first;
}

/* The next block; NULL: the hand came to the end of the ring. */
static struct resident *clock_step(struct clock *clock)
{
    struct resident *block = clock->hand;

    clock->hand = block->next;
    return block == &clock->head ? NULL : block;
}

/* The first that can go, of any. */
static struct resident *clock_first(struct wsclock *wsclock, struct clock *clock)
{
    for (unsigned ends = 0; ends < 2;) {
        struct resident *block = clock_step(clock);
        ends += !block;
        if (block && !wsclock->base.host->pinned(wsclock->base.host, block))
            return block;
    }
    return NULL;
}

static bool outside_working_set(const struct resident *block, uint64_t window)
{
    return !block->owner->active || block->owner->time - block->used > window;
}

/* Twice round, or at least so many steps: what is used and not worked with is found unused the second time. If there is
 * nothing, the hand is where it was. */
static struct resident *clock_search(struct wsclock *wsclock, struct clock *clock, uint64_t steps)
{
    const struct replacement_host *host = wsclock->base.host;
    struct resident *start = clock->hand;

    for (unsigned ends = 0; ends < 3 && steps > 0; steps--) {
        struct resident *block = clock_step(clock);
        ends += !block;
        if (!block || host->pinned(host, block))
            continue;
        if (!resident_is_used(block) && outside_working_set(block, wsclock->window))
            return block;
        if (resident_is_used(block)) {
            block->used = block->owner->time;
            host->forget(host, block);
        }
    }
    clock->hand = start;
    return NULL;
}

#define HURRY      8   /* after a search in vain, this part of the blocks goes with less looking */
#define HURRY_LOOK 128 /* steps */

static struct resident *wsclock_victim(struct replacement *base)
{
    struct wsclock *wsclock = (struct wsclock *)base;
    struct clock *inactive = &wsclock->clocks[false], *active = &wsclock->clocks[true];
    struct resident *block = clock_search(wsclock, inactive, UINT64_MAX);

    if (!block)
        block = clock_search(wsclock, active, wsclock->hurry > 0 ? HURRY_LOOK : UINT64_MAX);
    if (block)
        return block;
    wsclock->hurry = wsclock->hurry > 0 ? wsclock->hurry - 1 : wsclock->count / HURRY;
    return clock_first(wsclock, active);
}

static void wsclock_free(struct replacement *base)
{
    free(base);
}

static const struct replacement_ops wsclock_ops = {
    .name = "wsclock",
    .add = wsclock_add,
    .remove = wsclock_remove,
    .activity = wsclock_activity,
    .victim = wsclock_victim,
    .free = wsclock_free,
};

struct replacement *wsclock_new(const struct replacement_host *host, uint64_t window)
{
    struct wsclock *wsclock = calloc(1, sizeof(*wsclock));
    if (!wsclock)
        return NULL;
    wsclock->base = (struct replacement){.ops = &wsclock_ops, .host = host};
    wsclock->window = window;
    clock_init(&wsclock->clocks[false]);
    clock_init(&wsclock->clocks[true]);
    return &wsclock->base;
}
