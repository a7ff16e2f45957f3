/* SPDX-License-Identifier: MIT */
#include "byte_ring.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 64

static void count_lost(struct byte_ring *ring, size_t bytes)
{
    ring->lost = bytes < UINT32_MAX - ring->lost ? ring->lost + (uint32_t)bytes : UINT32_MAX;
}

/* Room for `bytes`, at most BYTE_RING_MAX. What is in it begins at place 0 then. False: no host memory. */
static bool ring_reach(struct byte_ring *ring, size_t bytes)
{
    uint32_t capacity = ring->capacity ? ring->capacity : CAPACITY_FIRST;

    while (capacity < bytes)
        capacity *= 2;
    if (capacity == ring->capacity)
        return true;
    uint8_t *larger = malloc(capacity);
    if (!larger)
        return false;
    byte_ring_peek(ring, larger, ring->count);
    free(ring->bytes);
    ring->bytes = larger;
    ring->capacity = capacity;
    ring->head = 0;
    return true;
}

static void discard(struct byte_ring *ring, uint32_t count)
{
    ring->head = (ring->head + count) % ring->capacity;
    ring->count -= count;
}

void byte_ring_put(struct byte_ring *ring, const uint8_t *bytes, size_t length)
{
    if (length > BYTE_RING_MAX) {
        count_lost(ring, length - BYTE_RING_MAX);
        bytes += length - BYTE_RING_MAX;
        length = BYTE_RING_MAX;
    }
    size_t wanted = ring->count + length < BYTE_RING_MAX ? ring->count + length : BYTE_RING_MAX;
    if (!ring_reach(ring, wanted)) {
        count_lost(ring, length);
        return;
    }
    if (ring->count + length > BYTE_RING_MAX) {
        uint32_t excess = (uint32_t)(ring->count + length - BYTE_RING_MAX);
        count_lost(ring, excess);
        discard(ring, excess);
    }
    for (size_t i = 0; i < length; i++)
        ring->bytes[(ring->head + ring->count++) % ring->capacity] = bytes[i];
}

uint32_t byte_ring_peek(const struct byte_ring *ring, uint8_t *to, uint32_t room)
{
    uint32_t count = ring->count < room ? ring->count : room;
    uint32_t first = count < ring->capacity - ring->head ? count : ring->capacity - ring->head;

    if (count == 0)
        return 0;
    memcpy(to, ring->bytes + ring->head, first);
    memcpy(to + first, ring->bytes, count - first);
    return count;
}

void byte_ring_take(struct byte_ring *ring, uint32_t count)
{
    assert(count <= ring->count);
    ring->lost = 0;
    if (count == 0)
        return;
    discard(ring, count);
    if (ring->count == 0)
        byte_ring_drop(ring);
}

void byte_ring_drop(struct byte_ring *ring)
{
    free(ring->bytes);
    *ring = (struct byte_ring){0};
}
