/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <string.h>

#include "guest_libc.h"

#include "../../guests/lib/line.h"

static char console[4096];
static size_t console_length;

void console_write(const char *bytes, size_t length)
{
    memcpy(console + console_length, bytes, length);
    console_length += length;
}

/* Presses and releases the keys. Returns how often a line was complete. */
static unsigned type(struct line *line, const char *text)
{
    unsigned complete = 0;
    while (*text) {
        uint32_t code = utf8_decode(&text);
        complete += line_key(line, DENALI_KEY_PRESSED | code);
        complete += line_key(line, code);
    }
    return complete;
}

Test(line, keys_make_a_line_and_are_echoed)
{
    struct line line = {0};
    cr_assert_eq(type(&line, "héllo €😀"), 0);
    cr_assert_eq(type(&line, "\n"), 1);
    cr_assert_str_eq(line.text, "héllo €😀");
    cr_assert_eq(line.length, strlen("héllo €😀"));
    cr_assert_str_eq(console, "héllo €😀\n");
}

Test(line, backspace_takes_whole_characters_and_stops_at_the_start)
{
    struct line line = {0};
    type(&line, "a€\b\x7F\bb\r");
    cr_assert_str_eq(line.text, "b");
    cr_assert_str_eq(console, "a€\b \b\b \bb\n");
}

Test(line, ctrl_u_takes_all)
{
    struct line line = {0};
    type(&line, "abc\x15z");
    cr_assert_str_eq(line.text, "z");
    cr_assert_str_eq(console, "abc\b \b\b \b\b \bz");
}

Test(line, keys_without_a_character_do_nothing)
{
    struct line line = {0};
    type(&line, "\x1B\x01\t");
    line_key(&line, DENALI_KEY_PRESSED | (DENALI_KEY_USB + 0x4F));
    cr_assert_str_eq(line.text, "");
    cr_assert_eq(console_length, 0);
}

Test(line, more_than_fits_is_ignored)
{
    struct line line = {0};
    for (unsigned i = 0; i < LINE_LENGTH - 1; i++)
        type(&line, "x");
    type(&line, "€");
    cr_assert_eq(line.length, LINE_LENGTH - 1);
    type(&line, "yz");
    cr_assert_eq(line.length, LINE_LENGTH);
    cr_assert_eq(line.text[LINE_LENGTH - 1], 'y');
    cr_assert_eq(console_length, LINE_LENGTH);
}

Test(line, every_code_point_survives_both_ways)
{
    for (uint32_t code = 1; code <= 0x10FFFF; code++) {
        char bytes[5] = {0};
        const char *text = bytes;
        size_t length = utf8_encode(bytes, code);
        cr_assert_eq(utf8_decode(&text), code);
        cr_assert_eq(text, bytes + length);
    }
    char bytes[4];
    cr_assert_eq(utf8_encode(bytes, 0x110000), 3);
    cr_assert_arr_eq(bytes, "\xEF\xBF\xBD", 3);
}

Test(line, bytes_that_begin_no_character_are_replaced_one_by_one)
{
    const char *text = "\x80\xC1\xE2\x82z\xFF";
    cr_assert_eq(utf8_decode(&text), 0xFFFD);
    cr_assert_eq(utf8_decode(&text), 0xFFFD);
    cr_assert_eq(utf8_decode(&text), 0xFFFD);
    cr_assert_eq(utf8_decode(&text), 'z');
    cr_assert_eq(utf8_decode(&text), 0xFFFD);
    cr_assert_eq(*text, '\0');
}
