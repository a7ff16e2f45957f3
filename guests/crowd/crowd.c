/* SPDX-License-Identifier: MIT
 *
 * Machines that do little, and some beside them that compute without end: what many idle machines cost.
 * Arguments: busy=N, machines below N compute (0); period=MS, the others are woken by their timer so often (0: never);
 * count=N ends them after N times (0: never).
 */
#include "guest.h"
#include "libc.h"

#define NS_PER_MS 1000000u
#define WORDS     (32u << 10) /* 128 KB: 32 pages */

static uint32_t words[WORDS];

/* A walk over the words in no order that a cache could guess. */
static _Noreturn void compute(void)
{
    for (uint32_t x = registers.vm_id;;) {
        x = x * 1664525 + 1013904223;
        words[x / (UINT32_MAX / WORDS + 1)] += x;
    }
}

static uint32_t ticks;

static void tick(uint32_t source)
{
    (void)source;
    ticks++;
}

static void doze(uint32_t period, uint32_t count)
{
    interrupt_register(DENALI_IRQ_TIMER, tick);
    for (uint64_t deadline = time_now(); count == 0 || ticks < count;) {
        deadline += (uint64_t)period * NS_PER_MS;
        timer_arm(deadline);
        interrupt_wait(NO_TIMEOUT);
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    uint32_t busy = argument_number(argv, "busy", 0);
    uint32_t period = argument_number(argv, "period", 0);
    uint32_t count = argument_number(argv, "count", 0);
    if (registers.vm_id < busy)
        compute();
    while (period == 0)
        interrupt_wait(NO_TIMEOUT);
    doze(period, count);
    printf("machine %u was woken %u times\n", registers.vm_id, ticks);
    return 0;
}
