/* SPDX-License-Identifier: MIT
 *
 * The images a supervisor can make machines of, by number: the one it booted itself, then those that were given names.
 * Each was read when the simulation was made. For machines of another memory size it is loaded again, once for each
 * size, as long as there are such machines; all of them share its pages.
 */
#pragma once
#include "image.h"

struct named_image {
    char *name; /* owned */
    struct image image;
};

struct image_variant; /* private to image_cache.c */

struct image_cache {
    struct frame_pool *frames; /* borrowed */
    struct image *own;         /* number 0; borrowed */
    struct named_image *named; /* numbers from 1 up; owned */
    uint32_t named_count;
    struct image_variant *variants; /* loaded for other memory sizes and in use */
};

void image_cache_init(struct image_cache *, struct frame_pool *, struct image *own);
/* No machine uses any of its images any more. */
void image_cache_drop(struct image_cache *);
/* Loads a file under a name, for machines of that memory size. False: why is in `error`. */
bool image_cache_add(struct image_cache *, const char *name, const char *path, uint32_t memory_size, char *error,
                     size_t error_size);
/* NULL: there is no such number. */
const char *image_cache_name(const struct image_cache *, uint32_t number);
/* The image for one machine of that memory size, to be given back by image_cache_put() when the machine is gone. NULL:
 * *error is minus a DENALI_E*. */
struct image *image_cache_get(struct image_cache *, uint32_t number, uint32_t memory_size, int32_t *error);
/* An image that did not come from image_cache_get() is left alone. */
void image_cache_put(struct image_cache *, struct image *);
