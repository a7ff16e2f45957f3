/* SPDX-License-Identifier: MIT */
#include "packet.h"

#include <assert.h>
#include <stdlib.h>

struct packet *packet_new(uint32_t length)
{
    struct packet *packet = malloc(sizeof(*packet) + length);
    if (packet) {
        packet->references = 1;
        packet->length = length;
    }
    return packet;
}

struct packet *packet_ref(struct packet *packet)
{
    assert(packet->references != 0 && packet->references != UINT32_MAX);
    packet->references++;
    return packet;
}

void packet_unref(struct packet *packet)
{
    assert(packet->references != 0);
    if (--packet->references == 0)
        free(packet);
}
