/* SPDX-License-Identifier: MIT
 *
 * What the compiler turns into instructions or, for constants, into numbers.
 */
#pragma once
#define fabs(x)     __builtin_fabs(x)
#define fabsf(x)    __builtin_fabsf(x)
#define ldexp(x, n) __builtin_ldexp(x, n)
