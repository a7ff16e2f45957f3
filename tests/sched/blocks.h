/* SPDX-License-Identifier: MIT
 *
 * Blocks for the tests of replacement policies: a host whose pins are a flag of each block.
 */
#pragma once
#include <criterion/criterion.h>
#include <stdlib.h>

#include "../../devices/container_of.h"
#include "../../sched/replacement.h"

struct block {
    struct resident resident;
    bool pinned;
    uint64_t quantum; /* of its last use */
};

static inline bool block_pinned(const struct replacement_host *host, const struct resident *resident)
{
    (void)host;
    return container_of_const(resident, struct block, resident)->pinned;
}

static inline void block_forget(const struct replacement_host *host, struct resident *resident)
{
    (void)host;
    resident->epoch = resident->owner->epoch - 1;
}

static const struct replacement_host blocks_host = {.pinned = block_pinned, .forget = block_forget};

static inline void block_add(struct replacement *policy, struct resident_owner *owner, struct block *block)
{
    block->resident = (struct resident){.owner = owner, .epoch = owner->epoch};
    policy->ops->add(policy, &block->resident);
    owner->blocks++;
}

static inline void block_remove(struct replacement *policy, struct block *block)
{
    block->resident.owner->blocks--;
    policy->ops->remove(policy, &block->resident);
}

static inline void block_use(struct replacement *policy, struct block *block)
{
    if (resident_is_used(&block->resident))
        return;
    block->resident.epoch = block->resident.owner->epoch;
    if (policy->ops->touched)
        policy->ops->touched(policy, &block->resident);
}

/* NULL: none. */
static inline struct block *block_victim(struct replacement *policy)
{
    struct resident *victim = policy->ops->victim(policy);
    return victim ? container_of(victim, struct block, resident) : NULL;
}
