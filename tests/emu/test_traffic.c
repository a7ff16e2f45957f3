/* SPDX-License-Identifier: MIT
 *
 * What the captures of a switch's traffic say, read as pcapng block by block.
 */
#include "../devices/temporary.h"

#include "../../emu/traffic.h"

struct bench {
    struct temporary temporary;
    struct network_switch network;
    struct net_backend backend;
    struct traffic traffic;
    struct trace trace;
    struct clock clock;
    char sent[TEMPORARY_MAX], all[TEMPORARY_MAX];
};

static void bench_init(struct bench *b)
{
    char error[256];
    *b = (struct bench){.temporary = temporary_new(), .backend.name = "live:eth0", .clock = {5, 1000000}};
    temporary_path(&b->temporary, "sent", b->sent);
    temporary_path(&b->temporary, "all", b->all);
    traffic_init(&b->traffic, &b->clock, &b->trace);
    switch_init(&b->network, &b->traffic.observer);
    cr_assert(switch_attach(&b->network, &b->backend));
    cr_assert(traffic_open(&b->traffic, b->sent, b->all, &b->network, 2, error, sizeof(error)), "%s", error);
}

static void pass(struct bench *b, uint32_t from, struct switch_fate fate)
{
    struct packet *packet = packet_new(61);
    memset(packet->bytes, 0x55, 61);
    b->traffic.observer.passed(&b->traffic.observer, from, packet, &fate);
    packet_unref(packet);
    b->clock.cycles++;
}

/* How often the text is in the file. */
static uint32_t occurrences(const char *path, const char *text)
{
    size_t length;
    uint32_t count = 0;
    char *bytes = file_bytes(path, &length);
    for (char *at = bytes; (at = memmem(at, length - (size_t)(at - bytes), text, strlen(text))); at++)
        count++;
    free(bytes);
    return count;
}

static uint32_t word(const char *bytes, size_t at)
{
    uint32_t value;
    memcpy(&value, bytes + at, sizeof(value));
    return value;
}

/* Blocks of packets, whose interfaces are noted; every block's two lengths must agree. */
static uint32_t packets(const char *path, uint32_t *interfaces, uint64_t *stamps)
{
    size_t length, at = 0;
    uint32_t count = 0;
    char *bytes = file_bytes(path, &length);
    while (at < length) {
        uint32_t size = word(bytes, at + 4);
        cr_assert(size % 4 == 0 && at + size <= length && word(bytes, at + size - 4) == size);
        if (word(bytes, at) == 6) {
            interfaces[count] = word(bytes, at + 8);
            stamps[count++] = (uint64_t)word(bytes, at + 12) << 32 | word(bytes, at + 16);
        }
        at += size;
    }
    free(bytes);
    return count;
}

Test(traffic, everything_has_its_interface_time_and_reason)
{
    struct bench b;
    char error[256];
    uint32_t interfaces[8];
    uint64_t stamps[8];
    bench_init(&b);
    pass(&b, SWITCH_OUTSIDE, (struct switch_fate){.reached = 3});
    pass(&b, 1, (struct switch_fate){.reached = 1});
    pass(&b, SWITCH_OUTSIDE, (struct switch_fate){0});
    pass(&b, 0, (struct switch_fate){.full = 3, .first_full = 7});
    pass(&b, 5, (struct switch_fate){.reached = 1, .lost = 1, .first_lost = 5});
    cr_assert(traffic_close(&b.traffic, error, sizeof(error)), "%s", error);
    cr_assert_eq(packets(b.all, interfaces, stamps), 5);
    const uint32_t expected[] = {0, 2, 0, 1, 6};
    cr_assert_arr_eq(interfaces, expected, sizeof(expected));
    for (uint32_t i = 0; i < 5; i++)
        cr_assert_eq(stamps[i], CLOCK_EPOCH_NS + 5 + i);
    cr_assert_eq(occurrences(b.all, "live:eth0"), 1);
    cr_assert_eq(occurrences(b.all, "vm 5"), 2); /* its interface, and the comment */
    cr_assert_eq(occurrences(b.all, "dropped: for nobody"), 1);
    cr_assert_eq(occurrences(b.all, "dropped: full is the receive queue of vm 7 and 2 others"), 1);
    cr_assert_eq(occurrences(b.all, "lost by the link of vm 5"), 1);
    cr_assert_eq(packets(b.sent, interfaces, stamps), 3);
    cr_assert(interfaces[0] == 1 && interfaces[1] == 0 && interfaces[2] == 5);
    temporary_remove(&b.temporary);
}

Test(traffic, frame_missed_behind_a_link_is_the_receivers)
{
    struct bench b;
    char error[256];
    uint32_t interfaces[8];
    uint64_t stamps[8];
    bench_init(&b);
    struct packet *packet = packet_new(60);
    memset(packet->bytes, 0, 60);
    b.traffic.observer.missed(&b.traffic.observer, 1, packet);
    packet_unref(packet);
    cr_assert(traffic_close(&b.traffic, error, sizeof(error)), "%s", error);
    cr_assert_eq(packets(b.all, interfaces, stamps), 1);
    cr_assert_eq(interfaces[0], 2);
    cr_assert_eq(occurrences(b.all, "dropped behind the link"), 1);
    cr_assert_eq(packets(b.sent, interfaces, stamps), 0);
    temporary_remove(&b.temporary);
}

Test(traffic, file_that_cannot_be_created_is_named)
{
    struct traffic traffic;
    struct network_switch network;
    char error[256] = "";
    traffic_init(&traffic, NULL, NULL);
    switch_init(&network, NULL);
    cr_assert_not(traffic_open(&traffic, NULL, "/nowhere/at/all", &network, 1, error, sizeof(error)));
    cr_assert_not_null(strstr(error, "/nowhere/at/all"));
    cr_assert(traffic_close(&traffic, error, sizeof(error)));
}
