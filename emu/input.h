/* SPDX-License-Identifier: MIT
 *
 * The door through which the host's keyboard enters: bytes of a descriptor (UTF-8) become key events of one machine. It
 * is looked at while every machine is idle, and now and then while that one waits and others run. So bytes that are all
 * there from the start arrive at the same virtual times in each run. A guest that has never looked for keys gets none.
 * It reads no more than the machine's keyboard has room for: nothing is lost.
 */
#pragma once
#include "../devices/keyboard.h"

struct input {
    int descriptor;   /* borrowed; -1: none, or at its end */
    uint32_t partial; /* code point of a sequence that is not complete */
    uint8_t missing;  /* bytes of it still to come */
};

void input_init(struct input *, int descriptor);
/* Take what is there, without waiting. True: keys were typed. */
bool input_take(struct input *, struct keyboard *);
/* May more come? */
bool input_is_open(const struct input *, const struct keyboard *);
/* One byte of input: a complete code point is pressed and released. Bytes that are not UTF-8 become U+FFFD. */
void input_byte(struct input *, uint8_t byte, struct keyboard *);
