/* SPDX-License-Identifier: MIT
 *
 * The simulated clock: cycles since the start of the run. Nanoseconds are derived from cycles, never the other way
 * round, except that a wish ("at 3 s") is rounded up to the first cycle that is not before it.
 */
#pragma once
#include <stdint.h>

/* System time when every run starts: 2002-12-09T00:00:00Z, the first day of OSDI 2002. */
#define CLOCK_EPOCH_NS (UINT64_C(1039392000) * 1000000000)

#define KHZ_TO_NS 1000000 /* ns = cycles * 10^6 / kHz */

struct clock {
    uint64_t cycles;
    uint32_t khz;
};

/* Nanoseconds since the start. Asked for in every turn: 64 bits are enough for hours, and divided faster. */
static inline uint64_t clock_elapsed_ns(const struct clock *clock)
{
    if (clock->cycles <= UINT64_MAX / KHZ_TO_NS)
        return clock->cycles * KHZ_TO_NS / clock->khz;
    return (uint64_t)((unsigned __int128)clock->cycles * KHZ_TO_NS / clock->khz);
}

/* System time, ns since 1970. */
static inline uint64_t clock_time_ns(const struct clock *clock)
{
    return CLOCK_EPOCH_NS + clock_elapsed_ns(clock);
}

/* How many cycles `ns` take, rounded up; UINT64_MAX if that is beyond the clock's range. */
static inline uint64_t clock_cycles(const struct clock *clock, uint64_t ns)
{
    unsigned __int128 cycles = ((unsigned __int128)ns * clock->khz + KHZ_TO_NS - 1) / KHZ_TO_NS;
    return cycles > UINT64_MAX ? UINT64_MAX : (uint64_t)cycles;
}

/* The sum, or UINT64_MAX where it would wrap. */
static inline uint64_t clock_after(uint64_t cycles, uint64_t more)
{
    return more > UINT64_MAX - cycles ? UINT64_MAX : cycles + more;
}
