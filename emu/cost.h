/* SPDX-License-Identifier: MIT
 *
 * The cost model: what the kernel's own work takes of virtual time (struct denali_costs, in libdenali.h, is the list).
 * Here it is in cycles of the simulated CPU, and for disks, which work beside the CPU, there is a clock of their own.
 */
#pragma once
#include "clock.h"
#include "libdenali.h"

#define COST_MAX_NS UINT64_C(3600000000000) /* so that no sum of costs can wrap */

/* " vm-switch crossing ..." */
#define COST_NAME(id, name, ...) " " name
#define COST_NAMES               DENALI_COSTS(COST_NAME)

struct cost_row {
    const char *id, *name; /* in JSON; as the user writes it. NULL: the end */
    uint64_t denali2002;   /* ns */
    const char *what, *source;
};

extern const struct cost_row cost_rows[];

/* The profile "none" or "denali2002". False: there is none of this name. */
bool cost_profile(struct denali_costs *, const char *name);
/* By the name in cost_rows, NULL if there is none. */
uint64_t *cost_field(struct denali_costs *, const char *name);

/* struct denali_costs in cycles. */
struct cost_model {
#define COST(id, ...) uint64_t id;
    DENALI_COSTS(COST)
#undef COST
};

/* Times above COST_MAX_NS count as that. */
void cost_model_init(struct cost_model *, const struct denali_costs *, const struct clock *);

/* One disk of the host, simulated: it does one operation after the other, in the order they are asked for. */
struct disk_clock {
    uint64_t busy_until; /* cycles; the past: it is idle */
    uint64_t position;   /* behind the last byte moved */
};

#define DISK_CLOCK_NEW ((struct disk_clock){0, UINT64_MAX}) /* wherever the first operation is, it is elsewhere */

/* An operation on `bytes` bytes from `position` on is asked for at `now`: when it is complete, at `now` itself if disks
 * cost nothing. With 0 bytes (a flush): when those before it are. */
uint64_t disk_clock_take(struct disk_clock *, const struct cost_model *, uint64_t now, uint64_t position,
                         uint64_t bytes);
