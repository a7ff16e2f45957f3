/* SPDX-License-Identifier: MIT */
#include "timer.h"

#include <assert.h>

#include "container_of.h"

enum timer_command { TIMER_DISARM = 0, TIMER_ARM = 1 };

static void timer_disarm(struct timer *timer)
{
    if (timer->armed)
        timer->host->disarm(timer->host);
    timer->armed = false;
    timer->deadline = 0;
}

static void timer_arm(struct timer *timer)
{
    uint8_t bytes[8];
    uint32_t fault;
    if (!timer->memory->read(timer->memory, DENALI_REG_TIMER_DEADLINE, bytes, sizeof(bytes), &fault))
        return;
    timer->deadline = 0;
    for (int i = 7; i >= 0; i--)
        timer->deadline = timer->deadline << 8 | bytes[i];
    timer->armed = true;
    timer->host->arm(timer->host, timer->deadline);
}

static void timer_out(struct device *device, uint16_t port, uint32_t value)
{
    (void)port;
    struct timer *timer = container_of(device, struct timer, device);
    if (value == TIMER_ARM)
        timer_arm(timer);
    else if (value == TIMER_DISARM)
        timer_disarm(timer);
}

static void timer_state(struct device *device, struct state_visitor *visitor)
{
    struct timer *timer = container_of(device, struct timer, device);
    STATE_NUMBER(visitor, timer, armed);
    STATE_NUMBER(visitor, timer, deadline);
}

static void timer_drop(struct device *device)
{
    timer_disarm(container_of(device, struct timer, device));
}

static const struct device_ops timer_ops = {
    .name = "timer",
    .ports = {{DENALI_PORT_TIMER, PORT_OUT32}},
    .out = timer_out,
    .state = timer_state,
    .drop = timer_drop,
};

void timer_init(struct timer *timer, struct interrupt_line *line, struct guest_memory *memory, struct timer_host *host)
{
    *timer = (struct timer){.device.ops = &timer_ops, .line = line, .memory = memory, .host = host};
}

void timer_expire(struct timer *timer)
{
    assert(timer->armed);
    timer->armed = false;
    timer->deadline = 0;
    timer->line->post(timer->line, DENALI_IRQ_TIMER);
}
