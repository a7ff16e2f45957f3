/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "../../emu/pacer.h"

static uint64_t host_now;

static uint64_t host_ns(void)
{
    return host_now;
}

Test(pacer, target_is_real_time_since_the_start)
{
    struct pacer pacer;
    host_now = 5000;
    pacer_init(&pacer, host_ns);
    cr_assert(pacer_is_on(&pacer) && pacer_target(&pacer) == 0);
    host_now += 1234;
    cr_assert_eq(pacer_target(&pacer), 0);
    pacer_read(&pacer);
    cr_assert_eq(pacer_target(&pacer), 1234);
}

Test(pacer, none_is_off)
{
    struct pacer pacer;
    pacer_init(&pacer, NULL);
    cr_assert_not(pacer_is_on(&pacer));
}

Test(pacer, lag_beyond_the_limit_is_given_up_and_counted)
{
    struct pacer pacer;
    host_now = 0;
    pacer_init(&pacer, host_ns);
    host_now = 1000 + PACER_LAG_NS;
    pacer_read(&pacer);
    pacer_give_up(&pacer, 1000);
    cr_assert_eq(pacer.lost_ns, 0);
    host_now += 777;
    pacer_read(&pacer);
    pacer_give_up(&pacer, 1000);
    cr_assert_eq(pacer.lost_ns, 777);
    cr_assert_eq(pacer_target(&pacer), 1000 + PACER_LAG_NS);
    pacer_give_up(&pacer, 5 * PACER_LAG_NS); /* ahead */
    cr_assert_eq(pacer.lost_ns, 777);
}
