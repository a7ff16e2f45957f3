#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Recomputes the constants of cpu/transcendental.c, in integers, and looks for them in that file."""
import sys

BITS = 512


def arc_tangent(numerator, denominator, sign=-1):
    """atan(numerator / denominator) * 2^BITS, from its power series; with sign=1 it is atanh."""
    power, total, odd = (numerator << BITS) // denominator, 0, 1
    while power:
        total += sign ** (odd // 2) * (power // odd)
        power = power * numerator**2 // denominator**2
        odd += 2
    return total


def limbs(value, bits=128):
    """The first bits of value, in limbs of 64, most significant first."""
    value >>= value.bit_length() - bits
    return [f"0x{value >> shift & (1 << 64) - 1:016x}" for shift in range(bits - 64, -1, -64)]


pi = 16 * arc_tangent(1, 5) - 4 * arc_tangent(1, 239)
ln_2 = 2 * arc_tangent(1, 3, sign=1)
constants = {
    "PI": limbs(pi),
    "LN_2": limbs(ln_2),
    "LOG2_E": limbs((1 << 2 * BITS) // ln_2),
    "atan 1/4": limbs(arc_tangent(1, 4)),
    "atan 2/4": limbs(arc_tangent(2, 4)),
    "atan 3/4": limbs(arc_tangent(3, 4)),
    "TWO_OVER_PI": limbs((2 << 2 * BITS) // pi, 256)[::-1],
}
with open(sys.argv[1], encoding="utf-8") as file:
    source = file.read()
wrong = [name for name, value in constants.items() if ", ".join(value) not in source]
for name, value in constants.items():
    print(f"{name:12}", ", ".join(value), "MISSING" if name in wrong else "")
sys.exit(bool(wrong))
