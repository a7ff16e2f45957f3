/* SPDX-License-Identifier: MIT
 *
 * A direction keeps its frames in the order in which they will arrive, and has one event: for the first of them.
 */
#include "link.h"

#include <stdlib.h>

#include "../devices/container_of.h"

#define BITS_PER_S_TO_NS UINT64_C(1000000000)

/* A frame on its way. */
struct flight {
    struct flight *next;
    struct packet *packet;
    uint64_t due; /* cycles */
};

struct way {
    struct link *link;
    enum link_direction direction;
    struct event event;
    struct flight *first, *last;
    uint32_t count;
    uint64_t busy_until; /* cycles: when the last bit of what was sent so far has left */
};

struct link {
    struct link_owner *owner; /* borrowed */
    struct link_shape shape;
    uint32_t port;
    uint64_t random; /* state of random_next() */
    struct way ways[LINK_DIRECTIONS];
};

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* One number is drawn for each chance, whatever it is, so that changing one does not change what the others do. */
static bool happens(struct link *link, uint32_t chance)
{
    return random_next(&link->random) % LINK_CERTAIN < chance;
}

static void expect_first(struct way *way)
{
    if (way->first)
        event_schedule(way->link->owner->events, &way->event, way->first->due);
}

static void arrive(struct event *event)
{
    struct way *way = container_of(event, struct way, event);
    struct link_owner *owner = way->link->owner;
    struct flight *flight = way->first;
    struct packet *packet = flight->packet;

    way->first = flight->next;
    if (!way->first)
        way->last = NULL;
    way->count--;
    free(flight);
    expect_first(way);
    owner->arrived(owner, way->link, way->direction, packet);
}

struct link *link_new(struct link_owner *owner, uint32_t port, const struct link_shape *shape, uint64_t seed)
{
    struct link *link = calloc(1, sizeof(*link));

    if (!link || !event_reserve(owner->events, LINK_DIRECTIONS)) {
        free(link);
        return NULL;
    }
    link->owner = owner;
    link->shape = *shape;
    link->port = port;
    link->random = seed ^ (uint64_t)port << 32;
    for (int i = 0; i < LINK_DIRECTIONS; i++)
        link->ways[i] = (struct way){
            .link = link,
            .direction = (enum link_direction)i,
            .event = {.source = port, .class = EVENT_FRAME, .fire = arrive},
        };
    return link;
}

static void way_drop(struct way *way)
{
    event_cancel(way->link->owner->events, &way->event);
    for (struct flight *flight = way->first, *next; flight; flight = next) {
        next = flight->next;
        packet_unref(flight->packet);
        free(flight);
    }
}

void link_free(struct link *link)
{
    for (int i = 0; i < LINK_DIRECTIONS; i++)
        way_drop(&link->ways[i]);
    event_release(link->owner->events, LINK_DIRECTIONS);
    free(link);
}

uint32_t link_port(const struct link *link)
{
    return link->port;
}

/* Behind all that arrive no later. */
static void put(struct way *way, struct flight *flight)
{
    struct flight **place = &way->first;

    if (way->last && way->last->due <= flight->due)
        place = &way->last->next;
    while (*place && (*place)->due <= flight->due)
        place = &(*place)->next;
    flight->next = *place;
    *place = flight;
    if (!flight->next)
        way->last = flight;
    if (way->first == flight)
        expect_first(way);
}

static bool has_room(const struct way *way)
{
    return way->count < LINK_FRAMES;
}

/* Takes a reference. False: there is no room. */
static bool send_one(struct way *way, struct packet *packet, uint64_t due)
{
    struct flight *flight = has_room(way) ? malloc(sizeof(*flight)) : NULL;

    if (!flight)
        return false;
    *flight = (struct flight){.packet = packet_ref(packet), .due = due};
    way->count++;
    put(way, flight);
    return true;
}

/* When the last bit has left, if the frame is sent now. */
static uint64_t time_sent(const struct way *way, const struct packet *packet)
{
    const struct clock *clock = way->link->owner->clock;
    uint64_t rate = way->link->shape.rate, start = clock->cycles;

    if (start < way->busy_until)
        start = way->busy_until;
    if (rate == 0)
        return start;
    return clock_after(start, clock_cycles(clock, packet->length * 8 * BITS_PER_S_TO_NS / rate));
}

enum link_fate link_send(struct link *link, enum link_direction direction, struct packet *packet)
{
    struct way *way = &link->ways[direction];
    bool lost = happens(link, link->shape.loss), twice = happens(link, link->shape.duplicate);
    bool overtakes = happens(link, link->shape.reorder);

    if (!has_room(way))
        return LINK_LOST;
    uint64_t delay = overtakes ? 0 : clock_cycles(link->owner->clock, link->shape.delay_ns);
    way->busy_until = time_sent(way, packet);
    uint64_t due = clock_after(way->busy_until, delay);
    if (lost || !send_one(way, packet, due)) /* what gets lost has been sent, too */
        return LINK_LOST;
    return twice && send_one(way, packet, due) ? LINK_DOUBLED : LINK_SENT;
}

uint32_t link_held(const struct link *link)
{
    return link->ways[LINK_TO_MACHINE].count + link->ways[LINK_FROM_MACHINE].count;
}
