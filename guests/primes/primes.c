/* SPDX-License-Identifier: MIT
 *
 * Computes: counts the primes below n with the sieve of Eratosthenes.
 * Argument: n=N (100000).
 */
#include "guest.h"
#include "libc.h"

/* Afterwards composite[i] tells whether i has a divisor, for i from 2. */
static void sieve(uint8_t *composite, uint32_t n)
{
    memset(composite, 0, n);
    for (uint32_t i = 2; (uint64_t)i * i < n; i++) {
        for (uint32_t multiple = i * i; multiple < n && !composite[i]; multiple += i)
            composite[multiple] = true;
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    uint32_t n = argument_number(argv, "n", 100000);
    uint8_t *composite = malloc(n);
    if (composite == NULL) {
        printf("n=%u: needs more memory than this machine has\n", n);
        return 1;
    }
    sieve(composite, n);
    uint32_t count = 0, last = 0;
    for (uint32_t i = 2; i < n; i++) {
        if (!composite[i]) {
            count++;
            last = i;
        }
    }
    printf("%u primes below %u, the last is %u\n", count, n, last);
    return 0;
}
