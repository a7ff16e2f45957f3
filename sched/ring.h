/* SPDX-License-Identifier: MIT
 *
 * Blocks in a doubly linked ring around a head, for policies that keep them in an order.
 */
#pragma once
#include <assert.h>

#include "replacement.h"

static inline void ring_init(struct resident *head)
{
    head->next = head->previous = head;
}

static inline void ring_insert_after(struct resident *place, struct resident *block)
{
    assert(!block->queued);
    block->previous = place;
    block->next = place->next;
    place->next->previous = block;
    place->next = block;
    block->queued = true;
}

static inline void ring_remove(struct resident *block)
{
    assert(block->queued);
    block->previous->next = block->next;
    block->next->previous = block->previous;
    block->next = block->previous = NULL;
    block->queued = false;
}
