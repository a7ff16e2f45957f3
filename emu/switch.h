/* SPDX-License-Identifier: MIT
 *
 * The Ethernet switch inside the process: machines' NICs on one side, networks outside (backends) on the other. A
 * machine's MAC tells its index (02:44:4E + 24 bits), so finding the receiver of a frame costs the same with ten
 * machines or a million. Unicast for no machine that exists is dropped, counted, and interrupts nobody; broadcast and
 * multicast go to every machine but the sender, in the order of their indices, as references to one frame.
 *
 * Frames that machines send to a MAC that is no machine's, or to a group, go to all backends. One for the sender's own
 * MAC is not sent back (as no switch returns a frame to the port it came from), but unclaimed. Backends do not see each
 * other's frames. A machine's cable may be a link (emu/link.h), which takes time and loses frames.
 *
 * Every frame is accounted for, always (switch_held() is what is on its way in links):
 *     in + out + copies = delivered + outside + unclaimed + rx_dropped + link_dropped + held
 */
#pragma once
#include "../devices/host/backend.h"
#include "../devices/nic.h"
#include "link_spec.h"

#define SWITCH_BACKENDS 8
/* Where a frame comes from: a machine's index, or from this number on one of the backends. */
#define SWITCH_OUTSIDE (1u << 24)

struct switch_counters {
    uint64_t in;           /* frames that came from outside */
    uint64_t out;          /* frames that machines sent */
    uint64_t copies;       /* made of them: one of each frame for several receivers is the frame itself */
    uint64_t delivered;    /* put into some machine's receive queue */
    uint64_t outside;      /* given to a backend */
    uint64_t unclaimed;    /* for nobody: no such machine, no backend for it to go to, or its own sender */
    uint64_t rx_dropped;   /* lost: a receive queue was full */
    uint64_t link_dropped; /* lost by a link */
    uint64_t tx_dropped;   /* refused to a guest: its transmit queue was full; or still in it when it was unplugged */
};

/* Of one machine's port, for as long as the simulation lives. */
struct switch_port_counters {
    uint64_t delivered, sent;
    uint32_t rx_dropped, tx_dropped;
};

/* What became of a frame at the switch. */
struct switch_fate {
    uint32_t reached;          /* receivers that have it, or to whom it is on its way */
    uint32_t full, first_full; /* those whose receive queue was full, and the first of them */
    uint32_t lost, first_lost; /* those whose link lost it, and the first of them */
};

/* Somebody who looks on: captures, traces. */
struct switch_observer {
    /* A frame has passed. `from` is a machine or SWITCH_OUTSIDE + backend. */
    void (*passed)(struct switch_observer *, uint32_t from, struct packet *, const struct switch_fate *);
    /* A frame came out of the link of this machine and found its receive queue full, or the machine gone. */
    void (*missed)(struct switch_observer *, uint32_t machine, struct packet *);
};

struct switch_port {
    struct nic *nic; /* NULL = no such machine (any more), or it is swapped out */
    struct switch_port_counters counters;
};

struct network_switch {
    struct nic_wire wire;      /* embedded: each NIC's wire */
    struct link_owner links;   /* embedded: where links lead to */
    struct switch_port *ports; /* by machine index; owned array */
    struct link **cables;      /* by machine index; owned, NULL = a perfect one; no array: all are */
    uint64_t *plugged;         /* a bit for each port that has a NIC, swapped out or not; owned */
    uint32_t port_count;       /* indices that have ever had a NIC, plus 1 */
    uint32_t capacity;
    /* The NIC of a port that is empty, of a machine that was swapped out: it is plugged in again. NULL: there is none.
     * The function itself may be NULL. */
    struct nic *(*fetch)(struct network_switch *, uint32_t index);
    struct net_backend *backends[SWITCH_BACKENDS]; /* borrowed */
    uint32_t backend_count;
    struct switch_observer *observer; /* borrowed, may be NULL */
    const struct link_spec *specs;    /* borrowed */
    size_t spec_count;
    uint64_t seed;
    uint64_t held;                      /* frames on their way in links */
    struct nic *senders, **senders_end; /* those with frames to send, in the order they became ready */
    bool draining;
    struct switch_counters counters;
};

void switch_init(struct network_switch *, struct switch_observer *);
void switch_drop(struct network_switch *);
/* From now on the ports of machines that a specification names get such a link when they are plugged; of several, the
 * last counts. The array is borrowed. */
void switch_shape(struct network_switch *, const struct link_spec *, size_t count, uint64_t seed, struct event_queue *,
                  const struct clock *);
/* A further network outside. False: there are SWITCH_BACKENDS. */
bool switch_attach(struct network_switch *, struct net_backend *);
/* The NIC, which was initialised with this switch's wire, takes the port of its id. False: out of host memory. */
bool switch_plug(struct network_switch *, struct nic *);
/* The NIC goes away; what it still wanted to send is dropped. */
void switch_unplug(struct network_switch *, struct nic *);
/* The NIC is swapped out, with nothing in its queues, and back, perhaps at another place. */
void switch_leave(struct network_switch *, uint32_t index);
void switch_return(struct network_switch *, struct nic *);
/* A frame from a backend (one that was attached, to be counted there too), of at least DENALI_FRAME_MIN bytes. Keeps no
 * reference of the caller's. */
void switch_receive(struct network_switch *, uint32_t backend, struct packet *);
/* Deliver everything that machines want to send, one frame per sender per turn (round-robin over active senders, in
 * the order in which they became so). Within itself (a machine that cannot be fetched ends) it does nothing. */
void switch_drain_senders(struct network_switch *);
static inline void switch_drain(struct network_switch *network)
{
    if (network->senders)
        switch_drain_senders(network);
}
/* Zeroes for a machine that never had a port. */
struct switch_port_counters switch_port_counters(const struct network_switch *, uint32_t machine);
uint64_t switch_held(const struct network_switch *);
/* The machine with this MAC address, or UINT32_MAX if the address is none of a machine's. */
uint32_t mac_machine(const uint8_t mac[6]);
