/* SPDX-License-Identifier: MIT
 *
 * Inside a simulation: what libdenali.h hides from its users.
 */
#pragma once
#include "../devices/host/terminal.h"
#include "kernel.h"
#include "networks.h"
#include "supervision.h"
#include "traffic.h"

struct denali {
    struct kernel kernel;
    struct machine_config first_config, others_config; /* of machine 0 and of all others */
    struct frame_pool *frames;
    struct disks disks;
    struct image image;
    bool image_loaded;
    struct terminal *consoles, *debug;
    struct networks networks;
    struct traffic traffic;
    struct supervision *supervision; /* NULL: no machine is a supervisor */
};
