/* SPDX-License-Identifier: MIT */
#include "../../devices/host/overlay.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../../devices/container_of.h"

enum { BLOCKS = 5000 };

/* Its blocks are full of the low byte of their number; writing it is a mistake. */
struct below {
    struct disk_backend backend;
    bool freed;
};

struct bench {
    struct overlay_memory memory;
    struct below below;
    uint32_t taken, limit;
};

static int below_read(struct disk_backend *backend, uint32_t block, void *to)
{
    (void)backend;
    memset(to, (int)(block & 0xFF), DISK_BLOCK);
    return block == 13 ? -DENALI_EIO : 0;
}

static int below_write(struct disk_backend *backend, uint32_t block, const void *from)
{
    (void)backend, (void)block, (void)from;
    cr_assert_fail("the disk below was written");
    return 0;
}

static void below_free(struct disk_backend *backend)
{
    container_of(backend, struct below, backend)->freed = true;
}

static const struct disk_backend_ops below_ops = {.read = below_read, .write = below_write, .free = below_free};

static void *memory_take(struct overlay_memory *memory, uint8_t **bytes)
{
    struct bench *b = container_of(memory, struct bench, memory);
    if (b->taken == b->limit)
        return NULL;
    b->taken++;
    return *bytes = malloc(DISK_BLOCK);
}

static void memory_give(struct overlay_memory *memory, void *handle)
{
    container_of(memory, struct bench, memory)->taken--;
    free(handle);
}

static struct disk_backend *bench_init(struct bench *b, uint32_t limit)
{
    *b = (struct bench){
        .memory = {memory_take, memory_give}, .below.backend = {&below_ops, BLOCKS, true}, .limit = limit};
    struct disk_backend *overlay = overlay_new(&b->below.backend, &b->memory);
    cr_assert(overlay && overlay->blocks == BLOCKS && !overlay->read_only);
    return overlay;
}

static void bench_drop(struct bench *b, struct disk_backend *overlay)
{
    overlay->ops->free(overlay);
    cr_assert(b->taken == 0 && b->below.freed);
}

static int first_byte(struct disk_backend *disk, uint32_t block)
{
    uint8_t bytes[DISK_BLOCK];
    int result = disk->ops->read(disk, block, bytes);
    cr_assert_eq(bytes[0], bytes[DISK_BLOCK - 1]);
    return result ? result : bytes[0];
}

static int fill(struct disk_backend *disk, uint32_t block, uint8_t byte)
{
    uint8_t bytes[DISK_BLOCK];
    memset(bytes, byte, sizeof(bytes));
    return disk->ops->write(disk, block, bytes);
}

Test(overlay, written_blocks_are_kept_and_others_are_those_below)
{
    struct bench b;
    struct disk_backend *overlay = bench_init(&b, UINT32_MAX);
    for (uint32_t i = 0; i < BLOCKS; i += 3)
        cr_assert_eq(fill(overlay, i, (uint8_t)(i * 7 + 1)), 0);
    for (uint32_t i = 0; i < BLOCKS; i++)
        if (i != 13)
            cr_assert_eq(first_byte(overlay, i), i % 3 ? (uint8_t)i : (uint8_t)(i * 7 + 1), "block %u", i);
    cr_assert_eq(first_byte(overlay, 13), -DENALI_EIO);
    cr_assert_eq(overlay->ops->flush(overlay), 0);
    bench_drop(&b, overlay);
}

Test(overlay, block_written_again_takes_no_more_memory)
{
    struct bench b;
    struct disk_backend *overlay = bench_init(&b, 1);
    cr_assert_eq(fill(overlay, BLOCKS - 1, 1), 0);
    cr_assert_eq(fill(overlay, BLOCKS - 1, 2), 0);
    cr_assert_eq(first_byte(overlay, BLOCKS - 1), 2);
    cr_assert_eq(b.taken, 1);
    bench_drop(&b, overlay);
}

Test(overlay, want_of_memory_is_no_room_and_changes_nothing)
{
    struct bench b;
    struct disk_backend *overlay = bench_init(&b, 2);
    cr_assert_eq(fill(overlay, 1, 9), 0);
    cr_assert_eq(fill(overlay, 2, 9), 0);
    cr_assert_eq(fill(overlay, 3, 9), -DENALI_ENOSPC);
    cr_assert_eq(first_byte(overlay, 3), 3);
    cr_assert_eq(first_byte(overlay, 2), 9);
    bench_drop(&b, overlay);
}
