/* SPDX-License-Identifier: MIT
 *
 * The simplest struct memory: an array of pages, each present or not, all of them private. For tests of the
 * CPU without the emulator around it.
 */
#pragma once
#include "../../cpu/memory.h"

struct flat_memory {
    struct memory memory;
    uint32_t count;
    struct page *pages; /* bytes == NULL: not accessible */
};

/* No page is present. `tag` as struct memory wants it. False: out of memory. */
bool flat_memory_init(struct flat_memory *, uint32_t size, uint64_t tag);
/* Forgets decoded blocks too; nothing may run from them. */
void flat_memory_drop(struct flat_memory *);

/* Make a page present, filled with zeroes. Not while the CPU remembers it as absent: give a new tag then.
 * False: out of memory. */
bool flat_memory_add(struct flat_memory *, uint32_t number);

/* The host's address of a guest address on a present page, to the end of that page. */
uint8_t *flat_memory_at(struct flat_memory *, uint32_t address);
