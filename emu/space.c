/* SPDX-License-Identifier: MIT
 *
 * The radix tree behind a space. A node has 16 children: nodes, or on level 0 frames. Whatever is reachable through a
 * node with more than one reference is shared and never changes; a write first makes its path private, top down.
 * Memory is asked for before anything changes, so a failed write leaves the space as it was.
 */
#include "space.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../cpu/cpu.h"

#define RADIX_BITS 4
#define RADIX      (1u << RADIX_BITS)

struct space_node {
    uint32_t references;
    union {
        struct space_node *nodes[RADIX]; /* levels above 0 */
        struct frame *frames[RADIX];     /* level 0 */
    };
};

static uint32_t slot_of(uint32_t number, unsigned level)
{
    return number >> (level * RADIX_BITS) & (RADIX - 1);
}

/* One reference less. Recursion is as deep as the tree has levels. */
static void node_unref(struct frame_pool *pool, struct space_node *node, unsigned level)
{
    if (--node->references > 0)
        return;
    for (uint32_t i = 0; i < RADIX; i++) {
        if (level == 0 && node->frames[i])
            frame_unref(pool, node->frames[i]);
        else if (level > 0 && node->nodes[i])
            node_unref(pool, node->nodes[i], level - 1);
    }
    free(node);
}

static void node_share(struct space_node *node)
{
    assert(node->references < UINT32_MAX);
    node->references++;
}

/* Make the node in *place one that nobody else has: a new one, or a copy that shares the children. False: no host
 * memory. */
static bool node_own(struct space_node **place, unsigned level)
{
    struct space_node *old = *place;
    if (old && old->references == 1)
        return true;
    struct space_node *node = calloc(1, sizeof(*node));
    if (!node)
        return false;
    if (old) {
        *node = *old;
        old->references--;
        for (uint32_t i = 0; i < RADIX; i++) {
            if (level == 0 && node->frames[i])
                frame_ref(node->frames[i]);
            else if (level > 0 && node->nodes[i])
                node_share(node->nodes[i]);
        }
    }
    node->references = 1;
    *place = node;
    return true;
}

/* The frame of a page, NULL if absent; *own tells whether it and the path to it are this space's alone. */
static struct frame *space_find(const struct space *space, uint32_t number, bool *own)
{
    const struct space_node *node = space->root;
    *own = true;
    for (unsigned level = space->levels - 1; node; level--) {
        *own = *own && node->references == 1;
        if (level == 0) {
            struct frame *frame = node->frames[slot_of(number, 0)];
            *own = *own && frame && frame->references == 1;
            return frame;
        }
        node = node->nodes[slot_of(number, level)];
    }
    *own = false;
    return NULL;
}

/* Where the frame of a page belongs, at the end of a path that is this space's alone. NULL: no host memory; then some
 * nodes may be copies of what they were, which nobody can tell. */
static struct frame **space_own_path(struct space *space, uint32_t number)
{
    struct space_node **place = &space->root;
    for (unsigned level = space->levels - 1;; level--) {
        if (!node_own(place, level))
            return NULL;
        if (level == 0)
            return &(*place)->frames[slot_of(number, 0)];
        place = &(*place)->nodes[slot_of(number, level)];
    }
}

static struct page *space_read_page(struct memory *memory, uint32_t number)
{
    struct space *space = (struct space *)memory;
    if (number >= memory->size >> PAGE_SHIFT)
        return NULL;
    if (number == 0 && space->registers)
        return space->registers;
    bool own;
    struct frame *frame = space_find(space, number, &own);
    return frame ? &frame->page : frame_pool_zero(space->pool);
}

/* One piece of host memory. */

static bool must_move(const struct space *space, const struct frame *frame)
{
    return space->flat && !frame->home;
}

/* The piece has the same bytes already, but for a frame that was just made. */
static void flat_move(struct space *space, uint32_t number, struct frame *frame)
{
    frame_move(frame, space->flat + ((size_t)number << PAGE_SHIFT));
    space->memory.tag = frame_pool_tag(space->pool);
}

static void flat_fill(void *owner, uint32_t number, const struct frame *frame)
{
    struct space *space = owner;
    bool own;

    memcpy(space->flat + ((size_t)number << PAGE_SHIFT), frame->page.bytes, PAGE_SIZE);
    space->flat_pages++;
    struct frame *found = space_find(space, number, &own);
    if (own)
        flat_move(space, number, found);
}

/* memory.flat, and memory.direct behind it. */
static size_t flat_size(const struct space *space)
{
    return (size_t)space->memory.size + (space->memory.size >> DIRECT_SHIFT);
}

bool space_flatten(struct space *space)
{
    if (space->flat)
        return true;
    space->flat = frame_pool_map(space->pool, flat_size(space));
    if (!space->flat)
        return false;
    space->memory.flat = space->flat;
    space->memory.direct = space->flat + space->memory.size;
    space_visit(space, flat_fill, space);
    space->memory.tag = frame_pool_tag(space->pool);
    return true;
}

static void flat_empty(void *owner, uint32_t number, const struct frame *frame)
{
    bool own;
    struct frame *found = space_find(owner, number, &own);
    (void)frame;
    if (own)
        frame_move(found, NULL);
}

/* Once nobody reads there any more. */
static void flat_unmap(struct space *space)
{
    if (space->flat)
        frame_pool_unmap(space->pool, space->flat, flat_size(space));
    space->flat = NULL;
    space->memory.flat = NULL;
    space->memory.direct = NULL;
    space->flat_pages = 0;
}

static struct page *space_own_page(struct memory *memory, uint32_t number)
{
    struct space *space = (struct space *)memory;
    bool own;
    struct frame *old = space_find(space, number, &own);
    if (own && !must_move(space, old))
        return &old->page;
    if (own) { /* the others that had it are gone */
        flat_move(space, number, old);
        return &old->page;
    }
    struct frame *frame = old ? frame_copy(space->pool, old) : frame_new(space->pool);
    struct frame **place = frame ? space_own_path(space, number) : NULL;
    if (!place) {
        if (frame)
            frame_unref(space->pool, frame);
        memory->away = true;
        return NULL;
    }
    if (old)
        frame_unref(space->pool, old);
    *place = frame;
    if (space->flat) {
        space->flat_pages += !old;
        flat_move(space, number, frame);
    }
    memory->tag = frame_pool_tag(space->pool);
    return &frame->page;
}

static struct page *space_write_page(struct memory *memory, uint32_t number)
{
    struct space *space = (struct space *)memory;
    if (number >= memory->size >> PAGE_SHIFT)
        return NULL;
    if (number == 0 && space->registers)
        return space->registers;
    struct page *page = space_own_page(memory, number);
    if (number == 0)
        space->registers = page;
    return page;
}

static const struct memory_ops space_ops = {.read = space_read_page, .write = space_write_page};

void space_init(struct space *space, struct frame_pool *pool, uint32_t size)
{
    assert(size % PAGE_SIZE == 0);
    uint32_t pages = size >> PAGE_SHIFT;
    uint8_t levels = 1;
    while ((uint64_t)1 << (levels * RADIX_BITS) < pages)
        levels++;
    *space = (struct space){
        .memory = {.ops = &space_ops, .tag = frame_pool_tag(pool), .size = size},
        .pool = pool,
        .levels = levels,
    };
}

void space_drop(struct space *space)
{
    if (space->root)
        node_unref(space->pool, space->root, space->levels - 1);
    space->root = NULL;
    space->registers = NULL;
    flat_unmap(space);
}

void space_clone(struct space *to, struct space *from)
{
    if (from->flat)
        space_visit(from, flat_empty, from);
    flat_unmap(from);
    from->registers = NULL;
    *to = *from;
    to->memory.away = false;
    if (from->root)
        node_share(from->root);
    to->memory.tag = frame_pool_tag(from->pool);
    from->memory.tag = frame_pool_tag(from->pool);
}

/* False: the range leaves the space; *fault is the first address outside. */
static bool range_inside(const struct memory *memory, uint32_t address, uint32_t length, uint32_t *fault)
{
    if (length == 0 || (address < memory->size && length <= memory->size - address))
        return true;
    *fault = address < memory->size ? memory->size : address;
    return false;
}

/* How much of a range lies in the page it begins in. */
static uint32_t range_in_page(uint32_t address, uint32_t length)
{
    uint32_t room = PAGE_SIZE - (address & PAGE_MASK);
    return length < room ? length : room;
}

bool space_read(struct space *space, uint32_t address, void *to, uint32_t length, uint32_t *fault)
{
    if (!range_inside(&space->memory, address, length, fault))
        return false;
    for (uint8_t *bytes = to; length > 0;) {
        uint32_t piece = range_in_page(address, length);
        const struct page *page = space_read_page(&space->memory, address >> PAGE_SHIFT);
        memcpy(bytes, page->bytes + (address & PAGE_MASK), piece);
        bytes += piece;
        address += piece;
        length -= piece;
    }
    return true;
}

/* Get the frames for a range that lies inside. */
static bool range_own(struct space *space, uint32_t address, uint32_t length, uint32_t *fault)
{
    while (length > 0) {
        uint32_t piece = range_in_page(address, length);
        if (!space_write_page(&space->memory, address >> PAGE_SHIFT)) {
            *fault = address;
            return false;
        }
        address += piece;
        length -= piece;
    }
    return true;
}

bool space_write(struct space *space, uint32_t address, const void *from, uint32_t length, uint32_t *fault)
{
    if (!range_inside(&space->memory, address, length, fault) || !range_own(space, address, length, fault))
        return false;
    for (const uint8_t *bytes = from; length > 0;) {
        uint32_t piece = range_in_page(address, length), offset = address & PAGE_MASK;
        struct page *page = space_write_page(&space->memory, address >> PAGE_SHIFT);
        if (page->code)
            code_written(page, offset, piece);
        memcpy(page->bytes + offset, bytes, piece);
        bytes += piece;
        address += piece;
        length -= piece;
    }
    return true;
}

struct visitor {
    void (*visit)(void *owner, uint32_t number, const struct frame *);
    void *owner;
};

/* `number` is that of the node's first page. */
static void node_visit(const struct space_node *node, unsigned level, uint32_t number, const struct visitor *visitor)
{
    for (uint32_t i = 0; i < RADIX; i++) {
        uint32_t first = number + (i << (level * RADIX_BITS));
        if (level == 0 && node->frames[i])
            visitor->visit(visitor->owner, first, node->frames[i]);
        else if (level > 0 && node->nodes[i])
            node_visit(node->nodes[i], level - 1, first, visitor);
    }
}

void space_visit(const struct space *space, void (*visit)(void *owner, uint32_t number, const struct frame *),
                 void *owner)
{
    struct visitor visitor = {visit, owner};
    if (space->root)
        node_visit(space->root, space->levels - 1, 0, &visitor);
}

struct frame_counts {
    uint64_t own, shared;
};

static void node_count(const struct space_node *node, unsigned level, bool shared, struct frame_counts *counts)
{
    shared = shared || node->references > 1;
    for (uint32_t i = 0; i < RADIX; i++) {
        if (level > 0 && node->nodes[i])
            node_count(node->nodes[i], level - 1, shared, counts);
        else if (level == 0 && node->frames[i])
            *(shared || node->frames[i]->references > 1 ? &counts->shared : &counts->own) += 1;
    }
}

void space_count(const struct space *space, uint64_t *private_frames, uint64_t *shared_frames)
{
    struct frame_counts counts = {0};
    if (space->root)
        node_count(space->root, space->levels - 1, false, &counts);
    *private_frames = counts.own;
    *shared_frames = counts.shared;
}

static size_t node_bytes(const struct space_node *node, unsigned level)
{
    if (node->references > 1)
        return 0;
    size_t bytes = sizeof(*node);
    for (uint32_t i = 0; level > 0 && i < RADIX; i++) {
        if (node->nodes[i])
            bytes += node_bytes(node->nodes[i], level - 1);
    }
    return bytes;
}

size_t space_bytes(const struct space *space)
{
    size_t nodes = space->root ? node_bytes(space->root, space->levels - 1) : 0;
    return nodes + (size_t)space->flat_pages * PAGE_SIZE;
}
