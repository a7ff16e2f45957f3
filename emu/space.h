/* SPDX-License-Identifier: MIT
 *
 * A machine's physical address space: a persistent radix tree over frames. Trees share subtrees by reference, so
 * cloning a space, however large, is one reference; a write copies the nodes on its path and the frame. A page that was
 * never written is absent and reads as zeroes. Both the nodes and the frames are reference-counted.
 */
#pragma once
#include "frame.h"

struct space_node; /* private to space.c */

struct space {
    struct memory memory;    /* first: what the CPU sees */
    struct frame_pool *pool; /* borrowed */
    struct space_node *root; /* NULL: nothing was written yet */
    uint8_t levels;          /* of the tree, enough for memory.size */
    struct page *registers;  /* page 0, which every turn of a machine asks for, if it is this space's alone; or NULL */
    uint8_t *flat;           /* memory.flat, mapped: the frames that only this space has are in it; of others a copy */
    uint32_t flat_pages;     /* of it that are used */
};

/* An empty space of `size` bytes (a multiple of PAGE_SIZE, at most 4 GB - PAGE_SIZE). */
void space_init(struct space *, struct frame_pool *, uint32_t size);
/* Gives back every frame. */
void space_drop(struct space *);
/* `to` becomes a copy of `from`; both go on independently. `from` gets a new tag, since its pages are shared now. */
void space_clone(struct space *to, struct space *from);

/* Put all of the space in one piece of host memory, which makes loads faster and costs a mapping, and a copy of what is
 * shared. It stays so until the space is cloned. False: the host gives no address space; nothing has changed. */
bool space_flatten(struct space *);

/* Copy bytes in or out, all or nothing, for loaders, devices and debuggers. False: *fault is the first address not
 * accessible (for a write, that may also be want of frames). Decoded code under a write is dropped.
 */
bool space_read(struct space *, uint32_t address, void *to, uint32_t length, uint32_t *fault);
bool space_write(struct space *, uint32_t address, const void *from, uint32_t length, uint32_t *fault);

/* Calls `visit` for every frame that is present, in order of page number. */
void space_visit(const struct space *, void (*visit)(void *owner, uint32_t number, const struct frame *), void *owner);
/* Frames only this space has, and frames it shares with others (a frame below a shared node counts as shared). */
void space_count(const struct space *, uint64_t *private_frames, uint64_t *shared_frames);
/* Host bytes that only this space has, beside those of its frames in the pool. */
size_t space_bytes(const struct space *);
