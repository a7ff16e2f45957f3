/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "text.h"

struct text text_count(uint64_t number)
{
    struct text text = {""};
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
    char *to = text.chars;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}

struct text text_time(uint64_t ns)
{
    struct text text = {""};
    if (ns < 1000)
        snprintf(text.chars, sizeof(text.chars), "%u ns", (unsigned)ns);
    else if (ns < 1000000)
        snprintf(text.chars, sizeof(text.chars), "%.1f us", ns / 1e3);
    else if (ns < 1000000000)
        snprintf(text.chars, sizeof(text.chars), "%.1f ms", ns / 1e6);
    else if (ns < 600000000000)
        snprintf(text.chars, sizeof(text.chars), "%.3f s", ns / 1e9);
    else
        snprintf(text.chars, sizeof(text.chars), "%llu h %02u min", (unsigned long long)(ns / 3600000000000),
                 (unsigned)(ns / 60000000000 % 60));
    return text;
}

struct text text_bytes(uint64_t bytes)
{
    static const char units[] = "KMGTPE";
    struct text text = {""};
    double value = bytes / 1024.0;
    size_t unit = 0;
    while (value >= 1024 && unit + 2 < sizeof(units)) {
        value /= 1024;
        unit++;
    }
    if (bytes < 1024)
        snprintf(text.chars, sizeof(text.chars), "%u bytes", (unsigned)bytes);
    else
        snprintf(text.chars, sizeof(text.chars), "%.1f %cB", value, units[unit]);
    return text;
}
