/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "../../emu/typist.h"

struct bench {
    struct interrupt_line line;
    struct keyboard keyboard;
    struct typist typist;
};

static void ignore(struct interrupt_line *line, uint32_t sources)
{
    (void)line;
    (void)sources;
}

static void bench_init(struct bench *b)
{
    *b = (struct bench){.line = {.post = ignore}};
    keyboard_init(&b->keyboard, &b->line);
}

static void bench_drop(struct bench *b)
{
    b->keyboard.device.ops->drop(&b->keyboard.device);
}

static uint32_t next_event(struct bench *b)
{
    return b->keyboard.device.ops->in(&b->keyboard.device, DENALI_PORT_KEYBOARD);
}

static void expect_key(struct bench *b, uint32_t code_point)
{
    cr_assert_eq(next_event(b), DENALI_KEY_PRESSED | code_point);
    cr_assert_eq(next_event(b), code_point);
}

static void type(struct bench *b, const char *bytes)
{
    for (; *bytes; bytes++)
        typist_byte(&b->typist, (uint8_t)*bytes, &b->keyboard);
}

Test(typist, ascii_is_pressed_and_released)
{
    struct bench b;
    bench_init(&b);
    type(&b, "a\n");
    expect_key(&b, 'a');
    expect_key(&b, '\n');
    cr_assert_eq(next_event(&b), 0);
    bench_drop(&b);
}

Test(typist, utf8_is_one_key_per_code_point)
{
    struct bench b;
    bench_init(&b);
    type(&b, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    expect_key(&b, 0xE9);
    expect_key(&b, 0x20AC);
    expect_key(&b, 0x1F600);
    bench_drop(&b);
}

Test(typist, broken_utf8_becomes_the_replacement_character)
{
    struct bench b;
    bench_init(&b);
    type(&b, "\xC3x\xFF\x80");
    expect_key(&b, 0xFFFD);
    expect_key(&b, 'x');
    expect_key(&b, 0xFFFD);
    expect_key(&b, 0xFFFD);
    cr_assert_eq(next_event(&b), 0);
    bench_drop(&b);
}

Test(typist, room_is_what_loses_no_key)
{
    struct bench b;
    bench_init(&b);
    for (size_t room; (room = typist_room(&b.keyboard)) > 0;)
        for (; room > 0; room--)
            type(&b, "k");
    cr_assert_eq(b.keyboard.dropped, 0);
    bench_drop(&b);
}
