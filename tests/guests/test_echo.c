/* SPDX-License-Identifier: MIT
 *
 * The echo guest on a NIC made of two arrays: what it answers, and what it does not.
 */
#include <criterion/criterion.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../guests/lib/packet.h"
#include "guest_libc.h"

#define FRAMES  64
#define PAYLOAD 22 /* bytes behind the UDP or ICMP header in the small requests */

struct frame {
    uint8_t bytes[DENALI_FRAME_MAX];
    uint32_t length;
};

/* The guest's world. */
volatile struct virtual_registers registers = {.vm_id = 3, .nic_mac = {2, 0x44, 0x4E, 0, 0, 3}};
static struct frame input[FRAMES], output[FRAMES];
static uint32_t inputs, inputs_taken, outputs;
static jmp_buf waiting;
static char *arguments[3] = {(char[]){""}, NULL, NULL};

int guest_main(int argc, char **argv);

void console_write(const char *bytes, size_t length)
{
    (void)bytes, (void)length;
}

_Noreturn void terminate(uint32_t status)
{
    exit((int)status);
}

uint64_t time_now(void)
{
    return 1;
}

uint32_t nic_receive(void *buffer, size_t size)
{
    cr_assert_geq(size, DENALI_FRAME_MAX);
    if (inputs_taken == inputs)
        return 0;
    memcpy(buffer, input[inputs_taken].bytes, input[inputs_taken].length);
    return input[inputs_taken++].length;
}

bool nic_send(const void *frame, size_t length)
{
    cr_assert_lt(outputs, FRAMES);
    cr_assert(length >= DENALI_FRAME_MIN && length <= DENALI_FRAME_MAX);
    memcpy(output[outputs].bytes, frame, length);
    output[outputs++].length = (uint32_t)length;
    return true;
}

uint32_t interrupt_wait(uint64_t timeout_ns)
{
    cr_assert_eq(timeout_ns, NO_TIMEOUT);
    longjmp(waiting, 1);
}

void *guest_malloc(size_t size)
{
    return malloc(size);
}

void guest_free(void *block)
{
    free(block);
}

/* Runs the guest until it has nothing more to do. */
static void guest_run(void)
{
    outputs = 0;
    if (setjmp(waiting) == 0)
        guest_main(1, arguments);
}

static const uint8_t machine_mac[6] = {2, 0x44, 0x4E, 0, 0, 3};
static const uint8_t host_mac[6] = {2, 0, 0x5E, 0x10, 0, 1};
static const uint8_t broadcast_mac[6] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
static const be32 host = {{10, 127, 255, 254}}, machine = {{10, 64, 0, 4}};

static struct ethernet_header *ethernet_of(struct frame *f)
{
    return (struct ethernet_header *)f->bytes;
}

static struct ipv4_header *ipv4_of(struct frame *f)
{
    return (struct ipv4_header *)(f->bytes + 14);
}

static struct icmp_header *icmp_of(struct frame *f)
{
    return (struct icmp_header *)(f->bytes + 34);
}

static struct udp_header *udp_of(struct frame *f)
{
    return (struct udp_header *)(f->bytes + 34);
}

/* RFC 1071 in other words: one's complement of the one's complement sum, added up with end-around carry. */
static be16 internet_checksum(const uint8_t *bytes, size_t length, uint32_t sum)
{
    for (size_t i = 0; i < length; i++) {
        sum += i % 2 == 0 ? bytes[i] * 256u : bytes[i];
        sum = sum > 0xFFFF ? sum - 0xFFFF : sum;
    }
    return be16_of(0xFFFF - sum);
}

static void ipv4_seal(struct frame *f)
{
    ipv4_of(f)->checksum = be16_of(0);
    ipv4_of(f)->checksum = internet_checksum(f->bytes + 14, (ipv4_of(f)->version_and_words & 15) * 4u, 0);
}

static struct frame *frame_new(uint32_t type, uint32_t length)
{
    struct frame *f = &input[inputs++];
    *f = (struct frame){.length = length};
    memcpy(ethernet_of(f)->destination, machine_mac, 6);
    memcpy(ethernet_of(f)->source, host_mac, 6);
    ethernet_of(f)->type = be16_of(type);
    return f;
}

static struct frame *ipv4_new(uint8_t protocol, uint32_t length)
{
    struct frame *f = frame_new(ETHERNET_IPV4, 34 + length);
    *ipv4_of(f) = (struct ipv4_header){.version_and_words = 0x45,
                                       .service = 0x10,
                                       .length = be16_of(20 + length),
                                       .identification = be16_of(77),
                                       .lifetime = 1,
                                       .protocol = protocol,
                                       .source = host,
                                       .destination = machine};
    for (uint32_t i = 0; i < length; i++)
        f->bytes[34 + i] = (uint8_t)i;
    ipv4_seal(f);
    return f;
}

static void icmp_seal(struct frame *f)
{
    icmp_of(f)->checksum = be16_of(0);
    icmp_of(f)->checksum = internet_checksum(f->bytes + 34, f->length - 34, 0);
}

static struct frame *ping_new(void)
{
    struct frame *f = ipv4_new(IPV4_ICMP, 8 + PAYLOAD);
    *icmp_of(f) = (struct icmp_header){.type = ICMP_ECHO, .identifier = be16_of(5), .sequence = be16_of(6)};
    icmp_seal(f);
    return f;
}

static uint32_t pseudo_sum(struct frame *f)
{
    uint32_t length = f->length - 34;
    return 10 * 256 + 127 + 255 * 256 + 254 + 10 * 256 + 64 + 4 + 17 + length - 0xFFFF;
}

static void udp_seal(struct frame *f)
{
    udp_of(f)->checksum = be16_of(0);
    udp_of(f)->checksum = internet_checksum(f->bytes + 34, f->length - 34, pseudo_sum(f));
}

static struct frame *datagram_new(void)
{
    struct frame *f = ipv4_new(IPV4_UDP, 8 + PAYLOAD);
    *udp_of(f) = (struct udp_header){be16_of(4000), be16_of(7), be16_of(8 + PAYLOAD), be16_of(0)};
    udp_seal(f);
    return f;
}

static struct frame *arp_new(void)
{
    struct frame *f = frame_new(ETHERNET_ARP, 60);
    memcpy(ethernet_of(f)->destination, broadcast_mac, 6);
    struct arp_packet request = {be16_of(1), be16_of(0x0800), 6, 4, be16_of(1), {0}, host, {0}, machine};
    memcpy(request.sender_mac, host_mac, 6);
    memcpy(f->bytes + 14, &request, sizeof(request));
    return f;
}

static void silence_check(void)
{
    guest_run();
    cr_assert_eq(outputs, 0);
}

/* A reply frame to the host, with a right IP header. */
static void reply_check(struct frame *f, uint8_t protocol)
{
    cr_assert_arr_eq(ethernet_of(f)->destination, host_mac, 6);
    cr_assert_arr_eq(ethernet_of(f)->source, machine_mac, 6);
    struct ipv4_header *header = ipv4_of(f);
    cr_assert_eq(header->version_and_words, 0x45);
    cr_assert_eq(header->service, 0x10);
    cr_assert_eq(header->lifetime, 64);
    cr_assert_eq(header->protocol, protocol);
    cr_assert_eq(be16_get(header->length), f->length - 14);
    cr_assert_eq(be32_get(header->source), be32_get(machine));
    cr_assert_eq(be32_get(header->destination), be32_get(host));
    cr_assert_eq(be16_get(internet_checksum(f->bytes + 14, 20, 0)), 0);
}

Test(echo, arp_request_for_it_is_answered)
{
    arp_new();
    guest_run();
    cr_assert_eq(outputs, 1);
    cr_assert_eq(output[0].length, 42);
    cr_assert_arr_eq(ethernet_of(&output[0])->destination, host_mac, 6);
    struct arp_packet reply;
    memcpy(&reply, output[0].bytes + 14, sizeof(reply));
    cr_assert_eq(be16_get(reply.operation), ARP_REPLY);
    cr_assert_eq(be32_get(reply.sender), be32_get(machine));
    cr_assert_eq(be32_get(reply.target), be32_get(host));
    cr_assert_arr_eq(reply.sender_mac, machine_mac, 6);
    cr_assert_arr_eq(reply.target_mac, host_mac, 6);
}

Test(echo, arp_for_others_replies_and_stumps_are_ignored)
{
    arp_new()->bytes[14 + 27]++; /* another target */
    arp_new()->bytes[14 + 7] = ARP_REPLY;
    arp_new()->bytes[14 + 1] = 6; /* another kind of network */
    arp_new()->length = 41;
    silence_check();
}

Test(echo, ping_is_answered_with_its_bytes)
{
    struct frame *request = ping_new();
    guest_run();
    cr_assert_eq(outputs, 1);
    reply_check(&output[0], IPV4_ICMP);
    cr_assert_eq(icmp_of(&output[0])->type, ICMP_ECHO_REPLY);
    cr_assert_eq(be16_get(internet_checksum(output[0].bytes + 34, 8 + PAYLOAD, 0)), 0);
    cr_assert_arr_eq(output[0].bytes + 38, request->bytes + 38, 4 + PAYLOAD);
}

Test(echo, ping_with_trailer_and_options_is_answered)
{
    struct frame *f = ping_new();
    f->length += 9; /* padding of the frame */
    f = ping_new();
    memmove(f->bytes + 38, f->bytes + 34, 8 + PAYLOAD);
    memset(f->bytes + 34, 1, 4); /* four times "no operation" */
    f->length += 4;
    ipv4_of(f)->version_and_words = 0x46;
    ipv4_of(f)->length = be16_of(24 + 8 + PAYLOAD);
    ipv4_seal(f);
    guest_run();
    cr_assert_eq(outputs, 2);
    for (int i = 0; i < 2; i++) {
        reply_check(&output[i], IPV4_ICMP);
        cr_assert_eq(output[i].length, 34 + 8 + PAYLOAD);
    }
}

Test(echo, damaged_pings_are_ignored)
{
    ping_new()->bytes[50] ^= 1; /* data */
    ping_new()->bytes[22] ^= 1; /* TTL, without the header's checksum */
    ping_new()->length -= 1;    /* shorter than its header says */
    ipv4_of(ping_new())->version_and_words = 0x65;
    struct frame *f = ping_new();
    icmp_of(f)->type = ICMP_ECHO_REPLY;
    icmp_seal(f);
    f = ping_new();
    ipv4_of(f)->version_and_words = 0x44; /* header too short */
    ipv4_seal(f);
    silence_check();
}

Test(echo, pings_for_others_and_from_nowhere_are_ignored)
{
    struct frame *f = ping_new();
    ipv4_of(f)->destination = (be32){{10, 127, 255, 255}}; /* the network's broadcast */
    ipv4_seal(f);
    f = ping_new();
    ipv4_of(f)->destination = (be32){{10, 64, 0, 5}};
    ipv4_seal(f);
    static const be32 nobodies[] = {{{0, 0, 0, 0}}, {{127, 0, 0, 1}}, {{224, 0, 0, 1}}, {{10, 127, 255, 255}}};
    for (int i = 0; i < 4; i++) {
        f = ping_new();
        ipv4_of(f)->source = nobodies[i];
        ipv4_seal(f);
    }
    memcpy(ethernet_of(ping_new())->destination, broadcast_mac, 6);
    ethernet_of(ping_new())->source[0] |= 1;
    silence_check();
}

Test(echo, datagram_to_port_7_is_returned)
{
    struct frame *request = datagram_new();
    udp_of(datagram_new())->checksum = be16_of(0); /* none */
    guest_run();
    cr_assert_eq(outputs, 2);
    for (int i = 0; i < 2; i++) {
        reply_check(&output[i], IPV4_UDP);
        struct udp_header *header = udp_of(&output[i]);
        cr_assert_eq(be16_get(header->source), 7);
        cr_assert_eq(be16_get(header->destination), 4000);
        cr_assert_eq(be16_get(header->length), 8 + PAYLOAD);
        cr_assert_eq(be16_get(internet_checksum(output[i].bytes + 34, 8 + PAYLOAD, pseudo_sum(&output[i]))), 0);
        cr_assert_arr_eq(output[i].bytes + 42, request->bytes + 42, PAYLOAD);
    }
}

Test(echo, datagrams_damaged_or_to_other_ports_are_ignored)
{
    datagram_new()->bytes[50] ^= 1;
    static const struct udp_header headers[] = {
        {{{0, 9}}, {{0, 8}}, {{0, 8 + PAYLOAD}}, {{0, 0}}}, /* not port 7 */
        {{{0, 7}}, {{0, 7}}, {{0, 8 + PAYLOAD}}, {{0, 0}}}, /* from an echo server */
        {{{0, 0}}, {{0, 7}}, {{0, 8 + PAYLOAD}}, {{0, 0}}}, /* wants no answer */
        {{{0, 9}}, {{0, 7}}, {{0, 9 + PAYLOAD}}, {{0, 0}}}, /* longer than what is there */
        {{{0, 9}}, {{0, 7}}, {{0, 7}}, {{0, 0}}},           /* shorter than its header */
    };
    for (int i = 0; i < 5; i++) {
        struct frame *f = datagram_new();
        *udp_of(f) = headers[i];
    }
    silence_check();
}

/* Cuts a ping with `length` bytes of ICMP into fragments, the last first, runs the guest and puts the reply together.
 */
static void big_ping_check(uint32_t length)
{
    static uint8_t request[65536], reply[65536];
    inputs = inputs_taken = 0;
    for (uint32_t i = 0; i < length; i++)
        request[i] = (uint8_t)(i * 31 + i / 256);
    memcpy(request, &(struct icmp_header){.type = ICMP_ECHO, .identifier = {{1, 2}}, .sequence = {{3, 4}}}, 8);
    ((struct icmp_header *)request)->checksum = internet_checksum(request, length, 0);
    for (uint32_t end = length, offset; end > 0; end = offset) {
        offset = (end - 1) / 1480 * 1480;
        struct frame *f = ipv4_new(IPV4_ICMP, end - offset);
        memcpy(f->bytes + 34, request + offset, end - offset);
        ipv4_of(f)->fragment = be16_of((end < length ? IPV4_MORE : 0) | offset / 8);
        ipv4_seal(f);
    }
    guest_run();
    cr_assert_eq(outputs, inputs);
    uint32_t received = 0;
    for (uint32_t i = 0; i < outputs; i++) {
        reply_check(&output[i], IPV4_ICMP);
        uint32_t fragment = be16_get(ipv4_of(&output[i])->fragment), bytes = output[i].length - 34;
        cr_assert_eq((fragment & IPV4_OFFSET) * 8, received);
        cr_assert_eq((fragment & IPV4_MORE) != 0, received + bytes < length);
        cr_assert_eq(be16_get(ipv4_of(&output[i])->identification), be16_get(ipv4_of(&output[0])->identification));
        memcpy(reply + received, output[i].bytes + 34, bytes);
        received += bytes;
    }
    cr_assert_eq(received, length);
    cr_assert_eq(reply[0], ICMP_ECHO_REPLY);
    cr_assert_eq(be16_get(internet_checksum(reply, length, 0)), 0);
    cr_assert_eq(memcmp(reply + 4, request + 4, length - 4), 0);
}

Test(echo, fragmented_ping_is_answered_in_fragments)
{
    static const uint32_t lengths[] = {1481, 2960, 2961, 4008, 65515};
    for (int i = 0; i < 5; i++)
        big_ping_check(lengths[i]);
}

Test(echo, replies_have_identifications_of_their_own)
{
    ping_new();
    ping_new();
    guest_run();
    cr_assert_eq(outputs, 2);
    cr_assert_neq(be16_get(ipv4_of(&output[0])->identification), be16_get(ipv4_of(&output[1])->identification));
}

Test(echo, other_frames_and_stumps_are_ignored)
{
    frame_new(0x86DD, 100);
    frame_new(ETHERNET_IPV4, 14);
    frame_new(ETHERNET_IPV4, 33);
    ipv4_new(6, 40); /* TCP */
    ipv4_new(IPV4_ICMP, 7);
    ipv4_new(IPV4_UDP, 7);
    silence_check();
}

static int run_with(const char *network)
{
    char argument[40];
    snprintf(argument, sizeof(argument), "net=%s", network);
    arguments[1] = argument;
    outputs = 0;
    if (setjmp(waiting) != 0)
        return 0;
    return guest_main(2, arguments);
}

Test(echo, network_argument_gives_the_address)
{
    struct frame *f = ping_new();
    ipv4_of(f)->destination = (be32){{192, 168, 7, 12}};
    ipv4_seal(f);
    cr_assert_eq(run_with("192.168.7.9/24"), 0);
    cr_assert_eq(outputs, 1);
}

Test(echo, network_argument_unusable_ends_the_machine)
{
    static const char *const texts[] = {"",           "10.0.0.1",    "10.0.0/8",    "10.0.0.256/8",
                                        "10.0.0.1/0", "10.0.0.1/31", "10.0.0.1/32", "10.0.0.1/8x",
                                        "10.0.0.0/8", "10.0.0.4/29", "10.0.0.1/"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        cr_assert_eq(run_with(texts[i]), 2, "%s", texts[i]);
    cr_assert_eq(run_with("10.0.0.3/29"), 0);
}
