/* SPDX-License-Identifier: MIT */
#include "input.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define REPLACEMENT_CHARACTER 0xFFFD

void input_init(struct input *input, int descriptor)
{
    *input = (struct input){.descriptor = descriptor};
}

static void type(struct keyboard *keyboard, uint32_t code_point)
{
    keyboard_event(keyboard, DENALI_KEY_PRESSED | code_point);
    keyboard_event(keyboard, code_point);
}

/* The first byte of a sequence: how many follow, and its own bits (RFC 3629, section 3). */
static void begin_sequence(struct input *input, uint8_t byte, struct keyboard *keyboard)
{
    if (byte < 0x80) {
        type(keyboard, byte);
    } else if (byte >= 0xC2 && byte < 0xE0) {
        input->missing = 1;
        input->partial = byte & 0x1F;
    } else if (byte >= 0xE0 && byte < 0xF0) {
        input->missing = 2;
        input->partial = byte & 0x0F;
    } else if (byte >= 0xF0 && byte < 0xF5) {
        input->missing = 3;
        input->partial = byte & 0x07;
    } else {
        type(keyboard, REPLACEMENT_CHARACTER);
    }
}

void input_byte(struct input *input, uint8_t byte, struct keyboard *keyboard)
{
    if (input->missing > 0 && (byte & 0xC0) != 0x80) {
        input->missing = 0;
        type(keyboard, REPLACEMENT_CHARACTER);
    }
    if (input->missing == 0) {
        begin_sequence(input, byte, keyboard);
        return;
    }
    input->partial = input->partial << 6 | (byte & 0x3F);
    if (--input->missing == 0)
        type(keyboard, input->partial);
}

/* Each byte makes at most two characters (a broken sequence and itself), each of two events. */
#define EVENTS_PER_BYTE 4

bool input_is_open(const struct input *input, const struct keyboard *keyboard)
{
    return input->descriptor >= 0 && keyboard->wanted;
}

bool input_take(struct input *input, struct keyboard *keyboard)
{
    struct pollfd poll_fd = {.fd = input->descriptor, .events = POLLIN};
    uint8_t bytes[KEYBOARD_QUEUE / EVENTS_PER_BYTE];
    size_t room = keyboard_room(keyboard) / EVENTS_PER_BYTE;

    if (!input_is_open(input, keyboard) || room == 0 || poll(&poll_fd, 1, 0) <= 0)
        return false;
    ssize_t count = read(input->descriptor, bytes, room);
    if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN))
        input->descriptor = -1;
    for (ssize_t i = 0; i < count; i++)
        input_byte(input, bytes[i], keyboard);
    return count > 0;
}
