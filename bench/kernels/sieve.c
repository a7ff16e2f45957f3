/* SPDX-License-Identifier: MIT
 *
 * The sieve of Eratosthenes over 32 KB: byte stores in short loops.
 */
#include "kernel.h"

#define SIZE 32768

const char kernel_name[] = "sieve";
const uint32_t kernel_repeats = 2600;

static uint8_t composite[SIZE];

static uint32_t primes_count(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < SIZE; i++)
        composite[i] = 0;
    for (uint32_t i = 2; i < SIZE; i++) {
        if (composite[i])
            continue;
        count++;
        for (uint32_t multiple = 2 * i; multiple < SIZE; multiple += i)
            composite[multiple] = 1;
    }
    return count;
}

uint32_t kernel_run(uint32_t repeats)
{
    uint32_t result = 0;
    while (repeats-- > 0)
        result = result * 31 + primes_count();
    return result;
}
