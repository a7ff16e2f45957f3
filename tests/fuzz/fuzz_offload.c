/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: any bytes as a frame that a host has not finished. Two bytes tell the size of its datagrams; then
 * the frame follows, and may be repeated to be long. Whatever it is, what comes out has lengths that a NIC takes, and,
 * where it was split, the same data; completing it once more changes nothing.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../devices/host/offload.h"
#include "denali.h"

#define LONGEST 100000

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check_again(const struct packet *packet)
{
    struct offload again;
    bool good = offload_begin(&again, packet->bytes, packet->length, 0);
    assert(good && !again.unfinished);
    struct packet *same = offload_next(&again);
    assert(same && same->length == packet->length && memcmp(same->bytes, packet->bytes, same->length) == 0);
    packet_unref(same);
}

static void check_all(struct offload *offload)
{
    uint32_t data = 0;
    for (struct packet *packet; (packet = offload_next(offload));) {
        assert(packet->length >= DENALI_FRAME_MIN && packet->length <= DENALI_FRAME_MAX);
        if (offload_splits(offload)) {
            uint32_t part = packet->length - offload->payload;
            assert(memcmp(packet->bytes + offload->payload, offload->bytes + offload->payload + data, part) == 0);
            data += part;
        }
        if (offload->unfinished || offload_splits(offload))
            check_again(packet);
        packet_unref(packet);
    }
    assert(!offload_splits(offload) || offload->payload + data == offload->length);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    if (length < 3)
        return 0;
    uint32_t datagram = bytes[0] * 8u, repeats = bytes[1] ? bytes[1] : 1;
    size_t once = length - 2, all = once * repeats < LONGEST ? once * repeats : once;
    uint8_t *frame = malloc(all);
    if (!frame)
        return 0;
    for (size_t at = 0; at < all; at++)
        frame[at] = bytes[2 + at % once];
    struct offload offload;
    if (offload_begin(&offload, frame, (uint32_t)all, datagram))
        check_all(&offload);
    free(frame);
    return 0;
}
