/* SPDX-License-Identifier: MIT
 *
 * 64-bit division built from 32-bit instructions, compared with the host's own.
 */
#include "divide.h"

#include <criterion/criterion.h>

#define CASES 200000

/* Numbers of all sizes: random bits, then a random number of them cut off. */
static uint64_t number_next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    uint64_t high = *state >> 32;
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (high << 32 | *state >> 32) >> (*state >> 20 & 63);
}

Test(divide, unsigned_any_operands_agree_with_host)
{
    uint64_t state = 1;
    for (int i = 0; i < CASES; i++) {
        uint64_t a = number_next(&state), b = number_next(&state), remainder;
        if (b == 0)
            continue;
        cr_assert_eq(__udivmoddi4(a, b, &remainder), a / b);
        cr_assert_eq(remainder, a % b);
        cr_assert_eq(__udivdi3(a, b), a / b);
        cr_assert_eq(__umoddi3(a, b), a % b);
    }
}

Test(divide, signed_any_operands_agree_with_host)
{
    uint64_t state = 2;
    for (int i = 0; i < CASES; i++) {
        int64_t a = (int64_t)number_next(&state) * (i & 1 ? -1 : 1);
        int64_t b = (int64_t)number_next(&state) * (i & 2 ? -1 : 1), remainder;
        if (b == 0 || (a == INT64_MIN && b == -1))
            continue;
        cr_assert_eq(__divmoddi4(a, b, &remainder), a / b);
        cr_assert_eq(remainder, a % b);
        cr_assert_eq(__divdi3(a, b), a / b);
        cr_assert_eq(__moddi3(a, b), a % b);
    }
}

Test(divide, extremes_agree_with_host)
{
    static const uint64_t values[] = {1,          2,          0xFFFFFFFF,     0x100000000,        0x100000001,
                                      UINT64_MAX, 1ull << 63, UINT64_MAX - 1, 0x8000000000000001, 0xFFFFFFFF00000000};
    for (int i = 0; i < 10; i++) {
        for (int j = 0; j < 10; j++) {
            uint64_t remainder;
            cr_assert_eq(__udivmoddi4(values[i], values[j], &remainder), values[i] / values[j]);
            cr_assert_eq(remainder, values[i] % values[j]);
        }
    }
}
