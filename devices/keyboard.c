/* SPDX-License-Identifier: MIT */
#include "keyboard.h"

#include <stdlib.h>

#include "container_of.h"

static uint32_t keyboard_in(struct device *device, uint16_t port)
{
    (void)port;
    struct keyboard *keyboard = container_of(device, struct keyboard, device);
    keyboard->wanted = true;
    if (keyboard->count == 0)
        return 0;
    uint32_t event = keyboard->queue[keyboard->head];
    keyboard->head = (keyboard->head + 1) % KEYBOARD_QUEUE;
    keyboard->count--;
    return event;
}

static void keyboard_state(struct device *device, struct state_visitor *visitor)
{
    struct keyboard *keyboard = container_of(device, struct keyboard, device);
    visitor->number(visitor, "events", keyboard->count);
    for (uint32_t i = 0; i < keyboard->count; i++)
        visitor->number(visitor, "event", keyboard->queue[(keyboard->head + i) % KEYBOARD_QUEUE]);
    STATE_NUMBER(visitor, keyboard, dropped);
}

/* Among many machines those that look for keys are the exception. */
static bool keyboard_quiet(const struct device *device)
{
    const struct keyboard *keyboard = container_of_const(device, struct keyboard, device);
    return !keyboard->queue && !keyboard->wanted;
}

static void keyboard_drop(struct device *device)
{
    free(container_of(device, struct keyboard, device)->queue);
}

static const struct device_ops keyboard_ops = {
    .name = "keyboard",
    .ports = {{DENALI_PORT_KEYBOARD, PORT_IN32}},
    .in = keyboard_in,
    .state = keyboard_state,
    .quiet = keyboard_quiet,
    .drop = keyboard_drop,
};

void keyboard_init(struct keyboard *keyboard, struct interrupt_line *line)
{
    *keyboard = (struct keyboard){.device.ops = &keyboard_ops, .line = line};
}

bool keyboard_event(struct keyboard *keyboard, uint32_t event)
{
    if (!keyboard->queue)
        keyboard->queue = calloc(KEYBOARD_QUEUE, sizeof(*keyboard->queue));
    if (!keyboard->queue || keyboard->count == KEYBOARD_QUEUE) {
        keyboard->dropped++;
        return false;
    }
    keyboard->queue[(keyboard->head + keyboard->count) % KEYBOARD_QUEUE] = event;
    keyboard->count++;
    keyboard->line->post(keyboard->line, DENALI_IRQ_KEYBOARD);
    return true;
}

uint32_t keyboard_room(const struct keyboard *keyboard)
{
    return KEYBOARD_QUEUE - keyboard->count;
}
