/* SPDX-License-Identifier: MIT
 *
 * A heap with four children to each event, which moves fewer of them than one with two; every event knows its position,
 * so moving and cancelling need no search.
 */
#include "event.h"

#include <assert.h>
#include <stdlib.h>

void event_queue_init(struct event_queue *queue)
{
    *queue = (struct event_queue){0};
}

/* Events still queued are not touched: their owners may be gone. */
void event_queue_drop(struct event_queue *queue)
{
    free(queue->heap);
    *queue = (struct event_queue){0};
}

bool event_reserve(struct event_queue *queue, size_t events)
{
    size_t reserved;
    if (__builtin_add_overflow(queue->reserved, events, &reserved) || reserved > EVENTS_MAX)
        return false;
    if (reserved > queue->capacity) {
        size_t capacity = reserved > 2 * queue->capacity ? reserved : 2 * queue->capacity;
        struct event_place *heap = realloc(queue->heap, capacity * sizeof(*heap));
        if (!heap)
            return false;
        queue->heap = heap;
        queue->capacity = capacity;
    }
    queue->reserved = reserved;
    return true;
}

void event_release(struct event_queue *queue, size_t events)
{
    assert(events <= queue->reserved);
    queue->reserved -= events;
}

static bool place_before(struct event_place first, struct event_place second)
{
    const struct event *a = first.event, *b = second.event;

    if (first.time != second.time)
        return first.time < second.time;
    if (a->class != b->class)
        return a->class < b->class;
    if (a->source != b->source)
        return a->source < b->source;
    return a->sequence < b->sequence;
}

static void heap_put(struct event_queue *queue, size_t index, struct event_place place)
{
    queue->heap[index] = place;
    place.event->position = (uint32_t)index + 1;
}

#define CHILDREN 4

/* Put it where it belongs on the way from `index` to the root. */
static void heap_rise(struct event_queue *queue, size_t index, struct event_place place)
{
    while (index > 0) {
        size_t parent = (index - 1) / CHILDREN;
        if (!place_before(place, queue->heap[parent]))
            break;
        heap_put(queue, index, queue->heap[parent]);
        index = parent;
    }
    heap_put(queue, index, place);
}

/* The earliest child of the place at `index`; `count` if it has none. */
static size_t heap_child(const struct event_queue *queue, size_t index)
{
    size_t child = CHILDREN * index + 1, first = child, end = child + CHILDREN;

    if (first >= queue->count)
        return queue->count;
    while (++child < end && child < queue->count)
        if (place_before(queue->heap[child], queue->heap[first]))
            first = child;
    return first;
}

/* Put it where it belongs on the way from `index` to the leaves. */
static void heap_sink(struct event_queue *queue, size_t index, struct event_place place)
{
    for (size_t child; (child = heap_child(queue, index)) < queue->count; index = child) {
        if (!place_before(queue->heap[child], place))
            break;
        heap_put(queue, index, queue->heap[child]);
    }
    heap_put(queue, index, place);
}

/* Put it where it belongs, given that the place at `index` is vacant and all others are in order. */
static void heap_settle(struct event_queue *queue, size_t index, struct event_place place)
{
    if (index > 0 && place_before(place, queue->heap[(index - 1) / CHILDREN]))
        heap_rise(queue, index, place);
    else
        heap_sink(queue, index, place);
}

void event_schedule(struct event_queue *queue, struct event *event, uint64_t time)
{
    bool queued = event_is_queued(event);
    assert(queued || queue->count < queue->capacity);
    size_t index = queued ? event->position - 1u : queue->count++;
    event->time = time;
    event->sequence = ++queue->sequence;
    heap_settle(queue, index, (struct event_place){time, event});
}

void event_cancel(struct event_queue *queue, struct event *event)
{
    if (!event_is_queued(event))
        return;
    size_t index = event->position - 1u;
    struct event_place last = queue->heap[--queue->count];
    event->position = 0;
    if (last.event != event)
        heap_settle(queue, index, last);
}

bool event_is_queued(const struct event *event)
{
    return event->position != 0;
}

void event_fire_first(struct event_queue *queue)
{
    struct event *event = queue->heap[0].event;

    event_cancel(queue, event);
    event->fire(event);
}
