/* SPDX-License-Identifier: MIT */
#include "bulk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER     (256 << 10)
#define GSO_UDP_L4 5 /* VIRTIO_NET_HDR_GSO_UDP_L4 of newer headers (virtio 1.3, 5.1.6) */

static bool attach(int descriptor, pcap_t *handle, const char *filter)
{
    struct bpf_program program;
    if (pcap_compile(handle, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
        return false;
    /* libpcap's instructions are the kernel's, by another name. */
    const struct sock_fprog kernels = {.len = (unsigned short)program.bf_len, .filter = (void *)program.bf_insns};
    bool attached = setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &kernels, sizeof(kernels)) == 0;
    pcap_freecode(&program);
    return attached;
}

/* Frames come from the binding on, so that is last. */
static bool set_up(int descriptor, unsigned int interface, pcap_t *handle, const char *filter)
{
    const struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)interface};
    const int on = 1;
    return attach(descriptor, handle, filter) &&
           setsockopt(descriptor, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) == 0 &&
           setsockopt(descriptor, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) == 0 &&
           bind(descriptor, (const struct sockaddr *)&address, sizeof(address)) == 0;
}

bool bulk_open(struct bulk *bulk, unsigned int interface, pcap_t *handle, const char *filter)
{
    *bulk = (struct bulk){.descriptor = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                          .buffer = malloc(BUFFER)};
    if (bulk->descriptor >= 0 && bulk->buffer && set_up(bulk->descriptor, interface, handle, filter))
        return true;
    bulk_close(bulk);
    return false;
}

void bulk_close(struct bulk *bulk)
{
    if (bulk->descriptor >= 0)
        close(bulk->descriptor);
    free(bulk->buffer);
    bulk->descriptor = -1;
    bulk->buffer = NULL;
}

bool bulk_next(struct bulk *bulk, struct bulk_frame *frame)
{
    struct virtio_net_hdr header;
    ssize_t length;

    /* EINVAL: a frame that this kernel has no virtio_net_hdr for; it is gone. */
    do {
        length = bulk->descriptor >= 0 ? recv(bulk->descriptor, bulk->buffer, BUFFER, 0) : -1;
        bulk->lost += length < 0 && errno == EINVAL;
    } while (length < 0 && bulk->descriptor >= 0 && errno == EINVAL);
    if (length < (ssize_t)sizeof(header))
        return false;
    memcpy(&header, bulk->buffer, sizeof(header));
    *frame = (struct bulk_frame){.bytes = bulk->buffer + sizeof(header), .length = (uint32_t)length - sizeof(header)};
    if ((header.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == GSO_UDP_L4)
        frame->datagram = header.gso_size;
    return true;
}

/* Asking sets the kernel's count to 0. */
void bulk_count(struct bulk *bulk)
{
    struct tpacket_stats stats;
    socklen_t size = sizeof(stats);
    if (bulk->descriptor >= 0 && getsockopt(bulk->descriptor, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
        bulk->lost += stats.tp_drops;
}
