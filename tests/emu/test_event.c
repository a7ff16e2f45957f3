/* SPDX-License-Identifier: MIT
 *
 * The event queue, case by case and then against a sorted array under random use.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../../emu/event.h"

/* An event that writes down when it fired, and may schedule another. */
struct note {
    struct event event; /* first */
    struct log *log;
    unsigned number;
    struct note *then; /* scheduled when this one fires, at then_time */
    uint64_t then_time;
};

struct log {
    struct event_queue queue;
    unsigned fired[4096];
    size_t count;
};

static void note_fire(struct event *event)
{
    struct note *note = (struct note *)event;
    struct log *log = note->log;
    cr_assert(!event_is_queued(event), "fired while queued");
    cr_assert_lt(log->count, sizeof(log->fired) / sizeof(log->fired[0]));
    log->fired[log->count++] = note->number;
    if (note->then)
        event_schedule(&log->queue, &note->then->event, note->then_time);
}

static void notes_init(struct log *log, struct note *notes, unsigned count)
{
    memset(log, 0, sizeof(*log));
    event_queue_init(&log->queue);
    cr_assert(event_reserve(&log->queue, count));
    for (unsigned i = 0; i < count; i++)
        notes[i] = (struct note){.event = {.fire = note_fire}, .log = log, .number = i};
}

static void expect_fired(struct log *log, size_t count, const unsigned *numbers)
{
    cr_expect_eq(log->count, count, "%zu fired, not %zu", log->count, count);
    for (size_t i = 0; i < count && i < log->count; i++)
        cr_expect_eq(log->fired[i], numbers[i], "place %zu: %u, not %u", i, log->fired[i], numbers[i]);
    event_queue_drop(&log->queue);
}

Test(event, empty_queue_has_no_next_time)
{
    struct event_queue queue;
    event_queue_init(&queue);
    cr_expect_eq(event_next_time(&queue), UINT64_MAX);
    event_run(&queue, UINT64_MAX);
    event_queue_drop(&queue);
}

Test(event, run_fires_what_is_due_in_order_of_time)
{
    struct log log;
    struct note notes[4];
    notes_init(&log, notes, 4);
    const uint64_t times[] = {30, 10, 41, 20};
    for (unsigned i = 0; i < 4; i++)
        event_schedule(&log.queue, &notes[i].event, times[i]);
    cr_expect_eq(event_next_time(&log.queue), 10);
    event_run(&log.queue, 9);
    cr_expect_eq(log.count, 0);
    event_run(&log.queue, 40);
    cr_expect_eq(event_next_time(&log.queue), 41);
    cr_expect(event_is_queued(&notes[2].event));
    expect_fired(&log, 3, (unsigned[]){1, 3, 0});
}

Test(event, equal_times_go_by_class_then_source_then_sequence)
{
    struct log log;
    struct note notes[6];
    notes_init(&log, notes, 6);
    const struct {
        enum event_class class;
        uint32_t source;
    } keys[] = {{EVENT_LIMIT, 0}, {EVENT_TIMER, 9}, {EVENT_TIMER, 2},
                {EVENT_FRAME, 7}, {EVENT_TIMER, 2}, {EVENT_INPUT, 1}};
    for (unsigned i = 0; i < 6; i++) {
        notes[i].event.class = keys[i].class;
        notes[i].event.source = keys[i].source;
        event_schedule(&log.queue, &notes[i].event, 5);
    }
    event_run(&log.queue, 5);
    expect_fired(&log, 6, (unsigned[]){3, 5, 2, 4, 1, 0});
}

Test(event, scheduled_again_is_moved_and_goes_behind_its_equals)
{
    struct log log;
    struct note notes[3];
    notes_init(&log, notes, 3);
    event_schedule(&log.queue, &notes[0].event, 5);
    event_schedule(&log.queue, &notes[1].event, 5);
    event_schedule(&log.queue, &notes[2].event, 9);
    event_schedule(&log.queue, &notes[0].event, 5);
    event_schedule(&log.queue, &notes[2].event, 1);
    cr_expect_eq(log.queue.count, 3);
    event_run(&log.queue, 10);
    expect_fired(&log, 3, (unsigned[]){2, 1, 0});
}

Test(event, cancelled_does_not_fire_and_may_be_cancelled_again)
{
    struct log log;
    struct note notes[2];
    notes_init(&log, notes, 2);
    event_schedule(&log.queue, &notes[0].event, 1);
    event_schedule(&log.queue, &notes[1].event, 2);
    event_cancel(&log.queue, &notes[0].event);
    event_cancel(&log.queue, &notes[0].event);
    cr_expect(!event_is_queued(&notes[0].event));
    cr_expect_eq(event_next_time(&log.queue), 2);
    event_run(&log.queue, 2);
    event_cancel(&log.queue, &notes[1].event);
    expect_fired(&log, 1, (unsigned[]){1});
}

Test(event, scheduled_while_firing_fires_in_the_same_run_if_due)
{
    struct log log;
    struct note notes[4];
    notes_init(&log, notes, 4);
    notes[0].then = &notes[2], notes[0].then_time = 10; /* now */
    notes[2].then = &notes[3], notes[2].then_time = 21; /* later */
    event_schedule(&log.queue, &notes[0].event, 10);
    event_schedule(&log.queue, &notes[1].event, 20);
    event_run(&log.queue, 20);
    cr_expect_eq(event_next_time(&log.queue), 21);
    expect_fired(&log, 3, (unsigned[]){0, 2, 1});
}

Test(event, scheduling_itself_while_firing_needs_no_more_room)
{
    struct log log;
    struct note note;
    notes_init(&log, &note, 1);
    note.then = &note, note.then_time = 7;
    event_schedule(&log.queue, &note.event, 3);
    event_run(&log.queue, 6);
    event_run(&log.queue, 6);
    cr_expect_eq(event_next_time(&log.queue), 7);
    expect_fired(&log, 1, (unsigned[]){0});
}

Test(event, reserve_keeps_what_is_queued)
{
    struct log log;
    struct note notes[2];
    notes_init(&log, notes, 1);
    notes[1] = notes[0];
    notes[1].number = 1;
    event_schedule(&log.queue, &notes[0].event, 2);
    cr_assert(event_reserve(&log.queue, 100));
    cr_expect_geq(log.queue.capacity, 101);
    cr_expect(event_reserve(&log.queue, 1));
    event_release(&log.queue, 101);
    cr_expect_eq(log.queue.reserved, 1);
    event_schedule(&log.queue, &notes[1].event, 1);
    event_run(&log.queue, 2);
    expect_fired(&log, 2, (unsigned[]){1, 0});
}

Test(event, reserve_of_impossibly_much_fails_and_keeps_the_queue)
{
    struct log log;
    struct note note;
    notes_init(&log, &note, 1);
    event_schedule(&log.queue, &note.event, 2);
    cr_expect(!event_reserve(&log.queue, SIZE_MAX / 2));
    event_run(&log.queue, 2);
    expect_fired(&log, 1, (unsigned[]){0});
}

/* The model: an array of what is queued, searched for the least. */
enum { NOTES = 200 };

struct model {
    struct log log;
    struct note notes[NOTES];
    struct {
        bool queued;
        uint64_t time, sequence;
    } expected[NOTES];
    uint64_t sequence;
};

static bool model_before(const struct model *model, unsigned a, unsigned b)
{
    const struct event *x = &model->notes[a].event, *y = &model->notes[b].event;
    if (model->expected[a].time != model->expected[b].time)
        return model->expected[a].time < model->expected[b].time;
    if (x->class != y->class)
        return x->class < y->class;
    if (x->source != y->source)
        return x->source < y->source;
    return model->expected[a].sequence < model->expected[b].sequence;
}

/* NOTES: none is queued. */
static unsigned model_least(const struct model *model)
{
    unsigned least = NOTES;
    for (unsigned i = 0; i < NOTES; i++) {
        if (model->expected[i].queued && (least == NOTES || model_before(model, i, least)))
            least = i;
    }
    return least;
}

static void model_schedule(struct model *model, unsigned number, uint64_t time)
{
    model->expected[number].queued = true;
    model->expected[number].time = time;
    model->expected[number].sequence = ++model->sequence;
}

static void model_check_run(struct model *model, uint64_t now)
{
    model->log.count = 0;
    event_run(&model->log.queue, now);
    for (size_t i = 0; i < model->log.count; i++) {
        unsigned least = model_least(model);
        cr_assert_lt(least, NOTES);
        cr_assert_leq(model->expected[least].time, now);
        cr_assert_eq(model->log.fired[i], least);
        model->expected[least].queued = false;
        const struct note *note = &model->notes[least];
        if (note->then)
            model_schedule(model, note->then->number, note->then_time);
    }
    unsigned least = model_least(model);
    uint64_t next = least == NOTES ? UINT64_MAX : model->expected[least].time;
    cr_assert_eq(event_next_time(&model->log.queue), next);
    cr_assert_gt(next, now);
}

static void model_step(struct model *model, uint64_t *now)
{
    unsigned number = (unsigned)rand() % NOTES;
    struct event *event = &model->notes[number].event;
    uint64_t time = *now + (uint64_t)rand() % 100;
    switch (rand() % 8) {
    case 0:
        event_cancel(&model->log.queue, event);
        model->expected[number].queued = false;
        break;
    case 1:
        *now += (uint64_t)rand() % 20;
        for (unsigned i = 0; i < NOTES; i++) /* what a fired one schedules must be later, or it would never end */
            model->notes[i].then_time = *now + 1 + (uint64_t)rand() % 50;
        model_check_run(model, *now);
        break;
    default:
        event_schedule(&model->log.queue, event, time);
        model_schedule(model, number, time);
    }
    cr_assert_eq(event_is_queued(event), model->expected[number].queued);
}

Test(event, random_use_fires_as_a_sorted_array_would)
{
    static struct model model;
    srand(1);
    notes_init(&model.log, model.notes, NOTES);
    for (unsigned i = 0; i < NOTES; i++) {
        model.notes[i].event.class = (enum event_class)(rand() % 5);
        model.notes[i].event.source = (uint32_t)rand() % 3;
        model.notes[i].then = i % 3 == 0 ? &model.notes[(unsigned)rand() % NOTES] : NULL;
    }
    uint64_t now = 0;
    for (unsigned i = 0; i < 200000; i++)
        model_step(&model, &now);
    event_queue_drop(&model.log.queue);
}
