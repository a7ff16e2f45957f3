/* SPDX-License-Identifier: MIT
 *
 * Where blocks of pages are while they are not in memory. A machine has one region, given to it when it is created,
 * that covers all of its memory and its state; a region is described by a few bytes (paper, 2.3), and takes room only
 * for what was written. Regions are striped block by block over the store's disks. Every block is checked when it is
 * read.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../cpu/memory.h"

#define SWAP_BLOCK_PAGES_MAX 16

struct swap_region {
    uint64_t first;  /* block of the store */
    uint32_t blocks; /* 0 = there is no region */
};

struct swap_store;

/* What blocks are stored in. */
struct swap_store_ops {
    /* False: why is in `error`, with the name of the file. */
    bool (*write)(struct swap_store *, uint64_t block, const void *bytes, char *error, size_t error_size);
    bool (*read)(struct swap_store *, uint64_t block, void *bytes, char *error, size_t error_size);
    /* So many blocks are not needed any more. */
    void (*discard)(struct swap_store *, uint64_t first, uint64_t count);
    void (*free)(struct swap_store *);
};

/* Base of every store. */
struct swap_store {
    const struct swap_store_ops *ops;
    uint32_t block_bytes; /* a power of two of pages */
    uint32_t disks;       /* block N lies on disk N % disks */
};

#define SWAP_FILES_MAX 16

/* In files, which stand for disks: they are created, or emptied, and are empty again at the end. `paths` has commas
 * between them. NULL: why is in `error`. */
struct swap_store *swap_files_new(const char *paths, uint32_t block_bytes, char *error, size_t error_size);
/* In at most `limit` bytes of host memory, compressed with zstd. NULL: no memory. */
struct swap_store *swap_memory_new(uint64_t limit, uint32_t block_bytes);

struct swap;

/* The store becomes the swap's. NULL: no memory; the store is then freed. */
struct swap *swap_new(struct swap_store *);
void swap_free(struct swap *);
uint32_t swap_block_bytes(const struct swap *);

/* A region of so many blocks. False: no memory. */
bool swap_allocate(struct swap *, uint32_t blocks, struct swap_region *);
/* It is gone, and what was in it. */
void swap_release(struct swap *, struct swap_region *);

/* Block `index` of a region. False: why is in `error`. */
bool swap_write(struct swap *, const struct swap_region *, uint32_t index, const void *bytes, char *error,
                size_t error_size);
bool swap_read(struct swap *, const struct swap_region *, uint32_t index, void *bytes, char *error, size_t error_size);
/* The disk that block lies on, below swap_disks(). */
uint32_t swap_disk(const struct swap *, const struct swap_region *, uint32_t index);
uint32_t swap_disks(const struct swap *);
