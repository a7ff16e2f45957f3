/* SPDX-License-Identifier: MIT
 *
 * Answers ARP requests, ICMP echo (ping) and UDP echo (port 7) and ignores everything else, broadcast pings included
 * (RFC 1122, 3.2.2.6 allows that). Requests may come in fragments, replies leave in fragments. A reply goes to the MAC
 * that the request came from, so there is no ARP cache. IP options are not returned.
 * Argument: net=A/LEN (10.64.0.1/10); machine i has the address A + i.
 */
#include "guest.h"
#include "libc.h"
#include "packet.h"
#include "reassembly.h"

#define LIFETIME 64
#define HEADERS  (sizeof(struct ethernet_header) + sizeof(struct ipv4_header))

struct echo {
    uint8_t mac[MAC_SIZE];
    uint32_t address, broadcast;
    uint16_t identification; /* of the last datagram sent */
    struct reassembly reassembly;
    uint8_t input[DENALI_FRAME_MAX];
    uint8_t output[DENALI_FRAME_MAX];
};

/* A request: where it came from, and its bytes behind the IP header, which become the reply's. */
struct request {
    const uint8_t *mac;
    uint32_t source;
    uint8_t protocol, service;
    uint8_t *bytes;
    uint32_t length;
};

static void ethernet_fill(struct echo *e, const uint8_t *destination, uint32_t type)
{
    struct ethernet_header *header = (struct ethernet_header *)e->output;
    memcpy(header->destination, destination, MAC_SIZE);
    memcpy(header->source, e->mac, MAC_SIZE);
    header->type = be16_of(type);
}

static void arp_input(struct echo *e, const uint8_t *source_mac, const uint8_t *bytes, uint32_t length)
{
    const struct arp_packet *request = (const struct arp_packet *)bytes;
    if (length < sizeof(*request) || be16_get(request->hardware) != ARP_ETHERNET ||
        be16_get(request->protocol) != ETHERNET_IPV4 || request->hardware_size != MAC_SIZE ||
        request->protocol_size != sizeof(be32) || be16_get(request->operation) != ARP_REQUEST ||
        be32_get(request->target) != e->address || be32_get(request->sender) == e->address)
        return;
    ethernet_fill(e, source_mac, ETHERNET_ARP);
    struct arp_packet *reply = (struct arp_packet *)(e->output + sizeof(struct ethernet_header));
    *reply = *request;
    reply->operation = be16_of(ARP_REPLY);
    memcpy(reply->target_mac, request->sender_mac, MAC_SIZE);
    memcpy(reply->sender_mac, e->mac, MAC_SIZE);
    reply->target = request->sender;
    reply->sender = request->target;
    nic_send(e->output, sizeof(struct ethernet_header) + sizeof(*reply));
}

static void fragment_send(struct echo *e, const struct request *r, uint32_t offset, uint32_t length)
{
    struct ipv4_header *header = (struct ipv4_header *)(e->output + sizeof(struct ethernet_header));
    bool more = offset + length < r->length;
    ethernet_fill(e, r->mac, ETHERNET_IPV4);
    *header = (struct ipv4_header){
        .version_and_words = 4 << 4 | sizeof(*header) / 4,
        .service = r->service,
        .length = be16_of(sizeof(*header) + length),
        .identification = be16_of(e->identification),
        .fragment = be16_of((more ? IPV4_MORE : 0) | offset / 8),
        .lifetime = LIFETIME,
        .protocol = r->protocol,
        .source = be32_of(e->address),
        .destination = be32_of(r->source),
    };
    header->checksum = be16_of(checksum_finish(checksum_add(0, header, sizeof(*header))));
    memcpy(e->output + HEADERS, r->bytes + offset, length);
    nic_send(e->output, HEADERS + length);
}

/* Sends the bytes back, in as many fragments as it takes. */
static void reply_send(struct echo *e, const struct request *r)
{
    const uint32_t room = (DENALI_FRAME_MAX - HEADERS) / 8 * 8;
    e->identification++;
    for (uint32_t offset = 0; offset < r->length; offset += room) {
        uint32_t rest = r->length - offset;
        fragment_send(e, r, offset, rest < room ? rest : room);
    }
}

static void icmp_input(struct echo *e, const struct request *r)
{
    struct icmp_header *header = (struct icmp_header *)r->bytes;
    if (r->length < sizeof(*header) || header->type != ICMP_ECHO || header->code != 0)
        return;
    /* The reply differs in the first four bytes only: type, code and checksum. */
    uint64_t sum = checksum_add(0, r->bytes + 4, r->length - 4);
    if (checksum_finish(checksum_add(sum, r->bytes, 4)) != 0)
        return;
    header->type = ICMP_ECHO_REPLY;
    header->checksum = be16_of(checksum_finish(sum));
    reply_send(e, r);
}

/* The checksum over pseudo-header, header and data, the same for both directions. */
static uint32_t udp_checksum(const struct echo *e, const struct request *r)
{
    struct {
        be32 source, destination;
        be16 protocol, length;
    } pseudo = {be32_of(r->source), be32_of(e->address), be16_of(IPV4_UDP), be16_of(r->length)};
    return checksum_finish(checksum_add(checksum_add(0, &pseudo, sizeof(pseudo)), r->bytes, r->length));
}

/* A datagram from port 7 may itself be an echo, and answering it would never end; one from port 0 wants no answer. */
static bool udp_port_answers(uint32_t port)
{
    return port != UDP_ECHO && port != 0;
}

static void udp_input(struct echo *e, struct request *r)
{
    struct udp_header *header = (struct udp_header *)r->bytes;
    if (r->length < sizeof(*header) || be16_get(header->length) < sizeof(*header) ||
        be16_get(header->length) > r->length || be16_get(header->destination) != UDP_ECHO ||
        !udp_port_answers(be16_get(header->source)))
        return;
    r->length = be16_get(header->length); /* what follows is padding */
    bool has_checksum = be16_get(header->checksum) != 0;
    if (has_checksum && udp_checksum(e, r) != 0)
        return;
    header->destination = header->source;
    header->source = be16_of(UDP_ECHO);
    if (!has_checksum) { /* one that was right still is: the same words in another order */
        uint32_t checksum = udp_checksum(e, r);
        header->checksum = be16_of(checksum != 0 ? checksum : 0xFFFF);
    }
    reply_send(e, r);
}

static void request_handle(struct echo *e, struct request *r)
{
    if (r->protocol == IPV4_ICMP)
        icmp_input(e, r);
    else if (r->protocol == IPV4_UDP)
        udp_input(e, r);
}

static void fragment_input(struct echo *e, const struct ipv4_header *header, struct request *r)
{
    uint32_t place = be16_get(header->fragment);
    struct fragment fragment = {
        .key = {r->source, be16_get(header->identification), r->protocol},
        .offset = (place & IPV4_OFFSET) * 8,
        .more = place & IPV4_MORE,
        .bytes = r->bytes,
        .length = r->length,
    };
    struct datagram *datagram = reassembly_add(&e->reassembly, &fragment, time_now());
    if (datagram == NULL)
        return;
    r->bytes = datagram_bytes(datagram);
    r->length = datagram->length;
    request_handle(e, r);
    datagram_drop(datagram);
}

/* Can the address be one host's? RFC 1122, 3.2.1.3. */
static bool address_is_host(const struct echo *e, uint32_t address)
{
    uint32_t network = address >> 24;
    return network != 0 && network != 127 && network < 224 && address != e->broadcast && address != e->address;
}

static void ipv4_input(struct echo *e, const uint8_t *source_mac, uint8_t *bytes, uint32_t length)
{
    const struct ipv4_header *header = (const struct ipv4_header *)bytes;
    if (length < sizeof(*header) || header->version_and_words >> 4 != 4)
        return;
    uint32_t header_length = (header->version_and_words & 15) * 4u;
    uint32_t total = be16_get(header->length);
    if (header_length < sizeof(*header) || header_length > total || total > length ||
        checksum_finish(checksum_add(0, bytes, header_length)) != 0 || be32_get(header->destination) != e->address ||
        !address_is_host(e, be32_get(header->source)))
        return;
    struct request request = {
        .mac = source_mac,
        .source = be32_get(header->source),
        .protocol = header->protocol,
        .service = header->service,
        .bytes = bytes + header_length,
        .length = total - header_length,
    };
    if (be16_get(header->fragment) & (IPV4_MORE | IPV4_OFFSET))
        fragment_input(e, header, &request);
    else
        request_handle(e, &request);
}

/* A frame has come into e->input. */
static void frame_input(struct echo *e, uint32_t length)
{
    const struct ethernet_header *header = (const struct ethernet_header *)e->input;
    if (length < sizeof(*header) || header->source[0] & 1) /* no one has a group's address */
        return;
    uint8_t *bytes = e->input + sizeof(*header);
    uint32_t rest = length - sizeof(*header);
    uint32_t type = be16_get(header->type);
    if (type == ETHERNET_ARP)
        arp_input(e, header->source, bytes, rest);
    else if (type == ETHERNET_IPV4 && memcmp(header->destination, e->mac, MAC_SIZE) == 0)
        ipv4_input(e, header->source, bytes, rest);
}

/* Reads A/LEN, sets this machine's address and its network's broadcast address. False: it is none, or the network is
 * too small for a machine of this number. */
static bool network_parse(struct echo *e, const char *text)
{
    uint32_t base = 0;
    char *end;
    for (int i = 0; i < 4; i++) {
        unsigned long byte = strtoul(text, &end, 10);
        if (end == text || byte > 255 || *end != (i < 3 ? '.' : '/'))
            return false;
        base = base << 8 | byte;
        text = end + 1;
    }
    unsigned long bits = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || bits < 1 || bits > 30)
        return false;
    uint32_t hosts = UINT32_MAX >> bits;
    e->address = base + registers.vm_id;
    e->broadcast = base | hosts;
    return (base & hosts) != 0 && (base & hosts) + (uint64_t)registers.vm_id < hosts;
}

static struct echo echo;

int main(int argc, char **argv)
{
    (void)argc;
    const char *network = argument(argv, "net");
    if (network == NULL)
        network = "10.64.0.1/10";
    if (!network_parse(&echo, network)) {
        printf("net=%s: no network A.B.C.D/1-30 with an address for machine %u\n", network, registers.vm_id);
        return 2;
    }
    for (int i = 0; i < MAC_SIZE; i++)
        echo.mac[i] = registers.nic_mac[i];
    for (;;) {
        for (uint32_t length; (length = nic_receive(echo.input, sizeof(echo.input))) != 0;)
            frame_input(&echo, length < sizeof(echo.input) ? length : sizeof(echo.input));
        interrupt_wait(NO_TIMEOUT);
    }
}
