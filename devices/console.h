/* SPDX-License-Identifier: MIT
 *
 * The console: bytes out, written to a sink that the host side provides. Also the debug port, which is the same
 * device with another port and the host's diagnostic log as its sink.
 */
#pragma once
#include "device.h"

/* Where the bytes of many consoles go: devices/host/terminal.c, or a test's buffer. */
struct console_sink {
    void (*write)(struct console_sink *, uint32_t id, const uint8_t *bytes, size_t length);
};

struct console {
    struct device device;
    struct console_sink *sink; /* borrowed, may be NULL: bytes are counted and digested only */
    uint32_t id;
    uint64_t written; /* bytes */
    uint64_t digest;  /* of all bytes written so far: consoles are part of a machine's state digest */
};

void console_init(struct console *, uint32_t id, struct console_sink *);
void debug_port_init(struct console *, uint32_t id, struct console_sink *);
