/* SPDX-License-Identifier: MIT
 *
 * The TCP of the guest http against itself: two ends on a wire that loses, doubles and reorders segments, and shuts its
 * window now and then. (tests/net has it against Linux.)
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../../guests/http/tcp.h"
#include "guest_libc.h"

#define MS          UINT64_C(1000000)
#define DELAY       (5 * MS)
#define FLIGHTS_MAX 4096
#define STREAM      300000

void console_write(const char *bytes, size_t length)
{
    (void)bytes, (void)length;
}

_Noreturn void terminate(uint32_t status)
{
    exit((int)status);
}

/* A segment on its way. */
struct flight {
    uint64_t due;
    int to;
    uint32_t length;
    uint8_t bytes[TCP_SEGMENT_MAX];
};

struct end {
    struct tcp tcp; /* first: an end is found from it */
    struct bench *bench;
    uint8_t *got;
    uint32_t got_length, opened, ended, whole;
    const uint8_t *data; /* sent when the connection opens, or when `wait` bytes came */
    uint32_t length, wait;
    bool sent;
};

struct bench {
    struct end ends[2];
    struct flight flights[FLIGHTS_MAX];
    uint32_t flight_count, loss, twice, late; /* of 1000 */
    uint64_t now, random, segments;
};

static uint32_t chance(struct bench *b)
{
    b->random = b->random * UINT64_C(6364136223846793005) + 1;
    return (uint32_t)(b->random >> 33) % 1000;
}

static void launch(struct bench *b, int to, const uint8_t *bytes, uint32_t length)
{
    cr_assert_lt(b->flight_count, FLIGHTS_MAX);
    struct flight *flight = &b->flights[b->flight_count++];
    *flight =
        (struct flight){.due = b->now + DELAY + (chance(b) < b->late ? 3 * DELAY : 0), .to = to, .length = length};
    memcpy(flight->bytes, bytes, length);
}

static void output(struct tcp *tcp, const struct tcp_peer *peer, const uint8_t *segment, uint32_t length)
{
    struct bench *b = ((struct end *)tcp)->bench;
    int to = tcp == &b->ends[0].tcp ? 1 : 0;
    cr_assert_eq(peer->address, b->ends[to].tcp.address);
    b->segments++;
    if (chance(b) >= b->loss)
        launch(b, to, segment, length);
    if (chance(b) < b->twice)
        launch(b, to, segment, length);
}

static void send_all(struct end *e, struct tcp_connection *c)
{
    if (e->sent)
        return;
    e->sent = true;
    tcp_send(&e->tcp, c, e->data, e->length);
}

static void opened(struct tcp *tcp, struct tcp_connection *c)
{
    struct end *e = (struct end *)tcp;
    e->opened++;
    if (e->wait == 0)
        send_all(e, c);
}

static void received(struct tcp *tcp, struct tcp_connection *c, const uint8_t *bytes, uint32_t length)
{
    struct end *e = (struct end *)tcp;
    cr_assert_leq(e->got_length + length, 2 * STREAM);
    if (length > 0)
        memcpy(e->got + e->got_length, bytes, length);
    e->got_length += length;
    if (e->got_length >= e->wait || length == 0)
        send_all(e, c);
}

static void ended(struct tcp *tcp, struct tcp_connection *c, bool whole)
{
    struct end *e = (struct end *)tcp;
    (void)c;
    e->ended++;
    e->whole += whole;
}

static struct bench *bench_new(uint32_t loss, uint32_t twice, uint32_t late, uint64_t seed)
{
    struct bench *b = calloc(1, sizeof(*b));
    b->loss = loss;
    b->twice = twice;
    b->late = late;
    b->random = seed;
    b->now = 1000 * MS;
    for (int i = 0; i < 2; i++) {
        struct end *e = &b->ends[i];
        e->bench = b;
        e->got = malloc(2 * STREAM);
        e->tcp.address = 0x0A000001u + (uint32_t)i;
        e->tcp.output = output;
        e->tcp.opened = opened;
        e->tcp.received = received;
        e->tcp.ended = ended;
    }
    b->ends[1].tcp.listening = 80;
    return b;
}

static void bench_free(struct bench *b)
{
    free(b->ends[0].got);
    free(b->ends[1].got);
    free(b);
}

static void deliver_first(struct bench *b)
{
    uint32_t first = 0;
    for (uint32_t i = 1; i < b->flight_count; i++)
        if (b->flights[i].due < b->flights[first].due)
            first = i;
    struct flight flight = b->flights[first]; /* of those due at once, the one that left first */
    memmove(&b->flights[first], &b->flights[first + 1], (--b->flight_count - first) * sizeof(flight));
    b->now = flight.due > b->now ? flight.due : b->now;
    struct end *e = &b->ends[flight.to];
    const struct tcp_peer peer = {.address = b->ends[1 - flight.to].tcp.address};
    e->tcp.now = b->now;
    tcp_input(&e->tcp, &peer, flight.bytes, flight.length);
}

static uint64_t first_due(const struct bench *b)
{
    uint64_t due = UINT64_MAX;
    for (uint32_t i = 0; i < b->flight_count; i++)
        due = b->flights[i].due < due ? b->flights[i].due : due;
    return due;
}

/* Until nothing is on its way and no timer runs. */
static void run(struct bench *b)
{
    for (int steps = 0;; steps++) {
        uint64_t timer = UINT64_MAX;
        cr_assert_lt(steps, 3000000, "it does not end");
        for (int i = 0; i < 2; i++) {
            b->ends[i].tcp.now = b->now;
            uint64_t in = tcp_timers(&b->ends[i].tcp);
            timer = in < timer ? in : timer;
        }
        uint64_t due = first_due(b);
        if (due == UINT64_MAX && timer == UINT64_MAX)
            return;
        if (due == UINT64_MAX || (timer != UINT64_MAX && b->now + timer < due))
            b->now += timer;
        else
            deliver_first(b);
    }
}

static uint8_t *stream(void)
{
    uint8_t *bytes = malloc(STREAM);
    for (uint32_t i = 0; i < STREAM; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 1000);
    return bytes;
}

static void connect_to_80(struct bench *b)
{
    const struct tcp_peer peer = {.address = b->ends[1].tcp.address, .port = 80};
    b->ends[0].tcp.now = b->now;
    cr_assert_not_null(tcp_connect(&b->ends[0].tcp, &peer));
}

/* A request of 500 bytes goes one way, a long answer the other. */
static uint64_t exchange(uint32_t loss, uint32_t twice, uint32_t late, uint64_t seed)
{
    struct bench *b = bench_new(loss, twice, late, seed);
    uint8_t *bytes = stream();
    b->ends[0].data = bytes;
    b->ends[0].length = 500;
    b->ends[1].data = bytes;
    b->ends[1].length = STREAM;
    b->ends[1].wait = 500;
    connect_to_80(b);
    run(b);
    cr_assert_eq(b->ends[1].got_length, 500, "seed %lu", (unsigned long)seed);
    cr_assert_eq(b->ends[0].got_length, STREAM, "%u bytes came, seed %lu", b->ends[0].got_length, (unsigned long)seed);
    cr_assert_eq(memcmp(b->ends[0].got, bytes, STREAM), 0);
    cr_assert(b->ends[0].whole == 1 && b->ends[0].ended == 1 && b->ends[1].ended == 1);
    uint64_t segments = b->segments;
    free(bytes);
    bench_free(b);
    return segments;
}

Test(tcp, stream_comes_whole_with_no_segment_too_many)
{
    /* 206 segments of data and as many acknowledgments, and what opens and closes. */
    uint64_t segments = exchange(0, 0, 0, 1);
    cr_assert(segments > 206 * 2 && segments < 206 * 2 + 12, "%lu segments", (unsigned long)segments);
}

Test(tcp, stream_comes_whole_whatever_the_wire_does)
{
    for (uint64_t seed = 1; seed <= 30; seed++)
        exchange(30, 20, 30, seed);
}

Test(tcp, stream_comes_whole_though_much_is_lost)
{
    for (uint64_t seed = 1; seed <= 10; seed++)
        exchange(150, 0, 0, seed);
}

Test(tcp, what_came_too_early_is_not_sent_again)
{
    uint64_t segments = 0;
    for (uint64_t seed = 1; seed <= 10; seed++)
        segments += exchange(10, 0, 0, seed);
    cr_assert_lt(segments, 10 * 206 * 2 * 107 / 100, "%lu segments", (unsigned long)segments);
}

Test(tcp, nobody_listens_is_a_reset)
{
    struct bench *b = bench_new(0, 0, 0, 1);
    b->ends[1].tcp.listening = 0;
    connect_to_80(b);
    run(b);
    cr_assert(b->ends[0].ended == 1 && b->ends[0].whole == 0 && b->ends[0].opened == 0 && b->segments == 2);
    bench_free(b);
}

Test(tcp, nobody_there_is_given_up_after_a_while)
{
    struct bench *b = bench_new(1000, 0, 0, 1);
    connect_to_80(b);
    run(b);
    cr_assert(b->ends[0].ended == 1 && b->ends[0].whole == 0);
    cr_assert(b->segments > 5 && b->now > 60000 * MS, "%lu segments", (unsigned long)b->segments);
    bench_free(b);
}

Test(tcp, table_full_of_connections_takes_no_more_and_recovers)
{
    struct bench *b = bench_new(0, 0, 0, 1);
    uint8_t byte = 7;
    b->ends[1].wait = 1;
    b->ends[0].data = b->ends[1].data = &byte;
    b->ends[0].length = b->ends[1].length = 1;
    const struct tcp_peer peer = {.address = b->ends[1].tcp.address, .port = 80};
    for (int i = 0; i < TCP_CONNECTIONS; i++)
        cr_assert_not_null(tcp_connect(&b->ends[0].tcp, &peer));
    cr_assert_null(tcp_connect(&b->ends[0].tcp, &peer));
    b->ends[0].wait = 1000; /* nobody sends: all stay open until the other end gives them up */
    b->ends[1].wait = 1000;
    for (int i = 0; i < 2 * TCP_CONNECTIONS; i++)
        deliver_first(b);
    cr_assert_eq(b->ends[0].opened, TCP_CONNECTIONS);
    bench_free(b);
}

Test(tcp, rubbish_and_strangers_change_nothing)
{
    struct bench *b = bench_new(0, 0, 0, 3);
    const struct tcp_peer peer = {.address = 0x01020304};
    uint8_t bytes[100];
    for (int i = 0; i < 100000; i++) {
        uint32_t length = chance(b) % sizeof(bytes);
        for (uint32_t j = 0; j < length; j++)
            bytes[j] = (uint8_t)chance(b);
        tcp_input(&b->ends[1].tcp, &peer, bytes, length);
    }
    cr_assert(b->segments == 0 && b->ends[1].opened == 0);
    bench_free(b);
}
