/* SPDX-License-Identifier: MIT
 *
 * A store for swap, in memory, that writes down what is asked of it and fails on demand.
 */
#pragma once
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../emu/swap.h"

#define FAKE_STORE_BLOCKS 65536

struct fake_store {
    struct swap_store base;
    uint8_t *blocks[FAKE_STORE_BLOCKS]; /* owned; NULL: not written */
    unsigned reads, writes, stored;
    unsigned fail_writes, fail_reads; /* so many of the next ones fail */
    bool freed;
};

static inline bool fake_store_write(struct swap_store *base, uint64_t block, const void *bytes, char *error,
                                    size_t error_size)
{
    struct fake_store *store = (struct fake_store *)base;
    cr_assert_lt(block, FAKE_STORE_BLOCKS);
    store->writes++;
    if (store->fail_writes > 0) {
        store->fail_writes--;
        snprintf(error, error_size, "block %u cannot be written", (unsigned)block);
        return false;
    }
    if (!store->blocks[block]) {
        store->blocks[block] = malloc(base->block_bytes);
        store->stored++;
    }
    memcpy(store->blocks[block], bytes, base->block_bytes);
    return true;
}

static inline bool fake_store_read(struct swap_store *base, uint64_t block, void *bytes, char *error, size_t error_size)
{
    struct fake_store *store = (struct fake_store *)base;
    cr_assert(block < FAKE_STORE_BLOCKS && store->blocks[block], "block %u was never written", (unsigned)block);
    store->reads++;
    memcpy(bytes, store->blocks[block], base->block_bytes);
    if (store->fail_reads == 0)
        return true;
    store->fail_reads--;
    memset(bytes, 0xA5, base->block_bytes);
    snprintf(error, error_size, "block %u cannot be read", (unsigned)block);
    return false;
}

static inline void fake_store_discard(struct swap_store *base, uint64_t first, uint64_t count)
{
    struct fake_store *store = (struct fake_store *)base;
    for (uint64_t block = first; block < first + count; block++) {
        store->stored -= store->blocks[block] != NULL;
        free(store->blocks[block]);
        store->blocks[block] = NULL;
    }
}

static inline void fake_store_free(struct swap_store *base)
{
    struct fake_store *store = (struct fake_store *)base;
    for (unsigned i = 0; i < FAKE_STORE_BLOCKS; i++)
        free(store->blocks[i]);
    memset(store->blocks, 0, sizeof(store->blocks));
    store->freed = true;
}

/* The store is the caller's; freeing it leaves what it has written down. */
static inline struct swap_store *fake_store_init(struct fake_store *store, uint32_t block_bytes, uint32_t disks)
{
    static const struct swap_store_ops ops = {
        .write = fake_store_write, .read = fake_store_read, .discard = fake_store_discard, .free = fake_store_free};
    *store = (struct fake_store){.base = {.ops = &ops, .block_bytes = block_bytes, .disks = disks}};
    return &store->base;
}
