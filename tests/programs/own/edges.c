/* SPDX-License-Identifier: MIT
 *
 * The ends of floating point: zeroes, denormals, infinities and NaNs through all operations and comparisons, in every
 * rounding mode and, on the x87, precision.
 */
#include <stdbool.h>

#include "bits.h"

#define X87_CONTROL    0x37F
#define X87_PRECISIONS 4
#define ROUNDING_MODES 4
#define MXCSR_CONTROL  0x1F80
#define MXCSR_FTZ_DAZ  0x8040

static const uint64_t values[] = {0x0000000000000000, 0x8000000000000000, 0x0000000000000001, 0x800FFFFFFFFFFFFF,
                                  0x0010000000000000, 0x36A0000000000001, 0x380FFFFFFFFFFFFF, 0x3CA0000000000000,
                                  0x3FD5555555555555, 0x3FF0000000000000, 0xBFF0000000000001, 0x4008000000000000,
                                  0x47EFFFFFFFFFFFFF, 0x7FEFFFFFFFFFFFFF, 0x7FF0000000000000, 0xFFF0000000000000,
                                  0x7FF8000000000123, 0xFFF0000000000321};

#define COUNT (sizeof(values) / sizeof(values[0]))

/* The compiler must not know the numbers, nor compute before a control register is written. */
static double value_get(unsigned index)
{
    union {
        uint64_t bits;
        double number;
    } value = {.bits = ((const volatile uint64_t *)values)[index]};
    return value.number;
}

static uint32_t sum;

static void add(uint64_t bits)
{
    sum = (sum ^ (uint32_t)bits) * 0x01000193;
    sum = (sum ^ (uint32_t)(bits >> 32)) * 0x01000193;
}

static void add_double(volatile double number)
{
    uint64_t bits;
    __builtin_memcpy(&bits, (const void *)&number, sizeof(bits));
    add(bits);
}

static void add_float(volatile float number)
{
    uint32_t bits;
    __builtin_memcpy(&bits, (const void *)&number, sizeof(bits));
    add(bits);
}

static void add_extended(volatile long double number)
{
    uint64_t bits[2] = {0};
    __builtin_memcpy(bits, (const void *)&number, 10);
    add(bits[0]);
    add(bits[1]);
}

/* noinline: after the control register is written. */
#define DEFINE_OPERATIONS(type, root)                                                                                  \
    __attribute__((noinline)) static void operations_##type(type a, type b)                                            \
    {                                                                                                                  \
        add_##type(a + b);                                                                                             \
        add_##type(a - b);                                                                                             \
        add_##type(a *b);                                                                                              \
        add_##type(a / b);                                                                                             \
        add_##type(root(a));                                                                                           \
        add_##type(-a);                                                                                                \
        add_##type(a < b ? a : b);                                                                                     \
        add_##type(a *b + a);                                                                                          \
        add((a < b) | (a <= b) << 1 | (a == b) << 2 | (a != b) << 3 | __builtin_isunordered(a, b) << 4 |               \
            __builtin_isgreater(a, b) << 5);                                                                           \
        add((uint32_t)(int32_t)a);                                                                                     \
        add((uint64_t)(int64_t)b);                                                                                     \
    }

typedef long double extended;
DEFINE_OPERATIONS(float, __builtin_sqrtf)
DEFINE_OPERATIONS(double, __builtin_sqrt)
DEFINE_OPERATIONS(extended, __builtin_sqrtl)

static uint32_t x87_status(void)
{
    uint16_t status;
    __asm__ volatile("fnstsw %0\n\tfnclex" : "=a"(status) : : "memory");
    return status & 0xFF;
}

static void x87_control(unsigned control)
{
    uint16_t word = (uint16_t)control;
    __asm__ volatile("fldcw %0" : : "m"(word) : "memory");
}

/* The exceptions that were raised; the control bits are set. 0 where the program does without SSE. */
static uint32_t sse_control(uint32_t control)
{
    uint32_t before = 0;
#ifdef __SSE2__
    __asm__ volatile("stmxcsr %0\n\tldmxcsr %1" : "=m"(before) : "m"(control) : "memory");
#else
    (void)control;
#endif
    return before & 0x3F;
}

static void run(const char *name, unsigned mode, unsigned x87, uint32_t sse)
{
    x87_control(x87);
    sse_control(sse);
    sum = 1;
    for (unsigned i = 0; i < COUNT; i++) {
        for (unsigned j = 0; j < COUNT; j++) {
            operations_float((float)value_get(i), (float)value_get(j));
            operations_double(value_get(i), value_get(j));
            operations_extended((extended)value_get(i), (extended)value_get(j) / 3);
            add(x87_status());
            add(sse_control(sse));
        }
    }
    x87_control(X87_CONTROL);
    sse_control(MXCSR_CONTROL);
    printf("%s %u %08x\n", name, mode, sum);
}

int main(void)
{
    for (unsigned mode = 0; mode < ROUNDING_MODES; mode++) {
        unsigned rounding = X87_CONTROL | mode << 10;
        for (unsigned precision = 0; precision < X87_PRECISIONS; precision++)
            run("precision", precision, (rounding & ~0x300u) | precision << 8, MXCSR_CONTROL | mode << 13);
        run("flushed", mode, rounding, MXCSR_CONTROL | MXCSR_FTZ_DAZ | mode << 13);
    }
    return 0;
}
