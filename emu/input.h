/* SPDX-License-Identifier: MIT
 *
 * The one door through which everything enters that is not in the configuration: frames from networks outside, bytes
 * typed. What comes is stamped with the moment it was taken at; a recorder that is told all of it can be made a source
 * later, and the second simulation is the first one again.
 *
 * A moment is the kernel's count of turns (which grows when a quantum begins and when it ends) and of cycles. At equal
 * moments events that are due come first, then what enters, in the order in which it was taken.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "../devices/packet.h"
#include "typist.h"

#define INPUT_KEYS_MAX 64 /* bytes typed at one moment */

struct input_moment {
    uint64_t turn, cycles;
};

enum input_kind { INPUT_FRAME, INPUT_KEYS };

/* What entered, as a recorder sees it. */
struct input_item {
    struct input_moment moment;
    enum input_kind kind;
    uint32_t port; /* INPUT_FRAME: the switch's backend; INPUT_KEYS: the machine */
    const uint8_t *bytes;
    uint32_t length;
};

/* Where it comes from: the host, or a log. */
struct input_source {
    const struct input_source_ops *ops;
};

struct input_source_ops {
    /* The next frame that enters at this moment and its backend; the reference passes to the caller. NULL: none. */
    struct packet *(*frame)(struct input_source *, const struct input_moment *, uint32_t *backend);
    /* What is typed at this moment, at most `room` bytes. Asked only if no machine has anything to do. */
    size_t (*keys)(struct input_source *, const struct input_moment *, uint8_t *bytes, size_t room);
    /* The cycle at which the next item enters, if it does so in this turn and that is known; else UINT64_MAX. */
    uint64_t (*next)(struct input_source *, const struct input_moment *);
    /* May anything still come, while all machines are idle? `typing`: what is typed would be taken. */
    bool (*is_open)(struct input_source *, bool typing);
};

struct input_recorder {
    void (*entered)(struct input_recorder *, const struct input_item *);
};

struct input {
    struct input_source *source;     /* borrowed; NULL: nothing ever enters */
    struct input_recorder *recorder; /* borrowed; may be NULL */
    struct typist typist;
    uint64_t turn;
};

/* The next frame that enters now, NULL if there is none; the reference passes to the caller. */
struct packet *input_frame(struct input *, uint64_t cycles, uint32_t *backend);
/* Type what there is to this machine. True: keys were typed. */
bool input_type(struct input *, uint64_t cycles, uint32_t machine, struct keyboard *);
/* See struct input_source_ops. */
static inline uint64_t input_next(const struct input *input, uint64_t cycles)
{
    const struct input_moment now = {input->turn, cycles};
    return input->source ? input->source->ops->next(input->source, &now) : UINT64_MAX;
}
bool input_is_open(const struct input *, bool typing);
