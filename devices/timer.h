/* SPDX-License-Identifier: MIT
 *
 * The timer: one absolute deadline, read from DENALI_REG_TIMER_DEADLINE when the guest arms it. Its interrupt says that
 * some time has passed, never that one tick has.
 */
#pragma once
#include "device.h"

/* The host side that knows the time: calls timer_expire() once at (or after) the deadline of the last arm(). */
struct timer_host {
    void (*arm)(struct timer_host *, uint64_t deadline_ns); /* system time, ns since 1970; replaces an earlier one */
    void (*disarm)(struct timer_host *);
};

struct timer {
    struct device device;
    struct interrupt_line *line; /* borrowed */
    struct guest_memory *memory; /* borrowed */
    struct timer_host *host;     /* borrowed */
    uint64_t deadline;           /* ns since 1970, valid while armed */
    bool armed;
};

void timer_init(struct timer *, struct interrupt_line *, struct guest_memory *, struct timer_host *);
/* The deadline has come: disarm and post DENALI_IRQ_TIMER. */
void timer_expire(struct timer *);
