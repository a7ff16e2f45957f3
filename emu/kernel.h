/* SPDX-License-Identifier: MIT
 *
 * The isolation kernel: it gives machines quanta of the one simulated CPU, delays and batches their interrupts, lets
 * the clock jump when all are idle, and ends machines that fail. Policy (whose turn it is) is the scheduler's.
 *
 * Order within one instant: events first, in their total order; then the machine whose turn it is. A machine runs until
 * its quantum ends, an event is due, or it does something that concerns the kernel.
 */
#pragma once
#include "cost.h"
#include "input.h"
#include "libdenali.h"
#include "machine.h"
#include "switch.h"
#include "trace.h"
#include "vm_table.h"

struct capture_reader;
struct supervision;

struct kernel_counters {
    uint64_t instructions;
    uint64_t interrupts_posted, interrupts_delivered, interrupts_crossings, interrupts_max_batch;
    uint64_t vm_switches;
    uint64_t cost_cycles; /* of the clock's: what the cost model charged */
    uint32_t alive, failed;
};

struct kernel {
    struct machine_host host; /* embedded: what machines call */
    struct clock clock;
    struct cost_model costs;
    struct cpu *cpu;
    struct event_queue events;
    struct scheduler *scheduler;
    struct network_switch network;
    struct vm_table vms;
    struct trace trace;
    struct supervision *supervision; /* borrowed; NULL: no machine is a supervisor */

    uint64_t quantum;    /* cycles */
    uint64_t end_cycles; /* the run's limits; UINT64_MAX = none */
    uint64_t end_instructions;
    uint64_t machine_instructions; /* after which a machine fails; UINT64_MAX = none */
    enum denali_interrupts interrupts;
    enum denali_idle idle;

    struct vm *running;    /* NULL between quanta */
    uint32_t last_running; /* index, to count switches; UINT32_MAX at first */
    bool preempted;        /* interrupts=immediate: another machine goes first */

    struct input input;
    uint64_t input_patience;        /* cycles that machine 0 waits for a key while others run */
    uint64_t input_due;             /* when that has passed */
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
void kernel_machine_posted(struct machine_host *, struct vm *);

/* A cost: the clock goes on. What a machine causes while it has the processor is taken from its quantum; else nobody
 * (NULL) pays. */
void kernel_charge(struct kernel *, struct machine *payer, uint64_t cycles);

/* Machines come and go (emu/lifecycle.c). All of this costs the same however many machines there are. */

/* A new machine, stopped, that will boot the image (borrowed until it is destroyed). NULL: why is in `error`. */
struct vm *kernel_create(struct kernel *, struct image *, const struct machine_config *, char *error,
                         size_t error_size);
/* A stopped machine runs, or runs on; one that was stopped while it idled returns from IDLE. Else nothing happens. */
void kernel_start(struct kernel *, struct vm *);
/* It gets no quantum until it is started again; interrupts gather meanwhile. One that has ended stays as it is. Not
 * for the machine that is running. */
void kernel_stop(struct kernel *, struct vm *);
/* Everything it has is given back, its index too. Not for the machine that is running. */
void kernel_destroy(struct kernel *, struct vm *);
/* All of them, at the end of a simulation: what they still had to send is not sent. */
void kernel_destroy_all(struct kernel *);

/* The machine ends. `reason` NULL: what the CPU reports. */
void kernel_end_failed(struct kernel *, struct vm *, const char *reason);
void kernel_end_terminated(struct kernel *, struct vm *);

/* Out of idleness, or after its quantum: it waits for its turn. */
void kernel_make_ready(struct kernel *, struct vm *);
void kernel_trace_schedule(struct kernel *, const struct vm *, const char *what);
