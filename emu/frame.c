/* SPDX-License-Identifier: MIT
 *
 * Physical memory in chunks of 2 MB. A chunk is mapped whole, but the host backs a page of it only once it is used; the
 * frames of the newest chunk are given out in order and come zeroed from the host, those given back are kept in a list
 * and reused first. Chunks stay until the pool goes.
 */
#include "frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../cpu/cpu.h"

#define CHUNK_FRAMES 512
#define CHUNK_BYTES  ((size_t)CHUNK_FRAMES * PAGE_SIZE)
#define MAPPED_LIMIT 4096
#define TAG_LIMIT    ((uint64_t)1 << 44) /* struct memory */

struct chunk {
    struct chunk *next;
    uint8_t *bytes; /* CHUNK_BYTES, mapped */
    struct frame frames[CHUNK_FRAMES];
};

struct frame_pool {
    uint64_t limit, used, peak;
    uint64_t tag; /* the last one given */
    struct chunk *chunks;
    uint64_t chunk_count;
    uint32_t fresh; /* frames of the first chunk that were never given out */
    struct frame *free;
    uint32_t mapped; /* frame_pool_map() */
    struct page zero;
};

static uint8_t *pages_map(size_t bytes, int protection)
{
    void *pages = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

struct frame_pool *frame_pool_new(uint64_t limit)
{
    struct frame_pool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return NULL;
    pool->limit = limit;
    pool->zero.bytes = pages_map(PAGE_SIZE, PROT_READ);
    if (!pool->zero.bytes) {
        free(pool);
        return NULL;
    }
    return pool;
}

void frame_pool_free(struct frame_pool *pool)
{
    assert(pool->used == 0);
    if (pool->zero.code)
        code_drop(&pool->zero);
    while (pool->chunks) {
        struct chunk *chunk = pool->chunks;
        pool->chunks = chunk->next;
        munmap(chunk->bytes, CHUNK_BYTES);
        free(chunk);
    }
    munmap(pool->zero.bytes, PAGE_SIZE);
    free(pool);
}

static bool pool_grow(struct frame_pool *pool)
{
    struct chunk *chunk = calloc(1, sizeof(*chunk));
    if (!chunk)
        return false;
    chunk->bytes = pages_map(CHUNK_BYTES, PROT_READ | PROT_WRITE);
    if (!chunk->bytes) {
        free(chunk);
        return false;
    }
    chunk->next = pool->chunks;
    pool->chunks = chunk;
    pool->chunk_count++;
    pool->fresh = CHUNK_FRAMES;
    return true;
}

/* A frame that was never given out: its bytes are zero. */
static struct frame *frame_fresh(struct frame_pool *pool)
{
    if (pool->fresh == 0 && !pool_grow(pool))
        return NULL;
    uint32_t index = CHUNK_FRAMES - pool->fresh--;
    struct frame *frame = &pool->chunks->frames[index];
    frame->page.bytes = pool->chunks->bytes + (size_t)index * PAGE_SIZE;
    return frame;
}

/* *zeroed tells whether the bytes are zero already. */
static struct frame *frame_take(struct frame_pool *pool, bool *zeroed)
{
    if (pool->used == pool->limit)
        return NULL;
    struct frame *frame = pool->free;
    *zeroed = !frame;
    if (frame)
        pool->free = frame->next_free;
    else
        frame = frame_fresh(pool);
    if (!frame)
        return NULL;
    frame->references = 1;
    frame->home = NULL;
    pool->used++;
    if (pool->used > pool->peak)
        pool->peak = pool->used;
    return frame;
}

struct frame *frame_new(struct frame_pool *pool)
{
    bool zeroed;
    struct frame *frame = frame_take(pool, &zeroed);
    if (frame && !zeroed)
        memset(frame->page.bytes, 0, PAGE_SIZE);
    return frame;
}

struct frame *frame_copy(struct frame_pool *pool, const struct frame *from)
{
    bool zeroed;
    struct frame *frame = frame_take(pool, &zeroed);
    if (frame)
        memcpy(frame->page.bytes, from->page.bytes, PAGE_SIZE);
    return frame;
}

struct frame *frame_ref(struct frame *frame)
{
    assert(frame->references > 0 && frame->references < UINT32_MAX);
    frame->references++;
    return frame;
}

void frame_unref(struct frame_pool *pool, struct frame *frame)
{
    assert(frame->references > 0);
    if (--frame->references > 0)
        return;
    if (frame->page.code)
        code_drop(&frame->page);
    if (frame->home)
        frame->page.bytes = frame->home;
    frame->next_free = pool->free;
    pool->free = frame;
    pool->used--;
}

void frame_move(struct frame *frame, uint8_t *place)
{
    if (place) {
        frame->home = frame->page.bytes;
        frame->page.bytes = place;
    } else if (frame->home) {
        memcpy(frame->home, frame->page.bytes, PAGE_SIZE);
        frame->page.bytes = frame->home;
        frame->home = NULL;
    }
}

uint8_t *frame_pool_map(struct frame_pool *pool, size_t bytes)
{
    uint8_t *pages = pool->mapped < MAPPED_LIMIT ? pages_map(bytes, PROT_READ | PROT_WRITE) : NULL;
    pool->mapped += pages != NULL;
    return pages;
}

void frame_pool_unmap(struct frame_pool *pool, uint8_t *pages, size_t bytes)
{
    munmap(pages, bytes);
    pool->mapped--;
}

struct page *frame_pool_zero(struct frame_pool *pool)
{
    return &pool->zero;
}

uint64_t frame_pool_tag(struct frame_pool *pool)
{
    assert(pool->tag < TAG_LIMIT - 1);
    return ++pool->tag;
}

uint64_t frame_pool_peak(const struct frame_pool *pool)
{
    return pool->peak;
}

uint64_t frame_pool_used(const struct frame_pool *pool)
{
    return pool->used;
}

uint64_t frame_pool_left(const struct frame_pool *pool)
{
    return pool->limit - pool->used;
}

uint64_t frame_pool_bytes(const struct frame_pool *pool)
{
    return sizeof(*pool) + PAGE_SIZE + pool->chunk_count * sizeof(struct chunk) + pool->peak * PAGE_SIZE;
}
