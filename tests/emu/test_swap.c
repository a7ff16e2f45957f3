/* SPDX-License-Identifier: MIT
 *
 * Regions of swap: they never overlap, are used again, and lie striped over the disks.
 */
#include "fake_store.h"

enum { BLOCK = 4096 };

static char error[128];

static struct swap *swap_over(struct fake_store *store, uint32_t disks)
{
    struct swap *swap = swap_new(fake_store_init(store, BLOCK, disks));
    cr_assert_not_null(swap);
    return swap;
}

Test(swap, no_store_makes_no_swap)
{
    cr_expect_null(swap_new(NULL));
}

Test(swap, store_is_freed_with_it)
{
    static struct fake_store store;
    struct swap *swap = swap_over(&store, 3);
    cr_expect_eq(swap_block_bytes(swap), BLOCK);
    cr_expect_eq(swap_disks(swap), 3);
    swap_free(swap);
    cr_expect(store.freed);
}

Test(swap, region_takes_no_room_until_it_is_written)
{
    static struct fake_store store;
    struct swap *swap = swap_over(&store, 1);
    struct swap_region region;
    uint8_t bytes[BLOCK] = {1, 2, 3};
    cr_assert(swap_allocate(swap, 1000, &region));
    cr_expect_eq(store.stored, 0);
    cr_assert(swap_write(swap, &region, 999, bytes, error, sizeof(error)));
    cr_expect_eq(store.stored, 1);
    swap_release(swap, &region);
    cr_expect_eq(store.stored, 0);
    cr_expect_eq(region.blocks, 0);
    swap_release(swap, &region);
    swap_free(swap);
}

Test(swap, region_given_back_serves_the_next_of_its_size)
{
    static struct fake_store store;
    struct swap *swap = swap_over(&store, 1);
    struct swap_region regions[3];
    for (unsigned i = 0; i < 3; i++)
        cr_assert(swap_allocate(swap, 5, &regions[i]));
    uint64_t first = regions[1].first;
    swap_release(swap, &regions[1]);
    cr_assert(swap_allocate(swap, 4, &regions[1]));
    cr_expect_neq(regions[1].first, first, "four blocks are another size than five");
    struct swap_region again;
    cr_assert(swap_allocate(swap, 8, &again));
    cr_expect_eq(again.first, first);
    swap_free(swap);
}

Test(swap, neighbouring_blocks_lie_on_neighbouring_disks)
{
    static struct fake_store store;
    struct swap *swap = swap_over(&store, 3);
    struct swap_region regions[2];
    for (unsigned r = 0; r < 2; r++) {
        cr_assert(swap_allocate(swap, 7, &regions[r]));
        for (uint32_t i = 1; i < 7; i++)
            cr_expect_eq(swap_disk(swap, &regions[r], i), (swap_disk(swap, &regions[r], i - 1) + 1) % 3);
    }
    swap_free(swap);
}

Test(swap, failures_of_the_store_are_told_on)
{
    static struct fake_store store;
    struct swap *swap = swap_over(&store, 1);
    struct swap_region region;
    uint8_t bytes[BLOCK] = {0};
    cr_assert(swap_allocate(swap, 2, &region));
    store.fail_writes = 1;
    cr_expect(!swap_write(swap, &region, 1, bytes, error, sizeof(error)));
    cr_expect_str_eq(error, "block 1 cannot be written");
    cr_expect(swap_write(swap, &region, 1, bytes, error, sizeof(error)));
    store.fail_reads = 1;
    cr_expect(!swap_read(swap, &region, 1, bytes, error, sizeof(error)));
    cr_expect_str_eq(error, "block 1 cannot be read");
    swap_free(swap);
}

/* The model: which region has each block. */
enum { REGIONS = 60, LARGEST = 70 };

struct model {
    struct fake_store store;
    struct swap *swap;
    struct swap_region regions[REGIONS];
    unsigned owner[FAKE_STORE_BLOCKS]; /* the region's index plus 1 */
};

static void model_mark(struct model *model, unsigned r, unsigned before, unsigned after)
{
    const struct swap_region *region = &model->regions[r];
    for (uint64_t block = region->first; block < region->first + region->blocks; block++) {
        cr_assert_eq(model->owner[block], before, "block %u of region %u is also of %u", (unsigned)block, r,
                     model->owner[block]);
        model->owner[block] = after;
    }
}

static void model_change(struct model *model, unsigned r)
{
    struct swap_region *region = &model->regions[r];
    if (region->blocks > 0) {
        model_mark(model, r, r + 1, 0);
        swap_release(model->swap, region);
        return;
    }
    uint32_t blocks = 1 + (uint32_t)rand() % LARGEST;
    cr_assert(swap_allocate(model->swap, blocks, region));
    cr_assert_eq(region->blocks, blocks);
    model_mark(model, r, 0, r + 1);
}

Test(swap, random_use_regions_never_overlap_and_room_is_used_again)
{
    static struct model model;
    srand(13);
    model.swap = swap_over(&model.store, 4);
    for (unsigned i = 0; i < 100000; i++)
        model_change(&model, (unsigned)rand() % REGIONS);
    uint64_t end = 0;
    for (unsigned i = 0; i < REGIONS; i++)
        if (model.regions[i].first + model.regions[i].blocks > end)
            end = model.regions[i].first + model.regions[i].blocks;
    cr_expect_leq(end, 8 * REGIONS * 128, "room for all of them in each of the eight sizes");
    swap_free(model.swap);
}
