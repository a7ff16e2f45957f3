/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "../../emu/switch.h"
#include "../devices/fakes.h"

#define MACHINES 5
#define QUEUE    4
#define LOG_SIZE 64

struct fake_backend {
    struct net_backend base;
    uint8_t mark[LOG_SIZE]; /* byte 13 of the frame */
    uint32_t count;
};

struct fake_observer {
    struct switch_observer observer;
    struct switch_fate fate; /* of the last frame */
    uint32_t from, passed, missed;
};

struct bench {
    struct network_switch network;
    struct fake_backend backend;
    struct fake_observer observer;
    struct fake_line lines[MACHINES];
    struct fake_memory memory;
    struct nic nics[MACHINES];
    struct event_queue events;
    struct clock clock;
    struct link_spec spec;
};

static void backend_send(struct net_backend *base, struct packet *packet)
{
    struct fake_backend *fake = container_of(base, struct fake_backend, base);
    fake->mark[fake->count % LOG_SIZE] = packet->bytes[13];
    fake->count++;
}

static const struct net_backend_ops backend_ops = {.send = backend_send};

static void observe_passed(struct switch_observer *observer, uint32_t from, struct packet *packet,
                           const struct switch_fate *fate)
{
    struct fake_observer *fake = container_of(observer, struct fake_observer, observer);
    cr_assert_geq(packet->length, DENALI_FRAME_MIN);
    fake->from = from;
    fake->fate = *fate;
    fake->passed++;
}

static void observe_missed(struct switch_observer *observer, uint32_t machine, struct packet *packet)
{
    struct fake_observer *fake = container_of(observer, struct fake_observer, observer);
    (void)machine, (void)packet;
    fake->missed++;
}

/* With a link for all machines, if there is a shape. */
static void bench_init_shaped(struct bench *bench, bool with_backend, const struct link_shape *shape)
{
    *bench = (struct bench){
        .backend.base.ops = &backend_ops,
        .observer.observer = {observe_passed, observe_missed},
        .memory = FAKE_MEMORY,
        .clock.khz = 1000000,
    };
    event_queue_init(&bench->events);
    switch_init(&bench->network, &bench->observer.observer);
    if (with_backend)
        cr_assert(switch_attach(&bench->network, &bench->backend.base));
    if (shape) {
        bench->spec = (struct link_spec){0, MACHINES - 1, *shape};
        switch_shape(&bench->network, &bench->spec, 1, 7, &bench->events, &bench->clock);
    }
    for (uint32_t i = 0; i < MACHINES; i++) {
        bench->lines[i] = (struct fake_line)FAKE_LINE;
        nic_init(&bench->nics[i], i, &bench->lines[i].line, &bench->network.wire, QUEUE);
        cr_assert(switch_plug(&bench->network, &bench->nics[i]));
    }
}

static void bench_init(struct bench *bench, bool with_backend)
{
    bench_init_shaped(bench, with_backend, NULL);
}

static void bench_drop(struct bench *bench)
{
    for (uint32_t i = 0; i < MACHINES; i++)
        bench->nics[i].device.ops->drop(&bench->nics[i].device);
    switch_drop(&bench->network);
    event_queue_drop(&bench->events);
}

static void balance(const struct bench *bench)
{
    const struct switch_counters *c = &bench->network.counters;
    cr_assert_eq(c->in + c->out + c->copies, c->delivered + c->outside + c->unclaimed + c->rx_dropped +
                                                 c->link_dropped + switch_held(&bench->network));
}

/* An address: machine 0 and up; else one of these. */
enum { TO_ALL = 0x1000000, TO_GROUP, TO_FOREIGN };

static void address(uint8_t mac[6], uint32_t to)
{
    const uint8_t others[3][6] = {{255, 255, 255, 255, 255, 255}, {1, 0, 0x5E, 0, 0, 1}, {2, 0, 0x5E, 0x10, 0, 1}};
    const uint8_t machine[6] = {0x02, 0x44, 0x4E, (uint8_t)(to >> 16), (uint8_t)(to >> 8), (uint8_t)to};
    memcpy(mac, to >= TO_ALL ? others[to - TO_ALL] : machine, 6);
}

static void from_outside(struct bench *bench, uint32_t to)
{
    struct packet *packet = packet_new(60);
    memset(packet->bytes, 0, 60);
    address(packet->bytes, to);
    switch_receive(&bench->network, 0, packet);
    packet_unref(packet);
}

/* False: the queue was full. `mark` tells frames apart. */
static bool from_machine(struct bench *bench, uint32_t from, uint32_t to, uint8_t mark)
{
    struct nic *nic = &bench->nics[from];
    struct port_string string = {.address = 0, .count = 60};
    address(bench->memory.bytes, to);
    bench->memory.bytes[13] = mark;
    cr_assert_eq(nic->device.ops->string_out(&nic->device, &bench->memory.memory, &string), PORT_DONE);
    return string.count == 0;
}

static uint32_t waiting(const struct bench *bench, uint32_t machine)
{
    return nic_receive_waiting(&bench->nics[machine]);
}

static uint32_t waiting_in_all(const struct bench *bench)
{
    uint32_t all = 0;
    for (uint32_t i = 0; i < MACHINES; i++)
        all += waiting(bench, i);
    return all;
}

Test(switch, mac_of_the_range_tells_the_machine)
{
    const uint8_t mac[6] = {0x02, 0x44, 0x4E, 0x12, 0x34, 0x56};
    cr_assert_eq(mac_machine(mac), 0x123456);
    for (int i = 0; i < 3; i++) {
        uint8_t other[6];
        memcpy(other, mac, 6);
        other[i] ^= 4;
        cr_assert_eq(mac_machine(other), UINT32_MAX);
    }
}

Test(switch, unicast_from_outside_reaches_its_machine_only)
{
    struct bench bench;
    bench_init(&bench, true);
    from_outside(&bench, 2);
    cr_assert_eq(waiting(&bench, 2), 1);
    cr_assert_eq(waiting_in_all(&bench), 1);
    cr_assert_eq(bench.lines[2].sources, DENALI_IRQ_NIC_RX);
    cr_assert(bench.network.counters.in == 1 && bench.network.counters.delivered == 1);
    cr_assert(bench.backend.count == 0 && bench.backend.base.counters.in == 1);
    cr_assert_eq(bench.observer.from, SWITCH_OUTSIDE);
    bench_drop(&bench);
}

Test(switch, unicast_for_nobody_is_counted_and_interrupts_nobody)
{
    struct bench bench;
    bench_init(&bench, true);
    switch_unplug(&bench.network, &bench.nics[1]);
    from_outside(&bench, MACHINES);
    from_outside(&bench, 0xFFFFFF);
    from_outside(&bench, TO_FOREIGN);
    from_outside(&bench, 1);
    cr_assert(bench.network.counters.in == 4 && bench.network.counters.unclaimed == 4);
    cr_assert_eq(waiting_in_all(&bench), 0);
    for (uint32_t i = 0; i < MACHINES; i++)
        cr_assert_eq(bench.lines[i].posts, 0);
    bench_drop(&bench);
}

Test(switch, broadcast_and_multicast_reach_all_but_the_sender)
{
    struct bench bench;
    bench_init(&bench, true);
    from_outside(&bench, TO_ALL);
    cr_assert_eq(waiting_in_all(&bench), MACHINES);
    from_machine(&bench, 3, TO_ALL, 0);
    from_machine(&bench, 3, TO_GROUP, 0);
    switch_drain(&bench.network);
    cr_assert_eq(waiting(&bench, 3), 1);
    for (uint32_t i = 0; i < MACHINES; i++)
        cr_assert(i == 3 || waiting(&bench, i) == 3);
    cr_assert_eq(bench.network.counters.delivered, MACHINES + 2 * (MACHINES - 1));
    cr_assert_eq(bench.network.counters.unclaimed, 0);
    cr_assert_eq(bench.backend.count, 2);
    balance(&bench);
    bench_drop(&bench);
}

Test(switch, broadcast_passes_over_ports_that_are_vacant)
{
    struct bench bench;
    struct nic far;
    bench_init(&bench, true);
    nic_init(&far, 1000000, &bench.lines[0].line, &bench.network.wire, QUEUE);
    cr_assert(switch_plug(&bench.network, &far));
    switch_unplug(&bench.network, &bench.nics[1]);
    from_outside(&bench, TO_ALL);
    cr_assert_eq(bench.network.counters.delivered, MACHINES);
    cr_assert_eq(waiting(&bench, 1), 0);
    cr_assert_eq(nic_receive_waiting(&far), 1);
    balance(&bench);
    switch_unplug(&bench.network, &far);
    far.device.ops->drop(&far.device);
    bench_drop(&bench);
}

Test(switch, broadcast_is_one_packet_shared_by_all)
{
    struct bench bench;
    bench_init(&bench, true);
    from_outside(&bench, TO_ALL);
    cr_assert_eq(bench.nics[0].receive.ring[0], bench.nics[MACHINES - 1].receive.ring[0]);
    cr_assert_eq(bench.nics[0].receive.ring[0]->references, MACHINES);
    bench_drop(&bench);
}

Test(switch, unicast_between_machines_goes_to_its_receiver_only)
{
    struct bench bench;
    bench_init(&bench, true);
    from_machine(&bench, 1, 4, 77);
    cr_assert_eq(waiting_in_all(&bench), 0);
    switch_drain(&bench.network);
    cr_assert_eq(waiting(&bench, 4), 1);
    cr_assert_eq(waiting_in_all(&bench), 1);
    cr_assert_eq(bench.backend.count, 0);
    cr_assert(bench.network.counters.out == 1 && bench.network.counters.in == 0);
    cr_assert(bench.observer.passed == 1 && bench.observer.from == 1 && bench.observer.fate.reached == 1);
    cr_assert_eq(switch_port_counters(&bench.network, 1).sent, 1);
    cr_assert_eq(switch_port_counters(&bench.network, 4).delivered, 1);
    cr_assert_eq(switch_port_counters(&bench.network, 4000).delivered, 0);
    bench_drop(&bench);
}

Test(switch, unicast_to_own_address_does_not_come_back)
{
    struct bench bench;
    bench_init(&bench, true);
    from_machine(&bench, 1, 1, 0);
    switch_drain(&bench.network);
    cr_assert_eq(waiting_in_all(&bench), 0);
    cr_assert_eq(bench.network.counters.unclaimed, 1);
    cr_assert_eq(bench.backend.count, 0);
    bench_drop(&bench);
}

Test(switch, foreign_address_is_the_backends_where_there_is_one)
{
    for (int with_backend = 0; with_backend < 2; with_backend++) {
        struct bench bench;
        bench_init(&bench, with_backend);
        from_machine(&bench, 1, TO_FOREIGN, 0);
        switch_drain(&bench.network);
        cr_assert_eq(bench.network.counters.out, 1);
        cr_assert_eq(bench.network.counters.unclaimed, with_backend ? 0 : 1);
        bench_drop(&bench);
    }
}

Test(switch, drain_takes_one_frame_of_each_sender_in_turn)
{
    struct bench bench;
    bench_init(&bench, true);
    const uint8_t sent[][2] = {{3, 1}, {3, 2}, {3, 3}, {0, 4}, {4, 5}, {0, 6}};
    const uint8_t expected[] = {1, 4, 5, 2, 6, 3};
    for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
        cr_assert(from_machine(&bench, sent[i][0], TO_FOREIGN, sent[i][1]));
    switch_drain(&bench.network);
    cr_assert_eq(bench.backend.count, 6);
    cr_assert_arr_eq(bench.backend.mark, expected, sizeof(expected));
    switch_drain(&bench.network);
    cr_assert_eq(bench.backend.count, 6);
    cr_assert_null(bench.network.senders);
    bench_drop(&bench);
}

Test(switch, full_receive_queue_loses_the_frame_counted)
{
    struct bench bench;
    bench_init(&bench, true);
    for (int i = 0; i < QUEUE + 3; i++)
        from_outside(&bench, 2);
    cr_assert_eq(bench.network.counters.delivered, QUEUE);
    cr_assert_eq(bench.network.counters.rx_dropped, 3);
    cr_assert(bench.observer.fate.full == 1 && bench.observer.fate.first_full == 2);
    cr_assert_eq(switch_port_counters(&bench.network, 2).rx_dropped, 3);
    cr_assert_eq(bench.lines[2].posts, QUEUE);
    bench_drop(&bench);
}

Test(switch, full_transmit_queue_counts_what_the_guest_could_not_send)
{
    struct bench bench;
    bench_init(&bench, true);
    for (int i = 0; i < QUEUE; i++)
        cr_assert(from_machine(&bench, 0, 1, 0));
    cr_assert_not(from_machine(&bench, 0, 1, 0));
    cr_assert_eq(bench.network.counters.tx_dropped, 1);
    switch_drain(&bench.network);
    cr_assert_eq(bench.lines[0].sources, DENALI_IRQ_NIC_TX);
    bench_drop(&bench);
}

Test(switch, unplug_of_a_sender_drops_its_frames_counted)
{
    for (uint32_t gone = 0; gone < 3; gone++) {
        struct bench bench;
        bench_init(&bench, true);
        for (uint32_t i = 0; i < 3; i++) {
            from_machine(&bench, i, TO_FOREIGN, (uint8_t)i);
            from_machine(&bench, i, TO_FOREIGN, (uint8_t)i);
        }
        switch_unplug(&bench.network, &bench.nics[gone]);
        cr_assert_eq(bench.network.counters.tx_dropped, 2);
        from_machine(&bench, 3, TO_FOREIGN, 3);
        from_machine(&bench, gone, TO_FOREIGN, 4);
        switch_drain(&bench.network);
        cr_assert_eq(bench.network.counters.out, 5);
        for (uint32_t i = 0; i < bench.backend.count; i++)
            cr_assert(bench.backend.mark[i] != gone);
        bench_drop(&bench);
    }
}

/* A line that breaks the rule: it makes its machine answer at once. */
struct answering_line {
    struct interrupt_line line;
    struct bench *bench;
    uint32_t from, to;
};

static void answer(struct interrupt_line *line, uint32_t sources)
{
    struct answering_line *answering = container_of(line, struct answering_line, line);
    if (sources == DENALI_IRQ_NIC_RX)
        from_machine(answering->bench, answering->from, answering->to, 0);
}

Test(switch, drain_ends_though_each_delivery_makes_a_frame)
{
    struct bench bench;
    bench_init(&bench, true);
    struct answering_line ping = {{answer}, &bench, 0, 1}, pong = {{answer}, &bench, 1, 0};
    bench.nics[0].line = &ping.line;
    bench.nics[1].line = &pong.line;
    from_machine(&bench, 0, 1, 0);
    for (uint32_t i = 1; i < 2 * QUEUE; i++) {
        switch_drain(&bench.network);
        cr_assert_eq(bench.network.counters.out, i);
    }
    bench_drop(&bench);
}

/* Every frame is accounted for, exactly once, at every moment; with perfect cables and with others. */
static void random_traffic(const struct link_shape *shape)
{
    struct bench bench;
    uint64_t seed = 42, taken = 0, refused = 0;
    bench_init_shaped(&bench, true, shape);
    for (int i = 0; i < 100000; i++) {
        uint32_t from = (uint32_t)(random_next(&seed) % MACHINES);
        uint32_t to = (uint32_t)(random_next(&seed) % (MACHINES + 4));
        to = to > MACHINES ? TO_ALL + to - MACHINES - 1 : to;
        struct port_string string = {.address = 4096, .count = 2000};
        switch (random_next(&seed) % 4) {
        case 0:
            from_outside(&bench, to);
            break;
        case 1:
            refused += !from_machine(&bench, from, to, 0);
            break;
        case 2:
            bench.nics[from].device.ops->string_in(&bench.nics[from].device, &bench.memory.memory, &string);
            taken += string.answer != 0;
            break;
        default:
            if (random_next(&seed) % 8 == 0)
                switch_drain(&bench.network);
        }
        bench.clock.cycles += 1000;
        event_run(&bench.events, bench.clock.cycles);
        balance(&bench);
    }
    const struct switch_counters *count = &bench.network.counters;
    cr_assert_eq(count->delivered, taken + waiting_in_all(&bench));
    cr_assert_eq(count->outside, bench.backend.count);
    cr_assert_eq(count->tx_dropped, refused);
    cr_assert(count->rx_dropped > 100 && count->unclaimed > 100 && refused > 100 && count->outside > 100);
    cr_assert_eq(count->link_dropped > 100, shape != NULL);
    bench_drop(&bench);
}

Test(switch, random_traffic_balances_to_the_frame)
{
    random_traffic(NULL);
}

Test(switch, random_traffic_through_links_balances_to_the_frame)
{
    random_traffic(&(struct link_shape){50000, 100000000, 20000, 50000, 100000});
}

Test(switch, link_takes_its_time_and_survives_its_machine)
{
    struct bench bench;
    bench_init_shaped(&bench, true, &(struct link_shape){.delay_ns = 1000});
    from_outside(&bench, 2);
    from_machine(&bench, 3, TO_FOREIGN, 9);
    switch_drain(&bench.network);
    cr_assert(waiting_in_all(&bench) == 0 && bench.backend.count == 0 && switch_held(&bench.network) == 2);
    switch_unplug(&bench.network, &bench.nics[2]);
    switch_unplug(&bench.network, &bench.nics[3]);
    event_run(&bench.events, 999);
    cr_assert_eq(switch_held(&bench.network), 2);
    event_run(&bench.events, 1000);
    cr_assert(bench.backend.count == 1 && bench.backend.mark[0] == 9);
    cr_assert(bench.network.counters.unclaimed == 1 && bench.observer.missed == 1);
    balance(&bench);
    bench_drop(&bench);
}

Test(switch, only_ports_plugged_after_shaping_and_named_get_a_link)
{
    struct bench bench;
    struct nic late[3];
    bench_init(&bench, false);
    bench.spec = (struct link_spec){MACHINES + 1, MACHINES + 1, {.delay_ns = 1000000}};
    switch_shape(&bench.network, &bench.spec, 1, 7, &bench.events, &bench.clock);
    for (uint32_t i = 0; i < 3; i++) {
        nic_init(&late[i], MACHINES + i, &bench.lines[0].line, &bench.network.wire, QUEUE);
        cr_assert(switch_plug(&bench.network, &late[i]));
        from_outside(&bench, MACHINES + i);
    }
    from_outside(&bench, 0);
    cr_expect_eq(bench.network.counters.delivered, 3);
    cr_expect_eq(switch_held(&bench.network), 1);
    balance(&bench);
    for (uint32_t i = 0; i < 3; i++)
        late[i].device.ops->drop(&late[i].device);
    bench_drop(&bench);
}

Test(switch, backends_beyond_the_last_are_refused)
{
    struct bench bench;
    bench_init(&bench, true);
    for (int i = 1; i < SWITCH_BACKENDS; i++)
        cr_assert(switch_attach(&bench.network, &bench.backend.base));
    cr_assert_not(switch_attach(&bench.network, &bench.backend.base));
    from_machine(&bench, 0, TO_FOREIGN, 0);
    switch_drain(&bench.network);
    cr_assert_eq(bench.backend.count, SWITCH_BACKENDS);
    balance(&bench);
    bench_drop(&bench);
}
