/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "ring.h"

struct lru {
    struct replacement base;
    struct resident head; /* next is the block used longest ago */
};

static void lru_add(struct replacement *base, struct resident *block)
{
    struct lru *lru = (struct lru *)base;
    ring_insert_after(lru->head.previous, block);
}

static void lru_remove(struct replacement *base, struct resident *block)
{
    (void)base;
    ring_remove(block);
}

static void lru_touched(struct replacement *base, struct resident *block)
{
    lru_remove(base, block);
    lru_add(base, block);
}

static struct resident *lru_victim(struct replacement *base)
{
    struct lru *lru = (struct lru *)base;
    for (struct resident *block = lru->head.next; block != &lru->head; block = block->next)
        if (!base->host->pinned(base->host, block))
            return block;
    return NULL;
}

static void lru_free(struct replacement *base)
{
    free(base);
}

static const struct replacement_ops lru_ops = {
    .name = "lru",
    .watches = true,
    .add = lru_add,
    .remove = lru_remove,
    .touched = lru_touched,
    .victim = lru_victim,
    .free = lru_free,
};

struct replacement *lru_new(const struct replacement_host *host)
{
    struct lru *lru = calloc(1, sizeof(*lru));
    if (!lru)
        return NULL;
    lru->base = (struct replacement){.ops = &lru_ops, .host = host};
    ring_init(&lru->head);
    return &lru->base;
}
