/* SPDX-License-Identifier: MIT
 *
 * What a device is given, faked: a line that remembers, a memory that is an array and can be told to fail, a visitor
 * that writes down the state. With these each device is tested alone.
 */
#pragma once
#include <stdio.h>
#include <string.h>

#include "../../devices/container_of.h"
#include "../../devices/device.h"

struct fake_line {
    struct interrupt_line line;
    uint32_t sources; /* all posted, ORed */
    uint32_t posts;
};

static inline void fake_post(struct interrupt_line *line, uint32_t sources)
{
    struct fake_line *fake = container_of(line, struct fake_line, line);
    fake->sources |= sources;
    fake->posts++;
}

#define FAKE_LINE                                                                                                      \
    {                                                                                                                  \
        .line = { fake_post }                                                                                          \
    }

#define FAKE_MEMORY_SIZE 65536

/* Accessible is [0, FAKE_MEMORY_SIZE), except that an operation that touches `hole` fails there. */
struct fake_memory {
    struct guest_memory memory;
    uint32_t hole; /* 0 = none */
    uint32_t operations;
    uint8_t bytes[FAKE_MEMORY_SIZE];
};

static inline bool fake_check(struct fake_memory *fake, uint32_t address, uint32_t length, uint32_t *fault)
{
    fake->operations++;
    uint64_t end = (uint64_t)address + length;
    uint32_t limit = fake->hole && address <= fake->hole ? fake->hole : FAKE_MEMORY_SIZE;
    if (end <= limit)
        return true;
    *fault = address > limit ? address : limit;
    return false;
}

static inline bool fake_read(struct guest_memory *memory, uint32_t address, void *to, uint32_t length, uint32_t *fault)
{
    struct fake_memory *fake = container_of(memory, struct fake_memory, memory);
    if (!fake_check(fake, address, length, fault))
        return false;
    memcpy(to, fake->bytes + address, length);
    return true;
}

static inline bool fake_write(struct guest_memory *memory, uint32_t address, const void *from, uint32_t length,
                              uint32_t *fault)
{
    struct fake_memory *fake = container_of(memory, struct fake_memory, memory);
    if (!fake_check(fake, address, length, fault))
        return false;
    memcpy(fake->bytes + address, from, length);
    return true;
}

#define FAKE_MEMORY                                                                                                    \
    {                                                                                                                  \
        .memory = { fake_read, fake_write }                                                                            \
    }

/* State as text: "name=value " for numbers, "name=length:hash " for bytes. */
struct fake_visitor {
    struct state_visitor visitor;
    char text[16384];
    size_t length;
};

static inline uint64_t fake_number(struct state_visitor *visitor, const char *name, uint64_t value)
{
    struct fake_visitor *fake = container_of(visitor, struct fake_visitor, visitor);
    if (fake->length < sizeof(fake->text))
        fake->length += (size_t)snprintf(fake->text + fake->length, sizeof(fake->text) - fake->length, "%s=%llu ", name,
                                         (unsigned long long)value);
    return value;
}

static inline void fake_bytes(struct state_visitor *visitor, const char *name, const void *bytes, size_t length)
{
    uint64_t sum = length;
    for (size_t i = 0; i < length; i++)
        sum = sum * 31 + ((const uint8_t *)bytes)[i];
    fake_number(visitor, name, sum);
}

#define FAKE_VISITOR                                                                                                   \
    {                                                                                                                  \
        .visitor = { fake_number, fake_bytes }                                                                         \
    }

static inline void state_text(struct device *device, struct fake_visitor *fake)
{
    *fake = (struct fake_visitor)FAKE_VISITOR;
    device->ops->state(device, &fake->visitor);
}

/* xorshift64 (Marsaglia, Xorshift RNGs, 2003): the same numbers in every run. */
static inline uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}
