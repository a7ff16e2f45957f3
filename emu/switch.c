/* SPDX-License-Identifier: MIT */
#include "switch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../devices/container_of.h"

#define MAC_LENGTH    6
#define MAC_GROUP_BIT 1 /* in the first byte: multicast and broadcast (IEEE 802.3, 3.2.3) */

uint32_t mac_machine(const uint8_t mac[MAC_LENGTH])
{
    const uint8_t prefix[3] = {0x02, 0x44, 0x4E};
    if (memcmp(mac, prefix, sizeof(prefix)) != 0)
        return UINT32_MAX;
    return (uint32_t)mac[3] << 16 | (uint32_t)mac[4] << 8 | mac[5];
}

static void senders_append(struct network_switch *network, struct nic *nic)
{
    nic->next_sender = NULL;
    *network->senders_end = nic;
    network->senders_end = &nic->next_sender;
}

static struct nic *senders_take(struct network_switch *network)
{
    struct nic *nic = network->senders;
    assert(nic);
    network->senders = nic->next_sender;
    if (!network->senders)
        network->senders_end = &network->senders;
    nic->next_sender = NULL;
    return nic;
}

static void senders_remove(struct network_switch *network, struct nic *nic)
{
    if (nic->transmit.count == 0)
        return; /* it is not among them */
    struct nic **link = &network->senders;
    while (*link != nic)
        link = &(*link)->next_sender;
    *link = nic->next_sender;
    if (!*link)
        network->senders_end = link;
    nic->next_sender = NULL;
}

static void switch_ready(struct nic_wire *wire, struct nic *nic)
{
    senders_append(container_of(wire, struct network_switch, wire), nic);
}

static void switch_refused(struct nic_wire *wire, struct nic *nic)
{
    (void)nic;
    container_of(wire, struct network_switch, wire)->counters.tx_dropped++;
}

void switch_init(struct network_switch *network, struct switch_outside *outside)
{
    *network = (struct network_switch){
        .wire = {.ready = switch_ready, .refused = switch_refused},
        .outside = outside,
    };
    network->senders_end = &network->senders;
}

void switch_drop(struct network_switch *network)
{
    free(network->ports);
    network->ports = NULL;
}

/* Ports up to this index. False: out of host memory. */
static bool ports_reach(struct network_switch *network, uint32_t index)
{
    if (index >= network->capacity) {
        uint32_t capacity = index < network->capacity * 2 ? network->capacity * 2 : index + 1;
        struct nic **ports = realloc(network->ports, capacity * sizeof(*ports));
        if (!ports)
            return false;
        network->ports = ports;
        network->capacity = capacity;
    }
    while (network->port_count <= index)
        network->ports[network->port_count++] = NULL;
    return true;
}

bool switch_plug(struct network_switch *network, struct nic *nic)
{
    if (!ports_reach(network, nic->id))
        return false;
    assert(!network->ports[nic->id] && nic->wire == &network->wire);
    network->ports[nic->id] = nic;
    return true;
}

void switch_leave(struct network_switch *network, uint32_t index)
{
    network->ports[index] = NULL;
}

void switch_return(struct network_switch *network, struct nic *nic)
{
    assert(!network->ports[nic->id]);
    network->ports[nic->id] = nic;
}

void switch_unplug(struct network_switch *network, struct nic *nic)
{
    assert(network->ports[nic->id] == nic);
    network->ports[nic->id] = NULL;
    senders_remove(network, nic);
    network->counters.tx_dropped += nic_unplug(nic);
}

static struct nic *port(struct network_switch *network, uint32_t index)
{
    if (index >= network->port_count)
        return NULL;
    struct nic *nic = network->ports[index];
    return nic || !network->fetch ? nic : network->fetch(network, index);
}

static void deliver(struct network_switch *network, struct nic *to, struct packet *packet)
{
    if (nic_receive(to, packet))
        network->counters.delivered++;
    else
        network->counters.rx_dropped++;
}

/* To the machines it is for; `from` NULL: it came from outside. */
static void forward(struct network_switch *network, const struct nic *from, struct packet *packet)
{
    assert(packet->length >= DENALI_FRAME_MIN);
    const uint8_t *mac = packet->bytes;
    if (mac[0] & MAC_GROUP_BIT) {
        for (uint32_t i = 0; i < network->port_count; i++) {
            struct nic *to = port(network, i);
            if (to && to != from)
                deliver(network, to, packet);
        }
        return;
    }
    uint32_t machine = mac_machine(mac);
    struct nic *to = port(network, machine);
    bool for_outside = from && network->outside && machine == UINT32_MAX;
    if (to && to != from)
        deliver(network, to, packet);
    else if (!for_outside)
        network->counters.unclaimed++;
}

void switch_receive(struct network_switch *network, struct packet *packet)
{
    network->counters.in++;
    forward(network, NULL, packet);
}

/* The oldest frame of the sender whose turn it is; the sender goes to the end if it has more. */
static void switch_turn(struct network_switch *network)
{
    struct nic *nic = senders_take(network);
    bool more = nic->transmit.count > 1;
    struct packet *packet = nic_transmit(nic);
    if (more)
        senders_append(network, nic);
    network->counters.out++;
    if (network->outside)
        network->outside->send(network->outside, nic->id, packet);
    forward(network, nic, packet);
    packet_unref(packet);
}

void switch_drain(struct network_switch *network)
{
    /* Only what waits now: were a delivery to make a machine send, that would wait for the next call. */
    uint64_t frames = 0;
    if (network->draining)
        return;
    network->draining = true;
    for (const struct nic *nic = network->senders; nic; nic = nic->next_sender)
        frames += nic->transmit.count;
    for (; frames > 0; frames--)
        switch_turn(network);
    network->draining = false;
}
