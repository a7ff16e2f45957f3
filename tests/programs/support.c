/* SPDX-License-Identifier: MIT
 *
 * What compilers call where they have no instruction (GCC Internals, "libgcc"), beside the division of guests/lib:
 * counts of bits, and conversions between floating point and unsigned 64-bit integers.
 */
#include <stdint.h>

#define TWO_TO_63 0x1p63L

int __popcountsi2(uint32_t value);
int __popcountdi2(uint64_t value);
int __paritysi2(uint32_t value);
int __paritydi2(uint64_t value);
int __ctzdi2(uint64_t value);
int __clzdi2(uint64_t value);
int __ffsdi2(uint64_t value);
uint64_t __fixunssfdi(float value);
uint64_t __fixunsdfdi(double value);
uint64_t __fixunsxfdi(long double value);
float __floatundisf(uint64_t value);
double __floatundidf(uint64_t value);
long double __floatundixf(uint64_t value);
uint32_t crc32c_byte(uint32_t sum, uint8_t byte);

int __popcountsi2(uint32_t value)
{
    int count = 0;
    for (; value != 0; value &= value - 1)
        count++;
    return count;
}

int __popcountdi2(uint64_t value)
{
    return __popcountsi2((uint32_t)value) + __popcountsi2(value >> 32);
}

int __paritysi2(uint32_t value)
{
    return __popcountsi2(value) & 1;
}

int __paritydi2(uint64_t value)
{
    return __popcountdi2(value) & 1;
}

int __ctzdi2(uint64_t value)
{
    return (uint32_t)value != 0 ? __builtin_ctz((uint32_t)value) : 32 + __builtin_ctz(value >> 32);
}

int __clzdi2(uint64_t value)
{
    return value >> 32 != 0 ? __builtin_clz(value >> 32) : 32 + __builtin_clz((uint32_t)value);
}

int __ffsdi2(uint64_t value)
{
    return value != 0 ? __ctzdi2(value) + 1 : 0;
}

/* The instruction converts to signed integers only. */
uint64_t __fixunsxfdi(long double value)
{
    if (value < TWO_TO_63)
        return (uint64_t)(int64_t)value;
    return (uint64_t)(int64_t)(value - TWO_TO_63) + (UINT64_C(1) << 63);
}

uint64_t __fixunsdfdi(double value)
{
    return __fixunsxfdi(value);
}

uint64_t __fixunssfdi(float value)
{
    return __fixunsxfdi(value);
}

/* Exact: the type has 64 bits of precision. So the two below round once. */
long double __floatundixf(uint64_t value)
{
    long double converted = (int64_t)value;
    return (int64_t)value < 0 ? converted + 2 * TWO_TO_63 : converted;
}

double __floatundidf(uint64_t value)
{
    return (double)__floatundixf(value);
}

float __floatundisf(uint64_t value)
{
    return (float)__floatundixf(value);
}

/* As the SSE4.2 instruction. */
uint32_t crc32c_byte(uint32_t sum, uint8_t byte)
{
    sum ^= byte;
    for (int bit = 0; bit < 8; bit++)
        sum = sum >> 1 ^ (sum & 1 ? 0x82F63B78 : 0);
    return sum;
}
