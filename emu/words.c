/* SPDX-License-Identifier: MIT */
#include "words.h"

#include <string.h>

const struct unit size_units[] = {
    {"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", 1ull << 40}, {NULL, 0},
};
const struct unit time_units[] = {
    {"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {"min", 60000000000}, {"h", 3600000000000}, {NULL, 0},
};
const struct unit count_units[] = {{"", 1}, {"k", 1000}, {"M", 1000000}, {"G", 1000000000}, {NULL, 0}};
const struct unit plain_units[] = {{"", 1}, {NULL, 0}};

bool words_quantity(const char *value, const struct unit *units, uint64_t *result)
{
    size_t digits = strspn(value, "0123456789");
    uint64_t number = 0;

    *result = 0;
    for (size_t i = 0; i < digits; i++)
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, value[i] - '0', &number))
            return false;
    for (; units->name; units++)
        if (digits && strcmp(value + digits, units->name) == 0)
            return !__builtin_mul_overflow(number, units->factor, result);
    return false;
}

bool words_fraction(const char *value, uint32_t *millionths)
{
    uint32_t unit = 1000000;

    if (value[0] != '0' && value[0] != '1')
        return false;
    *millionths = (uint32_t)(value[0] - '0') * unit;
    if (value[1] == '.' && value[2])
        for (value++; unit > 1 && value[1] >= '0' && value[1] <= '9'; value++)
            *millionths += (uint32_t)(value[1] - '0') * (unit /= 10);
    return !value[1] && *millionths <= 1000000;
}

/* How many single-letter changes lead from one word to the other (Levenshtein); words longer than 31 are cut. */
static unsigned edit_distance(const char *from, const char *to)
{
    unsigned row[32];
    size_t columns = strnlen(to, 31);
    for (size_t j = 0; j <= columns; j++)
        row[j] = j;
    for (size_t i = 0; i < 31 && from[i]; i++) {
        unsigned diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < columns; j++) {
            unsigned best = diagonal + (from[i] != to[j]);
            diagonal = row[j + 1];
            if (best > diagonal + 1)
                best = diagonal + 1;
            if (best > row[j] + 1)
                best = row[j] + 1;
            row[j + 1] = best;
        }
    }
    return row[columns];
}

void words_consider(const char *word, const char *candidate, const char **nearest, unsigned *distance)
{
    unsigned d = edit_distance(word, candidate);
    if (d < *distance && d <= 1 + strlen(candidate) / 3) {
        *distance = d;
        *nearest = candidate;
    }
}
