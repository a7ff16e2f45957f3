/* SPDX-License-Identifier: MIT
 *
 * CRC-32 (reflected 0x04C11DB7) of 64 KB with a table of 256 words: dependent loads and logic.
 */
#include "kernel.h"

#define SIZE 65536

const char kernel_name[] = "crc";
const uint32_t kernel_repeats = 2300;

static uint32_t table[256];
static uint8_t bytes[SIZE];

static void table_fill(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1 ? 0xEDB88320 : 0);
        table[i] = value;
    }
}

uint32_t kernel_run(uint32_t repeats)
{
    uint32_t seed = 1, crc = 0;
    table_fill();
    for (uint32_t i = 0; i < SIZE; i++)
        bytes[i] = random_next(&seed) >> 24;
    while (repeats-- > 0) {
        crc = ~crc;
        for (uint32_t i = 0; i < SIZE; i++)
            crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 0xFF];
        crc = ~crc;
    }
    return crc;
}
