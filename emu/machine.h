/* SPDX-License-Identifier: MIT
 *
 * A virtual machine: registers, memory, devices, and its place in the kernel's queues. This is the one place where CPU
 * and devices meet: a port instruction that the CPU reports is carried out by the device that has the port.
 */
#pragma once
#include "../cpu/cpu.h"
#include "../devices/console.h"
#include "../devices/keyboard.h"
#include "../devices/nic.h"
#include "../devices/timer.h"
#include "../sched/scheduler.h"
#include "clock.h"
#include "event.h"
#include "image.h"
#include "space.h"

enum machine_state {
    MACHINE_READY,      /* runs, or waits for its turn */
    MACHINE_IDLE,       /* out of the scheduler until an interrupt or its timeout */
    MACHINE_TERMINATED, /* ended by itself; only registers and digest are left */
    MACHINE_FAILED,     /* ended by an exception or for want of memory; the same, and why */
};

/* Why a machine failed, in words. */
struct machine_failure {
    char reason[128];
    char disassembly[96];
    char symbol[96];
};

struct machine;

/* What a machine tells the kernel. */
struct machine_host {
    /* An idle machine has work, or a ready one got an interrupt. */
    void (*posted)(struct machine_host *, struct machine *);
    struct event_queue *events;
    struct clock *clock;
};

struct machine {
    struct cpu_state state;
    struct space space;
    uint32_t id;
    enum machine_state lifecycle;
    struct machine_host *host; /* borrowed */

    uint32_t posted;       /* interrupts not yet in IRQ_PENDING */
    uint32_t posted_count; /* how often something was posted since the last crossing */
    bool idle_answer;      /* IDLE returns at the next crossing and wants EAX */
    uint64_t quantum_left; /* cycles, of a preempted machine; 0 = a new quantum is due */
    uint64_t instructions;
    bool flattened;                  /* space_flatten() has been tried */
    uint64_t final_digest;           /* TERMINATED, FAILED */
    struct machine_failure *failure; /* FAILED; owned; NULL if there was no memory for it */

    struct sched_entity sched;
    struct event timer_event, timeout_event;
    struct interrupt_line line;
    struct guest_memory memory_port; /* physical */
    struct guest_memory buffer_port; /* as the program sees it: the buffers of string instructions */
    struct timer_host timer_host;

    struct console console, debug;
    struct keyboard keyboard;
    struct timer timer;
    struct nic nic;
};

struct machine_config {
    const char *arguments; /* "{vm}" becomes the index */
    uint32_t queue_frames;
    bool mmu;
    struct console_sink *console, *debug; /* may be NULL */
    struct nic_wire *wire;                /* may be NULL */
};

/* Boot: memory cloned from the image, the virtual register page filled in, everything initialised. False: no physical
 * frame, or the argument string is too long (longer than DENALI_ARGS_MAX with the index put in). */
bool machine_init(struct machine *, uint32_t id, struct image *, const struct machine_config *, struct machine_host *);
/* Gives everything back. Needs no earlier machine_end(). */
void machine_drop(struct machine *);

/* The argument string of machine `id`, at most `size` bytes with its NUL. Returns its length as snprintf would. */
size_t machine_arguments(char *to, size_t size, const char *arguments, uint32_t id);

/* Enter the machine (VMM to VM): time and device registers are brought up to date, what is posted goes to IRQ_PENDING.
 * Returns how many posted interrupts went in, -1 if page 0 cannot be written for want of a frame. */
int machine_cross(struct machine *);

/* Carry out a port instruction. False: its buffer faults, *exception is what the guest gets. */
bool machine_io(struct machine *, const struct cpu_io *, struct cpu_exception *);

/* Is anything pending, in the page or posted? */
bool machine_has_interrupts(struct machine *);

/* It ends: its digest is kept, memory and devices go. The caller has taken it out of scheduler and switch. */
void machine_end(struct machine *, enum machine_state);

/* Of registers, memory, devices and console, of what is posted; not of the time registers, which neighbours influence.
 * The same whatever engine ran it. */
uint64_t machine_digest(const struct machine *);
