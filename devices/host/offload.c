/* SPDX-License-Identifier: MIT */
#include "offload.h"

#include "checksum.h"
#include "denali.h"

#define ETHERNET_HEADER 14
#define TYPE_AT         12
#define VLAN_TAG        4
#define VLAN_TAGS_MAX   2
#define TYPE_VLAN       0x8100
#define TYPE_VLAN_OUTER 0x88A8
#define TYPE_IPV4       0x0800
#define TYPE_IPV6       0x86DD

#define TCP                 6
#define UDP                 17
#define TCP_HEADER          20
#define UDP_HEADER          8
#define TCP_CHECKSUM        16
#define UDP_CHECKSUM        6
#define TCP_FLAGS           13
#define TCP_FIN_PUSH        0x09 /* belong to the last byte: flags of the last segment alone */
#define TCP_REDUCED         0x80 /* CWR is said once: a flag of the first segment alone (RFC 3168, 6.1.2) */
#define IPV4_HEADER         20
#define IPV4_FRAGMENT       0x3FFF /* more fragments, or not the first */
#define IPV6_HEADER         40
#define IPV6_EXTENSIONS_MAX 8

/* Of IPv6: hop-by-hop options, routing, destination options. A fragment's rest is not looked at. */
static bool is_extension(uint8_t header)
{
    return header == 0 || header == 43 || header == 60;
}

/* IPv4: where the transport's header begins; 0 if the packet makes no sense, or is a fragment. */
static uint32_t ipv4_transport(struct offload *o, uint32_t room)
{
    const uint8_t *ip = o->bytes + o->network;
    if (room < IPV4_HEADER || ip[0] >> 4 != 4)
        return 0;
    uint32_t header = (ip[0] & 15) * 4u, total = get16(ip + 2);
    if (total == 0) /* so long that the field cannot say it */
        total = room;
    if (header < IPV4_HEADER || header > total || total > room || (get16(ip + 6) & IPV4_FRAGMENT))
        return 0;
    o->length = o->network + total;
    o->version = 4;
    o->protocol = ip[9];
    return o->network + header;
}

/* The same for IPv6. */
static uint32_t ipv6_transport(struct offload *o, uint32_t room)
{
    const uint8_t *ip = o->bytes + o->network;
    if (room < IPV6_HEADER || ip[0] >> 4 != 6)
        return 0;
    uint32_t total = IPV6_HEADER + get16(ip + 4), at = IPV6_HEADER;
    uint8_t next = ip[6];
    if (total > room)
        return 0;
    for (int i = 0; i < IPV6_EXTENSIONS_MAX && is_extension(next); i++) {
        if (at + 8 > total)
            return 0;
        next = ip[at];
        at += (ip[at + 1] + 1u) * 8;
    }
    if (at > total)
        return 0;
    o->length = o->network + total;
    o->version = 6;
    o->protocol = next;
    return o->network + at;
}

/* Where the data of TCP or UDP begin; 0 if it is neither, or its header is not all there. */
static uint32_t transport_payload(const struct offload *o, uint32_t transport)
{
    uint32_t room = o->length - transport;
    if (o->protocol == UDP && room >= UDP_HEADER)
        return transport + UDP_HEADER;
    if (o->protocol != TCP || room < TCP_HEADER)
        return 0;
    uint32_t header = (o->bytes[transport + 12] >> 4) * 4u;
    return header >= TCP_HEADER && header <= room ? transport + header : 0;
}

static void take_apart(struct offload *o)
{
    uint32_t type_at = TYPE_AT, type = get16(o->bytes + type_at), transport = 0;
    for (int tags = 0; tags < VLAN_TAGS_MAX && (type == TYPE_VLAN || type == TYPE_VLAN_OUTER); tags++) {
        type_at += VLAN_TAG;
        if (type_at + 2 > o->length)
            return;
        type = get16(o->bytes + type_at);
    }
    o->network = type_at + 2;
    if (type == TYPE_IPV4)
        transport = ipv4_transport(o, o->length - o->network);
    else if (type == TYPE_IPV6)
        transport = ipv6_transport(o, o->length - o->network);
    if (transport)
        o->payload = transport_payload(o, transport);
    if (o->payload)
        o->transport = transport;
}

static uint32_t checksum_at(const struct offload *o)
{
    return o->transport + (o->protocol == TCP ? TCP_CHECKSUM : UDP_CHECKSUM);
}

/* Of addresses, protocol and the length of the rest, which is the transport's header and data. */
static uint64_t pseudo_sum(const struct offload *o, const uint8_t *bytes, uint32_t rest)
{
    uint8_t last[8] = {0};
    put32(last, rest);
    last[7] = o->protocol;
    const uint8_t *addresses = bytes + o->network + (o->version == 4 ? 12 : 8);
    return checksum_add(checksum_add(0, addresses, o->version == 4 ? 8 : 32), last, sizeof(last));
}

enum checksum_state { CHECKSUM_RIGHT, CHECKSUM_UNFINISHED, CHECKSUM_WRONG };

static enum checksum_state checksum_state(const struct offload *o)
{
    uint32_t rest = o->length - o->transport;
    uint64_t pseudo = pseudo_sum(o, o->bytes, rest);
    uint16_t field;
    memcpy(&field, o->bytes + checksum_at(o), sizeof(field));
    if (o->protocol == UDP && field == 0 && o->version == 4)
        return CHECKSUM_RIGHT; /* there is none */
    if (checksum_fold(checksum_add(pseudo, o->bytes + o->transport, rest)) == 0xFFFF)
        return CHECKSUM_RIGHT;
    return field == checksum_fold(pseudo) ? CHECKSUM_UNFINISHED : CHECKSUM_WRONG;
}

/* Bytes of data in each segment; 0: it cannot be split. */
static uint32_t segment_size(const struct offload *o, uint32_t datagram)
{
    uint32_t room = o->payload < DENALI_FRAME_MAX ? DENALI_FRAME_MAX - o->payload : 0;
    if (!o->transport || o->payload >= o->length)
        return 0;
    if (o->protocol == TCP)
        return room;
    return datagram <= room ? datagram : 0;
}

bool offload_begin(struct offload *o, const uint8_t *bytes, uint32_t length, uint32_t datagram)
{
    *o = (struct offload){.bytes = bytes, .length = length};
    if (length < DENALI_FRAME_MIN)
        return false;
    take_apart(o);
    enum checksum_state state = o->transport ? checksum_state(o) : CHECKSUM_RIGHT;
    o->unfinished = state == CHECKSUM_UNFINISHED;
    o->frame = length <= DENALI_FRAME_MAX ? length : o->length;
    if (o->length <= DENALI_FRAME_MAX && !(o->protocol == UDP && datagram))
        return true;
    o->segment = state == CHECKSUM_WRONG ? 0 : segment_size(o, datagram);
    return o->segment != 0;
}

static void finish_checksum(const struct offload *o, uint8_t *bytes, uint32_t length)
{
    uint32_t rest = length - o->transport;
    memset(bytes + checksum_at(o), 0, 2);
    uint64_t sum = checksum_add(pseudo_sum(o, bytes, rest), bytes + o->transport, rest);
    uint16_t checksum = (uint16_t)~checksum_fold(sum);
    if (checksum == 0 && o->protocol == UDP)
        checksum = 0xFFFF; /* 0 would say that there is none (RFC 768) */
    memcpy(bytes + checksum_at(o), &checksum, sizeof(checksum));
}

/* The IP header of segment `number`, which makes a frame of `length` bytes. */
static void fix_network(const struct offload *o, uint8_t *bytes, uint32_t length, uint32_t number)
{
    uint8_t *ip = bytes + o->network;
    if (o->version == 6) {
        put16(ip + 4, length - o->network - IPV6_HEADER);
        return;
    }
    put16(ip + 2, length - o->network);
    put16(ip + 4, get16(ip + 4) + number);
    memset(ip + 10, 0, 2);
    uint16_t checksum = (uint16_t)~checksum_fold(checksum_add(0, ip, (ip[0] & 15) * 4u));
    memcpy(ip + 10, &checksum, sizeof(checksum));
}

static void fix_transport(const struct offload *o, uint8_t *bytes, uint32_t length, bool last)
{
    uint8_t *header = bytes + o->transport;
    if (o->protocol == UDP) {
        put16(header + 4, length - o->transport);
        return;
    }
    put32(header + 4, get32(header + 4) + o->done);
    if (!last)
        header[TCP_FLAGS] &= (uint8_t)~TCP_FIN_PUSH;
    if (o->done > 0)
        header[TCP_FLAGS] &= (uint8_t)~TCP_REDUCED;
}

static struct packet *next_segment(struct offload *o)
{
    uint32_t left = o->length - o->payload - o->done, data = left < o->segment ? left : o->segment;
    struct packet *packet = data > 0 ? packet_new(o->payload + data) : NULL;
    if (!packet)
        return NULL;
    memcpy(packet->bytes, o->bytes, o->payload);
    memcpy(packet->bytes + o->payload, o->bytes + o->payload + o->done, data);
    fix_network(o, packet->bytes, packet->length, o->done / o->segment);
    fix_transport(o, packet->bytes, packet->length, data == left);
    finish_checksum(o, packet->bytes, packet->length);
    o->done += data;
    return packet;
}

struct packet *offload_next(struct offload *o)
{
    if (offload_splits(o))
        return next_segment(o);
    struct packet *packet = o->done++ == 0 ? packet_new(o->frame) : NULL;
    if (!packet)
        return NULL;
    memcpy(packet->bytes, o->bytes, o->frame);
    if (o->unfinished)
        finish_checksum(o, packet->bytes, o->length);
    return packet;
}
