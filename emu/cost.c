/* SPDX-License-Identifier: MIT */
#include "cost.h"

#include <string.h>

#define TRANSFER_UNIT 4096 /* bytes: what disk_transfer is the time of */

#define COST(id, name, none, denali2002, what, source) {#id, name, denali2002, what, source},
const struct cost_row cost_rows[] = {DENALI_COSTS(COST){NULL, NULL, 0, NULL, NULL}};
#undef COST

static const struct denali_costs profile_none = {
#define COST(id, name, none, denali2002, what, source) .id = none,
    DENALI_COSTS(COST)
#undef COST
};

static const struct denali_costs profile_denali2002 = {
#define COST(id, name, none, denali2002, what, source) .id = denali2002,
    DENALI_COSTS(COST)
#undef COST
};

bool cost_profile(struct denali_costs *costs, const char *name)
{
    const struct denali_costs *profile = strcmp(name, "none") == 0         ? &profile_none
                                         : strcmp(name, "denali2002") == 0 ? &profile_denali2002
                                                                           : NULL;
    if (profile)
        *costs = *profile;
    return profile != NULL;
}

uint64_t *cost_field(struct denali_costs *costs, const char *name)
{
#define COST(id, text, ...)                                                                                            \
    if (strcmp(name, text) == 0)                                                                                       \
        return &costs->id;
    DENALI_COSTS(COST)
#undef COST
    return NULL;
}

static uint64_t cycles_of(uint64_t ns, const struct clock *clock)
{
    return clock_cycles(clock, ns < COST_MAX_NS ? ns : COST_MAX_NS);
}

void cost_model_init(struct cost_model *model, const struct denali_costs *costs, const struct clock *clock)
{
#define COST(id, ...) model->id = cycles_of(costs->id, clock);
    DENALI_COSTS(COST)
#undef COST
}

static uint64_t transfer(const struct cost_model *model, uint64_t bytes)
{
    unsigned __int128 cycles = (unsigned __int128)model->disk_transfer * bytes / TRANSFER_UNIT;
    return cycles > UINT64_MAX ? UINT64_MAX : (uint64_t)cycles;
}

uint64_t disk_clock_take(struct disk_clock *disk, const struct cost_model *model, uint64_t now, uint64_t position,
                         uint64_t bytes)
{
    uint64_t takes = transfer(model, bytes);

    if (bytes > 0 && position != disk->position)
        takes = clock_after(takes, model->disk_seek + model->disk_rotation);
    if (bytes > 0)
        disk->position = position + bytes;
    disk->busy_until = clock_after(disk->busy_until > now ? disk->busy_until : now, takes);
    return disk->busy_until;
}
