/* SPDX-License-Identifier: MIT
 *
 * Somebody at a machine's keyboard: bytes (UTF-8) become key events.
 */
#pragma once
#include <stddef.h>

#include "../devices/keyboard.h"

struct typist {
    uint32_t partial; /* code point of a sequence that is not complete */
    uint8_t missing;  /* bytes of it still to come */
};

/* One byte: a complete code point is pressed and released. Bytes that are not UTF-8 become U+FFFD. */
void typist_byte(struct typist *, uint8_t byte, struct keyboard *);
/* How many bytes can be typed without losing a key. */
size_t typist_room(const struct keyboard *);
