/* SPDX-License-Identifier: MIT
 *
 * All that a simulation has to do with the outside: the networks that its configuration names, cables, the capture
 * whose frames come in, the keyboard.
 */
#pragma once
#include "host.h"
#include "kernel.h"

struct networks {
    struct net_backend *backends[SWITCH_BACKENDS]; /* owned */
    uint32_t count;
    struct link_spec *links;        /* owned */
    struct capture_reader *capture; /* owned; NULL: none; its backend is the first */
    struct host host;
};

/* Opens them and attaches them to the kernel's switch. False: see `error`, which names the one; networks_close() in
 * either case. */
bool networks_open(struct networks *, const struct denali_config *, struct kernel *, char *error, size_t error_size);
/* From now on something enters. */
void networks_start(struct networks *, const struct denali_config *, struct kernel *);
void networks_close(struct networks *);
/* Fills in what concerns frames and time. */
void networks_count(const struct networks *, const struct kernel *, struct denali_stats *);
