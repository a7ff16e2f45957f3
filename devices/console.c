/* SPDX-License-Identifier: MIT */
#include "console.h"

#include "container_of.h"

#define PIECE 4096 /* bytes copied out of the guest at a time, so that no length needs memory of its own */

/* FNV-1a, 64 bits (draft-eastlake-fnv, sections 2 and 5). It goes byte by byte, so it depends on what was written and
 * not on how that was cut into operations. */
#define DIGEST_START 0xCBF29CE484222325
#define DIGEST_PRIME 0x100000001B3

static void console_write(struct console *console, const uint8_t *bytes, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        console->digest = (console->digest ^ bytes[i]) * DIGEST_PRIME;
    console->written += length;
    if (console->sink)
        console->sink->write(console->sink, console->id, bytes, length);
}

static void console_out(struct device *device, uint16_t port, uint32_t value)
{
    (void)port;
    uint8_t byte = (uint8_t)value;
    console_write(container_of(device, struct console, device), &byte, 1);
}

/* Goes through the guest's buffer in pieces: writes them, or with `console` NULL only looks whether all of it can be
 * read. */
static bool buffer_walk(struct console *console, struct guest_memory *memory, struct port_string *string)
{
    uint8_t piece[PIECE];
    for (uint32_t done = 0, length; done < string->count; done += length) {
        length = string->count - done < PIECE ? string->count - done : PIECE;
        if (!memory->read(memory, string->address + done, piece, length, &string->fault))
            return false;
        if (console)
            console_write(console, piece, length);
    }
    return true;
}

static enum port_result console_string_out(struct device *device, struct guest_memory *memory,
                                           struct port_string *string)
{
    if (!buffer_walk(NULL, memory, string))
        return PORT_FAULT;
    buffer_walk(container_of(device, struct console, device), memory, string);
    string->count = 0;
    return PORT_DONE;
}

static void console_state(struct device *device, struct state_visitor *visitor)
{
    struct console *console = container_of(device, struct console, device);
    STATE_NUMBER(visitor, console, written);
    STATE_NUMBER(visitor, console, digest);
}

static void console_drop(struct device *device)
{
    (void)device;
}

static const struct device_ops console_ops = {
    .name = "console",
    .ports = {{DENALI_PORT_CONSOLE, PORT_OUT8 | PORT_STRING_OUT8}},
    .out = console_out,
    .string_out = console_string_out,
    .state = console_state,
    .drop = console_drop,
};

static const struct device_ops debug_port_ops = {
    .name = "debug",
    .ports = {{DENALI_PORT_DEBUG, PORT_OUT8}},
    .out = console_out,
    .state = console_state,
    .drop = console_drop,
};

void console_init(struct console *console, uint32_t id, struct console_sink *sink)
{
    *console = (struct console){.device.ops = &console_ops, .sink = sink, .id = id, .digest = DIGEST_START};
}

void debug_port_init(struct console *console, uint32_t id, struct console_sink *sink)
{
    console_init(console, id, sink);
    console->device.ops = &debug_port_ops;
}
