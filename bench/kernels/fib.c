/* SPDX-License-Identifier: MIT
 *
 * Fibonacci numbers by recursion: calls, returns, the stack.
 */
#include "kernel.h"

#define N 27

const char kernel_name[] = "fib";
const uint32_t kernel_repeats = 160;

/* Not cloned or inlined into itself: a call for each number is what is measured. */
__attribute__((noipa, optimize("no-optimize-sibling-calls"))) static uint32_t fib(uint32_t n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

uint32_t kernel_run(uint32_t repeats)
{
    uint32_t result = fib(repeats % N);
    while (repeats-- > 0)
        result = result * 31 + fib(N);
    return result;
}
