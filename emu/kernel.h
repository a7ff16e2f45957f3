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
#include "pacer.h"
#include "pager.h"
#include "switch.h"
#include "trace.h"
#include "vm_table.h"

struct capture_reader;
struct supervision;

struct kernel_counters {
    uint64_t instructions;
    uint64_t interrupts_posted, interrupts_delivered, interrupts_crossings, interrupts_max_batch;
    uint64_t vm_switches;
    uint64_t hibernated, woken; /* machines swapped out as a whole, and back */
    uint64_t cost_cycles;       /* of the clock's: what the cost model charged */
    uint32_t alive, failed;
};

struct kernel {
    struct machine_host host; /* embedded: what machines call */
    struct clock clock;
    struct cost_model costs;
    struct cpu *cpu;
    struct event_queue events;
    struct scheduler *scheduler;
    struct gatekeeper *gate;
    struct pager *pager;          /* NULL: memory is not swapped */
    struct pager_host pager_host; /* embedded */
    struct vm *marked;            /* machines to look at between quanta: their memory was lost, or has left */
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
    uint64_t input_patience; /* cycles that machine 0 waits for a key while others run */
    uint64_t input_due;      /* when that has passed */
    struct pacer pacer;
    uint64_t looked_cycles; /* when real time was last read */
    bool asleep;            /* all machines wait, and so does the clock, for real time or input */
    uint64_t wait_until; /* cycles: how long the last turn was DENALI_WAITING for at most; UINT64_MAX = however long */

    struct capture_reader *capture; /* borrowed; NULL: no frames come from a capture */
    uint32_t capture_backend;       /* of the switch, that they come from */
    struct event capture_event;
    struct packet *next_packet; /* what capture_event will deliver; one reference */
    bool capture_bad;
    struct kernel_counters counters;
};

/* One quantum of one machine, or a jump of the clock when none is ready. */
enum denali_progress kernel_turn(struct kernel *);

/* The first frame of the capture is fetched and scheduled; it will come from this backend of the switch. */
void kernel_start_capture(struct kernel *, struct capture_reader *, uint32_t backend);

/* Input and real time (emu/intake.c). */

/* After DENALI_WAITING: for how long, in real time; UINT64_MAX = until something enters. */
uint64_t kernel_wait_ns(struct kernel *);
/* Would what is typed be taken? */
bool kernel_is_typed_to(const struct kernel *);
/* For kernel_turn(). A turn begins: the clock of a kernel that was asleep goes to where it should be. */
void kernel_wake(struct kernel *);
/* These three only if there is a source of input. A machine that runs on and on must not keep the one that could stop
 * it from hearing its user. */
void kernel_look_for_keys(struct kernel *);
/* Frames that enter now do so. */
void kernel_take_frames(struct kernel *);
/* The same in the middle of a quantum: the host is looked at after so many cycles only. */
#define KERNEL_LOOK_CYCLES 200000
void kernel_take_frames_within(struct kernel *);
/* The machine that is about to run is ahead of real time: then why is in wait_until. */
bool kernel_is_ahead(struct kernel *);
/* No machine is ready: on to the next event, or the end. */
enum denali_progress kernel_jump(struct kernel *);

/* For struct machine_host. */
void kernel_machine_posted(struct machine_host *, struct vm *);
void kernel_timed_out(struct machine_host *, struct vm *);

/* Swapping (emu/swapping.c). */

/* What the pager and the switch ask of the kernel. */
void kernel_swapping_init(struct kernel *);
/* The machine, which may be swapped out, is there. False: it cannot be had, and has ended. */
bool kernel_fetch(struct kernel *, struct vm *);
/* For struct machine_host. */
bool kernel_machine_fetch(struct machine_host *, struct vm *);
/* Between quanta: machines whose memory was lost end, those that have none in memory are swapped out as a whole. */
void kernel_settle(struct kernel *);
/* Whether the machine's working set is worth keeping. */
void kernel_set_active(struct kernel *, struct vm *, bool active);
/* That one is to be looked at; once more, if it was to be already, changes nothing. */
void kernel_mark(struct kernel *, struct vm *);
/* It is not to be looked at any more. */
void kernel_unmark(struct kernel *, struct vm *);
/* Shows a machine that may be swapped out. False: it cannot be read. */
bool kernel_look(const struct kernel *, const struct vm *, void (*look)(const struct machine *, void *owner),
                 void *owner);

/* A cost: the clock goes on. What a machine causes while it has the processor is taken from its quantum; else nobody
 * (NULL) pays. */
void kernel_charge(struct kernel *, struct machine *payer, uint64_t cycles);

/* Machines come and go (emu/lifecycle.c). All of this costs the same however many machines there are. */

/* A new machine, stopped, that will boot the image (borrowed, as the configuration, until it is destroyed). NULL: why
 * is in `error`. */
struct vm *kernel_create(struct kernel *, struct image *, const struct machine_config *, const struct machine_boot *,
                         char *error, size_t error_size);
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
/* Writes down why, for a machine that is going to fail. */
void kernel_describe_failure(struct kernel *, struct machine *, const char *reason);
void kernel_end_terminated(struct kernel *, struct vm *);

/* Out of idleness, or after its quantum: it waits for its turn, or before that at the gate. */
void kernel_make_ready(struct kernel *, struct vm *);
/* It no longer competes for CPU and memory. */
void kernel_leave_gate(struct kernel *, struct vm *);
void kernel_trace_schedule(struct kernel *, const struct vm *, const char *what);
