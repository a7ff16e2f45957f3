/* SPDX-License-Identifier: MIT
 *
 * Time and the timer. The kernel notes the time and the cycle counter at each crossing; what has passed since is
 * counted in cycles.
 */
#include "guest.h"

#define NS_PER_MS 1000000

uint64_t time_now(void)
{
    uint64_t base, base_stamp, stamp;
    do { /* again if a crossing came in between: the four words must belong together */
        base_stamp = registers.time_tsc;
        base = registers.time_ns;
        stamp = time_stamp();
    } while (registers.time_tsc != base_stamp);
    uint64_t cycles = stamp - base_stamp;
    uint32_t khz = registers.cpu_khz;
    /* In two parts, since cycles * NS_PER_MS can exceed 64 bits. */
    return base + cycles / khz * NS_PER_MS + cycles % khz * NS_PER_MS / khz;
}

void time_sleep_until(uint64_t time_ns)
{
    for (uint64_t now = time_now(); now < time_ns; now = time_now())
        interrupt_wait(time_ns - now);
}

void timer_arm(uint64_t deadline_ns)
{
    registers.timer_deadline = deadline_ns;
    port_write32(DENALI_PORT_TIMER, 1);
}

void timer_disarm(void)
{
    port_write32(DENALI_PORT_TIMER, 0);
}
