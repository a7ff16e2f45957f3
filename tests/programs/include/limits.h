/* SPDX-License-Identifier: MIT
 *
 * The compiler's own header looks for one of a C library, and the host's is not for 32 bits.
 */
#pragma once
#define CHAR_BIT __CHAR_BIT__
#define INT_MAX  __INT_MAX__
#define INT_MIN  (-INT_MAX - 1)
