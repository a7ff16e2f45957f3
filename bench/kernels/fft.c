/* SPDX-License-Identifier: MIT
 *
 * The square of a random polynomial by the fast Fourier transform, there and back: x87 code, on doubles in memory.
 */
#include "real.h"

#define BITS 9
#define SIZE (1 << BITS)

const char kernel_name[] = "fft";
const uint32_t kernel_repeats = 8000;

struct complex {
    double real, imaginary;
};

static struct complex numbers[SIZE];
static struct complex roots[SIZE / 2]; /* of one; root k is turned by k / SIZE of a circle */
static uint16_t reversed[SIZE];        /* indices with their bits in reverse order */

static struct complex times(struct complex a, struct complex b)
{
    return (struct complex){a.real * b.real - a.imaginary * b.imaginary, a.real * b.imaginary + a.imaginary * b.real};
}

/* Half the angle, for angles up to a quarter of a circle. */
static struct complex half(struct complex a)
{
    long double cosine = __builtin_sqrtl((1 + (long double)a.real) / 2);
    return (struct complex){(double)cosine, (double)(a.imaginary / (2 * cosine))};
}

/* Starts with 1 and i, the quarter of a circle; then what lies in the middle between those there are. */
static void roots_make(void)
{
    struct complex turn = {0, 1};
    roots[0] = (struct complex){1, 0};
    for (int step = SIZE / 4; step > 0; step /= 2) {
        for (int k = 0; k < SIZE / 2; k += 2 * step)
            roots[k + step] = times(roots[k], turn);
        turn = half(turn);
    }
}

static void order_make(void)
{
    for (int i = 0; i < SIZE; i++)
        reversed[i] = (uint16_t)(reversed[i / 2] / 2 | i % 2 << (BITS - 1));
}

static void numbers_reorder(void)
{
    for (int i = 0; i < SIZE; i++) {
        struct complex number = numbers[i];
        if (i < reversed[i]) {
            numbers[i] = numbers[reversed[i]];
            numbers[reversed[i]] = number;
        }
    }
}

static void butterfly(struct complex *a, struct complex *b, struct complex root)
{
    struct complex sum = *a, turned = times(*b, root);
    *a = (struct complex){sum.real + turned.real, sum.imaginary + turned.imaginary};
    *b = (struct complex){sum.real - turned.real, sum.imaginary - turned.imaginary};
}

static void transform(void)
{
    numbers_reorder();
    for (int half_size = 1; half_size < SIZE; half_size *= 2) {
        for (int start = 0; start < SIZE; start += 2 * half_size) {
            for (int k = 0; k < half_size; k++)
                butterfly(&numbers[start + k], &numbers[start + half_size + k], roots[k * (SIZE / 2 / half_size)]);
        }
    }
}

/* The way back is the same with the sign of the angle changed, and a division. */
static void transform_back(void)
{
    for (int i = 0; i < SIZE; i++)
        numbers[i].imaginary = -numbers[i].imaginary;
    transform();
    for (int i = 0; i < SIZE; i++)
        numbers[i] = (struct complex){numbers[i].real / SIZE, -numbers[i].imaginary / SIZE};
}

static void polynomial_make(uint32_t *seed)
{
    for (int i = 0; i < SIZE; i++)
        numbers[i] = (struct complex){i < SIZE / 2 ? random_real(seed) : 0, 0};
}

uint32_t kernel_run(uint32_t repeats)
{
    uint32_t result = 0, seed = 13;
    roots_make();
    order_make();
    while (repeats-- > 0) {
        polynomial_make(&seed);
        transform();
        for (int i = 0; i < SIZE; i++)
            numbers[i] = times(numbers[i], numbers[i]);
        transform_back();
        result = mix_real(result, numbers[seed % SIZE].real);
    }
    return result;
}
