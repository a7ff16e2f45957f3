/* SPDX-License-Identifier: MIT
 *
 * `--clock host`: virtual time keeps step with real time. When it is ahead the run pauses; when the host cannot keep up
 * it runs on, and what it is behind by more than PACER_LAG_NS is given up and counted, so that machines are not flooded
 * with the time they have missed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACER_LAG_NS   UINT64_C(100000000)
#define PACER_AHEAD_NS UINT64_C(500000) /* a lead not worth a pause */

struct pacer {
    uint64_t (*host_ns)(void); /* a clock that never goes back; NULL: the virtual clock is nobody's follower */
    uint64_t now_ns;           /* its last reading: reading it at each step would cost more than the step */
    uint64_t origin_ns;        /* the reading at virtual time 0, moved by what was given up */
    uint64_t lost_ns;          /* given up so far */
};

/* Virtual time is 0 now. */
void pacer_init(struct pacer *, uint64_t (*host_ns)(void));
static inline bool pacer_is_on(const struct pacer *pacer)
{
    return pacer->host_ns != NULL;
}
void pacer_read(struct pacer *);
/* The virtual time that should have been at the last reading, since the start. */
uint64_t pacer_target(const struct pacer *);
/* Virtual time is `virtual_ns`, and there is something to do: what it is behind by is real. */
void pacer_give_up(struct pacer *, uint64_t virtual_ns);
