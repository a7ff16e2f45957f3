/* SPDX-License-Identifier: MIT
 *
 * The cable between a machine and the switch when it is not perfect: it takes time, carries so many bits a second,
 * loses frames, doubles them, lets one overtake others. All in virtual time, through the event queue, with random
 * numbers from a seed: the same run loses the same frames. Each direction is a cable of its own.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "../devices/packet.h"
#include "clock.h"
#include "event.h"

#define LINK_CERTAIN 1000000 /* a probability of 1 */
#define LINK_FRAMES  1000    /* on their way at once, in one direction; a further one is lost */

struct link_shape {
    uint64_t delay_ns;
    uint64_t rate;                     /* bits a second; 0 = any number */
    uint32_t loss, duplicate, reorder; /* probabilities, of LINK_CERTAIN */
};

enum link_direction { LINK_TO_MACHINE, LINK_FROM_MACHINE, LINK_DIRECTIONS };

struct link;

/* Where frames go that have come through. */
struct link_owner {
    /* The reference passes to the owner. */
    void (*arrived)(struct link_owner *, struct link *, enum link_direction, struct packet *);
    struct event_queue *events;
    const struct clock *clock;
};

/* What became of a frame that was sent: how many of it are on their way. */
enum link_fate { LINK_LOST, LINK_SENT, LINK_DOUBLED };

/* A link of machine `port`, shaped for as long as it lives. NULL: no memory. */
struct link *link_new(struct link_owner *, uint32_t port, const struct link_shape *, uint64_t seed);
/* Frames on their way are lost. */
void link_free(struct link *);
uint32_t link_port(const struct link *);
/* Takes references of its own. */
enum link_fate link_send(struct link *, enum link_direction, struct packet *);
/* On their way. */
uint32_t link_held(const struct link *);
