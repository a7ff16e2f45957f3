/* SPDX-License-Identifier: MIT
 *
 * Frames as the host's stack leaves them, and what a wire would have carried instead.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../../devices/host/checksum.h"
#include "../../devices/host/offload.h"
#include "denali.h"

#define BYTES_MAX 70000

struct frame {
    uint8_t bytes[BYTES_MAX];
    uint32_t length, ip, transport, data; /* where each begins */
    uint8_t version, protocol;
};

/* RFC 1071 in other words, so that the code under test is not its own judge. */
static uint32_t slow_sum(const uint8_t *bytes, size_t length, uint32_t sum)
{
    for (size_t i = 0; i < length; i++) {
        sum += i % 2 == 0 ? bytes[i] * 256u : bytes[i];
        sum = sum > 0xFFFF ? sum - 0xFFFF : sum;
    }
    return sum;
}

/* The pseudo-header's sum of a packet that has `rest` bytes behind its network header. */
static uint32_t slow_pseudo(const uint8_t *ip, uint8_t version, uint8_t protocol, uint32_t rest)
{
    uint8_t end[4] = {0, protocol, (uint8_t)(rest >> 8), (uint8_t)rest};
    return slow_sum(end, 4, version == 4 ? slow_sum(ip + 12, 8, 0) : slow_sum(ip + 8, 32, 0));
}

enum state { FINISHED, HALF, WRONG };

/* `tags` VLAN tags, IP of that version, TCP (20 or 32 bytes) or UDP, and data that count up. */
static struct frame *frame_new(int tags, uint8_t version, uint8_t protocol, uint32_t data, enum state state)
{
    struct frame *f = calloc(1, sizeof(*f));
    uint32_t at = 12;
    memset(f->bytes, 0x42, 12);
    for (int i = 0; i < tags; i++, at += 4)
        put32(f->bytes + at, 0x81000007);
    put16(f->bytes + at, version == 4 ? 0x0800 : 0x86DD);
    f->ip = at + 2;
    f->transport = f->ip + (version == 4 ? 20 : 40);
    f->data = f->transport + (protocol == 6 ? 32 : 8);
    f->length = f->data + data;
    f->version = version;
    f->protocol = protocol;
    uint8_t *ip = f->bytes + f->ip, *transport = f->bytes + f->transport;
    uint32_t rest = f->length - f->transport;
    if (version == 4) {
        ip[0] = 0x45;
        put16(ip + 2, rest + 20);
        put16(ip + 4, 1000);
        ip[8] = 64;
        ip[9] = protocol;
        put32(ip + 12, 0x0A000001);
        put32(ip + 16, 0x0A000002);
        put16(ip + 10, 0xFFFF - slow_sum(ip, 20, 0));
    } else {
        ip[0] = 0x60;
        put16(ip + 4, rest);
        ip[6] = protocol;
        memset(ip + 8, 0x20, 32);
    }
    put16(transport, 1234);
    put16(transport + 2, 80);
    if (protocol == 6) {
        put32(transport + 4, 0xFFFFFF00);
        transport[12] = 8 << 4;
        transport[13] = 0x99; /* CWR, ACK, PSH, FIN */
    } else {
        put16(transport + 4, rest);
    }
    for (uint32_t i = 0; i < data; i++)
        f->bytes[f->data + i] = (uint8_t)(i * 7 + i / 256);
    uint32_t pseudo = slow_pseudo(ip, version, protocol, rest);
    uint8_t *checksum = transport + (protocol == 6 ? 16 : 6);
    put16(checksum, state == HALF ? pseudo : 0xFFFF - slow_sum(transport, rest, pseudo));
    if (state == WRONG)
        checksum[1] ^= 0x40;
    return f;
}

/* Both checksums of a frame made from `f` are right. */
static void check_sums(const struct frame *f, const struct packet *packet)
{
    const uint8_t *ip = packet->bytes + f->ip;
    uint32_t rest = packet->length - f->transport;
    if (f->version == 4) {
        cr_assert_eq(slow_sum(ip, 20, 0), 0xFFFF);
        cr_assert_eq(get16(ip + 2), packet->length - f->ip);
    } else {
        cr_assert_eq(get16(ip + 4), rest);
    }
    uint32_t pseudo = slow_pseudo(ip, f->version, f->protocol, rest);
    cr_assert_eq(slow_sum(packet->bytes + f->transport, rest, pseudo), 0xFFFF);
}

Test(offload, unfinished_checksum_is_completed)
{
    for (int kind = 0; kind < 24; kind++) {
        struct frame *f = frame_new(kind % 3, kind / 3 % 2 ? 4 : 6, kind / 6 % 2 ? 6 : 17, 500 + (uint32_t)kind, HALF);
        struct offload offload;
        cr_assert(offload_begin(&offload, f->bytes, f->length, 0));
        cr_assert(offload.unfinished && !offload_splits(&offload));
        struct packet *packet = offload_next(&offload);
        cr_assert_eq(packet->length, f->length);
        check_sums(f, packet);
        cr_assert_null(offload_next(&offload));
        packet_unref(packet);
        free(f);
    }
}

Test(offload, checksum_right_or_wrong_is_left_alone)
{
    for (int kind = 0; kind < 8; kind++) {
        enum state state = kind % 2 ? FINISHED : WRONG;
        struct frame *f = frame_new(0, kind / 2 % 2 ? 4 : 6, kind / 4 ? 6 : 17, 77, state);
        struct offload offload;
        cr_assert(offload_begin(&offload, f->bytes, f->length, 0));
        struct packet *packet = offload_next(&offload);
        cr_assert(packet->length == f->length && memcmp(packet->bytes, f->bytes, f->length) == 0);
        packet_unref(packet);
        free(f);
    }
}

Test(offload, udp_without_checksum_stays_so)
{
    struct frame *f = frame_new(0, 4, 17, 30, FINISHED);
    struct offload offload;
    put16(f->bytes + f->transport + 6, 0);
    cr_assert(offload_begin(&offload, f->bytes, f->length, 0));
    struct packet *packet = offload_next(&offload);
    cr_assert_eq(get16(packet->bytes + f->transport + 6), 0);
    packet_unref(packet);
    free(f);
}

/* All segments in order: headers as they must be, data that together are the frame's. Returns how many. */
static uint32_t check_segments(const struct frame *f, struct offload *offload)
{
    uint32_t done = 0, number = 0, all = f->length - f->data;
    for (struct packet *packet; (packet = offload_next(offload)); number++) {
        const uint8_t *transport = packet->bytes + f->transport;
        uint32_t data = packet->length - f->data;
        bool last = done + data == all;
        cr_assert_leq(packet->length, DENALI_FRAME_MAX);
        check_sums(f, packet);
        cr_assert_eq(memcmp(packet->bytes + f->data, f->bytes + f->data + done, data), 0);
        if (f->version == 4)
            cr_assert_eq(get16(packet->bytes + f->ip + 4), 1000 + number);
        if (f->protocol == 6) {
            cr_assert_eq(get32(transport + 4), 0xFFFFFF00 + done);
            cr_assert_eq(transport[13], 0x10 | (last ? 0x09 : 0) | (done == 0 ? 0x80 : 0));
        } else {
            cr_assert_eq(get16(transport + 4), packet->length - f->transport);
        }
        done += data;
        packet_unref(packet);
    }
    cr_assert_eq(done, all);
    return number;
}

Test(offload, long_tcp_becomes_segments_of_the_mtu)
{
    const uint32_t lengths[] = {1449, 1449 * 2, 30000, 65160};
    for (int kind = 0; kind < 24; kind++) {
        struct frame *f =
            frame_new(kind % 2, kind / 2 % 2 ? 4 : 6, 6, lengths[kind / 4 % 4], kind / 16 ? FINISHED : HALF);
        struct offload offload;
        cr_assert(offload_begin(&offload, f->bytes, f->length, 0));
        cr_assert(offload_splits(&offload));
        uint32_t room = DENALI_FRAME_MAX - f->data;
        cr_assert_eq(check_segments(f, &offload), (lengths[kind / 4 % 4] + room - 1) / room);
        free(f);
    }
}

Test(offload, tcp_too_long_for_its_length_field_is_split)
{
    struct frame *f = frame_new(0, 4, 6, 10000, FINISHED);
    struct offload offload;
    put16(f->bytes + f->ip + 2, 0);
    put16(f->bytes + f->ip + 10, 0);
    cr_assert(offload_begin(&offload, f->bytes, f->length, 0));
    cr_assert_eq(check_segments(f, &offload), 7);
    free(f);
}

Test(offload, udp_of_several_datagrams_is_split_where_they_meet)
{
    struct frame *f = frame_new(0, 4, 17, 10000, HALF);
    struct offload offload;
    cr_assert(offload_begin(&offload, f->bytes, f->length, 1200));
    cr_assert_eq(check_segments(f, &offload), 9);
    free(f);
    f = frame_new(0, 6, 17, 900, HALF); /* as a whole it would fit */
    cr_assert(offload_begin(&offload, f->bytes, f->length, 100));
    cr_assert_eq(check_segments(f, &offload), 9);
    free(f);
}

Test(offload, what_cannot_be_split_is_refused)
{
    struct offload offload;
    struct frame *f = frame_new(0, 4, 17, 5000, HALF);
    cr_assert_not(offload_begin(&offload, f->bytes, f->length, 0), "where datagrams meet is not known");
    cr_assert_not(offload_begin(&offload, f->bytes, f->length, 1473), "longer than the MTU");
    free(f);
    f = frame_new(0, 4, 6, 5000, WRONG);
    cr_assert_not(offload_begin(&offload, f->bytes, f->length, 0), "damaged");
    put16(f->bytes + f->ip + 6, 0x2000);
    cr_assert_not(offload_begin(&offload, f->bytes, f->length, 0), "a fragment");
    f->bytes[12] = 0x12;
    cr_assert_not(offload_begin(&offload, f->bytes, f->length, 0), "not IP");
    cr_assert_not(offload_begin(&offload, f->bytes, 13, 0), "a runt");
    free(f);
}

Test(offload, padding_behind_the_packet_is_kept_and_not_summed)
{
    struct frame *f = frame_new(0, 4, 17, 1, HALF);
    struct offload offload;
    memset(f->bytes + f->length, 0xEE, 60 - f->length);
    cr_assert(offload_begin(&offload, f->bytes, 60, 0));
    cr_assert(offload.unfinished);
    struct packet *packet = offload_next(&offload);
    cr_assert(packet->length == 60 && packet->bytes[59] == 0xEE);
    packet->length = f->length;
    check_sums(f, packet);
    packet_unref(packet);
    free(f);
}

Test(offload, extension_headers_of_ipv6_are_passed_over)
{
    struct frame *f = frame_new(0, 6, 17, 200, FINISHED);
    struct offload offload;
    /* Eight bytes of destination options in front of UDP. */
    memmove(f->bytes + f->transport + 8, f->bytes + f->transport, f->length - f->transport);
    memset(f->bytes + f->transport, 0, 8);
    f->bytes[f->transport] = 17;
    f->bytes[f->ip + 6] = 60;
    f->length += 8;
    put16(f->bytes + f->ip + 4, f->length - f->transport);
    put16(f->bytes + f->transport + 14, slow_pseudo(f->bytes + f->ip, 6, 17, 208));
    cr_assert(offload_begin(&offload, f->bytes, f->length, 0));
    cr_assert(offload.unfinished && offload.transport == f->transport + 8);
    struct packet *packet = offload_next(&offload);
    uint32_t pseudo = slow_pseudo(packet->bytes + f->ip, 6, 17, 208);
    cr_assert_eq(slow_sum(packet->bytes + f->transport + 8, 208, pseudo), 0xFFFF);
    packet_unref(packet);
    free(f);
}
