/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../emu/image_cache.h"
#include "tiny_image.h"

enum { MEMORY = 64 << 10, FRAMES = 8 };

struct bench {
    struct frame_pool *pool;
    struct image own;
    struct clock clock;
    struct disks disks;
    struct image_cache cache;
    char path[32], disk_path[32], error[256];
};

static void make_file(char *path, const void *bytes, size_t size, off_t at)
{
    int descriptor = mkstemp(path);
    cr_assert(descriptor >= 0 && pwrite(descriptor, bytes, size, at) == (ssize_t)size);
    close(descriptor);
}

/* One disk of three blocks, with the image in the last. */
static void make_disk(struct bench *b, const void *image, size_t size)
{
    struct denali_config config;
    make_file(b->disk_path, image, size, 2 * DENALI_DISK_BLOCK);
    cr_assert_eq(truncate(b->disk_path, 3 * DENALI_DISK_BLOCK), 0);
    denali_config_init(&config);
    config.disk_count = 1;
    config.disks[0] = (struct denali_disk){.file = b->disk_path, .read_only = true};
    cr_assert(disks_init(&b->disks, &config, b->pool, &b->clock, b->error, sizeof(b->error)), "%s", b->error);
}

static void bench_init(struct bench *b)
{
    static const uint8_t program[] = {0x0F, 0x3F, 0x01};
    uint8_t file[256];
    size_t size = tiny_image(file, sizeof(file), program, sizeof(program));

    *b = (struct bench){
        .pool = frame_pool_new(FRAMES), .path = "/tmp/denali-test-XXXXXX", .disk_path = "/tmp/denali-test-XXXXXX"};
    cr_assert(image_load_bytes(&b->own, "own", file, size, b->pool, MEMORY, b->error, sizeof(b->error)));
    make_file(b->path, file, size, 0);
    make_disk(b, file, size);
    image_cache_init(&b->cache, b->pool, &b->disks, &b->own);
}

static void bench_drop(struct bench *b)
{
    image_cache_drop(&b->cache);
    disks_drop(&b->disks);
    image_drop(&b->own);
    frame_pool_free(b->pool);
    unlink(b->path);
    unlink(b->disk_path);
}

static bool add(struct bench *b, const char *name, const char *path)
{
    return image_cache_add(&b->cache, name, path, MEMORY, b->error, sizeof(b->error));
}

/* What holds it goes to *use. */
static struct image *get_place(struct bench *b, struct image_place place, uint32_t memory, struct cached_image **use)
{
    int32_t error = 0;
    struct image *image = image_cache_get(&b->cache, &place, memory, use, &error);
    cr_assert(image, "%d", error);
    return image;
}

static struct image *get(struct bench *b, uint32_t number, uint32_t memory)
{
    struct cached_image *use;
    return get_place(b, (struct image_place){.number = number}, memory, &use);
}

static int32_t get_place_error(struct bench *b, struct image_place place, uint32_t memory)
{
    struct cached_image *use;
    int32_t error = 0;
    cr_assert_null(image_cache_get(&b->cache, &place, memory, &use, &error));
    cr_assert_null(use);
    return error;
}

static int32_t get_error(struct bench *b, uint32_t number, uint32_t memory)
{
    return get_place_error(b, (struct image_place){.number = number}, memory);
}

Test(image_cache, images_have_names_and_numbers_in_order)
{
    struct bench b;
    bench_init(&b);
    cr_assert(add(&b, "one", b.path) && add(&b, "two", b.path), "%s", b.error);
    cr_expect_str_eq(image_cache_name(&b.cache, 0), "self");
    cr_expect_str_eq(image_cache_name(&b.cache, 1), "one");
    cr_expect_str_eq(image_cache_name(&b.cache, 2), "two");
    cr_expect_null(image_cache_name(&b.cache, 3));
    cr_expect_eq(get(&b, 0, MEMORY), &b.own);
    cr_expect_neq(get(&b, 1, MEMORY), get(&b, 2, MEMORY));
    cr_expect_eq(get_error(&b, 3, MEMORY), -DENALI_ENOENT);
    bench_drop(&b);
}

Test(image_cache, name_taken_and_file_absent_are_refused)
{
    struct bench b;
    bench_init(&b);
    cr_assert(add(&b, "one", b.path));
    cr_expect(!add(&b, "one", b.path));
    cr_expect(strstr(b.error, "'one'"), "%s", b.error);
    cr_expect(!add(&b, "self", b.path));
    cr_expect(!add(&b, "two", "/nowhere.elf"));
    cr_expect(strstr(b.error, "/nowhere.elf"), "%s", b.error);
    cr_expect_null(image_cache_name(&b.cache, 2));
    bench_drop(&b);
}

Test(image_cache, other_memory_size_is_loaded_once_and_only_while_in_use)
{
    struct bench b;
    struct cached_image *uses[4];
    const struct image_place own = {.number = 0};
    bench_init(&b);
    uint64_t frames = frame_pool_used(b.pool);
    struct image *small = get_place(&b, own, MEMORY / 2, &uses[0]);
    get_place(&b, own, MEMORY * 2, &uses[1]);
    cr_expect_eq(small->space.memory.size, MEMORY / 2);
    cr_expect(small->entry == b.own.entry && small->end == b.own.end);
    cr_expect_eq(get_place(&b, own, MEMORY / 2, &uses[2]), small);
    cr_expect_eq(get_place(&b, own, MEMORY, &uses[3]), &b.own);
    cr_expect_eq(frame_pool_used(b.pool), frames + 2);
    image_cache_put(&b.cache, uses[0]);
    image_cache_put(&b.cache, uses[1]);
    cr_expect_eq(frame_pool_used(b.pool), frames + 1);
    image_cache_put(&b.cache, uses[2]);
    image_cache_put(&b.cache, uses[3]);
    cr_expect_eq(frame_pool_used(b.pool), frames);
    get(&b, 0, MEMORY * 4);
    bench_drop(&b);
}

Test(image_cache, images_go_in_any_order)
{
    struct bench b;
    struct cached_image *uses[4];
    bench_init(&b);
    for (uint32_t i = 0; i < 4; i++)
        get_place(&b, (struct image_place){.number = 0}, MEMORY * (i + 2), &uses[i]);
    for (uint32_t i = 0; i < 4; i++)
        image_cache_put(&b.cache, uses[(i * 3 + 1) % 4]);
    cr_expect_null(b.cache.cached);
    bench_drop(&b);
}

Test(image_cache, image_on_a_disk_is_read_once_for_each_place_and_size)
{
    struct bench b;
    struct cached_image *uses[4];
    const struct image_place place = {.number = DENALI_IMAGE_DISK, .disk = 0, .block = 2};
    bench_init(&b);
    uint64_t frames = frame_pool_used(b.pool);
    struct image *image = get_place(&b, place, MEMORY, &uses[0]);
    cr_expect_eq(image->entry, b.own.entry);
    cr_expect_eq(get_place(&b, place, MEMORY, &uses[1]), image);
    cr_expect_neq(get_place(&b, place, MEMORY / 2, &uses[2]), image);
    cr_expect_eq(frame_pool_used(b.pool), frames + 2);
    image_cache_put(&b.cache, uses[0]);
    image_cache_put(&b.cache, uses[1]);
    cr_expect_eq(frame_pool_used(b.pool), frames + 2, "the smaller one needs its file");
    cr_expect_eq(get_place(&b, place, MEMORY, &uses[3]), image);
    image_cache_put(&b.cache, uses[2]);
    image_cache_put(&b.cache, uses[3]);
    cr_expect_eq(frame_pool_used(b.pool), frames);
    cr_expect_eq(b.cache.disk_bytes, 0);
    get_place(&b, place, MEMORY, &uses[0]);
    get_place(&b, place, MEMORY * 2, &uses[0]);
    bench_drop(&b);
}

Test(image_cache, disk_without_an_image_is_told)
{
    struct bench b;
    bench_init(&b);
    const struct image_place no_image = {.number = DENALI_IMAGE_DISK, .block = 0},
                             no_block = {.number = DENALI_IMAGE_DISK, .block = 3},
                             no_disk = {.number = DENALI_IMAGE_DISK, .disk = 1};
    cr_expect_eq(get_place_error(&b, no_image, MEMORY), -DENALI_ENOEXEC);
    cr_expect_eq(get_place_error(&b, no_block, MEMORY), -DENALI_EINVAL);
    cr_expect_eq(get_place_error(&b, no_disk, MEMORY), -DENALI_ENODEV);
    b.cache.disks = NULL;
    cr_expect_eq(get_place_error(&b, no_image, MEMORY), -DENALI_ENODEV);
    bench_drop(&b);
}

Test(image_cache, images_on_disks_take_host_memory_within_a_limit)
{
    struct bench b;
    bench_init(&b);
    b.cache.disk_bytes = 256 << 20;
    cr_expect_eq(get_place_error(&b, (struct image_place){.number = DENALI_IMAGE_DISK, .block = 2}, MEMORY),
                 -DENALI_ENOMEM);
    b.cache.disk_bytes = 0;
    bench_drop(&b);
}

Test(image_cache, memory_too_small_or_exhausted_is_told)
{
    struct bench b;
    bench_init(&b);
    cr_expect_eq(get_error(&b, 0, PAGE_SIZE), -DENALI_ENOEXEC);
    uint32_t size = MEMORY;
    while (frame_pool_used(b.pool) < FRAMES)
        get(&b, 0, size += PAGE_SIZE);
    cr_expect_eq(get_error(&b, 0, size + PAGE_SIZE), -DENALI_ENOMEM);
    cr_expect_eq(get_error(&b, 0, size + PAGE_SIZE), -DENALI_ENOMEM);
    bench_drop(&b);
}
