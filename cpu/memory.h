/* SPDX-License-Identifier: MIT
 *
 * What the CPU sees of a machine's memory: 4 KB pages, found on demand. The owner (emu/space.c) keeps the
 * pages; the CPU remembers where they are in its TLB, under the memory's tag, and asks again after the tag
 * has changed. So whoever replaces, removes or shares out a page gives the memory a new tag.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "denali.h"

#define PAGE_SIZE  ((uint32_t)DENALI_PAGE_SIZE)
#define PAGE_SHIFT 12
#define PAGE_MASK  (PAGE_SIZE - 1)

struct code; /* decoded blocks of one page: cpu/block.h */

/* One page of physical memory. Machines may share it; then nobody writes it. */
struct page {
    uint8_t *bytes;    /* PAGE_SIZE bytes, borrowed from the owner of the page */
    struct code *code; /* blocks decoded from it, owned by it (code_drop), NULL = none */
};

struct memory;

struct memory_ops {
    /* The page to read or execute from, by page number. NULL: not accessible, or `away`. */
    struct page *(*read)(struct memory *, uint32_t number);
    /* The page to execute from; may change memory.code_tag. NULL here: as `read`. */
    struct page *(*execute)(struct memory *, uint32_t number);
    /* The page to write to: private to this memory from now on. May change the memory's tag. NULL: as above. */
    struct page *(*write)(struct memory *, uint32_t number);
    /* The page to look at, which nobody notices. NULL: not accessible, or not there now. */
    const struct page *(*peek)(const struct memory *, uint32_t number);
};

struct memory {
    const struct memory_ops *ops;
    uint64_t tag; /* never used before by another memory, nor by this one with other pages; < 2^43 */
    /* Not 0: memories that have this in common have the same page wherever one of them has executed one that still has
     * code; a page with code is replaced only by a memory whose code_tag becomes another one. No memory has it as tag.
     */
    uint64_t code_tag;
    uint32_t size;      /* bytes accessible from address 0; a multiple of PAGE_SIZE */
    uint8_t *registers; /* page 0's bytes, where they may be read and written without asking; NULL: ask */
    bool away; /* set with NULL: the page is not there now (swapped out, no frame for a copy), but may be later */
    /* All `size` bytes in one piece, for reading; NULL: only page by page. They are at all times what `read` shows.
     * When the pointer changes, so does the tag. */
    const uint8_t *flat;
    /* With `flat`: which of its pieces of 64 bytes the CPU may write at once, not 0 = may. The CPU sets these for a
     * page that it has been given to write, but for the last piece: what begins there may go on in the next page.
     * Whoever takes such a page away, or shares it, clears them with memory_direct_clear(). */
    uint8_t *direct;
};

#define DIRECT_SHIFT  6
#define DIRECT_PIECES (PAGE_SIZE >> DIRECT_SHIFT) /* of a page */

static inline void memory_direct_clear(struct memory *memory, uint32_t number)
{
    memset(memory->direct + (size_t)number * DIRECT_PIECES, 0, DIRECT_PIECES);
}
