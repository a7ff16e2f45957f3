/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "../../guests/zipf/draw.h"

void *guest_malloc(size_t size);

void *guest_malloc(size_t size)
{
    return malloc(size);
}

Test(draw, weight_is_what_the_law_says)
{
    static const uint32_t alphas[] = {0, 50, 73, 100, 120, 200};

    for (size_t a = 0; a < sizeof(alphas) / sizeof(alphas[0]); a++) {
        for (uint32_t rank = 1; rank < 100000; rank += rank / 7 + 1) {
            double expected = ldexp(pow(rank, -(alphas[a] / 100.0)), 32), found = (double)zipf_weight(rank, alphas[a]);
            cr_assert_float_eq(found, expected, expected * 2e-4 + 2, "rank %u, alpha %u: %.0f, not %.0f", rank,
                               alphas[a], found, expected);
        }
    }
}

/* Every item as often as its weight says, within five standard deviations. */
Test(draw, items_come_as_often_as_they_weigh)
{
    enum { ITEMS = 100, DRAWS = 200000 };
    struct zipf zipf;
    uint32_t counts[ITEMS] = {0};
    uint64_t random = 7;

    cr_assert(zipf_init(&zipf, ITEMS, 100));
    for (uint32_t i = 0; i < DRAWS; i++)
        counts[zipf_draw(&zipf, &random)]++;
    for (uint32_t i = 0; i < ITEMS; i++) {
        double expected = (double)zipf_weight(i + 1, 100) / (double)zipf.sums[ITEMS - 1] * DRAWS;
        cr_assert_float_eq(counts[i], expected, 5 * sqrt(expected), "item %u: %u times, not %.0f", i, counts[i],
                           expected);
    }
    free(zipf.sums);
}

Test(draw, same_seed_gives_same_numbers)
{
    uint64_t a = 1, b = 1, c = 2;
    uint64_t first = random_next(&a);
    cr_expect_eq(first, random_next(&b));
    cr_expect_neq(first, random_next(&c));
    cr_expect_neq(first, random_next(&a));
}
