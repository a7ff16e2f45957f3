/* SPDX-License-Identifier: MIT
 *
 * The lottery: repeatable, fair, and whoever is removed never wins.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "../../sched/scheduler.h"

enum { MACHINES = 20 };

struct arena {
    struct scheduler *scheduler;
    struct sched_entity entities[MACHINES];
};

static struct arena *arena_new(uint64_t seed)
{
    struct arena *arena = calloc(1, sizeof(*arena));
    arena->scheduler = lottery_new(seed);
    cr_assert(arena->scheduler->ops->reserve(arena->scheduler, MACHINES));
    for (unsigned i = 0; i < MACHINES; i++)
        arena->entities[i].id = i;
    return arena;
}

static void arena_free(struct arena *arena)
{
    arena->scheduler->ops->free(arena->scheduler);
    free(arena);
}

static void add(struct arena *arena, unsigned id, bool idled)
{
    arena->entities[id].idled = idled;
    arena->scheduler->ops->add(arena->scheduler, &arena->entities[id]);
}

/* The id of the next one, -1 for none. */
static int next(struct arena *arena)
{
    uint32_t queued = arena->scheduler->queued;
    struct sched_entity *entity = arena->scheduler->ops->next(arena->scheduler);
    cr_assert_eq(arena->scheduler->queued, entity ? queued - 1 : 0);
    cr_assert(!entity || (!entity->queued && !entity->idled && !entity->next));
    return entity ? (int)entity->id : -1;
}

Test(lottery, empty_gives_none)
{
    struct arena *arena = arena_new(0);
    cr_expect_eq(next(arena), -1);
    arena_free(arena);
}

Test(lottery, each_added_one_is_drawn_once)
{
    struct arena *arena = arena_new(1);
    bool drawn[MACHINES] = {false};
    for (unsigned i = 0; i < MACHINES; i++)
        add(arena, i, i % 2);
    for (unsigned i = 0; i < MACHINES; i++) {
        int id = next(arena);
        cr_assert(id >= 0 && !drawn[id]);
        drawn[id] = true;
    }
    cr_expect_eq(next(arena), -1);
    arena_free(arena);
}

static void draw(uint64_t seed, int ids[], unsigned count)
{
    struct arena *arena = arena_new(seed);
    for (unsigned i = 0; i < MACHINES; i++)
        add(arena, i, false);
    for (unsigned i = 0; i < count; i++) {
        ids[i] = next(arena);
        add(arena, (unsigned)ids[i], i % 3 == 0);
    }
    arena_free(arena);
}

Test(lottery, same_seed_draws_the_same_and_another_does_not)
{
    enum { COUNT = 200 };
    int one[COUNT], again[COUNT], other[COUNT];
    draw(42, one, COUNT);
    draw(42, again, COUNT);
    draw(43, other, COUNT);
    cr_expect_arr_eq(one, again, sizeof(one));
    cr_expect_arr_neq(one, other, sizeof(one));
}

/* Machines 0 to 4 idle each time; the others want more. */
Test(lottery, shares_are_near_the_tickets)
{
    enum { DRAWS = 400000, IDLERS = 5, TICKETS = IDLERS * LOTTERY_COMPENSATION + MACHINES - IDLERS };
    struct arena *arena = arena_new(3);
    unsigned wins[MACHINES] = {0};
    for (unsigned i = 0; i < MACHINES; i++)
        add(arena, i, i < IDLERS);
    for (unsigned i = 0; i < DRAWS; i++) {
        int id = next(arena);
        wins[id]++;
        add(arena, (unsigned)id, id < IDLERS);
    }
    for (unsigned i = 0; i < MACHINES; i++) {
        double expected = (double)DRAWS / TICKETS * (i < IDLERS ? LOTTERY_COMPENSATION : 1);
        cr_expect(wins[i] > expected * 0.95 && wins[i] < expected * 1.05, "%u: %u, not %.0f", i, wins[i], expected);
    }
    arena_free(arena);
}

Test(lottery, added_first_goes_before_all_and_the_last_such_first)
{
    struct arena *arena = arena_new(4);
    for (unsigned i = 0; i < 5; i++)
        add(arena, i, false);
    arena->scheduler->ops->add_first(arena->scheduler, &arena->entities[7]);
    arena->scheduler->ops->add_first(arena->scheduler, &arena->entities[8]);
    arena->scheduler->ops->add_first(arena->scheduler, &arena->entities[9]);
    arena->scheduler->ops->remove(arena->scheduler, &arena->entities[8]);
    cr_expect_eq(next(arena), 9);
    cr_expect_eq(next(arena), 7);
    cr_expect(next(arena) < 5);
    arena_free(arena);
}

Test(lottery, removed_from_anywhere_never_wins_and_can_come_back)
{
    for (unsigned removed = 0; removed < 9; removed++) {
        struct arena *arena = arena_new(removed);
        for (unsigned i = 0; i < 3; i++) {
            arena->scheduler->ops->add_first(arena->scheduler, &arena->entities[2 - i]);
            add(arena, 3 + i, true);
            add(arena, 6 + i, false);
        }
        arena->scheduler->ops->remove(arena->scheduler, &arena->entities[removed]);
        cr_expect(!arena->entities[removed].queued);
        for (unsigned i = 0; i < 8; i++)
            cr_expect_neq(next(arena), (int)removed);
        cr_expect_eq(next(arena), -1);
        add(arena, removed, false);
        cr_expect_eq(next(arena), (int)removed);
        arena_free(arena);
    }
}

Test(lottery, random_use_draws_only_from_those_that_are_ready)
{
    struct arena *arena = arena_new(6);
    unsigned ready = 0;
    srand(6);
    for (unsigned i = 0; i < 100000; i++) {
        struct sched_entity *entity = &arena->entities[rand() % MACHINES];
        if (!entity->queued && rand() % 10 == 0) {
            arena->scheduler->ops->add_first(arena->scheduler, entity);
            ready++;
        } else if (!entity->queued) {
            add(arena, entity->id, rand() % 2);
            ready++;
        } else if (rand() % 2) {
            arena->scheduler->ops->remove(arena->scheduler, entity);
            ready--;
        } else {
            cr_assert_geq(next(arena), 0);
            ready--;
        }
        unsigned queued = 0;
        for (unsigned j = 0; j < MACHINES; j++)
            queued += arena->entities[j].queued;
        cr_assert_eq(queued, ready);
    }
    arena_free(arena);
}

Test(lottery, room_given_back_can_be_taken_again)
{
    struct arena *arena = arena_new(8);
    for (unsigned i = 0; i < 1000; i++) {
        cr_assert(arena->scheduler->ops->reserve(arena->scheduler, 3));
        arena->scheduler->ops->release(arena->scheduler, 3);
    }
    for (unsigned i = 0; i < MACHINES; i++)
        add(arena, i, false);
    cr_expect_geq(next(arena), 0);
    arena_free(arena);
}
