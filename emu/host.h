/* SPDX-License-Identifier: MIT
 *
 * The host as a source of input (emu/input.h): networks outside and a descriptor on which somebody types. While
 * machines run it is looked at every HOST_LOOK_NS of real time, at most so many frames at once; nothing here waits.
 */
#pragma once
#include "../devices/host/backend.h"
#include "../sched/scheduler.h"
#include "clock.h"
#include "input.h"
#include "pacer.h"

#define HOST_LOOK_NS     50000
#define HOST_LOOK_FRAMES 64
#define HOST_PATIENCE_NS 100000 /* for each machine that is ready */

struct network_switch;

struct host {
    struct input_source source;
    const struct network_switch *network; /* borrowed: its backends */
    const struct clock *clock;            /* borrowed */
    const struct pacer *pacer;            /* borrowed; off: the host is looked at each time */
    const struct scheduler *scheduler;    /* borrowed */
    int keyboard;                         /* borrowed; -1: none, or at its end */
    uint64_t looked_ns;                   /* when it was last looked at; 0: look at once */
    bool looking;                         /* there may be more */
    uint64_t patience_ns, served_turn;    /* how long the next look waits, and the turn that ends it before */
    uint32_t backend, taken;              /* which is looked at, and frames since looking began */
};

void host_init(struct host *, const struct network_switch *, const struct clock *, const struct pacer *,
               const struct scheduler *, int keyboard);
/* All machines wait: what they sent leaves, and what to wait for is named. `typing`: keys would be taken. The next look
 * at the host is not put off. */
void host_watch(struct host *, struct net_watch *, bool typing);
