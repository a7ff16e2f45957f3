/* SPDX-License-Identifier: MIT
 *
 * What is going to happen: a priority queue ordered by (time, class, source, sequence), a total order, so that a run
 * does not depend on how the queue is built. Events are embedded in their owners; the queue holds pointers.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* At equal times events happen in this order. */
enum event_class { EVENT_FRAME, EVENT_INPUT, EVENT_DISK, EVENT_TIMER, EVENT_TIMEOUT, EVENT_LIMIT };

#define EVENT_POSITION_BITS 28
#define EVENTS_MAX          ((1u << EVENT_POSITION_BITS) - 1)

/* Small, since a machine that is swapped out still has two. */
struct event {
    uint64_t time; /* cycles of the simulated clock */
    uint64_t sequence;
    void (*fire)(struct event *); /* called once, after the event has left the queue */
    uint32_t source;              /* machine index, 0 for the kernel's own */
    enum event_class class : 32 - EVENT_POSITION_BITS;
    uint32_t position : EVENT_POSITION_BITS; /* in the heap, plus 1; 0 = not queued */
};

/* Its time beside it, since events themselves are rarely in the host's caches. */
struct event_place {
    uint64_t time;
    struct event *event;
};

struct event_queue {
    struct event_place *heap; /* owned */
    size_t count, capacity;
    size_t reserved; /* by all owners; at most `capacity` */
    uint64_t sequence;
};

void event_queue_init(struct event_queue *);
void event_queue_drop(struct event_queue *);
/* Room for so many events more, so that event_schedule() cannot fail while a simulation runs. False: no memory, or more
 * than EVENTS_MAX. */
bool event_reserve(struct event_queue *, size_t events);
/* So many fewer are needed. */
void event_release(struct event_queue *, size_t events);
/* Queue the event (an already queued one is moved). Room must have been reserved. */
void event_schedule(struct event_queue *, struct event *, uint64_t time);
void event_cancel(struct event_queue *, struct event *); /* not queued: nothing happens */
bool event_is_queued(const struct event *);
/* Time of the earliest event, UINT64_MAX if there is none. */
static inline uint64_t event_next_time(const struct event_queue *queue)
{
    return queue->count > 0 ? queue->heap[0].time : UINT64_MAX;
}

/* The earliest happens: it is no longer queued. */
void event_fire_first(struct event_queue *);

/* Fire, in order, all events due at or before `now`, including those that fired ones schedule. */
static inline void event_run(struct event_queue *queue, uint64_t now)
{
    while (queue->count > 0 && queue->heap[0].time <= now)
        event_fire_first(queue);
}
