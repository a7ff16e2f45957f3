/* SPDX-License-Identifier: MIT
 *
 * What the kernels that compute with floating point share.
 */
#pragma once
#include "kernel.h"

/* From -1 to 1. */
static inline double random_real(uint32_t *state)
{
    return (int32_t)random_next(state) / 2147483648.0;
}

/* Folds all bits of a number into a result. */
static inline uint32_t mix_real(uint32_t result, double real)
{
    union {
        double real;
        uint32_t words[2];
    } bits = {real};
    return (result * 31 + bits.words[0]) * 31 + bits.words[1];
}
