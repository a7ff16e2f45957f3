/* SPDX-License-Identifier: MIT */
#include "../../devices/host/faulty.h"

#include <criterion/criterion.h>

#include "fakes.h"

struct below {
    struct disk_backend backend;
    uint64_t operations;
    bool freed;
};

static int below_read(struct disk_backend *backend, uint32_t block, void *to)
{
    (void)block, (void)to;
    container_of(backend, struct below, backend)->operations++;
    return 0;
}

static int below_write(struct disk_backend *backend, uint32_t block, const void *from)
{
    return below_read(backend, block, (void *)(uintptr_t)from);
}

static int below_flush(struct disk_backend *backend)
{
    return below_read(backend, 0, NULL);
}

static void below_free(struct disk_backend *backend)
{
    container_of(backend, struct below, backend)->freed = true;
}

static const struct disk_backend_ops below_ops = {
    .read = below_read, .write = below_write, .flush = below_flush, .free = below_free};

/* Which of 64 operations fail, as bits; of each kind in turn. */
static uint64_t failures(uint32_t rate, uint64_t seed)
{
    struct below below = {.backend = {&below_ops, 8, true}};
    uint64_t injected = 0, bits = 0;
    struct disk_backend *disk = faulty_new(&below.backend, rate, seed, &injected);
    cr_assert(disk && disk->blocks == 8 && disk->read_only);
    for (int i = 0; i < 64; i++) {
        int result = i % 3 == 0   ? disk->ops->read(disk, 1, NULL)
                     : i % 3 == 1 ? disk->ops->write(disk, 1, NULL)
                                  : disk->ops->flush(disk);
        cr_assert(result == 0 || result == -DENALI_EIO);
        bits |= (uint64_t)(result != 0) << i;
    }
    cr_assert_eq(injected, (uint64_t)__builtin_popcountll(bits));
    cr_assert_eq(below.operations + injected, 64, "what fails does nothing");
    disk->ops->free(disk);
    cr_assert(below.freed);
    return bits;
}

Test(faulty, rate_is_how_many_fail)
{
    cr_assert_eq(failures(0, 1), 0);
    cr_assert_eq(failures(FAULTY_RATE_ALL, 1), UINT64_MAX);
    int half = __builtin_popcountll(failures(FAULTY_RATE_ALL / 2, 1));
    cr_assert(half > 16 && half < 48);
}

Test(faulty, seed_is_which_ones)
{
    cr_assert_eq(failures(300000, 5), failures(300000, 5));
    cr_assert_neq(failures(300000, 5), failures(300000, 6));
}

Test(faulty, state_shows_how_far_it_is)
{
    struct below below = {.backend = {&below_ops, 8, false}};
    struct fake_visitor before = FAKE_VISITOR, after = FAKE_VISITOR;
    uint64_t injected = 0;
    struct disk_backend *disk = faulty_new(&below.backend, 1, 1, &injected);
    disk->ops->state(disk, &before.visitor);
    disk->ops->flush(disk);
    disk->ops->state(disk, &after.visitor);
    cr_assert_str_neq(before.text, after.text);
    disk->ops->free(disk);
}
