/* SPDX-License-Identifier: MIT
 *
 * What stands behind the supervisor's port: machine 0 makes machines of images, treats them and reads their consoles.
 * Of every other machine, whoever created it, the last bytes it wrote are kept. All of this exists only in a simulation
 * with a supervisor, and a guest can make it take no more than the limit of machines allows.
 */
#pragma once
#include "../devices/supervisor.h"
#include "byte_ring.h"
#include "image_cache.h"
#include "machine.h"

struct kernel;

#define SUPERVISOR_MACHINE 0 /* its index */

/* A machine, or the place where one was, as the supervisor knows it. */
struct ward {
    struct byte_ring console;
    struct cached_image *image; /* that it uses; NULL: one that stays anyway */
    uint32_t next, previous;    /* in the queue of news: indices, or NOBODY */
    uint8_t generation;         /* the upper part of the handle, never 0 */
    bool has_news;              /* it is in that queue */
};

struct supervision {
    struct supervisor_host host;         /* embedded: machine 0's */
    struct console_sink sink;            /* embedded: of all others' consoles; what they write goes on to `outside` */
    struct console_sink *outside;        /* borrowed, may be NULL */
    struct kernel *kernel;               /* borrowed */
    const struct machine_config *config; /* of machines created; borrowed */
    struct image_cache images;
    struct ward *wards; /* by machine index; owned */
    uint32_t capacity;  /* of `wards` */
    uint32_t first_news, last_news;
    uint32_t machines_max;
    uint64_t created, destroyed;
};

/* `disks`: see machine_config; NULL: there are none. */
void supervision_init(struct supervision *, struct kernel *, struct frame_pool *, struct disks *, struct image *own);
/* Room for so many machines in all. False: no host memory. Machines that the supervisor does not create need it. */
bool supervision_reserve(struct supervision *, uint32_t machines);
/* All machines are gone. */
void supervision_drop(struct supervision *);
/* Of host memory. */
uint64_t supervision_bytes(const struct supervision *);
/* A machine ends. `s` may be NULL: there is no supervisor. */
void supervision_ended(struct supervision *s, const struct vm *);
