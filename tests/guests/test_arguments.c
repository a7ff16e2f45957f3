/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "guest_libc.h"

void console_write(const char *bytes, size_t length)
{
    (void)bytes, (void)length;
}

_Noreturn void terminate(uint32_t status)
{
    exit((int)status);
}

static char words[][20] = {"", "counter=1", "count=0x10", "count=5", "name=", "bad=12x", "huge=99999999999", "none"};
static char *list[] = {words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7], NULL};

Test(arguments, argument_by_name_is_the_first_of_exactly_that_name)
{
    cr_assert_str_eq(argument(list, "count"), "0x10");
    cr_assert_str_eq(argument(list, "counter"), "1");
    cr_assert_str_eq(argument(list, "name"), "");
    cr_assert_null(argument(list, "none"));
    cr_assert_null(argument(list, "coun"));
}

Test(arguments, number_in_either_base_is_read)
{
    cr_assert_eq(argument_number(list, "count", 3), 16);
    cr_assert_eq(argument_number(list, "counter", 3), 1);
    cr_assert_eq(argument_number(list, "missing", 3), 3);
}

Test(arguments, number_with_rubbish_ends_the_machine, .exit_code = 2)
{
    argument_number(list, "bad", 3);
}

Test(arguments, number_too_large_ends_the_machine, .exit_code = 2)
{
    argument_number(list, "huge", 3);
}

Test(arguments, number_empty_ends_the_machine, .exit_code = 2)
{
    argument_number(list, "name", 3);
}
