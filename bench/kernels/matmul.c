/* SPDX-License-Identifier: MIT
 *
 * Product of two 64x64 matrices of integers: multiplications and two streams of loads.
 */
#include "kernel.h"

#define SIZE 64

const char kernel_name[] = "matmul";
const uint32_t kernel_repeats = 800;

static uint32_t a[SIZE][SIZE], b[SIZE][SIZE], product[SIZE][SIZE];

static void multiply(void)
{
    for (int row = 0; row < SIZE; row++) {
        for (int column = 0; column < SIZE; column++) {
            uint32_t sum = 0;
            for (int i = 0; i < SIZE; i++)
                sum += a[row][i] * b[i][column];
            product[row][column] = sum;
        }
    }
}

static void matrices_fill(void)
{
    uint32_t seed = 2;
    for (int row = 0; row < SIZE; row++) {
        for (int column = 0; column < SIZE; column++) {
            a[row][column] = random_next(&seed) >> 16;
            b[row][column] = random_next(&seed) >> 16;
        }
    }
}

uint32_t kernel_run(uint32_t repeats)
{
    uint32_t result = 0;
    matrices_fill();
    while (repeats-- > 0) {
        multiply();
        result = result * 31 + product[repeats % SIZE][result % SIZE];
        a[result % SIZE][repeats % SIZE] ^= result;
    }
    return result;
}
