/* SPDX-License-Identifier: MIT
 *
 * What client and servers of zipf send each other, in UDP datagrams of one frame each, and what servers keep.
 *
 * A server's memory is `pages` pages, whose words are a function of the machine and of their place. In use are only
 * the first, the one `spread` pages further, and so on: as in a server whose code, buffers and files lie about. An
 * answer of `object` bytes is PART_BYTES from the one page in use, as many from the next, round and round; the request
 * draws where that begins.
 */
#pragma once
#include "guest.h"
#include "packet.h"

#define PORT_SERVER 80
#define PORT_CLIENT 1024
#define PAGE_BYTES  4096
#define PAGE_WORDS  (PAGE_BYTES / 4)
#define PART_BYTES  1024
#define PART_WORDS  (PART_BYTES / 4)

struct settings {
    uint32_t pages, spread, object;
};

/* A request, or one part of an answer, which has its bytes behind it. Words as the processor has them. */
struct message {
    struct ethernet_header ethernet;
    struct ipv4_header ipv4;
    struct udp_header udp;
    uint16_t reserved; /* so that what follows is aligned */
    uint32_t serial;   /* the request's; an answer repeats it */
    uint32_t draw;     /* the request's lot; likewise */
    uint32_t part;     /* of the answer, from 0 up */
    uint32_t words[];
};

#define MESSAGE_FRAME_MAX (sizeof(struct message) + PART_BYTES)

/* Fills everything up to `reserved` in for a message with so many bytes behind it. */
void message_address(struct message *, uint32_t to, uint16_t port, size_t length);
/* Is it a message to this machine's port that is as long as it says? *from is the machine that sent it, *length
 * what is behind it. */
bool message_check(const struct message *, size_t frame_length, uint16_t port, uint32_t *from, uint32_t *length);

static inline uint32_t pages_in_use(const struct settings *s)
{
    return (s->pages + s->spread - 1) / s->spread;
}

static inline uint32_t parts_of(const struct settings *s)
{
    return (s->object + PART_BYTES - 1) / PART_BYTES;
}

static inline uint32_t part_length(const struct settings *s, uint32_t part)
{
    uint32_t rest = s->object - part * PART_BYTES;
    return rest < PART_BYTES ? rest : PART_BYTES;
}

/* The word of a server's memory where a part of an answer begins. */
static inline uint32_t part_place(const struct settings *s, uint32_t draw, uint32_t part)
{
    uint32_t in_use = pages_in_use(s), place = draw + part;
    return place % in_use * s->spread * PAGE_WORDS + place / in_use % (PAGE_WORDS / PART_WORDS) * PART_WORDS;
}

/* What is there. */
static inline uint32_t word_at(uint32_t machine, uint32_t place)
{
    uint32_t word = (machine * 0x9E3779B1 ^ place) * 0x85EBCA6B;
    return word ^ word >> 15;
}
