/* SPDX-License-Identifier: MIT
 *
 * Prints the system time at once and then at each full second; sleeps between.
 * Argument: count=N ends after N lines.
 */
#include "guest.h"
#include "libc.h"

#define NS_PER_SECOND   1000000000u
#define SECONDS_PER_DAY 86400u

static bool year_is_leap(uint32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static uint32_t month_days(uint32_t year, uint32_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month] + (month == 1 && year_is_leap(year));
}

/* Days since 1970-01-01 to a date of the Gregorian calendar. */
static void date_print(uint32_t days)
{
    uint32_t year = 1970, month = 0;
    while (days >= 365u + year_is_leap(year)) {
        days -= 365u + year_is_leap(year);
        year++;
    }
    while (days >= month_days(year, month)) {
        days -= month_days(year, month);
        month++;
    }
    printf("%04u-%02u-%02u", year, month + 1, days + 1);
}

static void time_print(uint64_t seconds)
{
    uint32_t second = seconds % SECONDS_PER_DAY;
    date_print(seconds / SECONDS_PER_DAY);
    printf("T%02u:%02u:%02uZ\n", second / 3600, second / 60 % 60, second % 60);
}

int main(int argc, char **argv)
{
    (void)argc;
    uint32_t count = argument_number(argv, "count", 0);
    uint64_t seconds = time_now() / NS_PER_SECOND;
    for (uint32_t line = 1;; line++) {
        time_print(seconds);
        if (line == count)
            return 0;
        seconds++;
        time_sleep_until(seconds * NS_PER_SECOND);
    }
}
