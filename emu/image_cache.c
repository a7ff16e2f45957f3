/* SPDX-License-Identifier: MIT */
#include "image_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_OF_OWN "self"

#define DISK_BYTES                                                                                                     \
    ((uint64_t)256 << 20) /* images on disks in use at a time, as files: what a guest can make us keep                 \
                           */

struct cached_image {
    struct cached_image *next, *previous;
    struct image image;
    uint32_t users;                /* machines, and images loaded again */
    struct cached_image *original; /* it uses that one; NULL: it uses none that may go */
    uint32_t disk, block;          /* where it was read; valid if image.original is NULL */
};

void image_cache_init(struct image_cache *cache, struct frame_pool *frames, struct disks *disks, struct image *own)
{
    *cache = (struct image_cache){.frames = frames, .disks = disks, .own = own};
}

/* Those that were loaded again are in front of what they were loaded from. */
void image_cache_drop(struct image_cache *cache)
{
    for (struct cached_image *cached; (cached = cache->cached);) {
        cache->cached = cached->next;
        image_drop(&cached->image);
        free(cached);
    }
    for (uint32_t i = 0; i < cache->named_count; i++) {
        image_drop(&cache->named[i].image);
        free(cache->named[i].name);
    }
    free(cache->named);
    *cache = (struct image_cache){0};
}

static bool is_taken(const struct image_cache *cache, const char *name)
{
    for (uint32_t i = 0; i <= cache->named_count; i++)
        if (strcmp(image_cache_name(cache, i), name) == 0)
            return true;
    return false;
}

bool image_cache_add(struct image_cache *cache, const char *name, const char *path, uint32_t memory_size, char *error,
                     size_t error_size)
{
    if (is_taken(cache, name)) {
        snprintf(error, error_size, "there are two images of the name '%s'", name);
        return false;
    }
    struct named_image *named = realloc(cache->named, (cache->named_count + 1) * sizeof(*named));
    char *copy = strdup(name);
    if (named)
        cache->named = named;
    if (!named || !copy) {
        free(copy);
        snprintf(error, error_size, "out of host memory");
        return false;
    }
    named += cache->named_count;
    named->name = copy;
    if (image_load(&named->image, path, cache->frames, memory_size, error, error_size)) {
        cache->named_count++;
        return true;
    }
    free(copy);
    return false;
}

const char *image_cache_name(const struct image_cache *cache, uint32_t number)
{
    if (number == DENALI_IMAGE_OWN)
        return NAME_OF_OWN;
    return number <= cache->named_count ? cache->named[number - 1].name : NULL;
}

/* Loaded later. */

static struct cached_image *add_first(struct image_cache *cache, struct cached_image *cached)
{
    cached->users = 1;
    cached->next = cache->cached;
    if (cached->next)
        cached->next->previous = cached;
    cache->cached = cached;
    return cached;
}

/* It could not be loaded. */
static struct cached_image *discard(struct cached_image *cached, int32_t *error)
{
    *error = cached->image.end ? -DENALI_ENOMEM : -DENALI_ENOEXEC;
    free(cached);
    return NULL;
}

static struct cached_image *find_variant(const struct image_cache *cache, const struct image *original,
                                         uint32_t memory_size)
{
    for (struct cached_image *cached = cache->cached; cached; cached = cached->next)
        if (cached->image.original == original && cached->image.space.memory.size == memory_size)
            return cached;
    return NULL;
}

static struct cached_image *find_on_disk(const struct image_cache *cache, const struct image_place *place)
{
    for (struct cached_image *cached = cache->cached; cached; cached = cached->next)
        if (!cached->image.original && cached->disk == place->disk && cached->block == place->block)
            return cached;
    return NULL;
}

static struct cached_image *load_variant(struct image_cache *cache, const struct image *original, uint32_t memory_size,
                                         int32_t *error)
{
    char ignored[1];
    struct cached_image *cached = calloc(1, sizeof(*cached));

    *error = -DENALI_ENOMEM;
    if (!cached)
        return NULL;
    if (image_load_variant(&cached->image, original, cache->frames, memory_size, ignored, sizeof(ignored)))
        return add_first(cache, cached);
    return discard(cached, error);
}

/* It is held by what it returns. */
static struct cached_image *again(struct image_cache *cache, const struct image *original, struct cached_image *holds,
                                  uint32_t memory_size, int32_t *error)
{
    struct cached_image *variant = find_variant(cache, original, memory_size);

    if (variant) {
        variant->users++;
        return variant;
    }
    variant = load_variant(cache, original, memory_size, error);
    if (variant && holds) {
        variant->original = holds;
        holds->users++;
    }
    return variant;
}

static struct cached_image *load_from_disk(struct image_cache *cache, const struct image_place *place,
                                           uint32_t memory_size, int32_t *error)
{
    char ignored[1];
    uint8_t *bytes;
    size_t size;

    *error = cache->disks ? disks_read_image(cache->disks, place->disk, place->block, &bytes, &size) : -DENALI_ENODEV;
    if (*error)
        return NULL;
    struct cached_image *cached = cache->disk_bytes + size <= DISK_BYTES ? calloc(1, sizeof(*cached)) : NULL;
    *error = -DENALI_ENOMEM;
    bool loaded = cached && image_load_bytes(&cached->image, "disk", bytes, size, cache->frames, memory_size, ignored,
                                             sizeof(ignored));
    free(bytes);
    if (!loaded)
        return cached ? discard(cached, error) : NULL;
    cached->disk = place->disk;
    cached->block = place->block;
    cache->disk_bytes += cached->image.file_size;
    return add_first(cache, cached);
}

static struct cached_image *from_disk(struct image_cache *cache, const struct image_place *place, uint32_t memory_size,
                                      int32_t *error)
{
    struct cached_image *cached = find_on_disk(cache, place);

    if (!cached)
        return load_from_disk(cache, place, memory_size, error);
    if (cached->image.space.memory.size != memory_size)
        return again(cache, &cached->image, cached, memory_size, error);
    cached->users++;
    return cached;
}

struct image *image_cache_get(struct image_cache *cache, const struct image_place *place, uint32_t memory_size,
                              struct cached_image **use, int32_t *error)
{
    *use = NULL;
    if (place->number == DENALI_IMAGE_DISK) {
        *use = from_disk(cache, place, memory_size, error);
        return *use ? &(*use)->image : NULL;
    }
    if (place->number > cache->named_count) {
        *error = -DENALI_ENOENT;
        return NULL;
    }
    struct image *original = place->number == DENALI_IMAGE_OWN ? cache->own : &cache->named[place->number - 1].image;
    if (original->space.memory.size == memory_size)
        return original;
    *use = again(cache, original, NULL, memory_size, error);
    return *use ? &(*use)->image : NULL;
}

static void drop_cached(struct image_cache *cache, struct cached_image *cached)
{
    if (cached->next)
        cached->next->previous = cached->previous;
    *(cached->previous ? &cached->previous->next : &cache->cached) = cached->next;
    cache->disk_bytes -= cached->image.original ? 0 : cached->image.file_size;
    image_drop(&cached->image);
    free(cached);
}

void image_cache_put(struct image_cache *cache, struct cached_image *use)
{
    while (use && --use->users == 0) {
        struct cached_image *original = use->original;
        drop_cached(cache, use);
        use = original;
    }
}
