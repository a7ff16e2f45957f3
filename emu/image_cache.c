/* SPDX-License-Identifier: MIT */
#include "image_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../devices/container_of.h"

#define NAME_OF_OWN "self"

/* An image of the cache, loaded for another memory size. */
struct image_variant {
    struct image_variant *next, *previous;
    struct image image;
    uint32_t users; /* machines */
};

void image_cache_init(struct image_cache *cache, struct frame_pool *frames, struct image *own)
{
    *cache = (struct image_cache){.frames = frames, .own = own};
}

void image_cache_drop(struct image_cache *cache)
{
    for (struct image_variant *variant; (variant = cache->variants);) {
        cache->variants = variant->next;
        image_drop(&variant->image);
        free(variant);
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

static struct image *find_variant(const struct image_cache *cache, const struct image *original, uint32_t memory_size)
{
    for (struct image_variant *variant = cache->variants; variant; variant = variant->next)
        if (variant->image.original == original && variant->image.space.memory.size == memory_size) {
            variant->users++;
            return &variant->image;
        }
    return NULL;
}

static struct image *load_variant(struct image_cache *cache, const struct image *original, uint32_t memory_size,
                                  int32_t *error)
{
    char ignored[1];
    struct image_variant *variant = calloc(1, sizeof(*variant));

    *error = -DENALI_ENOMEM;
    if (!variant)
        return NULL;
    if (!image_load_variant(&variant->image, original, cache->frames, memory_size, ignored, sizeof(ignored))) {
        if (memory_size < original->end)
            *error = -DENALI_ENOEXEC;
        free(variant);
        return NULL;
    }
    variant->users = 1;
    variant->next = cache->variants;
    if (variant->next)
        variant->next->previous = variant;
    cache->variants = variant;
    return &variant->image;
}

struct image *image_cache_get(struct image_cache *cache, uint32_t number, uint32_t memory_size, int32_t *error)
{
    if (number > cache->named_count) {
        *error = -DENALI_ENOENT;
        return NULL;
    }
    struct image *original = number == DENALI_IMAGE_OWN ? cache->own : &cache->named[number - 1].image;
    if (original->space.memory.size == memory_size)
        return original;
    struct image *variant = find_variant(cache, original, memory_size);
    return variant ? variant : load_variant(cache, original, memory_size, error);
}

void image_cache_put(struct image_cache *cache, struct image *image)
{
    if (!image->original)
        return;
    struct image_variant *variant = container_of(image, struct image_variant, image);
    if (--variant->users > 0)
        return;
    if (variant->next)
        variant->next->previous = variant->previous;
    if (variant->previous)
        variant->previous->next = variant->next;
    else
        cache->variants = variant->next;
    image_drop(image);
    free(variant);
}
