/* SPDX-License-Identifier: MIT
 *
 * Regions are a power of two of blocks, since room costs nothing until it is written: one that is given back serves the
 * next of its size, and taking and giving one takes the same short time however many there are.
 */
#include "swap.h"

#include <assert.h>
#include <stdlib.h>

#define SIZES 33

struct vacancies {
    uint64_t *first; /* of regions given back; owned */
    size_t count, capacity;
};

struct swap {
    struct swap_store *store; /* owned */
    struct vacancies vacant[SIZES];
    size_t given[SIZES]; /* regions in use */
    uint64_t end;        /* no region has reached this block yet */
};

struct swap *swap_new(struct swap_store *store)
{
    struct swap *swap = store ? calloc(1, sizeof(*swap)) : NULL;
    if (swap)
        swap->store = store;
    else if (store)
        store->ops->free(store);
    return swap;
}

void swap_free(struct swap *swap)
{
    for (unsigned i = 0; i < SIZES; i++)
        free(swap->vacant[i].first);
    swap->store->ops->free(swap->store);
    free(swap);
}

uint32_t swap_block_bytes(const struct swap *swap)
{
    return swap->store->block_bytes;
}

static unsigned size_of(uint32_t blocks)
{
    unsigned size = 0;
    while ((uint64_t)1 << size < blocks)
        size++;
    return size;
}

/* Giving a region back never needs memory: its place is reserved when it is taken. */
static bool vacancies_reserve(struct swap *swap, unsigned size)
{
    struct vacancies *vacant = &swap->vacant[size];
    size_t needed = vacant->count + swap->given[size] + 1;

    if (needed <= vacant->capacity)
        return true;
    size_t capacity = needed * 2;
    uint64_t *first = realloc(vacant->first, capacity * sizeof(*first));
    if (!first)
        return false;
    vacant->first = first;
    vacant->capacity = capacity;
    return true;
}

bool swap_allocate(struct swap *swap, uint32_t blocks, struct swap_region *region)
{
    unsigned size = size_of(blocks);
    struct vacancies *vacant = &swap->vacant[size];

    assert(blocks > 0);
    if (!vacancies_reserve(swap, size))
        return false;
    region->blocks = blocks;
    if (vacant->count > 0) {
        region->first = vacant->first[--vacant->count];
    } else {
        region->first = swap->end;
        swap->end += (uint64_t)1 << size;
    }
    swap->given[size]++;
    return true;
}

void swap_release(struct swap *swap, struct swap_region *region)
{
    if (region->blocks == 0)
        return;
    unsigned size = size_of(region->blocks);
    struct vacancies *vacant = &swap->vacant[size];
    swap->store->ops->discard(swap->store, region->first, region->blocks);
    vacant->first[vacant->count++] = region->first;
    swap->given[size]--;
    *region = (struct swap_region){0};
}

bool swap_write(struct swap *swap, const struct swap_region *region, uint32_t index, const void *bytes, char *error,
                size_t error_size)
{
    assert(index < region->blocks);
    return swap->store->ops->write(swap->store, region->first + index, bytes, error, error_size);
}

bool swap_read(struct swap *swap, const struct swap_region *region, uint32_t index, void *bytes, char *error,
               size_t error_size)
{
    assert(index < region->blocks);
    return swap->store->ops->read(swap->store, region->first + index, bytes, error, error_size);
}

uint32_t swap_disk(const struct swap *swap, const struct swap_region *region, uint32_t index)
{
    return (uint32_t)((region->first + index) % swap->store->disks);
}

uint32_t swap_disks(const struct swap *swap)
{
    return swap->store->disks;
}
