/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "../../emu/input.h"

struct bench {
    struct interrupt_line line;
    struct keyboard keyboard;
    struct input input;
    int pipe[2];
};

static void ignore(struct interrupt_line *line, uint32_t sources)
{
    (void)line;
    (void)sources;
}

static void bench_init(struct bench *b)
{
    *b = (struct bench){.line = {.post = ignore}};
    cr_assert_eq(pipe(b->pipe), 0);
    keyboard_init(&b->keyboard, &b->line);
    input_init(&b->input, b->pipe[0]);
    b->keyboard.wanted = true;
}

static void bench_drop(struct bench *b)
{
    b->keyboard.device.ops->drop(&b->keyboard.device);
    close(b->pipe[0]);
    close(b->pipe[1]);
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
        input_byte(&b->input, (uint8_t)*bytes, &b->keyboard);
}

Test(input, ascii_is_pressed_and_released)
{
    struct bench b;
    bench_init(&b);
    type(&b, "a\n");
    expect_key(&b, 'a');
    expect_key(&b, '\n');
    cr_assert_eq(next_event(&b), 0);
    bench_drop(&b);
}

Test(input, utf8_is_one_key_per_code_point)
{
    struct bench b;
    bench_init(&b);
    type(&b, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    expect_key(&b, 0xE9);
    expect_key(&b, 0x20AC);
    expect_key(&b, 0x1F600);
    bench_drop(&b);
}

Test(input, broken_utf8_becomes_the_replacement_character)
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

Test(input, no_more_is_taken_than_the_keyboard_has_room_for)
{
    struct bench b;
    char text[500];
    bench_init(&b);
    memset(text, 'k', sizeof(text));
    cr_assert_eq(write(b.pipe[1], text, sizeof(text)), sizeof(text));
    close(b.pipe[1]);
    size_t typed = 0;
    while (input_take(&b.input, &b.keyboard))
        for (; next_event(&b); typed++)
            continue;
    cr_assert_eq(typed, 2 * sizeof(text));
    cr_assert_eq(b.keyboard.dropped, 0);
    bench_drop(&b);
}

Test(input, guest_that_never_looked_for_keys_gets_none)
{
    struct bench b;
    bench_init(&b);
    b.keyboard.wanted = false;
    cr_assert_eq(write(b.pipe[1], "x", 1), 1);
    cr_assert(!input_take(&b.input, &b.keyboard));
    cr_assert(!input_is_open(&b.input, &b.keyboard));
    cr_assert_eq(next_event(&b), 0);
    cr_assert(input_take(&b.input, &b.keyboard));
    expect_key(&b, 'x');
    bench_drop(&b);
}

Test(input, end_of_input_is_noticed)
{
    struct bench b;
    bench_init(&b);
    cr_assert(!input_take(&b.input, &b.keyboard));
    cr_assert(input_is_open(&b.input, &b.keyboard));
    close(b.pipe[1]);
    cr_assert(!input_take(&b.input, &b.keyboard));
    cr_assert(!input_is_open(&b.input, &b.keyboard));
    bench_drop(&b);
}
