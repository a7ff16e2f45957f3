/* SPDX-License-Identifier: MIT
 *
 * A heap over one piece of memory: first fit, neighbours merged when freed. Memory that was never handed out is never
 * touched, since an untouched page costs nothing; so low addresses are used first.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct heap_block;

struct heap {
    struct heap_block *free; /* freed blocks, by address */
    uintptr_t top, end;      /* [top, end) was never handed out */
};

/* Takes the memory [start, end). */
void heap_init(struct heap *, uintptr_t start, uintptr_t end);
/* At least `size` bytes, aligned to 8, not cleared. NULL: there is no room. */
void *heap_take(struct heap *, size_t size);
/* `block` came from heap_take() of this heap. */
void heap_give(struct heap *, void *block);
