/* SPDX-License-Identifier: MIT
 *
 * The host's processor is told what is going to be read, so that it is in its caches by then. It changes nothing else.
 */
#pragma once
#include <stddef.h>

#define CACHE_LINE 64 /* bytes; if it is another number, prefetching is less good, or less cheap */

static inline void prefetch(const void *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += CACHE_LINE)
        __builtin_prefetch((const char *)from + i);
}
