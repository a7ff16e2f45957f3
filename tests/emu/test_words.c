/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "../../emu/words.h"

Test(words, quantity_with_known_unit_is_multiplied)
{
    uint64_t result;
    cr_assert(words_quantity("16M", size_units, &result));
    cr_assert_eq(result, 16u << 20);
    cr_assert(words_quantity("3min", time_units, &result));
    cr_assert_eq(result, 180000000000);
    cr_assert(words_quantity("2k", count_units, &result));
    cr_assert_eq(result, 2000);
    cr_assert(words_quantity("0", plain_units, &result));
    cr_assert_eq(result, 0);
}

Test(words, quantity_without_number_or_unit_is_none)
{
    uint64_t result;
    cr_assert(!words_quantity("", plain_units, &result));
    cr_assert(!words_quantity("K", size_units, &result));
    cr_assert(!words_quantity("1", time_units, &result));
    cr_assert(!words_quantity("1 s", time_units, &result));
    cr_assert(!words_quantity("-1", plain_units, &result));
}

Test(words, quantity_too_large_is_none)
{
    uint64_t result;
    cr_assert(words_quantity("18446744073709551615", plain_units, &result));
    cr_assert(!words_quantity("18446744073709551616", plain_units, &result));
    cr_assert(!words_quantity("18446744073709551615", size_units + 1, &result));
    cr_assert(!words_quantity("99999999999T", size_units, &result));
}

Test(words, fraction_is_between_none_and_all)
{
    uint32_t millionths;
    cr_assert(words_fraction("0", &millionths) && millionths == 0);
    cr_assert(words_fraction("1", &millionths) && millionths == 1000000);
    cr_assert(words_fraction("1.0", &millionths) && millionths == 1000000);
    cr_assert(words_fraction("0.25", &millionths) && millionths == 250000);
    cr_assert(words_fraction("0.000001", &millionths) && millionths == 1);
    for (const char *const *bad = (const char *const[]){"", ".5", "1.1", "2", "0.", "0.0000001", "0.5x", "01", NULL};
         *bad; bad++)
        cr_assert(!words_fraction(*bad, &millionths), "%s", *bad);
}

Test(words, nearest_is_the_closest_and_must_be_close)
{
    const char *nearest = NULL;
    unsigned distance = ~0u;
    words_consider("swich", "switch", &nearest, &distance);
    words_consider("swich", "sandwich", &nearest, &distance);
    cr_assert_str_eq(nearest, "switch");
    nearest = NULL;
    distance = ~0u;
    words_consider("x", "switch", &nearest, &distance);
    cr_assert_null(nearest);
}
