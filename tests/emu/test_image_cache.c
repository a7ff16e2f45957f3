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
    struct image_cache cache;
    char path[32], error[256];
};

static void bench_init(struct bench *b)
{
    static const uint8_t program[] = {0x0F, 0x3F, 0x01};
    uint8_t file[256];
    size_t size = tiny_image(file, sizeof(file), program, sizeof(program));

    *b = (struct bench){.pool = frame_pool_new(FRAMES), .path = "/tmp/denali-test-XXXXXX"};
    cr_assert(image_load_bytes(&b->own, "own", file, size, b->pool, MEMORY, b->error, sizeof(b->error)));
    int descriptor = mkstemp(b->path);
    cr_assert(descriptor >= 0 && write(descriptor, file, size) == (ssize_t)size);
    close(descriptor);
    image_cache_init(&b->cache, b->pool, &b->own);
}

static void bench_drop(struct bench *b)
{
    image_cache_drop(&b->cache);
    image_drop(&b->own);
    frame_pool_free(b->pool);
    unlink(b->path);
}

static bool add(struct bench *b, const char *name, const char *path)
{
    return image_cache_add(&b->cache, name, path, MEMORY, b->error, sizeof(b->error));
}

static struct image *get(struct bench *b, uint32_t number, uint32_t memory)
{
    int32_t error = 0;
    struct image *image = image_cache_get(&b->cache, number, memory, &error);
    cr_assert(image, "%d", error);
    return image;
}

static int32_t get_error(struct bench *b, uint32_t number, uint32_t memory)
{
    int32_t error = 0;
    cr_assert_null(image_cache_get(&b->cache, number, memory, &error));
    return error;
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
    cr_expect_eq(get_error(&b, DENALI_IMAGE_DISK, MEMORY), -DENALI_ENOENT);
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
    bench_init(&b);
    uint64_t frames = frame_pool_used(b.pool);
    struct image *small = get(&b, 0, MEMORY / 2), *large = get(&b, 0, MEMORY * 2);
    cr_expect_eq(small->space.memory.size, MEMORY / 2);
    cr_expect_eq(small->entry, b.own.entry);
    cr_expect_eq(get(&b, 0, MEMORY / 2), small);
    cr_expect_eq(frame_pool_used(b.pool), frames + 2);
    image_cache_put(&b.cache, small);
    image_cache_put(&b.cache, large);
    cr_expect_eq(frame_pool_used(b.pool), frames + 1);
    image_cache_put(&b.cache, small);
    image_cache_put(&b.cache, &b.own);
    cr_expect_eq(frame_pool_used(b.pool), frames);
    get(&b, 0, MEMORY * 4);
    bench_drop(&b);
}

Test(image_cache, variants_go_in_any_order)
{
    struct bench b;
    struct image *images[4];
    bench_init(&b);
    for (uint32_t i = 0; i < 4; i++)
        images[i] = get(&b, 0, MEMORY * (i + 2));
    for (uint32_t i = 0; i < 4; i++)
        image_cache_put(&b.cache, images[(i * 3 + 1) % 4]);
    cr_expect_null(b.cache.variants);
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
