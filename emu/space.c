/* SPDX-License-Identifier: MIT
 *
 * The radix tree behind a space (emu/space_tree.h). A write first makes its path private, top down. Memory is asked for
 * before anything changes, so a failed write leaves the space as it was.
 */
#include "space.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../cpu/cpu.h"
#include "pager.h"
#include "space_tree.h"

/* One reference less. Recursion is as deep as the tree has levels. */
static void node_unref(struct space *space, struct space_node *node, unsigned level)
{
    if (--node->references > 0)
        return;
    if (node->paging)
        pager_forget(space->pager, node->paging);
    for (uint32_t i = 0; i < RADIX; i++) {
        if (level == 0 && node->frames[i])
            frame_unref(space->pool, node->frames[i]);
        else if (level > 0 && node->nodes[i])
            node_unref(space, node->nodes[i], level - 1);
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
        node->paging = NULL;
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

struct space_node *space_leaf(const struct space *space, uint32_t number, bool *own)
{
    struct space_node *node = space->root;
    *own = true;
    for (unsigned level = space->levels - 1; node; level--) {
        *own = *own && node->references == 1;
        if (level == 0)
            return node;
        node = node->nodes[slot_of(number, level)];
    }
    *own = false;
    return NULL;
}

/* Where a page is. */
struct place {
    struct space_node *leaf;    /* NULL: no page near it was ever written */
    struct frame *frame;        /* NULL: absent, or swapped out */
    struct leaf_paging *paging; /* of a leaf that is this space's alone, if it has it */
    bool own;                   /* the frame and the path to it are this space's alone */
};

static struct place space_find(const struct space *space, uint32_t number)
{
    bool own;
    struct space_node *leaf = space_leaf(space, number, &own);
    if (!leaf)
        return (struct place){0};
    struct frame *frame = leaf->frames[slot_of(number, 0)];
    return (struct place){
        .leaf = leaf,
        .frame = frame,
        .paging = own ? leaf->paging : NULL,
        .own = own && frame && frame->references == 1,
    };
}

/* The leaf of a page, at the end of a path that is this space's alone, with all that its pager needs. NULL: no host
 * memory; then some nodes may be copies of what they were, which nobody can tell. */
static struct space_node *space_own_leaf(struct space *space, uint32_t number)
{
    struct space_node **place = &space->root;
    for (unsigned level = space->levels - 1;; level--) {
        if (!node_own(place, level))
            return NULL;
        if (level == 0)
            break;
        place = &(*place)->nodes[slot_of(number, level)];
    }
    if (space->pager && !(*place)->paging)
        (*place)->paging = pager_leaf_new(space->pager);
    return space->pager && !(*place)->paging ? NULL : *place;
}

static struct page *space_away(struct memory *memory)
{
    memory->away = true;
    return NULL;
}

static struct page *space_read_page(struct memory *memory, uint32_t number)
{
    struct space *space = (struct space *)memory;
    if (number >= memory->size >> PAGE_SHIFT)
        return NULL;
    if (number == 0 && space->registers)
        return space->registers;
    struct place place = space_find(space, number);
    if (!place.frame)
        return place.paging && pager_is_swapped(place.paging, number) ? space_away(memory)
                                                                      : frame_pool_zero(space->pool);
    if (place.own && place.paging)
        pager_note_use(space, place.paging, number);
    return &place.frame->page;
}

/* Members of a lineage. */

static void lineage_leave(struct space *space)
{
    if (space->lineage)
        lineage_unref(space->lineage);
    space->lineage = NULL;
    space->memory.code_tag = 0;
}

/* Another page is going to take the place of this one (NULL: absent, reads as zeroes), for this space alone. */
static void lineage_part(struct space *space, uint32_t number, const struct frame *frame)
{
    const struct page *page = frame ? &frame->page : frame_pool_zero(space->pool);

    if (!space->lineage)
        return;
    if (page->code)
        lineage_leave(space);
    else
        lineage_note(space->lineage, number);
}

static void lineage_join(struct space *to, struct space *from)
{
    if (!from->lineage)
        from->lineage = lineage_new(frame_pool_tag(from->pool), from->memory.size >> PAGE_SHIFT);
    to->lineage = from->lineage ? lineage_ref(from->lineage) : NULL;
    to->memory.code_tag = from->memory.code_tag = from->lineage ? from->lineage->tag : 0;
}

static struct page *space_execute_page(struct memory *memory, uint32_t number)
{
    struct space *space = (struct space *)memory;
    struct page *page = space_read_page(memory, number);

    if (page && space->lineage && (lineage_is_noted(space->lineage, number) || space_find(space, number).own))
        lineage_leave(space);
    return page;
}

static const struct page *space_peek_page(const struct memory *memory, uint32_t number)
{
    const struct space *space = (const struct space *)memory;
    if (number >= memory->size >> PAGE_SHIFT)
        return NULL;
    struct place place = space_find(space, number);
    if (place.frame)
        return &place.frame->page;
    return place.paging && pager_is_swapped(place.paging, number) ? NULL : frame_pool_zero(space->pool);
}

/* Page 0 is remembered, where it stays. NULL: not any more. */
static void registers_keep(struct space *space, struct page *page)
{
    space->registers = page;
    space->memory.registers = page ? page->bytes : NULL;
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
    if (&frame->page == space->registers)
        registers_keep(space, &frame->page);
}

static void flat_fill(void *owner, uint32_t number, const uint8_t *bytes)
{
    struct space *space = owner;

    memcpy(space->flat + ((size_t)number << PAGE_SHIFT), bytes, PAGE_SIZE);
    space->flat_pages++;
    struct place place = space_find(space, number);
    if (place.own)
        flat_move(space, number, place.frame);
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
    if (space->pager) /* its frames come and go */
        return false;
    space->flat = frame_pool_map(space->pool, flat_size(space));
    if (!space->flat)
        return false;
    space->memory.flat = space->flat;
    space->memory.direct = space->flat + space->memory.size;
    space_visit(space, flat_fill, space);
    space->memory.tag = frame_pool_tag(space->pool);
    return true;
}

static void flat_empty(void *owner, uint32_t number, const uint8_t *bytes)
{
    struct place place = space_find(owner, number);
    (void)bytes;
    if (place.own)
        frame_move(place.frame, NULL);
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

/* The page is this space's alone from now on. NULL: no frame, or no host memory. */
static struct frame *space_take_page(struct space *space, uint32_t number, struct frame *old)
{
    struct frame *frame = old ? frame_copy(space->pool, old) : frame_new(space->pool);
    struct space_node *leaf = frame ? space_own_leaf(space, number) : NULL;
    if (!leaf) {
        if (frame)
            frame_unref(space->pool, frame);
        return NULL;
    }
    lineage_part(space, number, old);
    if (old)
        frame_unref(space->pool, old);
    leaf->frames[slot_of(number, 0)] = frame;
    space->owner.frames++;
    if (space->flat) {
        space->flat_pages += !old;
        flat_move(space, number, frame);
    }
    space->memory.tag = frame_pool_tag(space->pool);
    return frame;
}

static struct page *space_own_page(struct memory *memory, uint32_t number)
{
    struct space *space = (struct space *)memory;
    struct place place = space_find(space, number);
    if (place.paging && pager_is_out(space->pager, place.paging, number))
        return space_away(memory);
    struct frame *frame = place.own ? place.frame : space_take_page(space, number, place.frame);
    if (!frame)
        return space_away(memory);
    if (place.own && must_move(space, frame)) /* the others that had it are gone */
        flat_move(space, number, frame);
    if (space->pager) {
        struct space_node *leaf = space_own_leaf(space, number);
        if (!leaf)
            return space_away(memory);
        pager_note_write(space, leaf->paging, number);
    }
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
    if (number == 0 && !space->pager)
        registers_keep(space, page);
    return page;
}

struct page *space_page(struct space *space, uint32_t number, bool write)
{
    struct memory *memory = &space->memory;

    for (;;) {
        struct page *page = (write ? space_write_page : space_read_page)(memory, number);
        if (page || !memory->away)
            return page;
        memory->away = false;
        if (!space->pager)
            space->trouble = "no physical frame left";
        if (space->trouble || !pager_bring(space->pager, space, number, write))
            return NULL;
    }
}

static const struct memory_ops space_ops = {
    .read = space_read_page, .execute = space_execute_page, .write = space_write_page, .peek = space_peek_page};

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

bool space_attach(struct space *space, struct pager *pager)
{
    assert(!space->flat);
    if (!pager_take_region(pager, space))
        return false;
    space->pager = pager;
    space->owner = (struct resident_owner){.epoch = 1};
    return true;
}

void space_drop_pages(struct space *space)
{
    if (space->root)
        node_unref(space, space->root, space->levels - 1);
    space->root = NULL;
    lineage_leave(space);
    registers_keep(space, NULL);
    space->owner.frames = 0;
    space->memory.tag = frame_pool_tag(space->pool);
}

void space_drop(struct space *space)
{
    space_drop_pages(space);
    flat_unmap(space);
    if (space->pager)
        pager_give_region(space->pager, space);
    space->pager = NULL;
}

void space_clone(struct space *to, struct space *from)
{
    assert(!from->pager);
    if (from->flat)
        space_visit(from, flat_empty, from);
    flat_unmap(from);
    registers_keep(from, NULL);
    *to = *from;
    lineage_join(to, from);
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

static void node_swapped(const struct space_node *node, unsigned level, uint32_t number, uint8_t *bits)
{
    if (level == 0 && node->paging)
        memcpy(bits + number / 8, &node->paging->swapped, sizeof(node->paging->swapped));
    for (uint32_t i = 0; level > 0 && i < RADIX; i++)
        if (node->nodes[i])
            node_swapped(node->nodes[i], level - 1, number + (i << (level * RADIX_BITS)), bits);
}

size_t space_map_bytes(const struct space *space)
{
    size_t pages = space->memory.size >> PAGE_SHIFT;
    return (pages + 63) / 64 * sizeof(uint64_t);
}

void space_swapped(const struct space *space, uint8_t *bits)
{
    if (space->root)
        node_swapped(space->root, space->levels - 1, 0, bits);
}

bool space_set_swapped(struct space *space, const uint8_t *bits)
{
    uint32_t pages = space->memory.size >> PAGE_SHIFT;

    for (uint32_t number = 0; number < pages; number += RADIX) {
        uint16_t swapped;
        memcpy(&swapped, bits + number / 8, sizeof(swapped));
        if (!swapped)
            continue;
        struct space_node *leaf = space_own_leaf(space, number);
        if (!leaf)
            return false;
        for (uint32_t i = 0; i < RADIX; i++)
            if (swapped >> i & 1)
                lineage_part(space, number + i, leaf->frames[i]);
        pager_set_swapped(space, leaf, swapped);
    }
    return true;
}

struct swap_region space_leave(struct space *space)
{
    struct swap_region region = space->region;
    struct pager_counters *counters = &space->pager->counters;
    uint64_t swapped = counters->swapped;

    space->region = (struct swap_region){0};
    space_drop(space);
    counters->swapped = swapped; /* they are still there */
    return region;
}

void space_return(struct space *space, struct pager *pager, struct swap_region region)
{
    space->pager = pager;
    space->region = region;
    space->owner = (struct resident_owner){.epoch = 1};
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
        const struct page *page = space_page(space, address >> PAGE_SHIFT, false);
        if (!page) {
            *fault = address;
            return false;
        }
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
        if (!space_page(space, address >> PAGE_SHIFT, true)) {
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
        struct page *page = space_page(space, address >> PAGE_SHIFT, true);
        if (!page) { /* it had to leave again for another of these, and cannot come back */
            *fault = address;
            return false;
        }
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
    const struct space *space;
    void (*visit)(void *owner, uint32_t number, const uint8_t *bytes);
    void *owner;
    uint8_t *block;        /* of swapped pages; owned, NULL until it is needed */
    uint32_t block_number; /* its first page; UINT32_MAX = none yet */
};

/* `number` is that of the leaf's first page. */
static void leaf_visit(const struct space_node *leaf, uint32_t number, struct visitor *visitor)
{
    for (uint32_t i = 0; i < RADIX; i++) {
        const uint8_t *bytes = NULL;
        bool swapped = leaf->paging && pager_is_swapped(leaf->paging, number + i);
        if (leaf->frames[i])
            bytes = leaf->frames[i]->page.bytes;
        else if (swapped)
            bytes = pager_peek(visitor->space, number + i, &visitor->block, &visitor->block_number);
        if (bytes || swapped)
            visitor->visit(visitor->owner, number + i, bytes);
    }
}

/* The same for a node of any level. */
static void node_visit(const struct space_node *node, unsigned level, uint32_t number, struct visitor *visitor)
{
    if (level == 0) {
        leaf_visit(node, number, visitor);
        return;
    }
    for (uint32_t i = 0; i < RADIX; i++)
        if (node->nodes[i])
            node_visit(node->nodes[i], level - 1, number + (i << (level * RADIX_BITS)), visitor);
}

void space_visit(const struct space *space, void (*visit)(void *owner, uint32_t number, const uint8_t *bytes),
                 void *owner)
{
    struct visitor visitor = {.space = space, .visit = visit, .owner = owner, .block_number = UINT32_MAX};
    if (space->root)
        node_visit(space->root, space->levels - 1, 0, &visitor);
    free(visitor.block);
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

static size_t node_bytes(const struct space *space, const struct space_node *node, unsigned level)
{
    if (node->references > 1)
        return 0;
    size_t bytes = sizeof(*node) + (node->paging ? pager_leaf_bytes(space->pager) : 0);
    for (uint32_t i = 0; level > 0 && i < RADIX; i++) {
        if (node->nodes[i])
            bytes += node_bytes(space, node->nodes[i], level - 1);
    }
    return bytes;
}

size_t space_bytes(const struct space *space)
{
    size_t nodes = space->root ? node_bytes(space, space->root, space->levels - 1) : 0;
    return nodes + (size_t)space->flat_pages * PAGE_SIZE;
}
