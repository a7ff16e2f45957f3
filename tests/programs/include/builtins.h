/* SPDX-License-Identifier: MIT
 *
 * Included before each program: the builtin functions that csmith uses and that not every option set has.
 */
#pragma once
#ifndef __SSE4_2__
unsigned crc32c_byte(unsigned sum, unsigned char byte);
#define __builtin_ia32_crc32qi(sum, byte) crc32c_byte(sum, byte)
#endif
