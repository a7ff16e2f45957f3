/* SPDX-License-Identifier: MIT
 *
 * The user-mode network asked as a machine asks it: DHCP, ARP, a ping of its router.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../../devices/host/checksum.h"
#include "../../devices/host/networks.h"

static const uint8_t machine_mac[6] = {2, 0x44, 0x4E, 0, 0, 0};

static struct net_backend *opened(void)
{
    char error[256] = "";
    struct net_backend *net = net_open("user", &(struct net_setup){.machines = 3}, error, sizeof(error));
    cr_assert_not_null(net, "%s", error);
    return net;
}

/* An Ethernet head from the machine to all. */
static struct packet *frame_new(uint32_t length, uint32_t type)
{
    struct packet *packet = packet_new(length);
    memset(packet->bytes, 0, length);
    memset(packet->bytes, 0xFF, 6);
    memcpy(packet->bytes + 6, machine_mac, 6);
    put16(packet->bytes + 12, type);
    return packet;
}

static struct packet *answer(struct net_backend *net, struct packet *question)
{
    net->ops->send(net, question);
    packet_unref(question);
    return net->ops->receive(net, 1000000);
}

static void fill_ip(uint8_t *ip, uint32_t length, uint8_t protocol, uint32_t from, uint32_t to)
{
    ip[0] = 0x45;
    put16(ip + 2, length);
    ip[8] = 64;
    ip[9] = protocol;
    put32(ip + 12, from);
    put32(ip + 16, to);
    uint16_t sum = (uint16_t)~checksum_fold(checksum_add(0, ip, 20));
    memcpy(ip + 10, &sum, 2);
}

Test(user, dhcp_gives_the_first_machines_address)
{
    struct net_backend *net = opened();
    struct packet *discover = frame_new(14 + 20 + 8 + 300, 0x0800);
    uint8_t *udp = discover->bytes + 34, *dhcp = udp + 8;
    fill_ip(discover->bytes + 14, 328, 17, 0, 0xFFFFFFFF);
    put16(udp, 68);
    put16(udp + 2, 67);
    put16(udp + 4, 308);
    dhcp[0] = 1; /* BOOTREQUEST, Ethernet, 6 bytes */
    dhcp[1] = 1;
    dhcp[2] = 6;
    memcpy(dhcp + 28, machine_mac, 6);
    put32(dhcp + 236, 0x63825363);
    put32(dhcp + 240, 0x350101FF); /* option 53: DISCOVER; end */
    struct packet *offer = answer(net, discover);
    cr_assert_not_null(offer);
    cr_assert(get16(offer->bytes + 34) == 67 && offer->bytes[42] == 2);
    cr_assert_eq(get32(offer->bytes + 42 + 16), 0x0A00020F);
    packet_unref(offer);
    net->ops->free(net);
}

Test(user, router_answers_arp)
{
    struct net_backend *net = opened();
    struct packet *request = frame_new(42, 0x0806);
    uint8_t *arp = request->bytes + 14;
    put32(arp, 0x00010800);
    put32(arp + 4, 0x06040001);
    memcpy(arp + 8, machine_mac, 6);
    put32(arp + 14, 0x0A00020F);
    put32(arp + 24, 0x0A000202);
    struct packet *reply = answer(net, request);
    cr_assert_not_null(reply);
    cr_assert(get16(reply->bytes + 20) == 2 && get32(reply->bytes + 28) == 0x0A000202);
    cr_assert_eq(memcmp(reply->bytes, machine_mac, 6), 0);
    packet_unref(reply);
    net->ops->free(net);
}

Test(user, frames_not_yet_taken_keep_nobody_waiting)
{
    struct net_backend *net = opened();
    struct pollfd descriptors[16];
    struct net_watch watch = {descriptors, 0, 16, UINT64_MAX};
    struct packet *request = frame_new(42, 0x0806);
    put32(request->bytes + 14, 0x00010800);
    put32(request->bytes + 18, 0x06040001);
    put32(request->bytes + 38, 0x0A000202);
    net->ops->send(net, request);
    packet_unref(request);
    net->ops->watch(net, &watch);
    cr_assert_eq(watch.timeout_ns, 0);
    net->ops->free(net); /* with a frame in its queue */
}

Test(user, rubbish_is_survived)
{
    struct net_backend *net = opened();
    uint64_t random = 1;
    for (int i = 0; i < 20000; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        struct packet *packet = frame_new(14 + (uint32_t)(random >> 40) % 600, random >> 63 ? 0x0800 : 0x0806);
        for (uint32_t at = 14; at < packet->length; at++)
            packet->bytes[at] = (uint8_t)(random >> (at * 7 % 57));
        net->ops->send(net, packet);
        packet_unref(packet);
    }
    for (struct packet *packet; (packet = net->ops->receive(net, 2000000000));)
        packet_unref(packet);
    net->ops->free(net);
}

Test(user, forwards_are_read_strictly)
{
    static const char *const bad[] = {"userx",
                                      "user,",
                                      "user,fwd=tcp:80",
                                      "user,fwd=sctp:1:2:3",
                                      "user,fwd=tcp:0:1:80",
                                      "user,fwd=tcp:65536:1:80",
                                      "user,fwd=tcp:1:99999:80",
                                      "user,fwd=tcp:1:2:0",
                                      "user,fwd=tcp:1.2.3:8080:1:80",
                                      "user,fwd=tcp:8080:1:80x",
                                      "user,fwd=tcp:8080:1:80,fwd=",
                                      "user,net=1"};
    char error[256];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_not(net_check(bad[i], error, sizeof(error)), "%s", bad[i]);
    cr_assert(net_check("user", error, sizeof(error)));
    cr_assert(net_check("user,fwd=tcp:8080:2:80,fwd=udp:127.0.0.1:7:0:7", error, sizeof(error)), "%s", error);
}
