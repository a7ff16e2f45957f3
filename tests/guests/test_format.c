/* SPDX-License-Identifier: MIT
 *
 * The guest library's printf(), compared with the host's.
 */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>

#include "guest_libc.h"

static char console[1024];
static size_t console_length, console_writes;

void console_write(const char *bytes, size_t length)
{
    memcpy(console + console_length, bytes, length);
    console_length += length;
    console_writes++;
}

/* Formats with both and compares text and result. */
#define SAME(...)                                                                                                      \
    do {                                                                                                               \
        char ours[100], theirs[100];                                                                                   \
        int our_length = guest_snprintf(ours, sizeof(ours), __VA_ARGS__);                                              \
        int their_length = snprintf(theirs, sizeof(theirs), __VA_ARGS__);                                              \
        cr_assert_str_eq(ours, theirs);                                                                                \
        cr_assert_eq(our_length, their_length);                                                                        \
    } while (0)

Test(format, numbers_agree_with_host)
{
    SAME("%d %d %d %d", 0, 1, -1, INT32_MIN);
    SAME("%u %x %X", UINT32_MAX, 0xDEADBEEF, 0xDEADBEEF);
    SAME("%ld %lu", -123456789L, 123456789UL);
    SAME("%lld %llu %llx", LLONG_MIN, ULLONG_MAX, 0x123456789ABCDEFull);
    SAME("%zu", sizeof(int));
    SAME("%p", (void *)0x1234);
}

Test(format, widths_agree_with_host)
{
    SAME("[%5d][%-5d][%05d]", 42, 42, 42);
    SAME("[%5d][%-5d][%05d]", -42, -42, -42);
    SAME("[%2d][%02d]", 12345, -12345);
    SAME("[%08x][%-8x][%8X]", 0xABCu, 0xABCu, 0xABCu);
    SAME("[%12lld][%-12lld][%012lld]", -5ll, -5ll, -5ll);
    SAME("[%5s][%-5s][%2s]", "abc", "abc", "abc");
    SAME("[%3c][%-3c][%c]", 'x', 'y', 'z');
    SAME("100%%");
}

/* Through a va_list, since compilers object to such a format. */
static void format_into(char *text, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    guest_vsnprintf(text, size, format, arguments);
    va_end(arguments);
}

Test(format, unknown_conversion_is_printed_as_it_stands)
{
    char text[20];
    format_into(text, sizeof(text), "a%qb%");
    cr_assert_str_eq(text, "a%qb%");
}

Test(format, left_and_zeroes_is_left)
{
    char text[20];
    format_into(text, sizeof(text), "[%-05d][%-05s]", -42, "abc");
    cr_assert_str_eq(text, "[-42  ][abc  ]");
}

Test(format, snprintf_small_buffer_cuts_and_tells_the_length)
{
    char text[8] = "#######";
    cr_assert_eq(guest_snprintf(text, 4, "%d", 123456), 6);
    cr_assert_str_eq(text, "123");
    cr_assert_eq(text[4], '#');
    cr_assert_eq(guest_snprintf(NULL, 0, "%s", "abc"), 3);
}

Test(format, printf_short_line_is_one_console_write)
{
    cr_assert_eq(guest_printf("vm %u: %s\n", 7, "ready"), 12);
    cr_assert_eq(console_writes, 1);
    cr_assert_eq(console_length, 12);
    cr_assert_arr_eq(console, "vm 7: ready\n", 12);
}

Test(format, printf_long_line_arrives_whole)
{
    cr_assert_eq(guest_printf("%500d|", 1), 501);
    cr_assert_eq(console_length, 501);
    cr_assert_eq(console[498], ' ');
    cr_assert_eq(console[499], '1');
    cr_assert_eq(console[500], '|');
}
