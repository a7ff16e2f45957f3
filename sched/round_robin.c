/* SPDX-License-Identifier: MIT
 *
 * Round-robin with compensation for machines that idled. Three queues, each doubly linked through the entities around a
 * head of its own, so that every operation takes the same short time however many machines are ready.
 *
 * How long a ready machine waits, entities put first by add_first() not counted: with p others before it among those
 * that did not idle, at most ROUND_ROBIN_COMPENSATED * (p + 1) + p quanta; with p before it among those that
 * did, at most p + p / ROUND_ROBIN_COMPENSATED + 1.
 */
#include "scheduler.h"

#include <assert.h>
#include <stdlib.h>

struct round_robin {
    struct scheduler scheduler;      /* first: the base */
    struct sched_entity first;       /* heads: next is the first entity, previous the last, itself if empty */
    struct sched_entity compensated; /* those that idled */
    struct sched_entity normal;
    uint32_t in_a_row; /* quanta given to compensated ones since one of the others ran, up to the limit */
};

static void list_init(struct sched_entity *head)
{
    head->next = head->previous = head;
}

static bool list_is_empty(const struct sched_entity *head)
{
    return head->next == head;
}

static void list_insert_after(struct sched_entity *place, struct sched_entity *entity)
{
    assert(!entity->queued);
    entity->previous = place;
    entity->next = place->next;
    place->next->previous = entity;
    place->next = entity;
    entity->queued = true;
}

static void list_remove(struct sched_entity *entity)
{
    assert(entity->queued);
    entity->previous->next = entity->next;
    entity->next->previous = entity->previous;
    entity->next = entity->previous = NULL;
    entity->queued = false;
}

static bool round_robin_reserve(struct scheduler *scheduler, size_t entities)
{
    (void)scheduler;
    (void)entities;
    return true;
}

static void round_robin_release(struct scheduler *scheduler, size_t entities)
{
    (void)scheduler;
    (void)entities;
}

static void round_robin_add(struct scheduler *scheduler, struct sched_entity *entity)
{
    struct round_robin *robin = (struct round_robin *)scheduler;
    struct sched_entity *head = entity->idled ? &robin->compensated : &robin->normal;
    list_insert_after(head->previous, entity);
    scheduler->queued++;
}

static void round_robin_add_first(struct scheduler *scheduler, struct sched_entity *entity)
{
    struct round_robin *robin = (struct round_robin *)scheduler;
    list_insert_after(&robin->first, entity);
    scheduler->queued++;
}

static void round_robin_remove(struct scheduler *scheduler, struct sched_entity *entity)
{
    list_remove(entity);
    scheduler->queued--;
}

/* The queue whose turn it is. */
static struct sched_entity *round_robin_turn(struct round_robin *robin)
{
    if (!list_is_empty(&robin->first))
        return &robin->first;
    bool others_wait = !list_is_empty(&robin->normal);
    bool limit_reached = robin->in_a_row == ROUND_ROBIN_COMPENSATED;
    if (list_is_empty(&robin->compensated) || (others_wait && limit_reached)) {
        robin->in_a_row = 0;
        return &robin->normal;
    }
    if (!limit_reached)
        robin->in_a_row++;
    return &robin->compensated;
}

/* Being chosen uses the compensation up. */
static struct sched_entity *round_robin_next(struct scheduler *scheduler)
{
    struct sched_entity *head = round_robin_turn((struct round_robin *)scheduler);
    if (list_is_empty(head))
        return NULL;
    struct sched_entity *entity = head->next;
    list_remove(entity);
    scheduler->queued--;
    entity->idled = false;
    return entity;
}

static void round_robin_free(struct scheduler *scheduler)
{
    free(scheduler);
}

static const struct scheduler_ops round_robin_ops = {
    .name = "round-robin",
    .reserve = round_robin_reserve,
    .release = round_robin_release,
    .add = round_robin_add,
    .add_first = round_robin_add_first,
    .remove = round_robin_remove,
    .next = round_robin_next,
    .free = round_robin_free,
};

struct scheduler *round_robin_new(void)
{
    struct round_robin *robin = calloc(1, sizeof(*robin));
    if (!robin)
        return NULL;
    robin->scheduler.ops = &round_robin_ops;
    list_init(&robin->first);
    list_init(&robin->compensated);
    list_init(&robin->normal);
    return &robin->scheduler;
}
