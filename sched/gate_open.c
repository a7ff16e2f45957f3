/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "gatekeeper.h"

static bool open_admit(struct gatekeeper *gate, struct gate_entity *entity)
{
    (void)gate;
    return entity->admitted = true;
}

static struct gate_entity *open_next(struct gatekeeper *gate)
{
    (void)gate;
    return NULL;
}

static bool open_may_stay(struct gatekeeper *gate, struct gate_entity *entity)
{
    (void)gate;
    (void)entity;
    return true;
}

static void open_leave(struct gatekeeper *gate, struct gate_entity *entity)
{
    (void)gate;
    entity->admitted = false;
}

static void open_free(struct gatekeeper *gate)
{
    free(gate);
}

static const struct gatekeeper_ops open_ops = {
    .name = "open",
    .admit = open_admit,
    .next = open_next,
    .may_stay = open_may_stay,
    .leave = open_leave,
    .free = open_free,
};

struct gatekeeper *gate_open_new(void)
{
    struct gatekeeper *gate = calloc(1, sizeof(*gate));
    if (gate)
        gate->ops = &open_ops;
    return gate;
}
