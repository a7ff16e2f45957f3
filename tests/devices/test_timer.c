/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "../../devices/timer.h"
#include "fakes.h"

struct bench {
    struct timer_host host;
    struct fake_line line;
    struct fake_memory memory;
    struct timer timer;
    uint64_t deadline;
    uint32_t arms, disarms;
};

static void host_arm(struct timer_host *host, uint64_t deadline)
{
    struct bench *bench = container_of(host, struct bench, host);
    bench->deadline = deadline;
    bench->arms++;
}

static void host_disarm(struct timer_host *host)
{
    container_of(host, struct bench, host)->disarms++;
}

static void bench_init(struct bench *bench)
{
    *bench = (struct bench){.host = {host_arm, host_disarm}, .line = FAKE_LINE, .memory = FAKE_MEMORY};
    timer_init(&bench->timer, &bench->line.line, &bench->memory.memory, &bench->host);
    const uint8_t deadline[8] = {0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11};
    memcpy(bench->memory.bytes + DENALI_REG_TIMER_DEADLINE, deadline, sizeof(deadline));
}

static void out(struct bench *bench, uint32_t value)
{
    bench->timer.device.ops->out(&bench->timer.device, DENALI_PORT_TIMER, value);
}

Test(timer, out_one_arms_deadline_of_register_page)
{
    struct bench bench;
    bench_init(&bench);
    out(&bench, 1);
    cr_assert_eq(bench.arms, 1);
    cr_assert_eq(bench.deadline, 0x1122334455667788);
    cr_assert(bench.timer.armed);
    cr_assert_eq(bench.line.posts, 0);
}

Test(timer, out_one_again_takes_the_new_deadline)
{
    struct bench bench;
    bench_init(&bench);
    out(&bench, 1);
    bench.memory.bytes[DENALI_REG_TIMER_DEADLINE] = 0x99;
    out(&bench, 1);
    cr_assert_eq(bench.deadline, 0x1122334455667799);
}

Test(timer, out_zero_disarms_once)
{
    struct bench bench;
    bench_init(&bench);
    out(&bench, 1);
    out(&bench, 0);
    out(&bench, 0);
    cr_assert_eq(bench.disarms, 1);
    cr_assert_not(bench.timer.armed);
}

Test(timer, out_of_another_value_is_ignored)
{
    struct bench bench;
    bench_init(&bench);
    out(&bench, 2);
    cr_assert_eq(bench.arms, 0);
    out(&bench, 1);
    out(&bench, 0xFFFFFFFF);
    cr_assert_eq(bench.disarms, 0);
    cr_assert(bench.timer.armed);
}

Test(timer, expiry_posts_once_and_disarms)
{
    struct bench bench;
    bench_init(&bench);
    out(&bench, 1);
    timer_expire(&bench.timer);
    cr_assert_eq(bench.line.sources, DENALI_IRQ_TIMER);
    cr_assert_eq(bench.line.posts, 1);
    cr_assert_not(bench.timer.armed);
    out(&bench, 0);
    cr_assert_eq(bench.disarms, 0);
}

Test(timer, register_page_not_readable_changes_nothing)
{
    struct bench bench;
    bench_init(&bench);
    bench.memory.hole = DENALI_REG_TIMER_DEADLINE + 4;
    out(&bench, 1);
    cr_assert_eq(bench.arms, 0);
    cr_assert_not(bench.timer.armed);
}

Test(timer, drop_of_armed_timer_disarms_its_host)
{
    struct bench bench;
    bench_init(&bench);
    out(&bench, 1);
    bench.timer.device.ops->drop(&bench.timer.device);
    cr_assert_eq(bench.disarms, 1);
}

Test(timer, state_shows_whether_and_for_when_it_is_armed)
{
    struct bench bench;
    struct fake_visitor idle, armed;
    bench_init(&bench);
    state_text(&bench.timer.device, &idle);
    out(&bench, 1);
    state_text(&bench.timer.device, &armed);
    cr_assert_str_eq(idle.text, "armed=0 deadline=0 ");
    cr_assert_str_eq(armed.text, "armed=1 deadline=1234605616436508552 ");
    timer_expire(&bench.timer);
    state_text(&bench.timer.device, &armed);
    cr_assert_str_eq(idle.text, armed.text);
}

Test(timer, port_is_that_of_the_architecture)
{
    struct bench bench;
    bench_init(&bench);
    const struct device_port *port = bench.timer.device.ops->ports;
    cr_assert(port[0].port == 0x18 && port[0].forms == PORT_OUT32 && port[1].forms == 0);
}
