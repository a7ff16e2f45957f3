/* SPDX-License-Identifier: MIT
 *
 * Prints floating-point numbers bit by bit: what two processors must agree on.
 */
#pragma once
#include <stdint.h>

#include "../../../guests/lib/libc.h"

static inline void print_float(const char *name, float value)
{
    uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof(bits));
    printf("%s %08x\n", name, bits);
}

static inline void print_double(const char *name, double value)
{
    unsigned long long bits;
    __builtin_memcpy(&bits, &value, sizeof(bits));
    printf("%s %016llx\n", name, bits);
}

static inline void print_long_double(const char *name, long double value)
{
    struct {
        unsigned long long significand;
        uint16_t sign_exponent;
    } __attribute__((packed)) bits;
    __builtin_memcpy(&bits, &value, sizeof(bits));
    printf("%s %04x:%016llx\n", name, bits.sign_exponent, bits.significand);
}

#define PRINT(name, value)                                                                                             \
    _Generic((value), float : print_float, double : print_double, long double : print_long_double)(name, value)
