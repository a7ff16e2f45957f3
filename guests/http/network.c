/* SPDX-License-Identifier: MIT */
#include "network.h"

#include "libc.h"

#define LIFETIME 64
#define HEADERS  (sizeof(struct ethernet_header) + sizeof(struct ipv4_header))

bool address_parse(const char **text, uint32_t *address)
{
    const char *at = *text;
    *address = 0;
    for (int i = 0; i < 4; i++) {
        char *end;
        unsigned long byte = strtoul(at, &end, 10);
        if (end == at || byte > 255 || (i < 3 && *end != '.'))
            return false;
        *address = *address << 8 | byte;
        at = i < 3 ? end + 1 : end;
    }
    *text = at;
    return true;
}

bool network_parse(struct network *n, const char *text)
{
    char *end;
    if (!address_parse(&text, &n->address) || *text != '/')
        return false;
    unsigned long bits = strtoul(text + 1, &end, 10);
    if (end == text + 1 || *end != '\0' || bits < 1 || bits > 30)
        return false;
    n->mask = ~(UINT32_MAX >> bits);
    n->address += registers.vm_id;
    return true;
}

static void my_mac(uint8_t mac[MAC_SIZE])
{
    for (int i = 0; i < MAC_SIZE; i++)
        mac[i] = registers.nic_mac[i];
}

static void ethernet_fill(struct network *n, const uint8_t *destination, uint32_t type)
{
    struct ethernet_header *header = (struct ethernet_header *)n->output;
    memcpy(header->destination, destination, MAC_SIZE);
    my_mac(header->source);
    header->type = be16_of(type);
}

static void arp_send(struct network *n, uint32_t operation, const uint8_t *mac, uint32_t to)
{
    static const uint8_t everybody[MAC_SIZE] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    struct arp_packet *arp = (struct arp_packet *)(n->output + sizeof(struct ethernet_header));
    bool asks = operation == ARP_REQUEST;
    ethernet_fill(n, asks ? everybody : mac, ETHERNET_ARP);
    *arp = (struct arp_packet){
        .hardware = be16_of(ARP_ETHERNET),
        .protocol = be16_of(ETHERNET_IPV4),
        .hardware_size = MAC_SIZE,
        .protocol_size = sizeof(be32),
        .operation = be16_of(operation),
        .sender = be32_of(n->address),
        .target = be32_of(to),
    };
    my_mac(arp->sender_mac);
    if (!asks)
        memcpy(arp->target_mac, mac, MAC_SIZE);
    nic_send(n->output, sizeof(struct ethernet_header) + sizeof(*arp));
}

static void arp_input(struct network *n, const uint8_t *bytes, uint32_t length)
{
    const struct arp_packet *arp = (const struct arp_packet *)bytes;
    if (length < sizeof(*arp) || be16_get(arp->protocol) != ETHERNET_IPV4 || arp->hardware_size != MAC_SIZE ||
        be32_get(arp->target) != n->address)
        return;
    if (be16_get(arp->operation) == ARP_REQUEST) {
        arp_send(n, ARP_REPLY, arp->sender_mac, be32_get(arp->sender));
    } else if (be16_get(arp->operation) == ARP_REPLY && be32_get(arp->sender) == n->asked) {
        memcpy(n->answer, arp->sender_mac, MAC_SIZE);
        n->answered = true;
    }
}

void network_ask(struct network *n, uint32_t to)
{
    n->asked = ((to ^ n->address) & n->mask) == 0 ? to : n->gateway;
    n->answered = false;
    arp_send(n, ARP_REQUEST, NULL, n->asked);
}

void network_send(struct network *n, const uint8_t *mac, uint32_t to, uint8_t protocol, const void *bytes,
                  uint32_t length)
{
    struct ipv4_header *header = (struct ipv4_header *)(n->output + sizeof(struct ethernet_header));
    ethernet_fill(n, mac, ETHERNET_IPV4);
    *header = (struct ipv4_header){
        .version_and_words = 4 << 4 | sizeof(*header) / 4,
        .length = be16_of(sizeof(*header) + length),
        .identification = be16_of(n->identification++),
        .lifetime = LIFETIME,
        .protocol = protocol,
        .source = be32_of(n->address),
        .destination = be32_of(to),
    };
    header->checksum = be16_of(checksum_finish(checksum_add(0, header, sizeof(*header))));
    memcpy(n->output + HEADERS, bytes, length);
    nic_send(n->output, HEADERS + length);
}

static void icmp_input(struct network *n, const uint8_t *mac, uint32_t source, uint8_t *bytes, uint32_t length)
{
    struct icmp_header *header = (struct icmp_header *)bytes;
    if (length < sizeof(*header) || header->type != ICMP_ECHO || header->code != 0 ||
        checksum_finish(checksum_add(0, bytes, length)) != 0)
        return;
    header->type = ICMP_ECHO_REPLY;
    header->checksum = be16_of(0);
    header->checksum = be16_of(checksum_finish(checksum_add(0, bytes, length)));
    network_send(n, mac, source, IPV4_ICMP, bytes, length);
}

static void ipv4_input(struct network *n, const uint8_t *mac, uint8_t *bytes, uint32_t length)
{
    const struct ipv4_header *header = (const struct ipv4_header *)bytes;
    if (length < sizeof(*header) || header->version_and_words >> 4 != 4)
        return;
    uint32_t header_length = (header->version_and_words & 15) * 4u, total = be16_get(header->length);
    if (header_length < sizeof(*header) || header_length > total || total > length ||
        checksum_finish(checksum_add(0, bytes, header_length)) != 0 || be32_get(header->destination) != n->address ||
        (be16_get(header->fragment) & (IPV4_MORE | IPV4_OFFSET)))
        return;
    uint32_t source = be32_get(header->source);
    if (header->protocol == IPV4_TCP)
        n->segment(n, mac, source, bytes + header_length, total - header_length);
    else if (header->protocol == IPV4_ICMP)
        icmp_input(n, mac, source, bytes + header_length, total - header_length);
}

void network_input(struct network *n)
{
    for (uint32_t length; (length = nic_receive(n->input, sizeof(n->input))) != 0;) {
        const struct ethernet_header *header = (const struct ethernet_header *)n->input;
        if (length < sizeof(*header) || length > sizeof(n->input) || (header->source[0] & 1))
            continue;
        uint8_t *bytes = n->input + sizeof(*header);
        if (be16_get(header->type) == ETHERNET_ARP)
            arp_input(n, bytes, length - sizeof(*header));
        else if (be16_get(header->type) == ETHERNET_IPV4)
            ipv4_input(n, header->source, bytes, length - sizeof(*header));
    }
}
