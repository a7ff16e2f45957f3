/* SPDX-License-Identifier: MIT
 *
 * A virtual machine, in two parts: struct vm is what the kernel always knows of it, struct machine its registers,
 * memory and devices. This is the one place where CPU and devices meet: a port instruction that the CPU reports is
 * carried out by the device that has the port.
 */
#pragma once
#include "../cpu/cpu.h"
#include "../devices/console.h"
#include "../devices/keyboard.h"
#include "../devices/nic.h"
#include "../devices/supervisor.h"
#include "../devices/timer.h"
#include "../sched/gatekeeper.h"
#include "../sched/scheduler.h"
#include "clock.h"
#include "disks.h"
#include "event.h"
#include "image.h"
#include "space.h"

enum machine_state {
    MACHINE_STOPPED,    /* created and not started, or stopped: out of the scheduler until it is started */
    MACHINE_READY,      /* runs, or waits for its turn */
    MACHINE_IDLE,       /* out of the scheduler until an interrupt or its timeout */
    MACHINE_PAGING,     /* out of the scheduler until a page is in memory */
    MACHINE_TERMINATED, /* ended by itself; only registers and digest are left */
    MACHINE_FAILED,     /* ended by an exception or for want of memory; the same, and why */
};

/* Why a machine failed, in words. */
struct machine_failure {
    char reason[128];
    char disassembly[96];
    char symbol[96];
};

struct vm;

/* What a machine tells the kernel. */
struct machine_host {
    /* An idle machine has work, or a ready one got an interrupt. */
    void (*posted)(struct machine_host *, struct vm *);
    /* Its idle timeout is over. */
    void (*timed_out)(struct machine_host *, struct vm *);
    /* vm.machine is wanted, which is not there. False: it cannot be had, the machine has ended. */
    bool (*fetch)(struct machine_host *, struct vm *);
    struct event_queue *events;
    struct clock *clock;
};

/* A machine as the kernel always knows it. Small, since of a machine that is swapped out it is all that stays. */
struct vm {
    uint32_t id;
    enum machine_state state;
    struct machine *machine;             /* owned; NULL: it is swapped out */
    struct image *image;                 /* that it boots; borrowed */
    const struct machine_config *config; /* borrowed */
    struct machine_disks *disks;         /* owned; NULL: it has none, nor their ports */
    struct swap_region region;           /* while it is swapped out; else in its space */
    uint32_t pages_out;                  /* the same: how many of its pages are there */
    uint32_t next_marked;                /* index plus 1, in the kernel's list of those to look at; 0 = not in it */
    struct sched_entity sched;
    struct gate_entity gate;
    struct event timer_event, timeout_event;
};

struct machine {
    /* What every quantum asks for is side by side, up to the first fields of `state`, and in `space`. */
    struct vm *vm;         /* borrowed */
    uint32_t posted;       /* interrupts not yet in IRQ_PENDING */
    uint32_t posted_count; /* how often something was posted since the last crossing */
    uint64_t quantum_left; /* cycles, of a preempted machine; 0 = a new quantum is due */
    uint64_t instructions;
    bool idle_answer; /* IDLE returns at the next crossing and wants EAX */
    bool flattened;   /* space_flatten() has been tried */
    struct cpu_state state;
    struct space space;

    uint64_t final_digest;           /* TERMINATED, FAILED */
    struct machine_failure *failure; /* FAILED; owned; NULL if there was no memory for it */

    struct interrupt_line line;
    struct guest_memory memory_port; /* physical */
    struct guest_memory buffer_port; /* as the program sees it: the buffers of string instructions */
    struct timer_host timer_host;

    struct console console, debug;
    struct keyboard keyboard;
    struct timer timer;
    struct nic nic;
    struct supervisor supervisor;
};

/* What machines have in common: it stays as long as they do. */
struct machine_config {
    struct machine_host *host; /* borrowed */
    uint32_t queue_frames;
    bool mmu;
    struct supervisor_host *supervisor;   /* the machine has the supervisor feature; NULL: it has not */
    struct console_sink *console, *debug; /* may be NULL */
    struct nic_wire *wire;                /* may be NULL */
    struct disks *disks;                  /* of which it may have some; NULL: none */
    struct pager *pager;                  /* NULL: memory is not swapped */
};

/* What is one machine's own. */
struct machine_boot {
    const char *arguments; /* "{vm}" becomes the index */
    struct disk_choice disks;
};

/* A machine of that index, stopped, with nothing in it. */
void vm_init(struct vm *, uint32_t id, struct image *, const struct machine_config *);
bool vm_has_ended(const struct vm *);

/* Boot: memory cloned from the vm's image, the virtual register page filled in, everything initialised as vm.config
 * says. False: no physical frame (space.trouble may tell more), or the argument string is too long (longer than
 * DENALI_ARGS_MAX with the index put in). */
bool machine_init(struct machine *, struct vm *, const struct machine_boot *);
/* The same, but as processor and devices are before boot, and without a pager: to be filled with a state. */
void machine_init_blank(struct machine *, struct vm *);
/* Gives everything back. Needs no earlier machine_end(). */
void machine_drop(struct machine *);

#define MACHINE_PLACEHOLDER "{vm}"

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

/* Nothing is under way in its devices: machine_show() shows all there is of it beside its memory. */
bool machine_is_quiet(const struct machine *);
/* Show the state beside memory to a visitor, or let it be set. */
void machine_show(struct machine *, struct state_visitor *);

/* Of registers, memory, devices and console, of what is posted; not of the time registers, which neighbours influence.
 * The same whatever engine ran it. */
uint64_t machine_digest(const struct machine *);
