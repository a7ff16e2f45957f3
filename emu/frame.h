/* SPDX-License-Identifier: MIT
 *
 * Physical memory: 4 KB frames from a pool with a limit, counted by reference. A frame with more than one reference is
 * read-only for everybody; who wants to write it takes a copy (emu/space.c).
 */
#pragma once
#include <stddef.h>

#include "../cpu/memory.h"

struct frame {
    struct page page; /* first: a frame's page is the frame */
    uint32_t references;
    union {
        struct frame *next_free;
        uint8_t *home; /* the pool's place for it, while its bytes are elsewhere (frame_move); else NULL */
    };
};

struct frame_pool;

/* A pool of at most `limit` frames. Host memory is taken from the system in chunks as needed. NULL: no memory. */
struct frame_pool *frame_pool_new(uint64_t limit);
/* Every frame must have been given back (asserted). */
void frame_pool_free(struct frame_pool *);

/* A new frame with one reference; zeroed, or a copy of `from`. NULL: the limit is reached or the host has no more. */
struct frame *frame_new(struct frame_pool *);
struct frame *frame_copy(struct frame_pool *, const struct frame *from);
struct frame *frame_ref(struct frame *);
/* The last reference drops its decoded code and frees it. */
void frame_unref(struct frame_pool *, struct frame *);
/* The bytes, which are there already, are from now on at `place`; NULL: back in the pool, where they are copied. */
void frame_move(struct frame *, uint8_t *place);

/* Zeroed host memory for a whole space. NULL: no more; there are at most 4,096 of them at a time, since a process may
 * have only so many mappings. */
uint8_t *frame_pool_map(struct frame_pool *, size_t bytes);
void frame_pool_unmap(struct frame_pool *, uint8_t *, size_t bytes);

/* The one page of zeroes that stands for every page nobody has written. Never written, not counted. */
struct page *frame_pool_zero(struct frame_pool *);
/* A tag for struct memory that was never given before. */
uint64_t frame_pool_tag(struct frame_pool *);
uint64_t frame_pool_used(const struct frame_pool *); /* frames in use */
uint64_t frame_pool_left(const struct frame_pool *); /* frames that can still be given out, if the host has memory */
uint64_t frame_pool_peak(const struct frame_pool *); /* the most there ever were */
/* Host bytes taken for frames and what describes them: of the pages, those that were ever used. */
uint64_t frame_pool_bytes(const struct frame_pool *);
