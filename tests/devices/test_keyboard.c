/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "../../devices/keyboard.h"
#include "fakes.h"

static uint32_t read_port(struct keyboard *keyboard)
{
    return keyboard->device.ops->in(&keyboard->device, DENALI_PORT_KEYBOARD);
}

Test(keyboard, empty_reads_zero_and_holds_no_memory)
{
    struct fake_line line = FAKE_LINE;
    struct keyboard keyboard;
    keyboard_init(&keyboard, &line.line);
    cr_assert_eq(read_port(&keyboard), 0);
    cr_assert_null(keyboard.queue);
    cr_assert_eq(keyboard_room(&keyboard), KEYBOARD_QUEUE);
    keyboard.device.ops->drop(&keyboard.device);
}

Test(keyboard, events_come_out_in_order_and_post_their_interrupt)
{
    struct fake_line line = FAKE_LINE;
    struct keyboard keyboard;
    keyboard_init(&keyboard, &line.line);
    cr_assert(keyboard_event(&keyboard, DENALI_KEY_PRESSED | 'a'));
    cr_assert(keyboard_event(&keyboard, 'a'));
    cr_assert_eq(line.sources, DENALI_IRQ_KEYBOARD);
    cr_assert_eq(read_port(&keyboard), DENALI_KEY_PRESSED | 'a');
    cr_assert_eq(read_port(&keyboard), 'a');
    cr_assert_eq(read_port(&keyboard), 0);
    keyboard.device.ops->drop(&keyboard.device);
}

Test(keyboard, full_drops_counts_and_posts_nothing)
{
    struct fake_line line = FAKE_LINE;
    struct keyboard keyboard;
    keyboard_init(&keyboard, &line.line);
    for (uint32_t i = 1; i <= KEYBOARD_QUEUE; i++)
        cr_assert(keyboard_event(&keyboard, i));
    uint32_t posts = line.posts;
    cr_assert_not(keyboard_event(&keyboard, 1000));
    cr_assert_eq(keyboard.dropped, 1);
    cr_assert_eq(line.posts, posts);
    cr_assert_eq(keyboard_room(&keyboard), 0);
    for (uint32_t i = 1; i <= KEYBOARD_QUEUE; i++)
        cr_assert_eq(read_port(&keyboard), i);
    cr_assert_eq(read_port(&keyboard), 0);
    keyboard.device.ops->drop(&keyboard.device);
}

Test(keyboard, state_shows_waiting_events_wherever_the_ring_begins)
{
    struct fake_line line = FAKE_LINE;
    struct keyboard turned, fresh;
    struct fake_visitor a, b;
    keyboard_init(&turned, &line.line);
    keyboard_init(&fresh, &line.line);
    for (uint32_t i = 0; i < KEYBOARD_QUEUE - 1; i++) {
        keyboard_event(&turned, 9);
        read_port(&turned);
    }
    for (uint32_t i = 1; i < 4; i++) {
        keyboard_event(&turned, i);
        keyboard_event(&fresh, i);
    }
    state_text(&turned.device, &a);
    state_text(&fresh.device, &b);
    cr_assert_str_eq(a.text, b.text);
    read_port(&turned);
    state_text(&turned.device, &a);
    cr_assert_str_neq(a.text, b.text);
    turned.device.ops->drop(&turned.device);
    fresh.device.ops->drop(&fresh.device);
}

Test(keyboard, port_is_that_of_the_architecture)
{
    struct keyboard keyboard;
    keyboard_init(&keyboard, NULL);
    const struct device_port *port = keyboard.device.ops->ports;
    cr_assert(port[0].port == 0x14 && port[0].forms == PORT_IN32 && port[1].forms == 0);
}
