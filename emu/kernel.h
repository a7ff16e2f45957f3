/* SPDX-License-Identifier: MIT
 *
 * The isolation kernel: it gives machines quanta of the one simulated CPU, delays and batches their interrupts, lets
 * the clock jump when all are idle, and ends machines that fail. Policy (whose turn it is) is the scheduler's.
 *
 * Order within one instant: events first, in their total order; then the machine whose turn it is. A machine runs until
 * its quantum ends, an event is due, or it does something that concerns the kernel.
 */
#pragma once
#include "input.h"
#include "libdenali.h"
#include "machine.h"
#include "switch.h"
#include "trace.h"

struct capture_reader;

struct kernel_counters {
    uint64_t instructions;
    uint64_t interrupts_posted, interrupts_delivered, interrupts_crossings, interrupts_max_batch;
    uint64_t vm_switches;
    uint32_t alive, failed;
};

struct kernel {
    struct machine_host host; /* embedded: what machines call */
    struct clock clock;
    struct cpu *cpu;
    struct event_queue events;
    struct scheduler *scheduler;
    struct network_switch network;
    struct machine *machines; /* owned array */
    uint32_t machine_count;
    struct trace trace;

    uint64_t quantum;    /* cycles */
    uint64_t end_cycles; /* the run's limits; UINT64_MAX = none */
    uint64_t end_instructions;
    uint64_t machine_instructions; /* after which a machine fails; UINT64_MAX = none */
    enum denali_interrupts interrupts;
    enum denali_idle idle;

    struct machine *running;      /* NULL between quanta */
    struct machine *last_running; /* to count switches; borrowed, may have ended */
    bool preempted;               /* interrupts=immediate: another machine goes first */

    const struct image *image; /* borrowed: for symbols */
    struct input input;
    struct capture_reader *capture; /* borrowed; NULL: no frames come from outside */
    struct event capture_event;
    struct packet *next_packet; /* what capture_event will deliver; one reference */
    bool capture_bad;
    struct kernel_counters counters;
};

/* One quantum of one machine, or a jump of the clock when none is ready. */
enum denali_progress kernel_turn(struct kernel *);

/* The first frame of the capture is fetched and scheduled. */
void kernel_start_capture(struct kernel *, struct capture_reader *);

/* For struct machine_host. */
void kernel_machine_posted(struct machine_host *, struct machine *);
/* A machine's idle timeout is over: its timeout_event.fire. */
void kernel_timeout_fire(struct event *);
