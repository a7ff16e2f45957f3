/* SPDX-License-Identifier: MIT */
#include "nic.h"

#include <stdlib.h>

#include "container_of.h"

static bool queue_is_full(const struct packet_queue *queue)
{
    return queue->count == queue->capacity;
}

static struct packet *queue_at(const struct packet_queue *queue, uint32_t index)
{
    return queue->ring[(queue->head + (uint64_t)index) % queue->capacity];
}

/* Takes over the reference. False: full, or out of host memory. */
static bool queue_push(struct packet_queue *queue, struct packet *packet)
{
    if (queue_is_full(queue))
        return false;
    if (!queue->ring)
        queue->ring = malloc(queue->capacity * sizeof(struct packet *));
    if (!queue->ring)
        return false;
    queue->ring[(queue->head + (uint64_t)queue->count) % queue->capacity] = packet;
    queue->count++;
    return true;
}

static struct packet *queue_pop(struct packet_queue *queue)
{
    if (queue->count == 0)
        return NULL;
    struct packet *packet = queue_at(queue, 0);
    queue->head = (queue->head + 1) % queue->capacity;
    if (--queue->count == 0) {
        free(queue->ring);
        queue->ring = NULL;
    }
    return packet;
}

static void queue_drop(struct packet_queue *queue)
{
    for (struct packet *packet; (packet = queue_pop(queue));)
        packet_unref(packet);
}

static void queue_state(const struct packet_queue *queue, const char *name, struct state_visitor *visitor)
{
    visitor->number(visitor, name, queue->count);
    for (uint32_t i = 0; i < queue->count; i++) {
        const struct packet *packet = queue_at(queue, i);
        visitor->bytes(visitor, "frame", packet->bytes, packet->length);
    }
}

static void nic_refuse(struct nic *nic)
{
    nic->transmit_was_full = true;
    nic->transmit_refused++;
    if (nic->wire && nic->wire->refused)
        nic->wire->refused(nic->wire, nic);
}

/* Takes over the reference. */
static bool nic_send(struct nic *nic, struct packet *packet)
{
    if (!nic->wire) {
        packet_unref(packet);
        nic->sent++;
        return true;
    }
    if (!queue_push(&nic->transmit, packet)) {
        packet_unref(packet);
        return false;
    }
    if (nic->transmit.count == 1)
        nic->wire->ready(nic->wire, nic);
    return true;
}

/* Send one frame. A length that is none, or no room, leaves the count as it was. */
static enum port_result nic_string_out(struct device *device, struct guest_memory *memory, struct port_string *string)
{
    struct nic *nic = container_of(device, struct nic, device);
    if (string->count < DENALI_FRAME_MIN || string->count > DENALI_FRAME_MAX)
        return PORT_DONE;
    struct packet *packet = queue_is_full(&nic->transmit) ? NULL : packet_new(string->count);
    if (!packet) {
        nic_refuse(nic);
        return PORT_DONE;
    }
    if (!memory->read(memory, string->address, packet->bytes, packet->length, &string->fault)) {
        packet_unref(packet);
        return PORT_FAULT;
    }
    if (nic_send(nic, packet))
        string->count = 0;
    else
        nic_refuse(nic);
    return PORT_DONE;
}

/* Receive one frame, cut to the buffer; so a buffer of no bytes discards it. */
static enum port_result nic_string_in(struct device *device, struct guest_memory *memory, struct port_string *string)
{
    struct nic *nic = container_of(device, struct nic, device);
    string->answer = 0;
    if (nic->receive.count == 0)
        return PORT_DONE;
    const struct packet *packet = queue_at(&nic->receive, 0);
    uint32_t length = packet->length < string->count ? packet->length : string->count;
    if (length > 0 && !memory->write(memory, string->address, packet->bytes, length, &string->fault))
        return PORT_FAULT;
    string->answer = packet->length;
    string->count -= length;
    nic->received++;
    packet_unref(queue_pop(&nic->receive));
    return PORT_DONE;
}

static void nic_state(struct device *device, struct state_visitor *visitor)
{
    struct nic *nic = container_of(device, struct nic, device);
    queue_state(&nic->receive, "receive", visitor);
    queue_state(&nic->transmit, "transmit", visitor);
    STATE_NUMBER(visitor, nic, transmit_was_full);
    STATE_NUMBER(visitor, nic, received);
    STATE_NUMBER(visitor, nic, sent);
    STATE_NUMBER(visitor, nic, receive_dropped);
    STATE_NUMBER(visitor, nic, transmit_refused);
}

static bool nic_quiet(const struct device *device)
{
    const struct nic *nic = container_of_const(device, struct nic, device);
    return nic->receive.count == 0 && nic->transmit.count == 0;
}

static void nic_drop(struct device *device)
{
    struct nic *nic = container_of(device, struct nic, device);
    queue_drop(&nic->receive);
    queue_drop(&nic->transmit);
}

static const struct device_ops nic_ops = {
    .name = "nic",
    .ports = {{DENALI_PORT_NIC, PORT_STRING_IN8 | PORT_STRING_OUT8}},
    .string_in = nic_string_in,
    .string_out = nic_string_out,
    .state = nic_state,
    .quiet = nic_quiet,
    .drop = nic_drop,
};

void nic_init(struct nic *nic, uint32_t id, struct interrupt_line *line, struct nic_wire *wire, uint32_t queue_frames)
{
    *nic = (struct nic){
        .device.ops = &nic_ops,
        .line = line,
        .wire = wire,
        .receive.capacity = queue_frames,
        .transmit.capacity = queue_frames,
        .id = id,
    };
}

bool nic_receive(struct nic *nic, struct packet *packet)
{
    if (!queue_push(&nic->receive, packet)) {
        nic->receive_dropped++;
        return false;
    }
    packet_ref(packet);
    nic->line->post(nic->line, DENALI_IRQ_NIC_RX);
    return true;
}

struct packet *nic_transmit(struct nic *nic)
{
    struct packet *packet = queue_pop(&nic->transmit);
    if (!packet)
        return NULL;
    nic->sent++;
    if (nic->transmit_was_full) {
        nic->transmit_was_full = false;
        nic->line->post(nic->line, DENALI_IRQ_NIC_TX);
    }
    return packet;
}

uint32_t nic_receive_waiting(const struct nic *nic)
{
    return nic->receive.count;
}

uint32_t nic_transmit_free(const struct nic *nic)
{
    return nic->transmit.capacity - nic->transmit.count;
}

uint32_t nic_unplug(struct nic *nic)
{
    uint32_t lost = nic->transmit.count;
    queue_drop(&nic->transmit);
    nic->wire = NULL;
    return lost;
}
