/* SPDX-License-Identifier: MIT
 *
 * WSClock: who is spared and who goes, and that a machine's blocks stay side by side.
 */
#include "blocks.h"

enum { WINDOW = 1000 };

Test(wsclock, empty_has_no_victim)
{
    struct replacement *policy = wsclock_new(&blocks_host, WINDOW);
    cr_expect_null(block_victim(policy));
    policy->ops->free(policy);
}

Test(wsclock, used_block_of_an_active_machine_is_spared_for_one_outside_its_working_set)
{
    struct replacement *policy = wsclock_new(&blocks_host, WINDOW);
    struct resident_owner owner = {.epoch = 1, .active = true};
    struct block blocks[3] = {0};
    for (unsigned i = 0; i < 3; i++)
        block_add(policy, &owner, &blocks[i]);
    for (unsigned i = 0; i < 3; i++)
        block_forget(&blocks_host, &blocks[i].resident);
    owner.time = WINDOW + 1;
    block_use(policy, &blocks[0]);
    block_use(policy, &blocks[2]);
    cr_expect_eq(block_victim(policy), &blocks[1]);
    policy->ops->free(policy);
}

Test(wsclock, block_within_the_window_stays_and_one_past_it_goes)
{
    struct replacement *policy = wsclock_new(&blocks_host, WINDOW);
    struct resident_owner owners[2] = {{.epoch = 1, .active = true}, {.epoch = 1, .active = true}};
    struct block blocks[2] = {0};
    for (unsigned i = 0; i < 2; i++) {
        block_add(policy, &owners[i], &blocks[i]);
        block_forget(&blocks_host, &blocks[i].resident);
    }
    owners[0].time = WINDOW;
    owners[1].time = WINDOW + 1;
    cr_expect_eq(block_victim(policy), &blocks[1]);
    policy->ops->free(policy);
}

Test(wsclock, block_of_an_idle_machine_goes_before_a_working_set)
{
    struct replacement *policy = wsclock_new(&blocks_host, WINDOW);
    struct resident_owner working = {.epoch = 1, .active = true}, idle = {.epoch = 1};
    struct block blocks[2] = {0};
    block_add(policy, &working, &blocks[0]);
    block_add(policy, &idle, &blocks[1]);
    cr_expect_eq(block_victim(policy), &blocks[1], "even if it was used just now");
    policy->ops->free(policy);
}

Test(wsclock, all_within_their_working_sets_the_first_under_the_hand_goes_and_then_the_next)
{
    struct replacement *policy = wsclock_new(&blocks_host, WINDOW);
    struct resident_owner owners[3] = {0};
    struct block blocks[3] = {0};
    for (unsigned i = 0; i < 3; i++) {
        owners[i] = (struct resident_owner){.epoch = 1, .active = true};
        block_add(policy, &owners[i], &blocks[i]);
    }
    for (unsigned i = 0; i < 7; i++) {
        cr_expect_eq(block_victim(policy), &blocks[i % 3], "turn %u", i);
        for (unsigned j = 0; j < 3; j++)
            block_use(policy, &blocks[j]);
    }
    policy->ops->free(policy);
}

Test(wsclock, pinned_block_never_goes)
{
    struct replacement *policy = wsclock_new(&blocks_host, WINDOW);
    struct resident_owner idle = {.epoch = 1};
    struct block blocks[4] = {{.pinned = true}, {.pinned = true}, {.pinned = false}, {.pinned = true}};
    for (unsigned i = 0; i < 4; i++)
        block_add(policy, &idle, &blocks[i]);
    for (unsigned i = 0; i < 10; i++)
        cr_expect_eq(block_victim(policy), &blocks[2]);
    blocks[2].pinned = true;
    cr_expect_null(block_victim(policy));
    policy->ops->free(policy);
}

Test(wsclock, removing_the_block_under_the_hand_moves_it_on)
{
    struct replacement *policy = wsclock_new(&blocks_host, WINDOW);
    struct resident_owner idle = {.epoch = 1};
    struct block blocks[4] = {0};
    for (unsigned i = 0; i < 4; i++) {
        block_add(policy, &idle, &blocks[i]);
        block_forget(&blocks_host, &blocks[i].resident);
    }
    struct block *first = block_victim(policy);
    struct block *under_hand = container_of(first->resident.next, struct block, resident);
    block_remove(policy, under_hand);
    struct block *second = block_victim(policy);
    cr_expect(second && second != under_hand && second != first);
    policy->ops->free(policy);
}

/* Machines that ran and idled, and return with their blocks used, keep them while one that stays idle loses its. */
Test(wsclock, machine_that_returns_keeps_what_it_uses)
{
    struct replacement *policy = wsclock_new(&blocks_host, WINDOW);
    struct resident_owner returning = {.epoch = 1}, idle = {.epoch = 1};
    struct block blocks[20] = {0};
    for (unsigned i = 0; i < 20; i++)
        block_add(policy, i % 2 ? &idle : &returning, &blocks[i]);
    for (unsigned gone = 0; gone < 10; gone++) {
        replacement_set_active(policy, &returning, true);
        for (unsigned i = 0; i < 20; i += 2)
            block_use(policy, &blocks[i]);
        struct block *victim = block_victim(policy);
        cr_assert_eq(victim->resident.owner, &idle, "victim %u", gone);
        block_remove(policy, victim);
    }
    policy->ops->free(policy);
}

/* Random use. */

enum { OWNERS = 6, BLOCKS = 30 }; /* few: machines often have none */

struct arena {
    struct replacement *policy;
    struct resident_owner owners[OWNERS];
    struct block blocks[BLOCKS];
    bool in[BLOCKS];
    unsigned count;
};

/* How often the owner changes from one block to the next: from `start` round the ring and its head. */
static void expect_clusters(const struct arena *arena)
{
    unsigned starts[OWNERS] = {0};
    for (unsigned i = 0; i < BLOCKS; i++) {
        const struct resident *block = &arena->blocks[i].resident;
        if (arena->in[i] && block->previous->owner != block->owner)
            starts[block->owner - arena->owners]++;
    }
    for (unsigned i = 0; i < OWNERS; i++)
        cr_assert_eq(starts[i], arena->owners[i].blocks > 0, "the blocks of %u lie in %u places", i, starts[i]);
}

static bool may_be_spared(const struct block *block)
{
    const struct resident *resident = &block->resident;
    return resident->owner->active && (resident_is_used(resident) || resident->owner->time - resident->used <= WINDOW);
}

static void arena_take_victim(struct arena *arena)
{
    bool pinned = true, spared = true;
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (arena->in[i] && !arena->blocks[i].pinned) {
            pinned = false;
            spared = spared && may_be_spared(&arena->blocks[i]);
        }
    }
    struct block *victim = block_victim(arena->policy);
    cr_assert_eq(!victim, pinned, "there is a victim unless all are pinned");
    if (!victim)
        return;
    cr_assert(!victim->pinned);
    cr_assert(spared || !may_be_spared(victim), "a working set was broken while others had more than theirs");
    block_remove(arena->policy, victim);
    arena->in[victim - arena->blocks] = false;
}

static void arena_step(struct arena *arena)
{
    unsigned i = (unsigned)rand() % BLOCKS;
    struct block *block = &arena->blocks[i];

    if (!arena->in[i])
        block_add(arena->policy, &arena->owners[i % OWNERS], block);
    else if (rand() % 2)
        block_remove(arena->policy, block);
    else
        block_use(arena->policy, block);
    arena->in[i] = block->resident.queued;
    block->pinned = rand() % 10 == 0;
    struct resident_owner *owner = &arena->owners[rand() % OWNERS];
    owner->time += (uint64_t)rand() % WINDOW;
    replacement_set_active(arena->policy, owner, rand() % 3);
}

Test(wsclock, random_use_victims_are_outside_working_sets_and_clusters_stay_whole)
{
    static struct arena arena;
    arena = (struct arena){.policy = wsclock_new(&blocks_host, WINDOW)};
    srand(7);
    for (unsigned i = 0; i < OWNERS; i++)
        arena.owners[i].epoch = 1;
    for (unsigned i = 0; i < 30000; i++) {
        arena_step(&arena);
        if (rand() % 3 == 0)
            arena_take_victim(&arena);
        expect_clusters(&arena);
    }
    arena.policy->ops->free(arena.policy);
}
