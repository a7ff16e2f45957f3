/* SPDX-License-Identifier: MIT
 *
 * Drawing by lot, in integers, so that it is the same everywhere: random numbers, and items whose popularity falls
 * with their rank as Zipf's law says: that of rank i (from 1) is proportional to i to the power of -alpha.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* The next number of the sequence that *state is at. */
uint64_t random_next(uint64_t *state);

/* 2^32 * rank^(-alpha / 100), within some parts of 10,000. */
uint64_t zipf_weight(uint32_t rank, uint32_t alpha);

struct zipf {
    uint64_t *sums; /* of the weights up to each item */
    uint32_t items;
};

/* False: no memory. */
bool zipf_init(struct zipf *, uint32_t items, uint32_t alpha);
/* An item, from 0 up: the most popular one is 0. */
uint32_t zipf_draw(const struct zipf *, uint64_t *state);
