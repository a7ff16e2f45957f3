/* SPDX-License-Identifier: MIT
 *
 * A lottery (Waldspurger and Weihl, OSDI 1994): each ready machine holds a ticket, one that idled holds
 * LOTTERY_COMPENSATION. All operations take the same time however many machines are ready: a draw that names a machine
 * that does not hold so many tickets is repeated.
 */
#include <assert.h>
#include <stdlib.h>

#include "scheduler.h"

struct lottery {
    struct scheduler scheduler;
    struct sched_entity *first;  /* a stack, linked by next */
    struct sched_entity **ready; /* owned */
    size_t count, reserved, capacity;
    uint64_t state; /* of the generator */
};

/* SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
static uint64_t draw(struct lottery *lottery)
{
    uint64_t z = lottery->state += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

static bool lottery_reserve(struct scheduler *scheduler, size_t entities)
{
    struct lottery *lottery = (struct lottery *)scheduler;
    size_t reserved = lottery->reserved + entities;

    if (reserved > lottery->capacity) {
        size_t capacity = reserved > 2 * lottery->capacity ? reserved : 2 * lottery->capacity;
        struct sched_entity **ready = realloc(lottery->ready, capacity * sizeof(struct sched_entity *));
        if (!ready)
            return false;
        lottery->ready = ready;
        lottery->capacity = capacity;
    }
    lottery->reserved = reserved;
    return true;
}

static void lottery_release(struct scheduler *scheduler, size_t entities)
{
    struct lottery *lottery = (struct lottery *)scheduler;
    lottery->reserved -= entities;
}

static void lottery_add(struct scheduler *scheduler, struct sched_entity *entity)
{
    struct lottery *lottery = (struct lottery *)scheduler;
    assert(!entity->queued && lottery->count < lottery->reserved);
    entity->place = lottery->count;
    entity->queued = true;
    lottery->ready[lottery->count++] = entity;
    scheduler->queued++;
}

#define FIRST SIZE_MAX /* the place of an entity in the stack */

static void lottery_add_first(struct scheduler *scheduler, struct sched_entity *entity)
{
    struct lottery *lottery = (struct lottery *)scheduler;
    entity->place = FIRST;
    entity->queued = true;
    entity->next = lottery->first;
    lottery->first = entity;
    scheduler->queued++;
}

/* The last one takes the place of one that leaves. */
static void ready_remove(struct lottery *lottery, struct sched_entity *entity)
{
    struct sched_entity *last = lottery->ready[--lottery->count];
    lottery->ready[entity->place] = last;
    last->place = entity->place;
}

static void stack_remove(struct lottery *lottery, struct sched_entity *entity)
{
    struct sched_entity **link = &lottery->first;
    while (*link != entity) {
        assert(*link);
        link = &(*link)->next;
    }
    *link = entity->next;
    entity->next = NULL;
}

static void lottery_remove(struct scheduler *scheduler, struct sched_entity *entity)
{
    struct lottery *lottery = (struct lottery *)scheduler;
    assert(entity->queued);
    if (entity->place == FIRST)
        stack_remove(lottery, entity);
    else
        ready_remove(lottery, entity);
    entity->place = 0;
    entity->queued = false;
    scheduler->queued--;
}

static struct sched_entity *winner(struct lottery *lottery)
{
    for (;;) {
        uint64_t ticket = draw(lottery);
        struct sched_entity *entity = lottery->ready[(ticket >> 8) % lottery->count];
        if (entity->idled || ticket % LOTTERY_COMPENSATION == 0)
            return entity;
    }
}

static struct sched_entity *lottery_next(struct scheduler *scheduler)
{
    struct lottery *lottery = (struct lottery *)scheduler;
    struct sched_entity *entity = lottery->first;

    if (!entity && lottery->count > 0)
        entity = winner(lottery);
    if (!entity)
        return NULL;
    lottery_remove(scheduler, entity);
    entity->idled = false;
    return entity;
}

static void lottery_free(struct scheduler *scheduler)
{
    free(((struct lottery *)scheduler)->ready);
    free(scheduler);
}

static const struct scheduler_ops lottery_ops = {
    .name = "lottery",
    .reserve = lottery_reserve,
    .release = lottery_release,
    .add = lottery_add,
    .add_first = lottery_add_first,
    .remove = lottery_remove,
    .next = lottery_next,
    .free = lottery_free,
};

struct scheduler *lottery_new(uint64_t seed)
{
    struct lottery *lottery = calloc(1, sizeof(*lottery));
    if (!lottery)
        return NULL;
    lottery->scheduler.ops = &lottery_ops;
    lottery->state = seed;
    return &lottery->scheduler;
}
