/* SPDX-License-Identifier: MIT */
#include "networks.h"

#include <stdio.h>
#include <string.h>

#include "dgram.h"
#include "live.h"
#include "tap.h"
#include "user.h"

static const struct {
    const char *kind; /* what the text begins with */
    struct net_backend *(*open)(const char *parameters, const struct net_setup *, char *error, size_t error_size);
    bool (*check)(const char *parameters, char *error, size_t error_size);
} kinds[] = {
    {"dgram:", dgram_open, dgram_check},
    {"live:", live_open, live_check},
    {"tap:", tap_open, tap_check},
    {"user", user_open, user_check},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* KINDS if there is none. */
static size_t find(const char *text)
{
    size_t i = 0;
    while (i < KINDS && strncmp(text, kinds[i].kind, strlen(kinds[i].kind)) != 0)
        i++;
    return i;
}

bool net_check(const char *text, char *error, size_t error_size)
{
    size_t kind = find(text);
    if (kind < KINDS)
        return kinds[kind].check(text + strlen(kinds[kind].kind), error, error_size);
    snprintf(error, error_size, "'%s' is not a network", text);
    return false;
}

struct net_backend *net_open(const char *text, const struct net_setup *setup, char *error, size_t error_size)
{
    if (!net_check(text, error, error_size))
        return NULL;
    size_t kind = find(text);
    return kinds[kind].open(text + strlen(kinds[kind].kind), setup, error, error_size);
}
