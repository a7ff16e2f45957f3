/* SPDX-License-Identifier: MIT
 *
 * 64-bit division for a 32-bit processor: the functions that gcc calls for / and % (GCC Internals, "Integer library
 * routines"). Dividing by zero raises the divide exception, as the instruction does.
 */
#include "divide.h"

/* One DIV: the dividend's high part must be below the divisor. */
static uint32_t divide_step(uint32_t high, uint32_t low, uint32_t divisor, uint32_t *remainder)
{
    uint32_t quotient;
    __asm__("divl %4" : "=a"(quotient), "=d"(*remainder) : "a"(low), "d"(high), "rm"(divisor) : "cc");
    return quotient;
}

/* The divisor has at most 32 bits: long division with two digits. */
static uint64_t divide_short(uint64_t dividend, uint32_t divisor, uint64_t *remainder)
{
    uint32_t rest;
    uint32_t high = divide_step(0, dividend >> 32, divisor, &rest);
    uint32_t low = divide_step(rest, (uint32_t)dividend, divisor, &rest);
    *remainder = rest;
    return (uint64_t)high << 32 | low;
}

/* The divisor has more than 32 bits, so the quotient has fewer: bit by bit. The rest is the dividend's upper part or
 * less, so it never outgrows 64 bits. */
static uint64_t divide_long(uint64_t dividend, uint64_t divisor, uint64_t *remainder)
{
    uint64_t quotient = 0, rest = dividend >> 32;
    for (int bit = 31; bit >= 0; bit--) {
        rest = rest << 1 | (dividend >> bit & 1);
        quotient <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= 1;
        }
    }
    *remainder = rest;
    return quotient;
}

uint64_t __udivmoddi4(uint64_t dividend, uint64_t divisor, uint64_t *remainder)
{
    uint64_t rest, quotient;
    if (divisor >> 32 == 0)
        quotient = divide_short(dividend, (uint32_t)divisor, &rest);
    else
        quotient = divide_long(dividend, divisor, &rest);
    if (remainder)
        *remainder = rest;
    return quotient;
}

uint64_t __udivdi3(uint64_t dividend, uint64_t divisor)
{
    return __udivmoddi4(dividend, divisor, NULL);
}

uint64_t __umoddi3(uint64_t dividend, uint64_t divisor)
{
    uint64_t remainder;
    __udivmoddi4(dividend, divisor, &remainder);
    return remainder;
}

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

/* Truncates towards zero: the remainder has the sign of the dividend. */
int64_t __divmoddi4(int64_t dividend, int64_t divisor, int64_t *remainder)
{
    uint64_t rest, quotient = __udivmoddi4(magnitude(dividend), magnitude(divisor), &rest);
    if (remainder)
        *remainder = (int64_t)(dividend < 0 ? -rest : rest);
    return (int64_t)((dividend < 0) != (divisor < 0) ? -quotient : quotient);
}

int64_t __divdi3(int64_t dividend, int64_t divisor)
{
    return __divmoddi4(dividend, divisor, NULL);
}

int64_t __moddi3(int64_t dividend, int64_t divisor)
{
    int64_t remainder;
    __divmoddi4(dividend, divisor, &remainder);
    return remainder;
}
