/* SPDX-License-Identifier: MIT
 *
 * A machine's physical address space: a persistent radix tree over frames. Trees share subtrees by reference, so
 * cloning a space, however large, is one reference; a write copies the nodes on its path and the frame. A page that was
 * never written is absent and reads as zeroes. Both the nodes and the frames are reference-counted.
 */
#pragma once
#include "../sched/replacement.h"
#include "frame.h"
#include "lineage.h"
#include "swap.h"

#define SPACE_PINS 16 /* more than the blocks one instruction can need */

struct space_node; /* emu/space_tree.h */
struct pager;

struct space {
    struct memory memory;    /* first: what the CPU sees */
    struct frame_pool *pool; /* borrowed */
    struct space_node *root; /* NULL: nothing was written yet */
    struct lineage *lineage; /* that it is a member of; one reference; NULL: it shares no knowledge of code */
    struct page *registers;  /* the page that memory.registers lies in; NULL as that */
    uint8_t levels;          /* of the tree, enough for memory.size */
    uint8_t *flat;           /* memory.flat, mapped: the frames that only this space has are in it; of others a copy */
    uint32_t flat_pages;     /* of it that are used */

    struct pager *pager;         /* borrowed; NULL: its pages stay in memory */
    struct swap_region region;   /* of a space with a pager */
    struct resident_owner owner; /* the same */
    uint32_t pins[SPACE_PINS];   /* first pages of blocks it asked for since it was last done with an instruction */
    uint32_t pin_count;
    uint64_t ready;      /* cycles: when all it asked for is in memory */
    const char *trouble; /* why a page could not be had: its owner cannot go on; NULL: there is none */
};

/* An empty space of `size` bytes (a multiple of PAGE_SIZE, at most 4 GB - PAGE_SIZE). */
void space_init(struct space *, struct frame_pool *, uint32_t size);
/* Gives back every frame, and its region. */
void space_drop(struct space *);
/* Every page is absent again. */
void space_drop_pages(struct space *);
/* `to` becomes a copy of `from`; both go on independently. `from` gets a new tag, since its pages are shared now. It
 * must have no pager. */
void space_clone(struct space *to, struct space *from);
/* From now on its own pages may be swapped out. It stays where it is until it is dropped. False: no host memory. */
bool space_attach(struct space *, struct pager *);

/* An instruction was done: what it needed may leave. */
static inline void space_progress(struct space *space)
{
    space->pin_count = 0;
}

/* For machines that are swapped out as a whole. Which pages are in swap: a bit for each, in `bits`, which has
 * space_map_bytes() and is zeroed. */
size_t space_map_bytes(const struct space *);
void space_swapped(const struct space *, uint8_t *bits);
/* These pages are; the space had none of its own. False: no host memory. */
bool space_set_swapped(struct space *, const uint8_t *bits);
/* It leaves its pager and ends, as space_drop() does; its region and what is in it stay, for space_return(). */
struct swap_region space_leave(struct space *);
void space_return(struct space *, struct pager *, struct swap_region);

/* A page to read, or one to write that is private from now on; brought in if it is away. Not while a CPU runs in the
 * space: that leaves with CPU_PAGE. The pointer is good until the next page is asked for, of any space with the same
 * pager. NULL: there is none; if `trouble` is set then, it could not be had. */
struct page *space_page(struct space *, uint32_t number, bool write);

/* The bytes of page 0, to read and write, which every turn of a machine asks for. NULL as above. */
static inline uint8_t *space_registers(struct space *space)
{
    if (space->memory.registers)
        return space->memory.registers;
    struct page *page = space_page(space, 0, true);
    return page ? page->bytes : NULL;
}

/* Put all of the space in one piece of host memory, which makes loads faster and costs a mapping, and a copy of what is
 * shared. It stays so until the space is cloned. False: the host gives no address space; nothing has changed. */
bool space_flatten(struct space *);

/* Copy bytes in or out, all or nothing, for loaders, devices and debuggers. False: *fault is the first address not
 * accessible, or what could not be had (`trouble`). Decoded code under a write is dropped.
 */
bool space_read(struct space *, uint32_t address, void *to, uint32_t length, uint32_t *fault);
bool space_write(struct space *, uint32_t address, const void *from, uint32_t length, uint32_t *fault);

/* Calls `visit` for every page that is present or swapped out, in order of page number; nothing moves. `bytes` NULL: it
 * cannot be read from swap. */
void space_visit(const struct space *, void (*visit)(void *owner, uint32_t number, const uint8_t *bytes), void *owner);
/* Frames only this space has, and frames it shares with others (a frame below a shared node counts as shared). */
void space_count(const struct space *, uint64_t *private_frames, uint64_t *shared_frames);
/* Host bytes that only this space has, beside those of its frames in the pool. */
size_t space_bytes(const struct space *);
