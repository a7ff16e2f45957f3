/* SPDX-License-Identifier: MIT
 *
 * A kernel without a simulation around it: a thousand instructions a quantum, nothing outside, no machines yet.
 */
#pragma once
#include "../../emu/kernel.h"

/* The gate becomes the kernel's. */
static inline void kernel_bench_init(struct kernel *k, struct gatekeeper *gate)
{
    k->clock = (struct clock){.khz = 1000000};
    k->host = (struct machine_host){.posted = kernel_machine_posted,
                                    .timed_out = kernel_timed_out,
                                    .fetch = kernel_machine_fetch,
                                    .events = &k->events,
                                    .clock = &k->clock};
    k->quantum = 1000;
    k->end_cycles = k->end_instructions = k->machine_instructions = UINT64_MAX;
    k->last_running = UINT32_MAX;
    k->cpu = cpu_new(CPU_ENGINE_BLOCKS);
    k->scheduler = round_robin_new();
    k->gate = gate;
    switch_init(&k->network, NULL);
}

/* Its machines have been destroyed. */
static inline void kernel_bench_drop(struct kernel *k)
{
    vm_table_drop(&k->vms);
    switch_drop(&k->network);
    event_queue_drop(&k->events);
    k->scheduler->ops->free(k->scheduler);
    k->gate->ops->free(k->gate);
    cpu_free(k->cpu);
}

static inline enum denali_progress kernel_bench_run(struct kernel *k, unsigned turns)
{
    enum denali_progress progress = DENALI_RUNNING;
    for (; turns > 0 && progress == DENALI_RUNNING; turns--)
        progress = kernel_turn(k);
    return progress;
}
