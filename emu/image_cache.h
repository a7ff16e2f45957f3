/* SPDX-License-Identifier: MIT
 *
 * The images a supervisor can make machines of. Some have numbers: the one it booted itself, then those that were given
 * names; they were read when the simulation was made. Others lie on disks and are read for the first machine made of
 * them. For machines of another memory size an image is loaded again, once for each size. Whatever is loaded later is
 * kept as long as machines use it, and all of them share its pages.
 */
#pragma once
#include "disks.h"
#include "image.h"

struct named_image {
    char *name; /* owned */
    struct image image;
};

struct cached_image; /* private to image_cache.c */

struct image_cache {
    struct frame_pool *frames; /* borrowed */
    struct disks *disks;       /* borrowed; NULL: there are none */
    struct image *own;         /* number 0; borrowed */
    struct named_image *named; /* numbers from 1 up; owned */
    uint32_t named_count;
    struct cached_image *cached; /* those in use that are none of these */
    uint64_t disk_bytes;         /* of host memory for what was read of disks */
};

/* Where an image is. */
struct image_place {
    uint32_t number;      /* or DENALI_IMAGE_DISK */
    uint32_t disk, block; /* with the latter */
};

void image_cache_init(struct image_cache *, struct frame_pool *, struct disks *, struct image *own);
/* No machine uses any of its images any more. */
void image_cache_drop(struct image_cache *);
/* Loads a file under a name, for machines of that memory size. False: why is in `error`. */
bool image_cache_add(struct image_cache *, const char *name, const char *path, uint32_t memory_size, char *error,
                     size_t error_size);
/* NULL: there is no such number. */
const char *image_cache_name(const struct image_cache *, uint32_t number);
/* The image for one machine of that memory size. *use is to be given back by image_cache_put() when the machine is
 * gone. NULL: *error is minus a DENALI_E*. */
struct image *image_cache_get(struct image_cache *, const struct image_place *, uint32_t memory_size,
                              struct cached_image **use, int32_t *error);
/* NULL: nothing happens. */
void image_cache_put(struct image_cache *, struct cached_image *use);
