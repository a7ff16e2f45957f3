/* SPDX-License-Identifier: MIT
 *
 * What `--link` says, "7-9:delay=2ms,rate=10Mbit,loss=1%": which machines have which kind of link.
 */
#pragma once
#include <stddef.h>

#include "link.h"

struct link_spec {
    uint32_t first, last; /* machines */
    struct link_shape shape;
};

/* Reads VMS:KEY=VALUE[,KEY=VALUE]…, where VMS is N, N-M or "all". False: `error` says what is wrong with it. */
bool link_spec_parse(struct link_spec *, const char *text, char *error, size_t error_size);
