/* SPDX-License-Identifier: MIT
 *
 * Swap in compressed memory.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../../emu/swap.h"

enum { BLOCK = 16384 };

static char error[128];

static void random_bytes(uint8_t bytes[BLOCK], unsigned seed)
{
    srand(seed);
    for (unsigned i = 0; i < BLOCK; i++)
        bytes[i] = (uint8_t)rand();
}

static bool put(struct swap_store *store, uint64_t block, const uint8_t bytes[BLOCK])
{
    return store->ops->write(store, block, bytes, error, sizeof(error));
}

static bool get(struct swap_store *store, uint64_t block, uint8_t bytes[BLOCK])
{
    return store->ops->read(store, block, bytes, error, sizeof(error));
}

static void expect(struct swap_store *store, uint64_t block, const uint8_t bytes[BLOCK])
{
    uint8_t got[BLOCK];
    cr_assert(get(store, block, got), "%s", error);
    cr_assert_eq(memcmp(got, bytes, BLOCK), 0, "block %u", (unsigned)block);
}

Test(swap_memory, blocks_come_back_as_they_were)
{
    struct swap_store *store = swap_memory_new(64 << 20, BLOCK);
    uint8_t bytes[BLOCK];
    cr_expect_eq(store->disks, 1);
    for (unsigned i = 0; i < 200; i++) {
        random_bytes(bytes, i);
        cr_assert(put(store, i * UINT64_C(0x123456789), bytes));
    }
    for (unsigned i = 0; i < 200; i++) {
        random_bytes(bytes, i);
        expect(store, i * UINT64_C(0x123456789), bytes);
    }
    store->ops->free(store);
}

Test(swap_memory, block_written_again_is_the_new_one)
{
    struct swap_store *store = swap_memory_new(1 << 20, BLOCK);
    uint8_t bytes[BLOCK];
    for (unsigned i = 0; i < 1000; i++) { /* and the old ones take no room */
        random_bytes(bytes, i);
        cr_assert(put(store, 5, bytes), "%s", error);
        expect(store, 5, bytes);
    }
    store->ops->free(store);
}

Test(swap_memory, block_never_written_is_an_error_that_names_it)
{
    struct swap_store *store = swap_memory_new(1 << 20, BLOCK);
    uint8_t bytes[BLOCK] = {0};
    cr_assert(put(store, 6, bytes));
    cr_expect(!get(store, 7, bytes));
    cr_expect_str_eq(error, "swap in memory: block 7: it was never written");
    store->ops->free(store);
}

Test(swap_memory, limit_is_kept_and_what_was_there_stays)
{
    struct swap_store *store = swap_memory_new(4 * BLOCK, BLOCK);
    uint8_t bytes[BLOCK];
    unsigned stored = 0;
    for (random_bytes(bytes, stored); put(store, stored, bytes); random_bytes(bytes, stored))
        cr_assert_leq(++stored, 4);
    cr_expect_eq(stored, 3, "random bytes cannot be made shorter, and each block has a head");
    cr_expect_str_eq(error, "swap in memory: block 3: no room left");
    for (unsigned i = 0; i < stored; i++) {
        random_bytes(bytes, i);
        expect(store, i, bytes);
    }
    store->ops->free(store);
}

Test(swap_memory, block_that_does_not_fit_leaves_its_predecessor)
{
    struct swap_store *store = swap_memory_new(BLOCK, BLOCK);
    uint8_t zeroes[BLOCK] = {0}, bytes[BLOCK];
    random_bytes(bytes, 1);
    cr_assert(put(store, 0, zeroes));
    cr_assert(!put(store, 0, bytes));
    expect(store, 0, zeroes);
    store->ops->free(store);
}

Test(swap_memory, zeroes_take_next_to_no_room)
{
    struct swap_store *store = swap_memory_new(1 << 20, BLOCK);
    uint8_t zeroes[BLOCK] = {0};
    for (unsigned i = 0; i < 1000; i++)
        cr_assert(put(store, i, zeroes), "%s", error);
    expect(store, 999, zeroes);
    store->ops->free(store);
}

Test(swap_memory, discard_gives_room_back)
{
    struct swap_store *store = swap_memory_new(4 * BLOCK, BLOCK);
    uint8_t bytes[BLOCK];
    random_bytes(bytes, 1);
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 10; i < 13; i++)
            cr_assert(put(store, i, bytes), "%s", error);
        cr_assert(!put(store, 13, bytes));
        store->ops->discard(store, 9, 3); /* block 9 was never written */
        cr_assert(put(store, 13, bytes) && put(store, 14, bytes));
        expect(store, 12, bytes);
        cr_assert(!get(store, 11, bytes));
        random_bytes(bytes, 1);
        store->ops->discard(store, 0, 100);
    }
    store->ops->free(store);
}
