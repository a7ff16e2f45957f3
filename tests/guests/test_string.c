/* SPDX-License-Identifier: MIT
 *
 * The guest library's string functions, compared with the host's C library.
 */
#include <criterion/criterion.h>
#include <limits.h>

#include "guest_libc.h"

#define SIZE 64

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void bytes_count_up(uint8_t *bytes)
{
    for (int i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i + 1);
}

Test(string, memcpy_any_length_copies_exactly_that)
{
    for (size_t length = 0; length < 20; length++) {
        uint8_t from[SIZE], ours[SIZE] = {0}, theirs[SIZE] = {0};
        bytes_count_up(from);
        cr_assert_eq(guest_memcpy(ours + 1, from, length), ours + 1);
        memcpy(theirs + 1, from, length);
        cr_assert_arr_eq(ours, theirs, SIZE);
    }
}

Test(string, memmove_any_overlap_keeps_the_source)
{
    for (size_t to = 0; to < 20; to++) {
        for (size_t length = 0; length < 20; length++) {
            uint8_t ours[SIZE], theirs[SIZE];
            bytes_count_up(ours);
            bytes_count_up(theirs);
            cr_assert_eq(guest_memmove(ours + to, ours + 10, length), ours + to);
            memmove(theirs + to, theirs + 10, length);
            cr_assert_arr_eq(ours, theirs, SIZE, "to %zu length %zu", to, length);
        }
    }
}

Test(string, memset_any_length_fills_exactly_that)
{
    for (size_t length = 0; length < 20; length++) {
        uint8_t ours[SIZE] = {0}, theirs[SIZE] = {0};
        cr_assert_eq(guest_memset(ours + 3, 0x1A5, length), ours + 3);
        memset(theirs + 3, 0x1A5, length);
        cr_assert_arr_eq(ours, theirs, SIZE);
    }
}

Test(string, comparisons_have_the_sign_of_the_host)
{
    static const char *const words[] = {"", "a", "ab", "abc", "abd", "b", "\x80", "a\xFF"};
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(guest_strlen(words[i]), strlen(words[i]));
        for (int j = 0; j < 8; j++) {
            cr_assert_eq(sign(guest_strcmp(words[i], words[j])), sign(strcmp(words[i], words[j])));
            for (size_t length = 0; length < 5; length++)
                cr_assert_eq(sign(guest_strncmp(words[i], words[j], length)),
                             sign(strncmp(words[i], words[j], length)));
        }
    }
}

Test(string, memcmp_looks_behind_zeroes_and_no_further_than_length)
{
    cr_assert_eq(guest_memcmp("a\0b", "a\0c", 2), 0);
    cr_assert_lt(guest_memcmp("a\0b", "a\0c", 3), 0);
    cr_assert_gt(guest_memcmp("\x80", "\x7F", 1), 0);
}

Test(string, strchr_finds_the_first_and_the_end)
{
    const char *text = "abcabc";
    cr_assert_eq(guest_strchr(text, 'b'), text + 1);
    cr_assert_eq(guest_strchr(text, '\0'), text + 6);
    cr_assert_null(guest_strchr(text, 'x'));
}

Test(string, strtoul_reads_what_the_host_reads)
{
    static const char *const texts[] = {"0",    "7",       "42x", "0x1F", "0x", "0xg", "010",
                                        "zz19", "1000000", "",    "x",    "08", "0X7f"};
    static const int bases[] = {0, 8, 10, 16, 36};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        for (size_t j = 0; j < sizeof(bases) / sizeof(*bases); j++) {
            char *ours, *theirs;
            unsigned long value = guest_strtoul(texts[i], &ours, bases[j]);
            cr_assert_eq(value, strtoul(texts[i], &theirs, bases[j]), "%s base %d", texts[i], bases[j]);
            cr_assert_eq(ours, theirs, "%s base %d", texts[i], bases[j]);
        }
    }
}

Test(string, strtoul_overflow_gives_the_largest_number)
{
    char *end;
    cr_assert_eq(guest_strtoul("18446744073709551615", &end, 10), ULONG_MAX);
    cr_assert_eq(guest_strtoul("18446744073709551614", &end, 10), ULONG_MAX - 1);
    cr_assert_eq(guest_strtoul("18446744073709551616", &end, 10), ULONG_MAX);
    cr_assert_eq(guest_strtoul("99999999999999999999999", &end, 10), ULONG_MAX);
    cr_assert_eq(*end, '\0');
}
