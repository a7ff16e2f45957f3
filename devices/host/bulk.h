/* SPDX-License-Identifier: MIT
 *
 * UDP frames that are longer than the wire takes, because their sender handed over many datagrams at once (UDP_SEGMENT,
 * udp(7)). How long each datagram is stands beside the frame, in a struct virtio_net_hdr that libpcap does not hand on.
 * So a packet socket takes these frames, and libpcap all others.
 */
#pragma once
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdint.h>

/* Which they are, for a libpcap filter. It is the last term, since `vlan` moves what is behind it. */
#define BULK_FRAMES "(udp and greater 1515 and not vlan)"

struct bulk {
    int descriptor;  /* -1: closed */
    uint8_t *buffer; /* owned */
    uint64_t lost;   /* by the host, before we looked */
};

struct bulk_frame {
    const uint8_t *bytes; /* until the next is taken */
    uint32_t length;
    uint32_t datagram; /* bytes of data in each, but maybe fewer in the last; 0: it is a single one */
};

/* The frames of BULK_FRAMES that `filter` names, from the interface of that index. The handle compiles the filter and
 * is not changed. False: this host does not give them, and libpcap has to take them. */
bool bulk_open(struct bulk *, unsigned int interface, pcap_t *handle, const char *filter);
void bulk_close(struct bulk *);
/* False: there is none now. */
bool bulk_next(struct bulk *, struct bulk_frame *);
/* Brings bulk.lost up to date. */
void bulk_count(struct bulk *);
