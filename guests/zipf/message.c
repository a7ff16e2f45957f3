/* SPDX-License-Identifier: MIT
 *
 * Machine i is 10.64.0.1 + i, and its MAC address tells i.
 */
#include "message.h"

#include "libc.h"

#define LIFETIME     64
#define ADDRESS_BASE 0x0A400001

static uint32_t address_of(uint32_t machine)
{
    return ADDRESS_BASE + machine;
}

static void mac_fill(uint8_t *mac, uint32_t machine)
{
    for (int i = 0; i < 3; i++)
        mac[i] = registers.nic_mac[i]; /* that all machines share */
    mac[3] = (uint8_t)(machine >> 16);
    mac[4] = (uint8_t)(machine >> 8);
    mac[5] = (uint8_t)machine;
}

static size_t udp_length(size_t length)
{
    return sizeof(struct message) - offsetof(struct message, udp) + length;
}

void message_address(struct message *m, uint32_t to, uint16_t port, size_t length)
{
    mac_fill(m->ethernet.destination, to);
    mac_fill(m->ethernet.source, registers.vm_id);
    m->ethernet.type = be16_of(ETHERNET_IPV4);
    m->ipv4 = (struct ipv4_header){
        .version_and_words = 4 << 4 | sizeof(m->ipv4) / 4,
        .length = be16_of((uint16_t)(sizeof(m->ipv4) + udp_length(length))),
        .lifetime = LIFETIME,
        .protocol = IPV4_UDP,
        .source = be32_of(address_of(registers.vm_id)),
        .destination = be32_of(address_of(to)),
    };
    m->ipv4.checksum = be16_of(checksum_finish(checksum_add(0, &m->ipv4, sizeof(m->ipv4))));
    m->udp = (struct udp_header){
        .source = be16_of(port == PORT_SERVER ? PORT_CLIENT : PORT_SERVER),
        .destination = be16_of(port),
        .length = be16_of((uint16_t)udp_length(length)),
    };
    m->reserved = 0;
}

bool message_check(const struct message *m, size_t frame_length, uint16_t port, uint32_t *from, uint32_t *length)
{
    if (frame_length < sizeof(*m) || frame_length > MESSAGE_FRAME_MAX || be16_get(m->ethernet.type) != ETHERNET_IPV4 ||
        m->ipv4.protocol != IPV4_UDP || be32_get(m->ipv4.destination) != address_of(registers.vm_id) ||
        be16_get(m->udp.destination) != port || checksum_finish(checksum_add(0, &m->ipv4, sizeof(m->ipv4))) != 0)
        return false;
    *from = be32_get(m->ipv4.source) - ADDRESS_BASE;
    *length = (uint32_t)(frame_length - sizeof(*m));
    return be16_get(m->udp.length) == udp_length(*length);
}
