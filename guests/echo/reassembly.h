/* SPDX-License-Identifier: MIT
 *
 * Puts fragments of IPv4 datagrams together (RFC 791, 3.2; RFC 1122, 3.3.2). A few datagrams at once; when all places
 * are taken the oldest gives way. One that is not complete after a minute is forgotten when the next fragment comes.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REASSEMBLY_DATAGRAMS  8
#define REASSEMBLY_TIMEOUT_NS 60000000000u
#define DATAGRAM_MAX          65515 /* bytes behind the shortest header */

/* What tells one datagram from another; the destination is always this machine. */
struct datagram_key {
    uint32_t source;
    uint16_t identification;
    uint8_t protocol;
};

struct fragment {
    struct datagram_key key;
    uint32_t offset; /* of its bytes in the datagram */
    bool more;       /* it is not the last */
    const void *bytes;
    uint32_t length;
};

struct datagram_buffer; /* private to reassembly.c */

struct datagram {
    struct datagram_key key;
    uint64_t started_ns;
    uint32_t length;                /* 0 until the last fragment tells */
    uint32_t extent;                /* where the last of the bytes received ends */
    uint32_t received;              /* bytes, none counted twice */
    struct datagram_buffer *buffer; /* NULL: this place is free */
};

struct reassembly {
    struct datagram datagrams[REASSEMBLY_DATAGRAMS];
};

/* Takes a fragment in. Returns its datagram if that is complete now (give it back with datagram_drop()), else NULL.
 * A fragment that contradicts an earlier one (overlaps it, lies behind the end) makes the whole datagram forgotten. */
struct datagram *reassembly_add(struct reassembly *, const struct fragment *, uint64_t now_ns);
/* The bytes of a complete datagram, datagram->length of them, which the caller may change. */
uint8_t *datagram_bytes(struct datagram *);
void datagram_drop(struct datagram *);
