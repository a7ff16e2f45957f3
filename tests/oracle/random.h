/* SPDX-License-Identifier: MIT
 *
 * Random numbers: splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t rng_wide(struct rng *rng)
{
    uint64_t z = rng->state += 0x9E3779B97F4A7C15;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

static inline uint32_t rng_next(struct rng *rng)
{
    return (uint32_t)(rng_wide(rng) >> 32);
}

static inline uint32_t rng_below(struct rng *rng, uint32_t limit)
{
    return (uint32_t)((uint64_t)rng_next(rng) * limit >> 32);
}

static inline bool one_in(struct rng *rng, uint32_t n)
{
    return rng_below(rng, n) == 0;
}

#define RNG_CHOICE(rng, array) ((array)[rng_below((rng), sizeof(array) / sizeof((array)[0]))])
