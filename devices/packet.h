/* SPDX-License-Identifier: MIT
 *
 * An Ethernet frame without its checksum, shared by reference: a broadcast to ten thousand machines is one packet.
 * Whoever holds a reference may read it; nobody writes it after packet_new() has filled it.
 */
#pragma once
#include <stdint.h>

struct packet {
    uint32_t references;
    uint32_t length; /* bytes */
    uint8_t bytes[];
};

/* A packet with room for `length` bytes, to be filled by the caller, who holds the one reference. NULL: no memory. */
struct packet *packet_new(uint32_t length);
/* A further reference to the same packet. */
struct packet *packet_ref(struct packet *);
/* Give back one reference; the last one frees. */
void packet_unref(struct packet *);
