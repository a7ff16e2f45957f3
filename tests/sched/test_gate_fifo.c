/* SPDX-License-Identifier: MIT
 *
 * The FIFO gatekeeper: order, how much is granted at most, and that nobody waits for ever.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "../../sched/gatekeeper.h"

static bool admit(struct gatekeeper *gate, struct gate_entity *entity, uint64_t frames)
{
    entity->frames = frames;
    return gate->ops->admit(gate, entity);
}

static bool may_stay(struct gatekeeper *gate, struct gate_entity *entity, uint64_t frames)
{
    entity->frames = frames;
    return gate->ops->may_stay(gate, entity);
}

Test(gate_fifo, machines_are_admitted_while_frames_are_free)
{
    struct gatekeeper *gate = gate_fifo_new(10);
    struct gate_entity entities[3] = {0};
    cr_expect(admit(gate, &entities[0], 4));
    cr_expect(admit(gate, &entities[1], 6));
    cr_expect(!admit(gate, &entities[2], 1));
    cr_expect(entities[2].waiting && !entities[2].admitted);
    cr_expect_null(gate->ops->next(gate));
    gate->ops->leave(gate, &entities[0]);
    cr_expect_eq(gate->ops->next(gate), &entities[2]);
    cr_expect(entities[2].admitted && !entities[2].waiting);
    cr_expect_null(gate->ops->next(gate));
    gate->ops->free(gate);
}

Test(gate_fifo, asking_again_changes_nothing)
{
    struct gatekeeper *gate = gate_fifo_new(4);
    struct gate_entity entities[2] = {0};
    cr_expect(admit(gate, &entities[0], 4));
    cr_expect(admit(gate, &entities[0], 4));
    cr_expect(!admit(gate, &entities[1], 4));
    cr_expect(!admit(gate, &entities[1], 4));
    gate->ops->leave(gate, &entities[0]);
    cr_expect_eq(gate->ops->next(gate), &entities[1]);
    gate->ops->leave(gate, &entities[1]);
    gate->ops->leave(gate, &entities[1]);
    cr_expect(admit(gate, &entities[0], 4), "nothing was given back twice, nothing is left");
    cr_expect(!admit(gate, &entities[1], 1));
    gate->ops->free(gate);
}

Test(gate_fifo, small_one_does_not_pass_a_large_one_that_came_before)
{
    struct gatekeeper *gate = gate_fifo_new(10);
    struct gate_entity entities[4] = {0};
    cr_expect(admit(gate, &entities[0], 5));
    cr_expect(!admit(gate, &entities[1], 8));
    cr_expect(!admit(gate, &entities[2], 1));
    cr_expect(!admit(gate, &entities[3], 1));
    gate->ops->leave(gate, &entities[0]);
    for (unsigned i = 1; i < 4; i++)
        cr_expect_eq(gate->ops->next(gate), &entities[i], "place %u", i);
    gate->ops->free(gate);
}

Test(gate_fifo, machine_larger_than_memory_is_admitted_alone)
{
    struct gatekeeper *gate = gate_fifo_new(10);
    struct gate_entity entities[2] = {0};
    cr_expect(admit(gate, &entities[0], 100));
    cr_expect(!admit(gate, &entities[1], 1));
    cr_expect(may_stay(gate, &entities[0], 100));
    gate->ops->leave(gate, &entities[0]);
    cr_expect_eq(gate->ops->next(gate), &entities[1]);
    gate->ops->free(gate);
}

Test(gate_fifo, machine_that_has_grown_past_the_frames_makes_way)
{
    struct gatekeeper *gate = gate_fifo_new(10);
    struct gate_entity entities[2] = {0};
    cr_expect(admit(gate, &entities[0], 4));
    cr_expect(admit(gate, &entities[1], 4));
    cr_expect(may_stay(gate, &entities[0], 6));
    cr_expect(!may_stay(gate, &entities[1], 5));
    gate->ops->leave(gate, &entities[1]);
    cr_expect(!admit(gate, &entities[1], 5));
    cr_expect(may_stay(gate, &entities[0], 5));
    cr_expect_eq(gate->ops->next(gate), &entities[1], "the other has shrunk");
    gate->ops->free(gate);
}

Test(gate_fifo, machine_makes_way_after_its_quanta_only_if_somebody_waits)
{
    struct gatekeeper *gate = gate_fifo_new(4);
    struct gate_entity entities[2] = {0};
    cr_expect(admit(gate, &entities[0], 4));
    for (unsigned i = 0; i < 3 * GATE_QUANTA; i++)
        cr_expect(may_stay(gate, &entities[0], 4));
    gate->ops->leave(gate, &entities[0]);
    cr_expect(admit(gate, &entities[0], 4));
    cr_expect(!admit(gate, &entities[1], 4));
    for (unsigned i = 1; i < GATE_QUANTA; i++)
        cr_expect(may_stay(gate, &entities[0], 4), "quantum %u", i);
    cr_expect(!may_stay(gate, &entities[0], 4));
    gate->ops->free(gate);
}

Test(gate_fifo, one_that_leaves_the_queue_is_skipped)
{
    for (unsigned gone = 1; gone < 4; gone++) {
        struct gatekeeper *gate = gate_fifo_new(1);
        struct gate_entity entities[4] = {0};
        for (unsigned i = 0; i < 4; i++)
            admit(gate, &entities[i], 1);
        gate->ops->leave(gate, &entities[gone]);
        cr_expect(!entities[gone].waiting && !entities[gone].next && !entities[gone].previous);
        for (unsigned i = 0; i < 4; i++) {
            if (i == gone)
                continue;
            cr_expect(entities[i].admitted, "%u without %u", i, gone);
            gate->ops->leave(gate, &entities[i]);
            gate->ops->next(gate);
        }
        gate->ops->free(gate);
    }
}

/* Machines that want to run for ever, and room for a few of them. In each round every admitted one has a quantum. */
enum { MACHINES = 50, ROOM = 7 };

static void quantum(struct gatekeeper *gate, struct gate_entity *entity, uint64_t frames)
{
    if (may_stay(gate, entity, frames))
        return;
    gate->ops->leave(gate, entity);
    admit(gate, entity, frames);
}

Test(gate_fifo, machines_that_run_for_ever_are_all_admitted_within_a_bound)
{
    enum { BOUND = (MACHINES / ROOM + 1) * (GATE_QUANTA + 1) };
    struct gatekeeper *gate = gate_fifo_new(10 * ROOM);
    static struct gate_entity entities[MACHINES];
    unsigned waited[MACHINES] = {0};
    for (unsigned i = 0; i < MACHINES; i++)
        admit(gate, &entities[i], 10);
    for (unsigned round = 0; round < 20 * BOUND; round++) {
        bool admitted[MACHINES];
        for (unsigned i = 0; i < MACHINES; i++)
            admitted[i] = entities[i].admitted;
        for (unsigned i = 0; i < MACHINES; i++) {
            if (admitted[i])
                quantum(gate, &entities[i], 10);
            waited[i] = admitted[i] ? 0 : waited[i] + 1;
            cr_assert_leq(waited[i], BOUND, "machine %u", i);
        }
        while (gate->ops->next(gate))
            continue;
    }
    gate->ops->free(gate);
}

/* Random use. */

struct arena {
    struct gatekeeper *gate;
    struct gate_entity entities[MACHINES];
    uint64_t arrival[MACHINES]; /* of those that wait */
    uint64_t arrivals;
};

static void check(const struct arena *arena, uint64_t frames)
{
    uint64_t granted = 0, admitted = 0;
    for (unsigned i = 0; i < MACHINES; i++) {
        const struct gate_entity *entity = &arena->entities[i];
        cr_assert(!(entity->admitted && entity->waiting));
        cr_assert(entity->admitted || entity->granted == 0);
        granted += entity->granted;
        admitted += entity->admitted;
    }
    cr_assert(granted <= frames || admitted == 1, "%llu granted to %llu", (unsigned long long)granted,
              (unsigned long long)admitted);
}

static void let_in(struct arena *arena)
{
    unsigned oldest = MACHINES;
    for (unsigned i = 0; i < MACHINES; i++)
        if (arena->entities[i].waiting && (oldest == MACHINES || arena->arrival[i] < arena->arrival[oldest]))
            oldest = i;
    const struct gate_entity *entity = arena->gate->ops->next(arena->gate);
    cr_assert(!entity || entity == &arena->entities[oldest], "not the first in the queue");
}

static void step(struct arena *arena)
{
    unsigned i = (unsigned)rand() % MACHINES;
    struct gate_entity *entity = &arena->entities[i];
    uint64_t frames = 1 + (uint64_t)(rand() % 40);

    if (entity->admitted && rand() % 3) {
        quantum(arena->gate, entity, frames);
        arena->arrival[i] = ++arena->arrivals;
    } else if (entity->admitted || (entity->waiting && rand() % 5 == 0)) {
        arena->gate->ops->leave(arena->gate, entity);
    } else if (!entity->waiting) {
        admit(arena->gate, entity, frames);
        arena->arrival[i] = ++arena->arrivals;
    }
}

Test(gate_fifo, random_use_keeps_the_order_and_never_grants_more_than_there_is)
{
    enum { FRAMES = 100 };
    static struct arena arena;
    arena = (struct arena){.gate = gate_fifo_new(FRAMES)};
    srand(11);
    for (unsigned i = 0; i < 100000; i++) {
        step(&arena);
        check(&arena, FRAMES);
        if (rand() % 2)
            let_in(&arena);
        check(&arena, FRAMES);
    }
    for (unsigned i = 0; i < MACHINES; i++)
        arena.gate->ops->leave(arena.gate, &arena.entities[i]);
    cr_expect(admit(arena.gate, &arena.entities[0], FRAMES) && !admit(arena.gate, &arena.entities[1], 1),
              "all was given back");
    arena.gate->ops->free(arena.gate);
}
