/* SPDX-License-Identifier: MIT
 *
 * The Internet checksum (RFC 1071), for what the host's side of networks has to finish or to answer. Words are added as
 * they lie in memory, since the sum does not care about byte order (section 2, B).
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Adds the bytes to the sum of those before, of which there was an even number. */
static inline uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t length)
{
    for (; length >= 4; length -= 4, bytes += 4) {
        uint32_t word;
        memcpy(&word, bytes, sizeof(word));
        sum += word;
    }
    uint8_t rest[4] = {0};
    uint32_t word;
    memcpy(rest, bytes, length);
    memcpy(&word, rest, sizeof(word));
    return sum + word;
}

/* In 16 bits, as it lies in memory. */
static inline uint16_t checksum_fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)sum;
}

static inline uint32_t get16(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 8 | bytes[1];
}

static inline uint32_t get32(const uint8_t *bytes)
{
    return get16(bytes) << 16 | get16(bytes + 2);
}

static inline void put16(uint8_t *bytes, uint32_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static inline void put32(uint8_t *bytes, uint32_t value)
{
    put16(bytes, value >> 16);
    put16(bytes + 2, value);
}
