/* SPDX-License-Identifier: MIT */
#include "pacer.h"

void pacer_init(struct pacer *pacer, uint64_t (*host_ns)(void))
{
    *pacer = (struct pacer){.host_ns = host_ns};
    if (host_ns)
        pacer->origin_ns = pacer->now_ns = host_ns();
}

void pacer_read(struct pacer *pacer)
{
    pacer->now_ns = pacer->host_ns();
}

uint64_t pacer_target(const struct pacer *pacer)
{
    return pacer->now_ns - pacer->origin_ns;
}

void pacer_give_up(struct pacer *pacer, uint64_t virtual_ns)
{
    uint64_t target = pacer_target(pacer);
    if (target <= virtual_ns || target - virtual_ns <= PACER_LAG_NS)
        return;
    uint64_t lost = target - virtual_ns - PACER_LAG_NS;
    pacer->origin_ns += lost;
    pacer->lost_ns += lost;
}
