/* SPDX-License-Identifier: MIT
 *
 * Figures as people read them. Each function returns a small value, good until the end of the full expression, so that
 * several can be arguments of one printf: text_count(n).chars.
 */
#pragma once
#include <stdint.h>

struct text {
    char chars[40];
};

struct text text_count(uint64_t number); /* "1,234,567" */
struct text text_time(uint64_t ns);      /* "1.235 s", "12.0 ms" */
struct text text_bytes(uint64_t bytes);  /* "4.1 MB", powers of 1024 */
