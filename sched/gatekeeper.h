/* SPDX-License-Identifier: MIT
 *
 * Which machines that want to run may compete for the CPU and for memory (paper, 2.2): the others wait, swapped out.
 * The mechanism is the kernel's; the policy is an object behind these operations, and knows of a machine only the
 * entity embedded in it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A machine, as the gatekeeper sees it. */
struct gate_entity {
    struct gate_entity *next, *previous; /* among those that wait */
    uint32_t frames;                     /* what it is thought to need: set by the kernel before each call */
    uint32_t granted;                    /* the policy's: what is set aside for it */
    uint32_t quanta;                     /* the policy's: how many it had since it was admitted */
    bool waiting, admitted;
};

struct gatekeeper;

struct gatekeeper_ops {
    const char *name;
    /* The machine wants to run. True: it may at once, or already might; false: it waits. */
    bool (*admit)(struct gatekeeper *, struct gate_entity *);
    /* One that waited and may run now, NULL = none. */
    struct gate_entity *(*next)(struct gatekeeper *);
    /* It has had a quantum and wants more. False: it must leave, since others wait. */
    bool (*may_stay)(struct gatekeeper *, struct gate_entity *);
    /* It idles, was stopped, has ended or must leave; it may be waiting, admitted, or neither. */
    void (*leave)(struct gatekeeper *, struct gate_entity *);
    void (*free)(struct gatekeeper *);
};

/* Base of every policy. */
struct gatekeeper {
    const struct gatekeeper_ops *ops;
};

/* First come, first served while what those admitted need fits into `frames`; one is always admitted. Who has had
 * GATE_QUANTA while the first in the queue finds no room makes way and queues again: nobody starves. NULL: no memory.
 */
#define GATE_QUANTA 16
struct gatekeeper *gate_fifo_new(uint64_t frames);
/* Whoever wants to run may. */
struct gatekeeper *gate_open_new(void);
