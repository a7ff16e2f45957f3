/* SPDX-License-Identifier: MIT */
#include "traffic.h"

#include <inttypes.h>
#include <stdio.h>

#include "../devices/container_of.h"

#define COMMENT_MAX 112

/* "…vm 7" or "…vm 7 and 3 others". */
static void tell(char comment[COMMENT_MAX], const char *what, uint32_t first, uint32_t count)
{
    int length = snprintf(comment, COMMENT_MAX, "%s vm %" PRIu32, what, first);
    if (count > 1)
        snprintf(comment + length, COMMENT_MAX - (size_t)length, " and %" PRIu32 " others", count - 1);
}

/* Why somebody did not get the frame, NULL if all did. */
static const char *explain(const struct switch_fate *fate, char comment[COMMENT_MAX])
{
    if (fate->full > 0)
        tell(comment, "dropped: full is the receive queue of", fate->first_full, fate->full);
    else if (fate->lost > 0)
        tell(comment, "lost by the link of", fate->first_lost, fate->lost);
    else if (fate->reached == 0)
        snprintf(comment, COMMENT_MAX, "dropped: for nobody");
    else
        return NULL;
    return comment;
}

static uint32_t interface_of(const struct traffic *traffic, uint32_t from)
{
    return from >= SWITCH_OUTSIDE ? from - SWITCH_OUTSIDE : traffic->backends + from;
}

static void trace_frame(struct traffic *traffic, uint32_t machine, uint64_t now, const char *what,
                        const struct packet *packet)
{
    if (trace_wants(traffic->trace, DENALI_TRACE_FRAMES, machine))
        trace_event(traffic->trace, DENALI_TRACE_FRAMES, machine, now, "%s a frame of %" PRIu32 " bytes", what,
                    packet->length);
}

static void traffic_passed(struct switch_observer *observer, uint32_t from, struct packet *packet,
                           const struct switch_fate *fate)
{
    struct traffic *traffic = container_of(observer, struct traffic, observer);
    uint64_t now = clock_time_ns(traffic->clock);
    bool from_machine = from < SWITCH_OUTSIDE;
    char comment[COMMENT_MAX];

    if (traffic->sent && from_machine)
        capture_write(traffic->sent, from, now, packet);
    if (traffic->all)
        capture_write_noted(traffic->all, interface_of(traffic, from), now, packet,
                            from_machine ? CAPTURE_OUT : CAPTURE_IN, explain(fate, comment));
    if (from_machine)
        trace_frame(traffic, from, now, "sends", packet);
}

static void traffic_missed(struct switch_observer *observer, uint32_t machine, struct packet *packet)
{
    struct traffic *traffic = container_of(observer, struct traffic, observer);
    uint64_t now = clock_time_ns(traffic->clock);

    if (traffic->all)
        capture_write_noted(traffic->all, interface_of(traffic, machine), now, packet, CAPTURE_IN,
                            "dropped behind the link: the receive queue is full, or the machine has gone");
    trace_frame(traffic, machine, now, "misses", packet);
}

void traffic_init(struct traffic *traffic, const struct clock *clock, struct trace *trace)
{
    *traffic = (struct traffic){
        .observer = {.passed = traffic_passed, .missed = traffic_missed},
        .clock = clock,
        .trace = trace,
    };
}

bool traffic_open(struct traffic *traffic, const char *sent, const char *all, const struct network_switch *network,
                  uint32_t machines, char *error, size_t error_size)
{
    if (sent && !(traffic->sent = capture_create(sent, machines, error, error_size)))
        return false;
    if (all && !(traffic->all = capture_create(all, 0, error, error_size)))
        return false;
    traffic->backends = network->backend_count;
    for (uint32_t i = 0; traffic->all && i < network->backend_count; i++)
        capture_name(traffic->all, network->backends[i]->name);
    return true;
}

bool traffic_close(struct traffic *traffic, char *error, size_t error_size)
{
    bool written = true;

    if (traffic->sent)
        written = capture_finish(traffic->sent, error, error_size);
    if (traffic->all)
        written = capture_finish(traffic->all, error, error_size) && written;
    traffic->sent = traffic->all = NULL;
    return written;
}
