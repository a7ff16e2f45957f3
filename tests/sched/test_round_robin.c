/* SPDX-License-Identifier: MIT
 *
 * Round-robin: order, compensation, and how long anybody can wait at most.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "../../sched/scheduler.h"

static void entities_init(struct sched_entity *entities, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        entities[i] = (struct sched_entity){.id = i};
}

/* Whoever is queued is counted. */
static void add(struct scheduler *scheduler, struct sched_entity *entity, bool idled)
{
    uint32_t queued = scheduler->queued;
    entity->idled = idled;
    scheduler->ops->add(scheduler, entity);
    cr_assert_eq(scheduler->queued, queued + 1);
}

/* The id of the next one, -1 for none. */
static int next(struct scheduler *scheduler)
{
    uint32_t queued = scheduler->queued;
    struct sched_entity *entity = scheduler->ops->next(scheduler);
    cr_assert_eq(scheduler->queued, entity ? queued - 1 : 0);
    if (!entity)
        return -1;
    cr_assert(!entity->queued && !entity->next && !entity->previous, "%u is still linked", entity->id);
    return (int)entity->id;
}

static void expect_order(struct scheduler *scheduler, size_t count, const int *ids)
{
    for (size_t i = 0; i < count; i++) {
        int id = next(scheduler);
        cr_expect_eq(id, ids[i], "place %zu: %d, not %d", i, id, ids[i]);
    }
    cr_expect_eq(next(scheduler), -1);
    scheduler->ops->free(scheduler);
}

Test(round_robin, empty_gives_none)
{
    expect_order(round_robin_new(), 0, NULL);
}

Test(round_robin, order_is_that_of_becoming_ready)
{
    struct scheduler *scheduler = round_robin_new();
    struct sched_entity entities[4];
    entities_init(entities, 4);
    for (unsigned i = 0; i < 3; i++)
        add(scheduler, &entities[2 - i], false);
    cr_expect(entities[0].queued);
    cr_expect_eq(next(scheduler), 2);
    add(scheduler, &entities[3], false);
    add(scheduler, &entities[2], false);
    expect_order(scheduler, 4, (int[]){1, 0, 3, 2});
}

Test(round_robin, one_that_idled_goes_before_those_that_did_not)
{
    struct scheduler *scheduler = round_robin_new();
    struct sched_entity entities[4];
    entities_init(entities, 4);
    add(scheduler, &entities[0], false);
    add(scheduler, &entities[1], false);
    add(scheduler, &entities[2], true);
    add(scheduler, &entities[3], true);
    expect_order(scheduler, 4, (int[]){2, 3, 0, 1});
}

Test(round_robin, compensation_is_used_up_by_running)
{
    struct scheduler *scheduler = round_robin_new();
    struct sched_entity entities[2];
    entities_init(entities, 2);
    add(scheduler, &entities[0], true);
    cr_expect_eq(next(scheduler), 0);
    cr_expect(!entities[0].idled);
    add(scheduler, &entities[1], false);
    scheduler->ops->add(scheduler, &entities[0]);
    expect_order(scheduler, 2, (int[]){1, 0});
}

Test(round_robin, after_the_limit_of_compensated_ones_another_goes)
{
    enum { C = ROUND_ROBIN_COMPENSATED, COUNT = 2 * C + 3 };
    struct scheduler *scheduler = round_robin_new();
    struct sched_entity entities[COUNT];
    int order[COUNT];
    entities_init(entities, COUNT);
    add(scheduler, &entities[0], false);
    add(scheduler, &entities[1], false);
    for (unsigned i = 2; i < COUNT; i++)
        add(scheduler, &entities[i], true);
    size_t place = 0;
    for (int i = 2; i < 2 + C; i++)
        order[place++] = i;
    order[place++] = 0;
    for (int i = 2 + C; i < 2 + 2 * C; i++)
        order[place++] = i;
    order[place++] = 1;
    order[place++] = 2 + 2 * C;
    expect_order(scheduler, place, order);
}

Test(round_robin, limit_reached_while_nobody_waited_lets_the_next_comer_through_at_once)
{
    enum { COUNT = 3 * ROUND_ROBIN_COMPENSATED };
    struct scheduler *scheduler = round_robin_new();
    struct sched_entity entities[COUNT + 1];
    entities_init(entities, COUNT + 1);
    for (unsigned i = 0; i < COUNT; i++)
        add(scheduler, &entities[i], true);
    for (int i = 0; i < COUNT - 1; i++)
        cr_expect_eq(next(scheduler), i);
    add(scheduler, &entities[COUNT], false);
    expect_order(scheduler, 2, (int[]){COUNT, COUNT - 1});
}

Test(round_robin, added_first_goes_before_all_even_at_the_limit)
{
    enum { C = ROUND_ROBIN_COMPENSATED };
    struct scheduler *scheduler = round_robin_new();
    struct sched_entity entities[C + 4];
    entities_init(entities, C + 4);
    for (unsigned i = 0; i <= C; i++)
        add(scheduler, &entities[i], true);
    for (int i = 0; i < C; i++)
        cr_expect_eq(next(scheduler), i);
    add(scheduler, &entities[C + 1], false);
    scheduler->ops->add_first(scheduler, &entities[C + 2]);
    scheduler->ops->add_first(scheduler, &entities[C + 3]);
    expect_order(scheduler, 4, (int[]){C + 3, C + 2, C + 1, C});
}

Test(round_robin, removed_from_anywhere_is_skipped)
{
    for (unsigned removed = 0; removed < 9; removed++) {
        struct scheduler *scheduler = round_robin_new();
        struct sched_entity entities[9];
        entities_init(entities, 9);
        for (unsigned i = 0; i < 3; i++) {
            scheduler->ops->add_first(scheduler, &entities[2 - i]);
            add(scheduler, &entities[3 + i], true);
            add(scheduler, &entities[6 + i], false);
        }
        scheduler->ops->remove(scheduler, &entities[removed]);
        cr_expect(!entities[removed].queued && !entities[removed].next && !entities[removed].previous);
        int order[8];
        for (int i = 0, id = 0; id < 9; id++) {
            if (id != (int)removed)
                order[i++] = id;
        }
        expect_order(scheduler, 8, order);
    }
}

Test(round_robin, removed_only_one_leaves_it_empty_and_can_come_back)
{
    struct scheduler *scheduler = round_robin_new();
    struct sched_entity entity = {.id = 5};
    add(scheduler, &entity, true);
    scheduler->ops->remove(scheduler, &entity);
    cr_expect_eq(next(scheduler), -1);
    cr_expect(entity.idled, "still to be compensated");
    scheduler->ops->add(scheduler, &entity);
    expect_order(scheduler, 1, (int[]){5});
}

/* The bounds that round_robin.c states, for machines that come, go and idle at random. */
enum { MACHINES = 40 };

struct waiting {
    struct sched_entity entity;
    unsigned bound; /* quanta it may still wait */
};

struct arena {
    struct scheduler *scheduler;
    struct waiting machines[MACHINES];
    unsigned ready[2]; /* queued, by `idled` */
};

static void arena_add(struct arena *arena, struct waiting *machine, bool idled)
{
    unsigned before = arena->ready[idled]++;
    machine->bound =
        idled ? before + before / ROUND_ROBIN_COMPENSATED + 1 : ROUND_ROBIN_COMPENSATED * (before + 1) + before;
    add(arena->scheduler, &machine->entity, idled);
}

static void arena_quantum(struct arena *arena)
{
    bool idled[MACHINES];
    for (unsigned i = 0; i < MACHINES; i++)
        idled[i] = arena->machines[i].entity.idled;
    int id = next(arena->scheduler);
    cr_assert_eq(id < 0, arena->ready[0] + arena->ready[1] == 0, "work-conserving");
    if (id < 0)
        return;
    arena->ready[idled[id]]--;
    for (unsigned i = 0; i < MACHINES; i++) {
        struct waiting *machine = &arena->machines[i];
        cr_assert(!machine->entity.queued || machine->bound-- > 0, "machine %u waits too long", i);
    }
}

Test(round_robin, random_use_nobody_waits_longer_than_the_bound)
{
    struct arena arena = {.scheduler = round_robin_new()};
    srand(2);
    for (unsigned i = 0; i < MACHINES; i++)
        arena.machines[i].entity.id = i;
    for (unsigned round = 0; round < 100000; round++) {
        int idlers = (int)(round / 10000) * 10; /* of 100 that become ready: from none to nearly all */
        for (unsigned i = (unsigned)rand() % 4; i > 0; i--) {
            struct waiting *machine = &arena.machines[rand() % MACHINES];
            if (!machine->entity.queued)
                arena_add(&arena, machine, rand() % 100 < idlers);
            else if (rand() % 8 == 0) {
                arena.ready[machine->entity.idled]--;
                arena.scheduler->ops->remove(arena.scheduler, &machine->entity);
            }
        }
        arena_quantum(&arena);
    }
    arena.scheduler->ops->free(arena.scheduler);
}

Test(round_robin, always_compensated_crowd_does_not_starve_one_that_computes)
{
    struct scheduler *scheduler = round_robin_new();
    struct sched_entity entities[21];
    entities_init(entities, 21);
    for (unsigned i = 0; i < 21; i++)
        add(scheduler, &entities[i], i != 0);
    unsigned quanta = 0;
    for (unsigned i = 0; i < 9000; i++) {
        int id = next(scheduler);
        quanta += id == 0;
        add(scheduler, &entities[id], id != 0);
    }
    cr_expect_eq(quanta, 9000 / (ROUND_ROBIN_COMPENSATED + 1));
    scheduler->ops->free(scheduler);
}
