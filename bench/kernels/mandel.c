/* SPDX-License-Identifier: MIT
 *
 * The Mandelbrot set, four points at once: packed floats, masks and integers in SSE registers.
 */
#include "kernel.h"

#define LANES  4
#define WIDTH  64
#define HEIGHT 32
#define TURNS  64

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef int32_t masks __attribute__((vector_size(4 * LANES)));
typedef uint32_t integers __attribute__((vector_size(4 * LANES)));

const char kernel_name[] = "mandel";
const uint32_t kernel_repeats = 4500;

/* How many turns each of four points stays within the circle. */
static integers turns_count(floats real, floats imaginary)
{
    floats x = {0}, y = {0}, square_x = {0}, square_y = {0};
    integers turns = {0};
    for (int i = 0; i < TURNS; i++) {
        masks within = square_x + square_y < 4;
        if (__builtin_ia32_movmskps((floats)within) == 0)
            break;
        turns -= (integers)within;
        y = 2 * x * y + imaginary;
        x = square_x - square_y + real;
        square_x = x * x;
        square_y = y * y;
    }
    return turns;
}

static uint32_t picture_sum(float left, float top, float step)
{
    const floats lanes = {0, 1, 2, 3};
    integers sum = {0};
    for (int row = 0; row < HEIGHT; row++) {
        floats imaginary = top + (float)row * step + (floats){0};
        for (int column = 0; column < WIDTH; column += LANES)
            sum = sum * 3 + turns_count(left + ((float)column + lanes) * step, imaginary);
    }
    return sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
}

/* Each picture lies a little to the left of the last. */
uint32_t kernel_run(uint32_t repeats)
{
    uint32_t result = 0;
    while (repeats-- > 0)
        result = result * 31 + picture_sum(-2 - (float)(repeats % 256) / 1024, -1, 1.0f / 24);
    return result;
}
