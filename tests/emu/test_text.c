/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "../../emu/text.h"

Test(text, count_any_has_thousands_separated)
{
    cr_assert_str_eq(text_count(0).chars, "0");
    cr_assert_str_eq(text_count(999).chars, "999");
    cr_assert_str_eq(text_count(1000).chars, "1,000");
    cr_assert_str_eq(text_count(1234567).chars, "1,234,567");
    cr_assert_str_eq(text_count(UINT64_MAX).chars, "18,446,744,073,709,551,615");
}

Test(text, time_any_has_fitting_unit)
{
    cr_assert_str_eq(text_time(999).chars, "999 ns");
    cr_assert_str_eq(text_time(1500).chars, "1.5 us");
    cr_assert_str_eq(text_time(999900).chars, "999.9 us");
    cr_assert_str_eq(text_time(12000000).chars, "12.0 ms");
    cr_assert_str_eq(text_time(1234567890).chars, "1.235 s");
    cr_assert_str_eq(text_time(7260ull * 1000000000).chars, "2 h 01 min");
}

Test(text, bytes_any_has_fitting_unit)
{
    cr_assert_str_eq(text_bytes(1023).chars, "1023 bytes");
    cr_assert_str_eq(text_bytes(1024).chars, "1.0 KB");
    cr_assert_str_eq(text_bytes(16 << 20).chars, "16.0 MB");
    cr_assert_str_eq(text_bytes(UINT64_MAX).chars, "16.0 EB");
}
