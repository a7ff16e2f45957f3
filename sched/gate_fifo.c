/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "gatekeeper.h"

struct gate_fifo {
    struct gatekeeper base;
    struct gate_entity head;  /* of those that wait: next is the first, previous the last */
    uint64_t frames, granted; /* there are; set aside for those admitted */
    uint64_t admitted;
};

static bool queue_is_empty(const struct gate_fifo *gate)
{
    return gate->head.next == &gate->head;
}

static void queue_append(struct gate_fifo *gate, struct gate_entity *entity)
{
    entity->previous = gate->head.previous;
    entity->next = &gate->head;
    entity->previous->next = entity->next->previous = entity;
    entity->waiting = true;
}

static void queue_remove(struct gate_entity *entity)
{
    entity->previous->next = entity->next;
    entity->next->previous = entity->previous;
    entity->next = entity->previous = NULL;
    entity->waiting = false;
}

static bool has_room(const struct gate_fifo *gate, const struct gate_entity *entity)
{
    return gate->admitted == 0 || gate->granted + entity->frames <= gate->frames;
}

static void grant(struct gate_fifo *gate, struct gate_entity *entity)
{
    gate->granted = gate->granted - entity->granted + entity->frames;
    entity->granted = entity->frames;
}

static void let_in(struct gate_fifo *gate, struct gate_entity *entity)
{
    grant(gate, entity);
    gate->admitted++;
    entity->admitted = true;
    entity->quanta = 0;
}

static bool fifo_admit(struct gatekeeper *base, struct gate_entity *entity)
{
    struct gate_fifo *gate = (struct gate_fifo *)base;

    if (entity->admitted)
        return true;
    if (entity->waiting)
        return false;
    if (queue_is_empty(gate) && has_room(gate, entity))
        let_in(gate, entity);
    else
        queue_append(gate, entity);
    return entity->admitted;
}

static struct gate_entity *fifo_next(struct gatekeeper *base)
{
    struct gate_fifo *gate = (struct gate_fifo *)base;
    struct gate_entity *first = gate->head.next;

    if (queue_is_empty(gate) || !has_room(gate, first))
        return NULL;
    queue_remove(first);
    let_in(gate, first);
    return first;
}

static bool fifo_may_stay(struct gatekeeper *base, struct gate_entity *entity)
{
    struct gate_fifo *gate = (struct gate_fifo *)base;

    grant(gate, entity);
    entity->quanta++;
    if (gate->granted > gate->frames && gate->admitted > 1)
        return false; /* it is one too many */
    return queue_is_empty(gate) || has_room(gate, gate->head.next) || entity->quanta < GATE_QUANTA;
}

static void fifo_leave(struct gatekeeper *base, struct gate_entity *entity)
{
    struct gate_fifo *gate = (struct gate_fifo *)base;

    if (entity->waiting)
        queue_remove(entity);
    if (!entity->admitted)
        return;
    gate->granted -= entity->granted;
    gate->admitted--;
    entity->granted = 0;
    entity->admitted = false;
}

static void fifo_free(struct gatekeeper *base)
{
    free(base);
}

static const struct gatekeeper_ops fifo_ops = {
    .name = "fifo",
    .admit = fifo_admit,
    .next = fifo_next,
    .may_stay = fifo_may_stay,
    .leave = fifo_leave,
    .free = fifo_free,
};

struct gatekeeper *gate_fifo_new(uint64_t frames)
{
    struct gate_fifo *gate = calloc(1, sizeof(*gate));
    if (!gate)
        return NULL;
    gate->base.ops = &fifo_ops;
    gate->frames = frames;
    gate->head.next = gate->head.previous = &gate->head;
    return &gate->base;
}
