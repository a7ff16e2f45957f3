/* SPDX-License-Identifier: MIT
 *
 * A memory of two pages for tests of those who only read guest memory.
 */
#pragma once
#include <string.h>

#include "../../cpu/cpu.h"

struct guest_page {
    struct memory memory; /* first: what the reader is given */
    uint8_t bytes[2][DENALI_PAGE_SIZE];
    struct page pages[2];
    bool hole; /* the second page is not accessible */
};

static inline const struct page *guest_page_peek(const struct memory *memory, uint32_t number)
{
    const struct guest_page *guest = (const struct guest_page *)memory;
    return number > 1 || (number == 1 && guest->hole) ? NULL : &guest->pages[number];
}

static inline struct memory *guest_page_init(struct guest_page *guest, const struct memory_ops *ops)
{
    memset(guest, 0, sizeof(*guest));
    guest->memory = (struct memory){.ops = ops, .tag = 1, .size = 2 * PAGE_SIZE};
    guest->pages[0].bytes = guest->bytes[0];
    guest->pages[1].bytes = guest->bytes[1];
    return &guest->memory;
}
