/* SPDX-License-Identifier: MIT */
#include "link_spec.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MACHINE_MAX  ((1u << 24) - 1) /* a MAC address holds 24 bits of the index */
#define DELAY_MAX_NS 3.6e12
#define RATE_MAX     1e12

struct unit {
    const char *name;
    double factor;
};

static const struct unit time_units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {NULL, 0}};
static const struct unit rate_units[] = {{"bit", 1}, {"kbit", 1e3}, {"Mbit", 1e6}, {"Gbit", 1e9}, {NULL, 0}};
static const struct unit chance_units[] = {{"%", LINK_CERTAIN / 100.0}, {"", LINK_CERTAIN}, {NULL, 0}};

/* A number with a decimal point or without, and a unit; it must not be more than `most`. */
static bool quantity(const char *text, size_t length, const struct unit *units, double most, double *result)
{
    double number = 0, place = 1;
    size_t at = 0;

    for (; at < length && isdigit((unsigned char)text[at]); at++)
        number = number * 10 + (text[at] - '0');
    if (at == 0)
        return false;
    if (at < length && text[at] == '.')
        for (at++; at < length && isdigit((unsigned char)text[at]); at++)
            number += (text[at] - '0') * (place /= 10);
    for (; units->name; units++)
        if (strlen(units->name) == length - at && memcmp(units->name, text + at, length - at) == 0) {
            *result = number * units->factor;
            return *result <= most;
        }
    return false;
}

static bool chance(const char *text, size_t length, uint32_t *result)
{
    double number;

    if (!quantity(text, length, chance_units, LINK_CERTAIN, &number))
        return false;
    *result = (uint32_t)(number + 0.5);
    return true;
}

static bool is_key(const char *text, size_t length, const char *key)
{
    return strlen(key) == length && memcmp(text, key, length) == 0;
}

static bool set(struct link_shape *shape, const char *key, size_t key_length, const char *value, size_t length)
{
    double number = 0;

    if (is_key(key, key_length, "loss"))
        return chance(value, length, &shape->loss);
    if (is_key(key, key_length, "dup"))
        return chance(value, length, &shape->duplicate);
    if (is_key(key, key_length, "reorder"))
        return chance(value, length, &shape->reorder);
    if (is_key(key, key_length, "delay")) {
        if (!quantity(value, length, time_units, DELAY_MAX_NS, &number))
            return false;
        shape->delay_ns = (uint64_t)number;
        return true;
    }
    if (!is_key(key, key_length, "rate") || !quantity(value, length, rate_units, RATE_MAX, &number) || number < 1)
        return false;
    shape->rate = (uint64_t)number;
    return true;
}

/* A machine's index; *text moves behind it. */
static bool index_read(const char **text, uint32_t *index)
{
    char *end;
    unsigned long number = isdigit((unsigned char)**text) ? strtoul(*text, &end, 10) : MACHINE_MAX + 1ul;

    if (number > MACHINE_MAX)
        return false;
    *text = end;
    *index = (uint32_t)number;
    return true;
}

/* *text moves behind the colon. */
static bool machines_read(const char **text, struct link_spec *spec)
{
    if (strncmp(*text, "all", 3) == 0) {
        *text += 3;
        spec->first = 0;
        spec->last = MACHINE_MAX;
    } else {
        if (!index_read(text, &spec->first))
            return false;
        spec->last = spec->first;
        if (**text == '-' && (++*text, !index_read(text, &spec->last)))
            return false;
    }
    return *(*text)++ == ':' && spec->first <= spec->last;
}

bool link_spec_parse(struct link_spec *spec, const char *text, char *error, size_t error_size)
{
    *spec = (struct link_spec){0};
    const char *at = text;
    if (!machines_read(&at, spec)) {
        snprintf(error, error_size,
                 "'%s' names no machines: write N:, N-M: or all:, then delay=, rate=, loss=, dup= or "
                 "reorder=",
                 text);
        return false;
    }
    for (;;) {
        size_t length = strcspn(at, ","), key = strcspn(at, "=,");
        if (key >= length || !set(&spec->shape, at, key, at + key + 1, length - key - 1)) {
            snprintf(error, error_size,
                     "'%.*s' is none of delay=2ms (up to 1 h), rate=10Mbit, loss=1%%, dup=1%%, "
                     "reorder=1%%",
                     (int)length, at);
            return false;
        }
        at += length;
        if (!*at++)
            return true;
    }
}
