/* SPDX-License-Identifier: MIT
 *
 * The keyboard: a bounded queue of key events. A read of the port takes the oldest, 0 when there is none.
 */
#pragma once
#include "device.h"

#define KEYBOARD_QUEUE 64 /* events; a further one is dropped and counted */

struct keyboard {
    struct device device;
    struct interrupt_line *line; /* borrowed */
    uint32_t *queue;             /* KEYBOARD_QUEUE entries, allocated with the first event, NULL before */
    uint32_t head, count;
    uint64_t dropped;
    bool wanted; /* the guest has looked for keys: only then does the host wait for somebody to type */
};

void keyboard_init(struct keyboard *, struct interrupt_line *);
/* A key event (DENALI_KEY_*) arrives: queue it and post DENALI_IRQ_KEYBOARD. False: dropped. */
bool keyboard_event(struct keyboard *, uint32_t event);
uint32_t keyboard_room(const struct keyboard *);
