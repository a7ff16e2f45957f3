/* SPDX-License-Identifier: MIT
 *
 * One simulation of a real guest. DENALI_TEST_GUESTS is the folder of the guests' images.
 */
#pragma once
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../emu/libdenali.h"

struct run {
    struct denali_config config;
    struct denali *d;
    char image[512];
};

static inline void prepare(struct run *run, const char *guest, uint32_t machines)
{
    const char *folder = getenv("DENALI_TEST_GUESTS");
    cr_assert_not_null(folder);
    snprintf(run->image, sizeof(run->image), "%s/%s.elf", folder, guest);
    denali_config_init(&run->config);
    run->config.image = run->image;
    run->config.machines = machines;
    run->config.console = DENALI_CONSOLE_NONE;
}

static inline void start(struct run *run)
{
    char error[256];
    run->d = denali_new(&run->config, error, sizeof(error));
    cr_assert(run->d, "%s", error);
}
