/* SPDX-License-Identifier: MIT */
#include "draw.h"

#include "libc.h"

/* SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

#define FRACTION_BITS 16

/* log2(x) for x > 0, in units of 2^-16: each squaring of what is left of x, between 1 and 2, gives one more bit. */
static uint32_t log2_of(uint32_t x)
{
    uint32_t whole = 31 - (uint32_t)__builtin_clz(x);
    uint32_t log = whole << FRACTION_BITS, rest = x << (31 - whole); /* 1.31 */
    for (uint32_t bit = 1u << (FRACTION_BITS - 1); bit != 0; bit >>= 1) {
        uint64_t square = (uint64_t)rest * rest; /* 2.62 */
        bool over_2 = square >> 63;
        log |= over_2 ? bit : 0;
        rest = (uint32_t)(square >> (over_2 ? 32 : 31));
    }
    return log;
}

/* 2^32 * 2^-y, y in units of 2^-16. */
static uint64_t power_of_half(uint64_t y)
{
    /* 2^32 * 2^(-1/2), 2^(-1/4), ... */
    static const uint32_t roots[FRACTION_BITS] = {
        0xB504F333, 0xD744FCCA, 0xEAC0C6E7, 0xF5257D15, 0xFA83B2DB, 0xFD3E0C0C, 0xFE9E115C, 0xFF4ECB59,
        0xFFA75652, 0xFFD3A751, 0xFFE9D2B2, 0xFFF4E91B, 0xFFFA747E, 0xFFFD3A3B, 0xFFFE9D1C, 0xFFFF4E8E,
    };
    uint64_t power = UINT64_C(1) << 32;
    for (uint32_t i = 0; i < FRACTION_BITS; i++) {
        if (y >> (FRACTION_BITS - 1 - i) & 1)
            power = power * roots[i] >> 32;
    }
    return y >> FRACTION_BITS < 64 ? power >> (y >> FRACTION_BITS) : 0;
}

uint64_t zipf_weight(uint32_t rank, uint32_t alpha)
{
    return power_of_half((uint64_t)log2_of(rank) * alpha / 100);
}

bool zipf_init(struct zipf *zipf, uint32_t items, uint32_t alpha)
{
    uint64_t sum = 0;
    *zipf = (struct zipf){.sums = malloc(items * sizeof(*zipf->sums)), .items = items};
    if (zipf->sums == NULL)
        return false;
    for (uint32_t i = 0; i < items; i++)
        zipf->sums[i] = sum += zipf_weight(i + 1, alpha);
    return true;
}

/* The first item whose sum is above a random number below all of them. */
uint32_t zipf_draw(const struct zipf *zipf, uint64_t *state)
{
    uint64_t number = random_next(state) % zipf->sums[zipf->items - 1];
    uint32_t low = 0, high = zipf->items - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (zipf->sums[middle] > number)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
