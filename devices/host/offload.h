/* SPDX-License-Identifier: MIT
 *
 * A host leaves work to its network hardware: TCP and UDP checksums are half done, and what is one frame to it becomes
 * many on the wire. Who captures such frames before the hardware has seen them does that work here: a checksum that is
 * the pseudo-header's sum is completed, one that is simply wrong is left alone; a TCP segment, or a UDP frame of
 * several datagrams, that is longer than a NIC takes becomes several. Nothing is read but the bytes given, whatever
 * they are.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "../packet.h"

/* A frame, taken apart. Its bytes are borrowed until offload_next() has given NULL. */
struct offload {
    const uint8_t *bytes;
    uint32_t frame;              /* all of them, if the frame stays one */
    uint32_t length;             /* without what follows the IP packet, if it is one */
    uint32_t network, transport; /* where their headers begin; transport 0: neither TCP nor UDP, or not all of it */
    uint32_t payload;            /* where data begin, which are shared among segments */
    uint32_t segment;            /* bytes of data in each; 0: the frame stays one */
    uint32_t done;               /* bytes of data, or frames if it stays one, that were given */
    uint8_t version, protocol;   /* of IP */
    bool unfinished;             /* the checksum is to be computed */
};

/* `datagram`: the bytes of each UDP datagram in a frame of several, 0 if that is not known. False: the frame can
 * neither be given to a NIC (DENALI_FRAME_MIN to DENALI_FRAME_MAX) nor be split. */
bool offload_begin(struct offload *, const uint8_t *bytes, uint32_t length, uint32_t datagram);
/* The next frame; its reference passes to the caller. NULL: that was all, or there is no memory. */
struct packet *offload_next(struct offload *);
/* Does the frame become several? */
static inline bool offload_splits(const struct offload *offload)
{
    return offload->segment != 0;
}
