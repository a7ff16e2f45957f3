/* SPDX-License-Identifier: MIT
 *
 * Headers on the wire, as far as guests need them, and the Internet checksum. All fields are big-endian.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t bytes[2];
} be16;

typedef struct {
    uint8_t bytes[4];
} be32;

/* As a whole, not byte by byte, which takes this processor many instructions. */
static inline uint32_t be16_get(be16 field)
{
    uint16_t value;
    __builtin_memcpy(&value, field.bytes, sizeof(value));
    return __builtin_bswap16(value);
}

static inline be16 be16_of(uint32_t value)
{
    be16 field;
    uint16_t swapped = __builtin_bswap16((uint16_t)value);
    __builtin_memcpy(field.bytes, &swapped, sizeof(swapped));
    return field;
}

static inline uint32_t be32_get(be32 field)
{
    uint32_t value;
    __builtin_memcpy(&value, field.bytes, sizeof(value));
    return __builtin_bswap32(value);
}

static inline be32 be32_of(uint32_t value)
{
    be32 field;
    uint32_t swapped = __builtin_bswap32(value);
    __builtin_memcpy(field.bytes, &swapped, sizeof(swapped));
    return field;
}

#define MAC_SIZE 6

struct ethernet_header {
    uint8_t destination[MAC_SIZE], source[MAC_SIZE];
    be16 type;
};

#define ETHERNET_IPV4 0x0800
#define ETHERNET_ARP  0x0806

/* RFC 826, for Ethernet and IPv4. */
struct arp_packet {
    be16 hardware, protocol;
    uint8_t hardware_size, protocol_size;
    be16 operation;
    uint8_t sender_mac[MAC_SIZE];
    be32 sender;
    uint8_t target_mac[MAC_SIZE];
    be32 target;
};

#define ARP_ETHERNET 1
#define ARP_REQUEST  1
#define ARP_REPLY    2

/* RFC 791. */
struct ipv4_header {
    uint8_t version_and_words; /* 4, then the header's length in 32-bit words */
    uint8_t service;
    be16 length;
    be16 identification;
    be16 fragment; /* IPV4_MORE, then the offset in units of 8 bytes */
    uint8_t lifetime;
    uint8_t protocol;
    be16 checksum;
    be32 source, destination;
};

#define IPV4_MORE   0x2000
#define IPV4_OFFSET 0x1FFF
#define IPV4_ICMP   1
#define IPV4_TCP    6
#define IPV4_UDP    17

/* RFC 792: echo and echo reply. */
struct icmp_header {
    uint8_t type, code;
    be16 checksum;
    be16 identifier, sequence;
};

#define ICMP_ECHO_REPLY 0
#define ICMP_ECHO       8

/* RFC 768. */
struct udp_header {
    be16 source, destination;
    be16 length;
    be16 checksum; /* 0 = none */
};

#define UDP_ECHO 7 /* RFC 862 */

/* RFC 9293. */
struct tcp_header {
    be16 source, destination;
    be32 sequence, acknowledgment;
    uint8_t words; /* upper four bits: the header's length in 32-bit words */
    uint8_t flags;
    be16 window;
    be16 checksum;
    be16 urgent;
};

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10

typedef uint16_t unaligned16 __attribute__((aligned(1), may_alias));
typedef uint32_t unaligned32 __attribute__((aligned(1), may_alias));

/* RFC 1071: the one's complement sum of 16-bit words, not yet folded. The sum does not care about byte order (section
 * 2, B), so words are taken as they lie in memory, two at once. `length` is a multiple of 4 except for the last piece.
 */
static inline uint64_t checksum_add(uint64_t sum, const void *bytes, size_t length)
{
    const uint8_t *byte = bytes;
    for (; length >= 4; length -= 4, byte += 4)
        sum += *(const unaligned32 *)byte;
    if (length & 2) {
        sum += *(const unaligned16 *)byte;
        byte += 2;
    }
    return length & 1 ? sum + *byte : sum;
}

/* The checksum of a sum, 0 if the sum covers a field that is right. */
static inline uint32_t checksum_finish(uint64_t sum)
{
    const uint32_t high = (uint32_t)(sum >> 32), low = (uint32_t)sum;
    uint32_t folded = (high >> 16) + (high & 0xFFFF) + (low >> 16) + (low & 0xFFFF);
    folded = (folded & 0xFFFF) + (folded >> 16);
    folded += folded >> 16;
    return __builtin_bswap16((uint16_t)~folded);
}
