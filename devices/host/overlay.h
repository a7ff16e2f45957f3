/* SPDX-License-Identifier: MIT
 *
 * A copy-on-write overlay: a disk that begins as another one and keeps what is written in memory of its own, block by
 * block. It goes with the machine; a flush has nothing to do.
 */
#pragma once
#include "../disk.h"

/* Where the blocks come from. */
struct overlay_memory {
    /* A block to write to, and a handle to give it back with. NULL: there is none. */
    void *(*take)(struct overlay_memory *, uint8_t **bytes);
    void (*give)(struct overlay_memory *, void *handle);
};

/* A writable disk upon `below`, which becomes its own. NULL: no memory; then `below` is freed. */
struct disk_backend *overlay_new(struct disk_backend *below, struct overlay_memory *);
