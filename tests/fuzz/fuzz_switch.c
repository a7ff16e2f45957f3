/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: any bytes as what happens at a switch: frames from outside and from machines, machines that come
 * and go, time that passes. After each step every frame is accounted for. Each operation is a byte and its operands.
 */
#include <assert.h>
#include <string.h>

#include "../../devices/container_of.h"
#include "../../emu/switch.h"

#define MACHINES 6
#define QUEUE    3

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

struct bench {
    struct network_switch network;
    struct net_backend backend;
    struct switch_observer observer;
    struct event_queue events;
    struct clock clock;
    struct link_spec specs[2];
    struct interrupt_line line;
    struct guest_memory memory;
    const uint8_t *frame; /* what a machine sends */
    struct nic nics[MACHINES];
    bool plugged[MACHINES];
};

static void ignore_post(struct interrupt_line *line, uint32_t sources)
{
    (void)line, (void)sources;
}

static bool read_frame(struct guest_memory *memory, uint32_t address, void *to, uint32_t length, uint32_t *fault)
{
    (void)address, (void)fault;
    memcpy(to, container_of(memory, struct bench, memory)->frame, length);
    return true;
}

static bool write_frame(struct guest_memory *memory, uint32_t address, const void *from, uint32_t length,
                        uint32_t *fault)
{
    (void)memory, (void)address, (void)from, (void)length, (void)fault;
    return true;
}

static void send_nowhere(struct net_backend *backend, struct packet *packet)
{
    (void)backend;
    assert(packet->length >= DENALI_FRAME_MIN);
}

static const struct net_backend_ops backend_ops = {.send = send_nowhere};

static void see_passed(struct switch_observer *observer, uint32_t from, struct packet *packet,
                       const struct switch_fate *fate)
{
    (void)observer, (void)packet, (void)fate;
    assert(from < MACHINES || from == SWITCH_OUTSIDE);
}

static void see_missed(struct switch_observer *observer, uint32_t machine, struct packet *packet)
{
    (void)observer, (void)packet;
    assert(machine < MACHINES);
}

static void plug(struct bench *b, uint32_t i)
{
    nic_init(&b->nics[i], i, &b->line, &b->network.wire, QUEUE);
    bool done = switch_plug(&b->network, &b->nics[i]);
    assert(done);
    b->plugged[i] = true;
}

static void unplug(struct bench *b, uint32_t i)
{
    switch_unplug(&b->network, &b->nics[i]);
    b->nics[i].device.ops->drop(&b->nics[i].device);
    b->plugged[i] = false;
}

static void from_outside(struct bench *b, const uint8_t *bytes, uint32_t length)
{
    struct packet *packet = packet_new(length);
    memcpy(packet->bytes, bytes, length);
    switch_receive(&b->network, 0, packet);
    packet_unref(packet);
}

static void balance(const struct bench *b)
{
    const struct switch_counters *c = &b->network.counters;
    uint64_t arrived = c->in + c->out + c->copies;
    uint64_t gone = c->delivered + c->outside + c->unclaimed + c->rx_dropped + c->link_dropped;
    assert(arrived == gone + switch_held(&b->network));
}

/* A frame of 14 bytes: for machine `to`, all, or somebody unknown. */
static void address_frame(uint8_t frame[DENALI_FRAME_MIN], uint8_t to)
{
    static const uint8_t machine[6] = {0x02, 0x44, 0x4E, 0, 0, 0};
    memset(frame, to & 0x80 ? 0xFF : 0x12, DENALI_FRAME_MIN);
    if (to & 0x40) {
        memcpy(frame, machine, sizeof(machine));
        frame[5] = to & 7;
    }
}

static void step(struct bench *b, uint8_t what, uint8_t operand)
{
    uint8_t frame[DENALI_FRAME_MIN];
    uint32_t i = operand % MACHINES;
    struct port_string out = {.count = DENALI_FRAME_MIN}, in = {.count = 100};
    struct device *device = &b->nics[i].device;
    address_frame(frame, what);
    b->frame = frame;
    switch (what % 8) {
    case 0:
        from_outside(b, frame, DENALI_FRAME_MIN);
        break;
    case 1:
    case 2:
        if (b->plugged[i])
            device->ops->string_out(device, &b->memory, &out);
        break;
    case 3:
        switch_drain(&b->network);
        break;
    case 4:
        b->clock.cycles += operand * 1000u;
        event_run(&b->events, b->clock.cycles);
        break;
    case 5:
        if (b->plugged[i])
            unplug(b, i);
        else
            plug(b, i);
        break;
    default:
        if (b->plugged[i])
            device->ops->string_in(device, &b->memory, &in);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct bench b = {
        .backend.ops = &backend_ops,
        .observer = {see_passed, see_missed},
        .clock.khz = 1000000,
        .specs = {{0, 1, {.delay_ns = 20000, .rate = 10000000, .loss = 100000}},
                  {2, 3, {.duplicate = 300000, .reorder = 300000, .delay_ns = 1000}}},
        .line.post = ignore_post,
        .memory = {read_frame, write_frame},
    };
    event_queue_init(&b.events);
    switch_init(&b.network, &b.observer);
    switch_attach(&b.network, &b.backend);
    switch_shape(&b.network, b.specs, 2, 1, &b.events, &b.clock);
    for (uint32_t i = 0; i < MACHINES; i++)
        plug(&b, i);
    for (size_t at = 0; at + 1 < length; at += 2) {
        step(&b, bytes[at], bytes[at + 1]);
        balance(&b);
    }
    for (uint32_t i = 0; i < MACHINES; i++)
        if (b.plugged[i])
            unplug(&b, i);
    switch_drop(&b.network);
    event_queue_drop(&b.events);
    return 0;
}
