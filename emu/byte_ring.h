/* SPDX-License-Identifier: MIT
 *
 * The last bytes of a stream that somebody may come to read: what a console wrote. When it is full the oldest bytes
 * give way and are counted. It takes memory only while it holds bytes.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define BYTE_RING_MAX 4096 /* bytes kept */

struct byte_ring {
    uint8_t *bytes; /* owned; NULL while empty */
    uint32_t capacity, head, count;
    uint32_t lost; /* since the last byte_ring_take(); UINT32_MAX: that or more */
};

/* Without host memory the bytes are lost, and counted. */
void byte_ring_put(struct byte_ring *, const uint8_t *bytes, size_t length);
/* Copies the oldest bytes, at most `room`. Returns how many. */
uint32_t byte_ring_peek(const struct byte_ring *, uint8_t *to, uint32_t room);
/* The oldest `count` bytes, which are there, have been read; so have those lost before them. */
void byte_ring_take(struct byte_ring *, uint32_t count);
/* It is empty then. */
void byte_ring_drop(struct byte_ring *);
