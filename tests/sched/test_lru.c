/* SPDX-License-Identifier: MIT
 *
 * LRU: the order is exactly that of the last quantum of use.
 */
#include "blocks.h"

Test(lru, empty_has_no_victim)
{
    struct replacement *policy = lru_new(&blocks_host);
    cr_expect_null(block_victim(policy));
    cr_expect(policy->ops->watches, "else it is not told of uses");
    policy->ops->free(policy);
}

Test(lru, victims_come_in_the_order_of_last_use)
{
    struct replacement *policy = lru_new(&blocks_host);
    struct resident_owner owner = {.epoch = 1};
    struct block blocks[3] = {0};
    for (unsigned i = 0; i < 3; i++)
        block_add(policy, &owner, &blocks[i]);
    owner.epoch++;
    block_use(policy, &blocks[0]);
    for (unsigned i = 0; i < 3; i++) {
        struct block *victim = block_victim(policy);
        cr_expect_eq(victim, &blocks[(i + 1) % 3], "victim %u", i);
        block_remove(policy, victim);
    }
    policy->ops->free(policy);
}

Test(lru, pinned_block_is_passed_over)
{
    struct replacement *policy = lru_new(&blocks_host);
    struct resident_owner owner = {.epoch = 1};
    struct block blocks[2] = {{.pinned = true}, {.pinned = false}};
    for (unsigned i = 0; i < 2; i++)
        block_add(policy, &owner, &blocks[i]);
    cr_expect_eq(block_victim(policy), &blocks[1]);
    blocks[1].pinned = true;
    cr_expect_null(block_victim(policy));
    blocks[0].pinned = false;
    cr_expect_eq(block_victim(policy), &blocks[0]);
    policy->ops->free(policy);
}

/* The model: each block knows the quantum of its last use; within a quantum only one machine runs. */
enum { OWNERS = 5, BLOCKS = 60 };

static void expect_oldest(struct replacement *policy, struct block *blocks)
{
    struct block *victim = block_victim(policy);
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (blocks[i].resident.queued && !blocks[i].pinned) {
            cr_assert_not_null(victim);
            cr_assert_leq(victim->quantum, blocks[i].quantum, "block %u was used longer ago", i);
        }
    }
    cr_assert(!victim || !victim->pinned);
    if (victim && rand() % 2)
        block_remove(policy, victim);
}

Test(lru, random_use_nobody_goes_before_one_whose_last_quantum_is_longer_ago)
{
    struct replacement *policy = lru_new(&blocks_host);
    struct resident_owner owners[OWNERS] = {0};
    static struct block blocks[BLOCKS];
    srand(5);
    for (uint64_t quantum = 1; quantum < 20000; quantum++) {
        unsigned running = (unsigned)rand() % OWNERS;
        owners[running].epoch++;
        for (unsigned uses = 0; uses < 6; uses++) {
            struct block *block = &blocks[(unsigned)rand() % (BLOCKS / OWNERS) * OWNERS + running];
            if (!block->resident.queued)
                block_add(policy, &owners[running], block);
            block_use(policy, block);
            block->quantum = quantum;
            block->pinned = rand() % 10 == 0;
        }
        expect_oldest(policy, blocks);
    }
    policy->ops->free(policy);
}
