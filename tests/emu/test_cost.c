/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <string.h>

#include "../../emu/cost.h"

static struct cost_model model_of(const char *profile)
{
    const struct clock clock = {.khz = 2000000};
    struct denali_costs costs;
    struct cost_model model;
    cr_assert(cost_profile(&costs, profile));
    cost_model_init(&model, &costs, &clock);
    return model;
}

Test(cost, profile_none_is_all_zero)
{
    struct denali_costs costs = {.port = 1}, zero = {0};
    cr_assert(cost_profile(&costs, "none"));
    cr_assert_eq(memcmp(&costs, &zero, sizeof(zero)), 0);
}

Test(cost, profile_denali2002_has_the_figures_of_its_rows)
{
    struct denali_costs costs;
    cr_assert(cost_profile(&costs, "denali2002"));
    for (const struct cost_row *row = cost_rows; row->name; row++)
        cr_assert_eq(*cost_field(&costs, row->name), row->denali2002, "%s", row->name);
    cr_assert_eq(costs.vm_switch, 1400);
    cr_assert_eq(costs.port, 1200);
}

Test(cost, profile_unknown_changes_nothing)
{
    struct denali_costs costs = {.port = 1};
    cr_assert(!cost_profile(&costs, "denali"));
    cr_assert_eq(costs.port, 1);
    cr_assert_null(cost_field(&costs, "disk"));
}

Test(cost, model_is_in_cycles_and_bounded)
{
    const struct clock clock = {.khz = 2000000};
    const struct denali_costs costs = {.port = 7, .disk_seek = UINT64_MAX};
    struct cost_model model;
    cost_model_init(&model, &costs, &clock);
    cr_assert_eq(model.port, 14);
    cr_assert_eq(model.disk_seek, COST_MAX_NS * 2);
}

Test(cost, disk_that_costs_nothing_is_done_at_once)
{
    struct cost_model model = model_of("none");
    struct disk_clock disk = DISK_CLOCK_NEW;
    cr_assert_eq(disk_clock_take(&disk, &model, 5, 0, 4096), 5);
    cr_assert_eq(disk_clock_take(&disk, &model, 5, 1 << 20, 1 << 20), 5);
    cr_assert_eq(disk_clock_take(&disk, &model, 9, 0, 0), 9);
}

Test(cost, disk_moves_its_head_only_where_it_must)
{
    const struct cost_model model = {.disk_seek = 1000, .disk_rotation = 500, .disk_transfer = 10};
    struct disk_clock disk = DISK_CLOCK_NEW;
    cr_assert_eq(disk_clock_take(&disk, &model, 0, 8192, 4096), 1510, "the first");
    cr_assert_eq(disk_clock_take(&disk, &model, 2000, 12288, 8192), 2020, "follows on it");
    cr_assert_eq(disk_clock_take(&disk, &model, 3000, 12288, 4096), 4510, "is behind the head");
}

Test(cost, disk_does_one_thing_after_the_other)
{
    const struct cost_model model = {.disk_seek = 100, .disk_transfer = 10};
    struct disk_clock disk = DISK_CLOCK_NEW;
    cr_assert_eq(disk_clock_take(&disk, &model, 0, 0, 4096), 110);
    cr_assert_eq(disk_clock_take(&disk, &model, 50, 4096, 4096), 120);
    cr_assert_eq(disk_clock_take(&disk, &model, 60, 0, 0), 120, "a flush waits for them");
    cr_assert_eq(disk_clock_take(&disk, &model, 130, 8192, 4096), 140, "and moves nothing");
}

Test(cost, disk_time_does_not_wrap)
{
    const struct cost_model model = {.disk_transfer = UINT64_MAX / 2};
    struct disk_clock disk = DISK_CLOCK_NEW;
    cr_assert_eq(disk_clock_take(&disk, &model, 1000, 0, UINT64_MAX / 2), UINT64_MAX);
    cr_assert_eq(disk_clock_take(&disk, &model, 1000, 0, 4096), UINT64_MAX);
}
