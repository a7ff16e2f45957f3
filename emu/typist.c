/* SPDX-License-Identifier: MIT */
#include "typist.h"

#define REPLACEMENT_CHARACTER 0xFFFD

static void type(struct keyboard *keyboard, uint32_t code_point)
{
    keyboard_event(keyboard, DENALI_KEY_PRESSED | code_point);
    keyboard_event(keyboard, code_point);
}

/* The first byte of a sequence: how many follow, and its own bits (RFC 3629, section 3). */
static void begin_sequence(struct typist *typist, uint8_t byte, struct keyboard *keyboard)
{
    if (byte < 0x80) {
        type(keyboard, byte);
    } else if (byte >= 0xC2 && byte < 0xE0) {
        typist->missing = 1;
        typist->partial = byte & 0x1F;
    } else if (byte >= 0xE0 && byte < 0xF0) {
        typist->missing = 2;
        typist->partial = byte & 0x0F;
    } else if (byte >= 0xF0 && byte < 0xF5) {
        typist->missing = 3;
        typist->partial = byte & 0x07;
    } else {
        type(keyboard, REPLACEMENT_CHARACTER);
    }
}

void typist_byte(struct typist *typist, uint8_t byte, struct keyboard *keyboard)
{
    if (typist->missing > 0 && (byte & 0xC0) != 0x80) {
        typist->missing = 0;
        type(keyboard, REPLACEMENT_CHARACTER);
    }
    if (typist->missing == 0) {
        begin_sequence(typist, byte, keyboard);
        return;
    }
    typist->partial = typist->partial << 6 | (byte & 0x3F);
    if (--typist->missing == 0)
        type(keyboard, typist->partial);
}

/* Each byte makes at most two characters (a broken sequence and itself), each of two events. */
#define EVENTS_PER_BYTE 4

size_t typist_room(const struct keyboard *keyboard)
{
    return keyboard_room(keyboard) / EVENTS_PER_BYTE;
}
