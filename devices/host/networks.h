/* SPDX-License-Identifier: MIT
 *
 * The networks outside that can be had, by name: "KIND:PARAMETERS".
 */
#pragma once
#include "backend.h"

/* What a network may want to know of the simulation. */
struct net_setup {
    uint32_t machines;
};

/* NULL: why is in `error`, which names the network. */
struct net_backend *net_open(const char *text, const struct net_setup *, char *error, size_t error_size);
/* Could it be a network? Nothing is opened. False: see `error`. */
bool net_check(const char *text, char *error, size_t error_size);
