/* SPDX-License-Identifier: MIT
 *
 * The Ethernet switch inside the process: machines' NICs on one side, the outside (a capture file, later a live
 * interface) on the other. A machine's MAC tells its index (02:44:4E + 24 bits), so finding the receiver of a frame
 * costs the same with ten machines or a million. Unicast for no machine that exists is dropped, counted, and
 * interrupts nobody; broadcast and multicast go to every machine but the sender, in the order of their indices.
 *
 * Every frame that a machine sends also goes outside. One for a MAC that is no machine's is the outside's alone. One
 * for the sender's own MAC is not sent back (as no switch returns a frame to the port it came from), but unclaimed.
 * So, over all unicast frames: in + out = delivered + rx_dropped + unclaimed + those for the outside's MACs.
 */
#pragma once
#include "../devices/nic.h"

struct switch_counters {
    uint64_t in;         /* frames that came from outside */
    uint64_t delivered;  /* put into some machine's receive queue (a broadcast counts once per machine) */
    uint64_t unclaimed;  /* for nobody: no such machine, no outside for it to go to, or its own sender */
    uint64_t out;        /* frames that machines sent */
    uint64_t rx_dropped; /* lost: a receive queue was full (a broadcast counts once per such machine) */
    uint64_t tx_dropped; /* refused to a guest: its transmit queue was full; or still in it when it was unplugged */
};

/* Where frames that machines send also go (all of them: the capture of the run). */
struct switch_outside {
    void (*send)(struct switch_outside *, uint32_t from, struct packet *);
};

struct network_switch {
    struct nic_wire wire; /* embedded: each NIC's wire */
    struct nic **ports;   /* by machine index; NULL = no such machine (any more); owned array */
    uint32_t port_count;  /* indices that have ever had a NIC, plus 1 */
    uint32_t capacity;
    struct switch_outside *outside; /* borrowed, may be NULL */
    /* The NIC of a port that is empty, of a machine that was swapped out: it is plugged in again. NULL: there is none.
     * The function itself may be NULL. */
    struct nic *(*fetch)(struct network_switch *, uint32_t index);
    struct nic *senders, **senders_end; /* those with frames to send, in the order they became ready */
    bool draining;
    struct switch_counters counters;
};

void switch_init(struct network_switch *, struct switch_outside *);
void switch_drop(struct network_switch *);
/* The NIC, which was initialised with this switch's wire, takes the port of its id. False: out of host memory. */
bool switch_plug(struct network_switch *, struct nic *);
/* The NIC goes away; what it still wanted to send is dropped. */
void switch_unplug(struct network_switch *, struct nic *);
/* The NIC is swapped out, with nothing in its queues, and back, perhaps at another place. */
void switch_leave(struct network_switch *, uint32_t index);
void switch_return(struct network_switch *, struct nic *);
/* A frame from outside, of at least DENALI_FRAME_MIN bytes. Keeps no reference of the caller's. */
void switch_receive(struct network_switch *, struct packet *);
/* Deliver everything that machines want to send, one frame per sender per turn (round-robin over active senders, in
 * the order in which they became so). Within itself (a machine that cannot be fetched ends) it does nothing. */
void switch_drain(struct network_switch *);
/* The machine with this MAC address, or UINT32_MAX if the address is none of a machine's. */
uint32_t mac_machine(const uint8_t mac[6]);
