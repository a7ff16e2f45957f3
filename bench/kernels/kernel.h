/* SPDX-License-Identifier: MIT
 *
 * A benchmark kernel is one source file that defines these three. It is compiled once; the same object file is linked
 * into a Denali guest and into a Linux program, so that both execute the same instructions.
 */
#pragma once
#include <stdint.h>

extern const char kernel_name[];
/* Repeats for one to two thousand million instructions. */
extern const uint32_t kernel_repeats;
/* Does the work so many times. The result depends on all of it. Some begin at another place if `repeats` is another
 * number, so that many machines with different ones do not all take the same branches in the same turn. */
uint32_t kernel_run(uint32_t repeats);

/* The next number of a linear congruential sequence (multiplier and increment: Numerical Recipes, 7.1). */
static inline uint32_t random_next(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state;
}
