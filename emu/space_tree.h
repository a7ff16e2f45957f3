/* SPDX-License-Identifier: MIT
 *
 * The radix tree of a space, for those who keep it: emu/space.c and emu/pager.c.
 *
 * A node has 16 children: nodes, or on level 0 frames. Whatever is reachable through a node with more than one
 * reference is shared and never changes. A leaf of a space with a pager also says which of its pages are swapped out,
 * and has an entry for each block of pages. A block is in or out: while one of its pages is swapped out, the space has
 * no frame of its own in it (frames that others share may be there).
 */
#pragma once
#include "space.h"

#define RADIX_BITS 4
#define RADIX      (1u << RADIX_BITS)

struct leaf_paging {
    uint16_t swapped; /* bit n: page n is in the space's region */
    struct resident blocks[];
};

struct space_node {
    uint32_t references;
    union {
        struct space_node *nodes[RADIX]; /* levels above 0 */
        struct frame *frames[RADIX];     /* level 0 */
    };
    struct leaf_paging *paging; /* level 0, of a space with a pager; owned; NULL: there was no need yet */
};

static inline uint32_t slot_of(uint32_t number, unsigned level)
{
    return number >> (level * RADIX_BITS) & (RADIX - 1);
}

/* The leaf of a page, NULL if there is none; *own tells whether the path to it and it itself are this space's alone. */
struct space_node *space_leaf(const struct space *, uint32_t number, bool *own);
