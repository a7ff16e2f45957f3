/* SPDX-License-Identifier: MIT
 *
 * The Ethernet NIC: one bounded receive queue, one bounded transmit queue. The guest side is port DENALI_PORT_NIC,
 * `rep outsb` sends one frame and `rep insb` receives one (into no bytes: discards it). The wire side is called by the
 * switch: nic_receive() puts a frame in, nic_transmit() takes one out. Queues take memory only while they hold frames.
 */
#pragma once
#include "device.h"
#include "packet.h"

struct nic;

/* The other end of the cable. */
struct nic_wire {
    void (*ready)(struct nic_wire *, struct nic *);   /* a transmit queue that was empty has a frame */
    void (*refused)(struct nic_wire *, struct nic *); /* a guest's frame found the queue full; may be NULL */
};

/* A queue of packet references: a ring that is allocated with its first entry and freed with its last. */
struct packet_queue {
    struct packet **ring; /* NULL while empty */
    uint32_t capacity;    /* frames, fixed */
    uint32_t head, count;
};

struct nic {
    struct device device;
    struct interrupt_line *line; /* borrowed */
    struct nic_wire *wire;       /* borrowed; NULL: nothing is plugged in and frames sent are counted and lost */
    struct packet_queue receive, transmit;
    struct nic *next_sender; /* the switch's list of those with frames to send */
    uint32_t id;             /* whose NIC: the machine's index */
    bool transmit_was_full;  /* the guest was refused: tell it when there is room */
    uint64_t received, sent; /* frames the guest took, and frames that left the transmit queue */
    uint32_t receive_dropped, transmit_refused;
};

void nic_init(struct nic *, uint32_t id, struct interrupt_line *, struct nic_wire *, uint32_t queue_frames);

/* From the wire: queue the frame (a reference is taken) and post DENALI_IRQ_NIC_RX. False: the queue was full, the
 * frame is dropped and counted, nothing is posted. */
bool nic_receive(struct nic *, struct packet *);

/* To the wire: the oldest frame to send, whose reference passes to the caller; NULL if none. Posts
 * DENALI_IRQ_NIC_TX when a guest that was refused may send again. */
struct packet *nic_transmit(struct nic *);

/* The values of the registers NIC_RX_WAITING and NIC_TX_FREE. */
uint32_t nic_receive_waiting(const struct nic *);
uint32_t nic_transmit_free(const struct nic *);

/* The cable is pulled: frames still to be sent are dropped, and later ones lost. Returns how many were dropped. */
uint32_t nic_unplug(struct nic *);
