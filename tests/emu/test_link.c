/* SPDX-License-Identifier: MIT
 *
 * A link between two counters: what comes out, when, in which order.
 */
#include <criterion/criterion.h>

#include "../../devices/container_of.h"
#include "../../emu/link.h"

#define ARRIVALS 20000

struct bench {
    struct link_owner owner;
    struct event_queue events;
    struct clock clock;
    struct link *link;
    uint32_t count;
    uint32_t lengths[ARRIVALS];
    uint64_t times[ARRIVALS]; /* ns */
};

static void arrived(struct link_owner *owner, struct link *link, enum link_direction direction, struct packet *packet)
{
    struct bench *b = container_of(owner, struct bench, owner);
    cr_assert(link == b->link && link_port(link) == 3 && direction == LINK_TO_MACHINE);
    cr_assert_lt(b->count, ARRIVALS);
    b->lengths[b->count] = packet->length;
    b->times[b->count++] = b->clock.cycles;
    packet_unref(packet);
}

static struct bench *bench_new(const struct link_shape *shape, uint64_t seed)
{
    struct bench *b = calloc(1, sizeof(*b));
    b->clock.khz = 1000000; /* a cycle is 1 ns */
    event_queue_init(&b->events);
    b->owner = (struct link_owner){arrived, &b->events, &b->clock};
    b->link = link_new(&b->owner, 3, shape, seed);
    cr_assert_not_null(b->link);
    return b;
}

static void bench_free(struct bench *b)
{
    link_free(b->link);
    event_queue_drop(&b->events);
    free(b);
}

static enum link_fate send(struct bench *b, uint32_t length)
{
    struct packet *packet = packet_new(length);
    enum link_fate fate = link_send(b->link, LINK_TO_MACHINE, packet);
    packet_unref(packet);
    return fate;
}

static void run_until(struct bench *b, uint64_t ns)
{
    while (event_next_time(&b->events) <= ns) {
        b->clock.cycles = event_next_time(&b->events);
        event_run(&b->events, b->clock.cycles);
    }
    b->clock.cycles = ns;
}

Test(link, delay_is_exact_and_keeps_the_order)
{
    struct bench *b = bench_new(&(struct link_shape){.delay_ns = 2000000}, 1);
    send(b, 100);
    run_until(b, 500);
    send(b, 200);
    cr_assert_eq(link_held(b->link), 2);
    run_until(b, 1999999);
    cr_assert_eq(b->count, 0);
    run_until(b, 3000000);
    cr_assert(b->count == 2 && b->lengths[0] == 100 && b->times[0] == 2000000 && b->times[1] == 2000500);
    cr_assert_eq(link_held(b->link), 0);
    bench_free(b);
}

Test(link, rate_spaces_frames_by_their_bits)
{
    struct bench *b = bench_new(&(struct link_shape){.rate = 10000000, .delay_ns = 1000}, 1);
    for (int i = 0; i < 3; i++)
        send(b, 1250); /* 10,000 bits: 1 ms */
    run_until(b, 10000000);
    cr_assert(b->times[0] == 1001000 && b->times[1] == 2001000 && b->times[2] == 3001000);
    bench_free(b);
}

Test(link, more_than_it_holds_is_lost)
{
    struct bench *b = bench_new(&(struct link_shape){.delay_ns = 1000}, 1);
    for (int i = 0; i < LINK_FRAMES; i++)
        cr_assert_eq(send(b, 60), LINK_SENT);
    cr_assert_eq(send(b, 60), LINK_LOST);
    run_until(b, 1000);
    cr_assert_eq(b->count, LINK_FRAMES);
    cr_assert_eq(send(b, 60), LINK_SENT); /* and is freed with the link */
    bench_free(b);
}

/* How many of 10,000 frames, one each 10 us, have which fate; and how often a frame came behind a later one. */
static void count_fates(const struct link_shape *shape, uint64_t seed, uint32_t fates[3], uint32_t *overtaken)
{
    struct bench *b = bench_new(shape, seed);
    memset(fates, 0, 3 * sizeof(*fates));
    *overtaken = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        fates[send(b, 60 + i)]++;
        run_until(b, b->clock.cycles + 10000);
    }
    run_until(b, UINT64_C(10000000000));
    cr_assert_eq(b->count, fates[LINK_SENT] + 2 * fates[LINK_DOUBLED]);
    for (uint32_t i = 1; i < b->count; i++)
        *overtaken += b->lengths[i] < b->lengths[i - 1];
    bench_free(b);
}

Test(link, chances_are_what_they_say)
{
    uint32_t fates[3], overtaken;
    count_fates(&(struct link_shape){.delay_ns = 100000, .loss = LINK_CERTAIN / 10}, 1, fates, &overtaken);
    cr_assert(fates[LINK_LOST] > 900 && fates[LINK_LOST] < 1100 && fates[LINK_DOUBLED] == 0 && overtaken == 0);
    count_fates(&(struct link_shape){.delay_ns = 100000, .duplicate = LINK_CERTAIN / 20}, 1, fates, &overtaken);
    cr_assert(fates[LINK_LOST] == 0 && fates[LINK_DOUBLED] > 430 && fates[LINK_DOUBLED] < 570 && overtaken == 0);
    count_fates(&(struct link_shape){.delay_ns = 100000, .reorder = LINK_CERTAIN / 50}, 1, fates, &overtaken);
    cr_assert(fates[LINK_SENT] == 10000 && overtaken > 150 && overtaken < 250);
    count_fates(&(struct link_shape){.loss = LINK_CERTAIN}, 1, fates, &overtaken);
    cr_assert_eq(fates[LINK_LOST], 10000);
}

Test(link, same_seed_loses_the_same_frames)
{
    const struct link_shape shape = {.delay_ns = 50000, .loss = 100000, .duplicate = 50000, .reorder = 50000};
    uint32_t first[3], again[3], other[3], first_overtaken, again_overtaken, other_overtaken;
    count_fates(&shape, 1, first, &first_overtaken);
    count_fates(&shape, 1, again, &again_overtaken);
    count_fates(&shape, 2, other, &other_overtaken);
    cr_assert(memcmp(first, again, sizeof(first)) == 0 && first_overtaken == again_overtaken);
    cr_assert(memcmp(first, other, sizeof(first)) != 0);
}
