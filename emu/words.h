/* SPDX-License-Identifier: MIT
 *
 * Words of a command line: quantities with a unit, and which known word somebody may have meant.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* Each ended by a NULL name. */
extern const struct unit size_units[], time_units[], count_units[], plain_units[];

/* A decimal number, then one of the units, and nothing else. False: it is none, or too large. */
bool words_quantity(const char *value, const struct unit *units, uint64_t *result);

/* A decimal fraction from 0 to 1, with up to six digits behind the point, in millionths. */
bool words_fraction(const char *value, uint32_t *millionths);

/* Keeps in *nearest the candidate that is closest to the word, if it is close at all. *distance is ~0 at first. */
void words_consider(const char *word, const char *candidate, const char **nearest, unsigned *distance);
