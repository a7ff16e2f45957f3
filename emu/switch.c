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
    struct network_switch *network = container_of(wire, struct network_switch, wire);
    network->counters.tx_dropped++;
    network->ports[nic->id].counters.tx_dropped++;
}

static void switch_arrived(struct link_owner *, struct link *, enum link_direction, struct packet *);

void switch_init(struct network_switch *network, struct switch_observer *observer)
{
    *network = (struct network_switch){
        .wire = {.ready = switch_ready, .refused = switch_refused},
        .links = {.arrived = switch_arrived},
        .observer = observer,
    };
    network->senders_end = &network->senders;
}

/* NULL: a perfect one. */
static struct link *cable_of(const struct network_switch *network, uint32_t machine)
{
    return network->cables ? network->cables[machine] : NULL;
}

void switch_drop(struct network_switch *network)
{
    for (uint32_t i = 0; i < network->port_count; i++)
        if (cable_of(network, i))
            link_free(network->cables[i]);
    free(network->ports);
    free(network->plugged);
    free(network->cables);
    network->ports = NULL;
    network->plugged = NULL;
    network->cables = NULL;
    network->port_count = 0;
}

void switch_shape(struct network_switch *network, const struct link_spec *specs, size_t count, uint64_t seed,
                  struct event_queue *events, const struct clock *clock)
{
    network->specs = specs;
    network->spec_count = count;
    network->seed = seed;
    network->links.events = events;
    network->links.clock = clock;
}

bool switch_attach(struct network_switch *network, struct net_backend *backend)
{
    if (network->backend_count == SWITCH_BACKENDS)
        return false;
    network->backends[network->backend_count++] = backend;
    return true;
}

/* Ports. */

#define WORD_BITS 64

static size_t words(uint32_t ports)
{
    return (ports + (size_t)WORD_BITS - 1) / WORD_BITS;
}

/* From this index on they are perfect. */
static bool cables_grow(struct network_switch *network, uint32_t from, uint32_t capacity)
{
    struct link **cables = realloc(network->cables, capacity * sizeof(struct link *));
    if (!cables)
        return false;
    memset(cables + from, 0, (capacity - from) * sizeof(struct link *));
    network->cables = cables;
    return true;
}

static bool ports_grow(struct network_switch *network, uint32_t capacity)
{
    if (network->cables && !cables_grow(network, network->capacity, capacity))
        return false;
    struct switch_port *ports = realloc(network->ports, capacity * sizeof(*ports));
    if (!ports)
        return false;
    network->ports = ports;
    uint64_t *plugged = realloc(network->plugged, words(capacity) * sizeof(*plugged));
    if (!plugged)
        return false;
    size_t old = words(network->capacity);
    memset(plugged + old, 0, (words(capacity) - old) * sizeof(*plugged));
    network->plugged = plugged;
    network->capacity = capacity;
    return true;
}

/* Ports up to this index. False: out of host memory. */
static bool ports_reach(struct network_switch *network, uint32_t index)
{
    if (index >= network->capacity &&
        !ports_grow(network, index < network->capacity * 2 ? network->capacity * 2 : index + 1))
        return false;
    while (network->port_count <= index)
        network->ports[network->port_count++] = (struct switch_port){0};
    return true;
}

static const struct link_shape *shape_of(const struct network_switch *network, uint32_t machine)
{
    for (size_t i = network->spec_count; i-- > 0;)
        if (machine >= network->specs[i].first && machine <= network->specs[i].last)
            return &network->specs[i].shape;
    return NULL;
}

/* The port of this machine gets such a cable, if it has none. False: out of host memory. */
static bool shape_cable(struct network_switch *network, uint32_t machine, const struct link_shape *shape)
{
    if (!network->cables && !cables_grow(network, 0, network->capacity))
        return false;
    struct link **cable = &network->cables[machine];
    return *cable || (*cable = link_new(&network->links, machine, shape, network->seed));
}

bool switch_plug(struct network_switch *network, struct nic *nic)
{
    const struct link_shape *shape = shape_of(network, nic->id);
    if (!ports_reach(network, nic->id))
        return false;
    struct switch_port *port = &network->ports[nic->id];
    assert(!port->nic && nic->wire == &network->wire);
    if (shape && !shape_cable(network, nic->id, shape))
        return false;
    port->nic = nic;
    network->plugged[nic->id / WORD_BITS] |= UINT64_C(1) << nic->id % WORD_BITS;
    return true;
}

void switch_leave(struct network_switch *network, uint32_t index)
{
    network->ports[index].nic = NULL;
}

void switch_return(struct network_switch *network, struct nic *nic)
{
    assert(!network->ports[nic->id].nic);
    network->ports[nic->id].nic = nic;
}

void switch_unplug(struct network_switch *network, struct nic *nic)
{
    struct switch_port *port = &network->ports[nic->id];
    assert(port->nic == nic);
    port->nic = NULL;
    network->plugged[nic->id / WORD_BITS] &= ~(UINT64_C(1) << nic->id % WORD_BITS);
    senders_remove(network, nic);
    uint32_t lost = nic_unplug(nic);
    network->counters.tx_dropped += lost;
    port->counters.tx_dropped += lost;
}

/* Is there a machine, swapped out or not? */
static bool is_plugged(const struct network_switch *network, uint32_t machine)
{
    return machine < network->port_count && network->plugged[machine / WORD_BITS] >> machine % WORD_BITS & 1;
}

/* Its NIC, brought back if it was swapped out. NULL: there is none (any more). */
static struct nic *port_nic(struct network_switch *network, uint32_t machine)
{
    if (!is_plugged(network, machine))
        return NULL;
    struct nic *nic = network->ports[machine].nic;
    return nic || !network->fetch ? nic : network->fetch(network, machine);
}

struct switch_port_counters switch_port_counters(const struct network_switch *network, uint32_t machine)
{
    return machine < network->port_count ? network->ports[machine].counters : (struct switch_port_counters){0};
}

uint64_t switch_held(const struct network_switch *network)
{
    return network->held;
}

/* The way of a frame. */

/* False: the receive queue is full. */
static bool put(struct network_switch *network, struct nic *nic, struct packet *packet)
{
    struct switch_port *port = &network->ports[nic->id];
    bool taken = nic_receive(nic, packet);
    network->counters.delivered += taken;
    network->counters.rx_dropped += !taken;
    port->counters.delivered += taken;
    port->counters.rx_dropped += !taken;
    return taken;
}

/* Into the link. False: it is lost. */
static bool send_through(struct network_switch *network, struct link *link, enum link_direction direction,
                         struct packet *packet)
{
    enum link_fate fate = link_send(link, direction, packet);
    network->held += fate;
    network->counters.copies += fate == LINK_DOUBLED;
    network->counters.link_dropped += fate == LINK_LOST;
    return fate != LINK_LOST;
}

static void deliver(struct network_switch *network, uint32_t machine, struct packet *packet, struct switch_fate *fate)
{
    struct link *link = cable_of(network, machine);
    struct nic *nic = link ? NULL : port_nic(network, machine);
    if (link) {
        if (send_through(network, link, LINK_TO_MACHINE, packet))
            fate->reached++;
        else if (fate->lost++ == 0)
            fate->first_lost = machine;
    } else if (nic && put(network, nic, packet)) {
        fate->reached++;
    } else if (nic && fate->full++ == 0) {
        fate->first_full = machine;
    }
}

static void flood_machines(struct network_switch *network, uint32_t from, struct packet *packet,
                           struct switch_fate *fate)
{
    for (size_t word = 0; word < words(network->port_count); word++)
        for (uint64_t rest = network->plugged[word]; rest; rest &= rest - 1) {
            uint32_t machine = (uint32_t)(word * WORD_BITS) + (uint32_t)__builtin_ctzll(rest);
            if (machine != from)
                deliver(network, machine, packet, fate);
        }
}

static void send_outside(struct network_switch *network, struct packet *packet, struct switch_fate *fate)
{
    for (uint32_t i = 0; i < network->backend_count; i++) {
        struct net_backend *backend = network->backends[i];
        backend->counters.out++;
        backend->ops->send(backend, packet);
        network->counters.outside++;
        fate->reached++;
    }
}

/* To all it is for. */
static void forward(struct network_switch *network, uint32_t from, struct packet *packet)
{
    assert(packet->length >= DENALI_FRAME_MIN);
    struct switch_fate fate = {0};
    bool from_machine = from < SWITCH_OUTSIDE, to_group = packet->bytes[0] & MAC_GROUP_BIT;
    uint32_t machine = to_group ? UINT32_MAX : mac_machine(packet->bytes);

    if (to_group)
        flood_machines(network, from, packet, &fate);
    else if (is_plugged(network, machine) && machine != from)
        deliver(network, machine, packet, &fate);
    if (from_machine && machine == UINT32_MAX)
        send_outside(network, packet, &fate);
    uint32_t receivers = fate.reached + fate.full + fate.lost;
    if (receivers == 0)
        network->counters.unclaimed++;
    else
        network->counters.copies += receivers - 1;
    if (network->observer)
        network->observer->passed(network->observer, from, packet, &fate);
}

/* Out of a link. */
static void switch_arrived(struct link_owner *owner, struct link *link, enum link_direction direction,
                           struct packet *packet)
{
    struct network_switch *network = container_of(owner, struct network_switch, links);
    uint32_t machine = link_port(link);
    struct nic *nic = direction == LINK_TO_MACHINE ? port_nic(network, machine) : NULL;

    network->held--;
    network->counters.unclaimed += direction == LINK_TO_MACHINE && !nic;
    if (direction == LINK_FROM_MACHINE)
        forward(network, machine, packet);
    else if (!(nic && put(network, nic, packet)) && network->observer)
        network->observer->missed(network->observer, machine, packet);
    packet_unref(packet);
}

void switch_receive(struct network_switch *network, uint32_t backend, struct packet *packet)
{
    network->counters.in++;
    if (backend < network->backend_count)
        network->backends[backend]->counters.in++;
    forward(network, SWITCH_OUTSIDE + backend, packet);
}

/* A machine's frame enters its cable. */
static void depart(struct network_switch *network, struct switch_port *port, uint32_t machine, struct packet *packet)
{
    const struct switch_fate lost = {.lost = 1, .first_lost = machine};
    struct link *link = cable_of(network, machine);
    network->counters.out++;
    port->counters.sent++;
    if (!link)
        forward(network, machine, packet);
    else if (!send_through(network, link, LINK_FROM_MACHINE, packet) && network->observer)
        network->observer->passed(network->observer, machine, packet, &lost);
}

/* The oldest frame of the sender whose turn it is; the sender goes to the end if it has more. */
static void switch_turn(struct network_switch *network)
{
    struct nic *nic = senders_take(network);
    bool more = nic->transmit.count > 1;
    struct packet *packet = nic_transmit(nic);
    if (more)
        senders_append(network, nic);
    depart(network, &network->ports[nic->id], nic->id, packet);
    packet_unref(packet);
}

void switch_drain_senders(struct network_switch *network)
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
