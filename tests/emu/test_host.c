/* SPDX-License-Identifier: MIT
 *
 * The host as a source: fair to its networks, looked at now and then, never more than so much at once.
 */
#include <criterion/criterion.h>
#include <unistd.h>

#include "../../devices/container_of.h"
#include "../../emu/host.h"
#include "../../emu/switch.h"

struct fake {
    struct net_backend base;
    uint32_t frames, flushes;
    uint64_t asked_ns;
};

static uint64_t never_read(void)
{
    cr_assert_fail("the clock is read by the kernel, once a turn");
    return 0;
}

static struct packet *fake_receive(struct net_backend *base, uint64_t now_ns)
{
    struct fake *fake = container_of(base, struct fake, base);
    fake->asked_ns = now_ns;
    return fake->frames > 0 ? (fake->frames--, packet_new(60)) : NULL;
}

static void fake_flush(struct net_backend *base)
{
    container_of(base, struct fake, base)->flushes++;
}

static void fake_watch(struct net_backend *base, struct net_watch *watch)
{
    (void)base;
    net_watch_add(watch, 77, POLLIN);
}

static const struct net_backend_ops fake_ops = {.receive = fake_receive, .flush = fake_flush, .watch = fake_watch};
static const struct net_backend_ops silent_ops = {.receive = fake_receive};

struct bench {
    struct network_switch network;
    struct clock clock;
    struct fake nets[2];
    struct host host;
    struct pacer pacer;
    struct scheduler scheduler;
};

static void bench_init(struct bench *b, int keyboard)
{
    *b = (struct bench){.clock = {.cycles = 500, .khz = 1000000}};
    switch_init(&b->network, NULL);
    for (int i = 0; i < 2; i++) {
        b->nets[i].base.ops = i ? &silent_ops : &fake_ops;
        switch_attach(&b->network, &b->nets[i].base);
    }
    b->pacer = (struct pacer){.host_ns = never_read, .now_ns = 1000000};
    host_init(&b->host, &b->network, &b->clock, &b->pacer, &b->scheduler, keyboard);
}

/* How many frames a look gives. */
static uint32_t look_at(struct bench *b, uint64_t turn, uint32_t of_backend[2])
{
    const struct input_moment now = {turn, 0};
    uint32_t count = 0, backend;
    of_backend[0] = of_backend[1] = 0;
    for (struct packet *packet; (packet = b->host.source.ops->frame(&b->host.source, &now, &backend)); count++) {
        of_backend[backend]++;
        packet_unref(packet);
    }
    return count;
}

static uint32_t look(struct bench *b, uint32_t of_backend[2])
{
    return look_at(b, 0, of_backend);
}

Test(host, those_ready_get_their_turn_before_the_next_look)
{
    struct bench b;
    const struct input_moment now = {10, 0};
    uint32_t of[2], backend;
    bench_init(&b, -1);
    b.nets[0].frames = 1;
    packet_unref(b.host.source.ops->frame(&b.host.source, &now, &backend));
    b.scheduler.queued = 3;
    cr_assert_eq(look_at(&b, 10, of), 0);
    b.nets[0].frames = 1;
    b.pacer.now_ns += HOST_LOOK_NS;
    cr_assert_eq(look_at(&b, 15, of), 0);
    cr_assert_eq(look_at(&b, 16, of), 1);
}

Test(host, patience_with_those_ready_has_an_end)
{
    struct bench b;
    const struct input_moment now = {0, 0};
    uint32_t of[2], backend;
    bench_init(&b, -1);
    b.nets[0].frames = 1;
    packet_unref(b.host.source.ops->frame(&b.host.source, &now, &backend));
    b.scheduler.queued = 1000;
    look_at(&b, 0, of);
    b.nets[0].frames = 1;
    b.pacer.now_ns += 1000 * HOST_PATIENCE_NS - 1;
    cr_assert_eq(look_at(&b, 1, of), 0);
    b.pacer.now_ns++;
    cr_assert_eq(look_at(&b, 1, of), 1);
}

Test(host, every_network_is_asked_and_told_the_time)
{
    struct bench b;
    uint32_t of[2];
    bench_init(&b, -1);
    b.nets[0].frames = 2;
    b.nets[1].frames = 3;
    cr_assert_eq(look(&b, of), 5);
    cr_assert(of[0] == 2 && of[1] == 3);
    cr_assert(b.nets[1].asked_ns == 500 && b.nets[0].flushes == 1);
}

Test(host, a_look_comes_no_sooner_than_it_is_worth)
{
    struct bench b;
    uint32_t of[2];
    bench_init(&b, -1);
    cr_assert_eq(look(&b, of), 0);
    b.nets[0].frames = 1;
    b.pacer.now_ns += HOST_LOOK_NS - 1;
    cr_assert_eq(look(&b, of), 0);
    b.pacer.now_ns += 1;
    cr_assert_eq(look(&b, of), 1);
}

Test(host, after_a_wait_it_is_looked_at_at_once)
{
    struct bench b;
    uint32_t of[2];
    struct pollfd descriptors[2];
    struct net_watch watch = {descriptors, 0, 2, UINT64_MAX};
    bench_init(&b, -1);
    look(&b, of);
    b.nets[0].frames = 1;
    host_watch(&b.host, &watch, true);
    cr_assert(watch.count == 1 && descriptors[0].fd == 77);
    cr_assert_eq(look(&b, of), 1);
}

Test(host, a_flood_is_taken_in_parts)
{
    struct bench b;
    uint32_t of[2];
    bench_init(&b, -1);
    b.nets[0].frames = HOST_LOOK_FRAMES + 10;
    cr_assert_eq(look(&b, of), HOST_LOOK_FRAMES);
    b.pacer.now_ns += HOST_LOOK_NS;
    cr_assert_eq(look(&b, of), 10);
}

Test(host, keyboard_is_read_to_its_end)
{
    struct bench b;
    const struct input_moment now = {0, 0};
    struct pollfd descriptors[2];
    struct net_watch watch = {descriptors, 0, 2, UINT64_MAX};
    uint8_t bytes[8];
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    bench_init(&b, ends[0]);
    b.network.backend_count = 0;
    const struct input_source_ops *ops = b.host.source.ops;
    cr_assert_eq(ops->keys(&b.host.source, &now, bytes, 8), 0);
    cr_assert(ops->is_open(&b.host.source, true) && !ops->is_open(&b.host.source, false));
    host_watch(&b.host, &watch, true);
    cr_assert(watch.count == 1 && descriptors[0].fd == ends[0]);
    cr_assert_eq(write(ends[1], "abc", 3), 3);
    cr_assert(ops->keys(&b.host.source, &now, bytes, 2) == 2 && bytes[1] == 'b');
    cr_assert_eq(ops->keys(&b.host.source, &now, bytes, 8), 1);
    close(ends[1]);
    cr_assert_eq(ops->keys(&b.host.source, &now, bytes, 8), 0);
    cr_assert_not(ops->is_open(&b.host.source, true));
    close(ends[0]);
}
