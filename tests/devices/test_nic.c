/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "../../devices/nic.h"
#include "fakes.h"

struct bench {
    struct nic_wire wire;
    struct fake_line line;
    struct fake_memory memory;
    struct nic nic;
    uint32_t ready, refused;
};

static void wire_ready(struct nic_wire *wire, struct nic *nic)
{
    struct bench *bench = container_of(wire, struct bench, wire);
    cr_assert_eq(nic, &bench->nic);
    bench->ready++;
}

static void wire_refused(struct nic_wire *wire, struct nic *nic)
{
    (void)nic;
    container_of(wire, struct bench, wire)->refused++;
}

static void bench_init(struct bench *bench, uint32_t queue)
{
    *bench = (struct bench){.wire = {wire_ready, wire_refused}, .line = FAKE_LINE, .memory = FAKE_MEMORY};
    nic_init(&bench->nic, 3, &bench->line.line, &bench->wire, queue);
    for (uint32_t i = 0; i < FAKE_MEMORY_SIZE; i++)
        bench->memory.bytes[i] = (uint8_t)(i * 3 + i / 256);
}

static void bench_drop(struct bench *bench)
{
    bench->nic.device.ops->drop(&bench->nic.device);
}

static enum port_result out(struct bench *bench, struct port_string *string)
{
    return bench->nic.device.ops->string_out(&bench->nic.device, &bench->memory.memory, string);
}

static enum port_result in(struct bench *bench, struct port_string *string)
{
    return bench->nic.device.ops->string_in(&bench->nic.device, &bench->memory.memory, string);
}

/* ECX after sending `count` bytes at 4096. */
static uint32_t send(struct bench *bench, uint32_t count)
{
    struct port_string string = {.address = 4096, .count = count};
    cr_assert_eq(out(bench, &string), PORT_DONE);
    return string.count;
}

/* A frame of `length` bytes, each `fill`, comes in. */
static bool receive(struct bench *bench, uint32_t length, uint8_t fill)
{
    struct packet *packet = packet_new(length);
    memset(packet->bytes, fill, length);
    bool taken = nic_receive(&bench->nic, packet);
    packet_unref(packet);
    return taken;
}

Test(nic, send_valid_length_queues_the_guests_bytes)
{
    struct bench bench;
    bench_init(&bench, 4);
    cr_assert_eq(send(&bench, 60), 0);
    cr_assert_eq(bench.ready, 1);
    cr_assert_eq(nic_transmit_free(&bench.nic), 3);
    struct packet *packet = nic_transmit(&bench.nic);
    cr_assert_eq(packet->length, 60);
    cr_assert_arr_eq(packet->bytes, bench.memory.bytes + 4096, 60);
    cr_assert_eq(packet->references, 1);
    packet_unref(packet);
    cr_assert_null(nic_transmit(&bench.nic));
    cr_assert_eq(bench.nic.sent, 1);
    cr_assert_eq(bench.line.posts, 0);
}

Test(nic, send_length_out_of_range_leaves_count_and_memory_alone)
{
    struct bench bench;
    bench_init(&bench, 4);
    const uint32_t lengths[] = {0, 1, DENALI_FRAME_MIN - 1, DENALI_FRAME_MAX + 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        cr_assert_eq(send(&bench, lengths[i]), lengths[i]);
    cr_assert_eq(bench.memory.operations, 0);
    cr_assert_eq(bench.nic.transmit_refused, 0);
    cr_assert_eq(bench.ready, 0);
    cr_assert_eq(send(&bench, DENALI_FRAME_MIN), 0);
    cr_assert_eq(send(&bench, DENALI_FRAME_MAX), 0);
    bench_drop(&bench);
}

Test(nic, send_announces_only_the_first_of_several_frames)
{
    struct bench bench;
    bench_init(&bench, 4);
    send(&bench, 60);
    send(&bench, 60);
    cr_assert_eq(bench.ready, 1);
    packet_unref(nic_transmit(&bench.nic));
    packet_unref(nic_transmit(&bench.nic));
    send(&bench, 60);
    cr_assert_eq(bench.ready, 2);
    bench_drop(&bench);
}

Test(nic, send_to_full_queue_is_refused_then_told_of_room)
{
    struct bench bench;
    bench_init(&bench, 2);
    send(&bench, 60);
    send(&bench, 61);
    cr_assert_eq(nic_transmit_free(&bench.nic), 0);
    cr_assert_eq(send(&bench, 62), 62);
    cr_assert_eq(bench.nic.transmit_refused, 1);
    cr_assert_eq(bench.refused, 1);
    cr_assert_eq(bench.line.posts, 0);
    packet_unref(nic_transmit(&bench.nic));
    cr_assert_eq(bench.line.sources, DENALI_IRQ_NIC_TX);
    packet_unref(nic_transmit(&bench.nic));
    cr_assert_eq(bench.line.posts, 1);
}

Test(nic, send_from_bad_buffer_faults_and_changes_nothing)
{
    struct bench bench;
    struct fake_visitor before, after;
    bench_init(&bench, 2);
    state_text(&bench.nic.device, &before);
    bench.memory.hole = 4100;
    struct port_string string = {.address = 4096, .count = 60};
    cr_assert_eq(out(&bench, &string), PORT_FAULT);
    cr_assert_eq(string.fault, 4100);
    cr_assert_eq(string.count, 60);
    state_text(&bench.nic.device, &after);
    cr_assert_str_eq(before.text, after.text);
    cr_assert_eq(bench.ready, 0);
}

Test(nic, send_without_wire_is_counted_and_lost)
{
    struct bench bench;
    bench_init(&bench, 2);
    bench.nic.wire = NULL;
    for (int i = 0; i < 5; i++)
        cr_assert_eq(send(&bench, 60), 0);
    cr_assert_eq(bench.nic.sent, 5);
    cr_assert_null(nic_transmit(&bench.nic));
}

Test(nic, receive_queues_by_reference_and_posts)
{
    struct bench bench;
    bench_init(&bench, 4);
    struct packet *packet = packet_new(60);
    memset(packet->bytes, 1, 60);
    cr_assert(nic_receive(&bench.nic, packet));
    cr_assert_eq(packet->references, 2);
    cr_assert_eq(bench.line.sources, DENALI_IRQ_NIC_RX);
    cr_assert_eq(nic_receive_waiting(&bench.nic), 1);
    bench_drop(&bench);
    cr_assert_eq(packet->references, 1);
    packet_unref(packet);
}

Test(nic, receive_into_full_queue_drops_counts_and_posts_nothing)
{
    struct bench bench;
    bench_init(&bench, 2);
    cr_assert(receive(&bench, 60, 1));
    cr_assert(receive(&bench, 60, 2));
    uint32_t posts = bench.line.posts;
    cr_assert_not(receive(&bench, 60, 3));
    cr_assert_eq(bench.nic.receive_dropped, 1);
    cr_assert_eq(bench.line.posts, posts);
    bench_drop(&bench);
}

Test(nic, read_of_empty_queue_answers_zero_and_leaves_count)
{
    struct bench bench;
    bench_init(&bench, 2);
    struct port_string string = {.address = 0, .count = 1514, .answer = 99};
    cr_assert_eq(in(&bench, &string), PORT_DONE);
    cr_assert_eq(string.answer, 0);
    cr_assert_eq(string.count, 1514);
    cr_assert_eq(bench.memory.operations, 0);
}

Test(nic, read_into_larger_buffer_tells_length_and_bytes_left)
{
    struct bench bench;
    bench_init(&bench, 2);
    receive(&bench, 60, 0xEE);
    uint8_t next = bench.memory.bytes[160];
    struct port_string string = {.address = 100, .count = 1514};
    cr_assert_eq(in(&bench, &string), PORT_DONE);
    cr_assert_eq(string.answer, 60);
    cr_assert_eq(string.count, 1454);
    cr_assert_eq(bench.memory.bytes[100], 0xEE);
    cr_assert_eq(bench.memory.bytes[159], 0xEE);
    cr_assert_eq(bench.memory.bytes[160], next);
    cr_assert_eq(nic_receive_waiting(&bench.nic), 0);
    cr_assert_eq(bench.nic.received, 1);
    cr_assert_null(bench.nic.receive.ring);
}

Test(nic, read_into_smaller_buffer_cuts_but_tells_full_length)
{
    struct bench bench;
    bench_init(&bench, 2);
    receive(&bench, 60, 0xEE);
    uint8_t next = bench.memory.bytes[120];
    struct port_string string = {.address = 100, .count = 20};
    cr_assert_eq(in(&bench, &string), PORT_DONE);
    cr_assert_eq(string.answer, 60);
    cr_assert_eq(string.count, 0);
    cr_assert_eq(bench.memory.bytes[119], 0xEE);
    cr_assert_eq(bench.memory.bytes[120], next);
    cr_assert_eq(nic_receive_waiting(&bench.nic), 0);
}

Test(nic, read_into_no_bytes_discards_the_frame)
{
    struct bench bench;
    bench_init(&bench, 2);
    receive(&bench, 60, 0xEE);
    struct port_string string = {.address = 0xFFFFFFFF, .count = 0};
    cr_assert_eq(in(&bench, &string), PORT_DONE);
    cr_assert_eq(string.answer, 60);
    cr_assert_eq(string.count, 0);
    cr_assert_eq(nic_receive_waiting(&bench.nic), 0);
}

Test(nic, read_into_bad_buffer_faults_and_leaves_the_frame)
{
    struct bench bench;
    struct fake_visitor before, after;
    bench_init(&bench, 2);
    receive(&bench, 60, 0xEE);
    state_text(&bench.nic.device, &before);
    bench.memory.hole = 130;
    struct port_string string = {.address = 100, .count = 1514};
    cr_assert_eq(in(&bench, &string), PORT_FAULT);
    cr_assert_eq(string.fault, 130);
    cr_assert_eq(string.count, 1514);
    state_text(&bench.nic.device, &after);
    cr_assert_str_eq(before.text, after.text);
    bench.memory.hole = 0;
    cr_assert_eq(in(&bench, &string), PORT_DONE);
    cr_assert_eq(string.answer, 60);
}

Test(nic, queue_keeps_order_around_the_end_of_its_ring)
{
    struct bench bench;
    bench_init(&bench, 3);
    uint8_t in_next = 0, out_next = 0;
    receive(&bench, 60, in_next++);
    for (int i = 0; i < 20; i++) {
        cr_assert(receive(&bench, 60, in_next++));
        struct port_string string = {.address = 100, .count = 60};
        in(&bench, &string);
        cr_assert_eq(bench.memory.bytes[100], out_next++);
    }
    bench_drop(&bench);
}

Test(nic, state_shows_the_bytes_of_queued_frames)
{
    struct bench a, b;
    struct fake_visitor text_a, text_b;
    bench_init(&a, 4);
    bench_init(&b, 4);
    receive(&a, 60, 1);
    receive(&b, 60, 2);
    state_text(&a.nic.device, &text_a);
    state_text(&b.nic.device, &text_b);
    cr_assert_str_neq(text_a.text, text_b.text);
    memset(b.nic.receive.ring[0]->bytes, 1, 60);
    state_text(&b.nic.device, &text_b);
    cr_assert_str_eq(text_a.text, text_b.text);
    bench_drop(&a);
    bench_drop(&b);
}

Test(nic, unplug_drops_what_was_to_be_sent)
{
    struct bench bench;
    bench_init(&bench, 4);
    send(&bench, 60);
    send(&bench, 60);
    cr_assert_eq(nic_unplug(&bench.nic), 2);
    cr_assert_null(bench.nic.wire);
    cr_assert_eq(nic_transmit_free(&bench.nic), 4);
    cr_assert_eq(bench.nic.sent, 0);
}

Test(nic, queue_of_no_frames_refuses_and_drops)
{
    struct bench bench;
    bench_init(&bench, 0);
    cr_assert_eq(send(&bench, 60), 60);
    cr_assert_not(receive(&bench, 60, 1));
}

Test(nic, port_is_that_of_the_architecture)
{
    struct bench bench;
    bench_init(&bench, 1);
    const struct device_port *port = bench.nic.device.ops->ports;
    cr_assert(port[0].port == 0x20 && port[0].forms == (PORT_STRING_IN8 | PORT_STRING_OUT8) && port[1].forms == 0);
}
