/* SPDX-License-Identifier: MIT
 *
 * Much code: 512 functions of some 150 bytes, all different, called in a scattered order. What it shows is how an
 * emulator bears code that does not fit its caches.
 */
#include "kernel.h"

#define FUNCTIONS 512

const char kernel_name[] = "large";
const uint32_t kernel_repeats = 60000;

static uint32_t words[FUNCTIONS];

/* Function n, whose digits in base eight are a, b, c. All constants derive from n. */
#define N(a, b, c) (0##a##b##c)
#define FUNCTION(a, b, c)                                                                                              \
    static uint32_t function_##a##b##c(uint32_t x)                                                                     \
    {                                                                                                                  \
        uint32_t y = words[(x >> 5) % FUNCTIONS] + N(a, b, c) * 2654435761u;                                           \
        x ^= y >> (N(a, b, c) % 13 + 3);                                                                               \
        if (x & 1u << N(a, b, c) % 11)                                                                                 \
            y += x * (N(a, b, c) + 0x10001u);                                                                          \
        else                                                                                                           \
            y = (y << (N(a, b, c) % 7 + 1)) - x;                                                                       \
        words[N(a, b, c)] += y;                                                                                        \
        x = (x << (N(a, b, c) % 29 + 1) | x >> (31 - N(a, b, c) % 29)) + (y ^ N(a, b, c) << 20);                       \
        if (x > y)                                                                                                     \
            x -= words[N(a, b, c) * 7 % FUNCTIONS] & (y | N(a, b, c) << 7);                                            \
        words[(N(a, b, c) + 99) % FUNCTIONS] ^= x + (y >> 3);                                                          \
        y += (words[(x >> 9) % FUNCTIONS] ^ N(a, b, c)) * 17;                                                          \
        words[N(a, b, c) * 3 % FUNCTIONS] -= x;                                                                        \
        return x ^ (y & 0x5A5A5A5A);                                                                                   \
    }
#define FUNCTIONS_8(a, b)                                                                                              \
    FUNCTION(a, b, 0)                                                                                                  \
    FUNCTION(a, b, 1)                                                                                                  \
    FUNCTION(a, b, 2)                                                                                                  \
    FUNCTION(a, b, 3)                                                                                                  \
    FUNCTION(a, b, 4)                                                                                                  \
    FUNCTION(a, b, 5)                                                                                                  \
    FUNCTION(a, b, 6)                                                                                                  \
    FUNCTION(a, b, 7)
#define NAME(a, b, c) function_##a##b##c
#define NAMES_8(a, b)                                                                                                  \
    NAME(a, b, 0), NAME(a, b, 1), NAME(a, b, 2), NAME(a, b, 3), NAME(a, b, 4), NAME(a, b, 5), NAME(a, b, 6),           \
        NAME(a, b, 7),
#define TIMES_8(what, a) what(a, 0) what(a, 1) what(a, 2) what(a, 3) what(a, 4) what(a, 5) what(a, 6) what(a, 7)
#define TIMES_64(what)                                                                                                 \
    TIMES_8(what, 0)                                                                                                   \
    TIMES_8(what, 1)                                                                                                   \
    TIMES_8(what, 2)                                                                                                   \
    TIMES_8(what, 3)                                                                                                   \
    TIMES_8(what, 4)                                                                                                   \
    TIMES_8(what, 5)                                                                                                   \
    TIMES_8(what, 6)                                                                                                   \
    TIMES_8(what, 7)

TIMES_64(FUNCTIONS_8)

static uint32_t (*const functions[FUNCTIONS])(uint32_t) = {TIMES_64(NAMES_8)};

static uint16_t order[FUNCTIONS];

/* A random permutation (Knuth, The Art of Computer Programming, vol. 2, algorithm 3.4.2P). */
static void order_shuffle(void)
{
    uint32_t seed = 5;
    for (uint32_t i = 0; i < FUNCTIONS; i++)
        order[i] = (uint16_t)i;
    for (uint32_t i = FUNCTIONS - 1; i > 0; i--) {
        uint32_t other = (random_next(&seed) >> 8) % (i + 1);
        uint16_t number = order[i];
        order[i] = order[other];
        order[other] = number;
    }
}

uint32_t kernel_run(uint32_t repeats)
{
    uint32_t result = repeats;
    order_shuffle();
    while (repeats-- > 0) {
        for (uint32_t i = 0; i < FUNCTIONS; i++)
            result = functions[order[i]](result);
    }
    return result;
}
