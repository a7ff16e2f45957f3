/* SPDX-License-Identifier: MIT */
#include "pager.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../devices/container_of.h"
#include "space_tree.h"

static uint32_t block_pages(const struct pager *pager)
{
    return 1u << pager->block_shift;
}

/* The first page of the block that has this one. */
static uint32_t block_first(const struct pager *pager, uint32_t number)
{
    return number & ~(block_pages(pager) - 1);
}

/* The bits of a block's pages in leaf_paging.swapped. */
static uint16_t block_bits(const struct pager *pager, uint32_t number)
{
    return (uint16_t)(((1u << block_pages(pager)) - 1) << slot_of(block_first(pager, number), 0));
}

static struct resident *block_of(const struct pager *pager, struct leaf_paging *paging, uint32_t number)
{
    return &paging->blocks[slot_of(number, 0) >> pager->block_shift];
}

static uint32_t region_index(const struct pager *pager, uint32_t number)
{
    return number >> pager->block_shift;
}

static struct space *space_of(struct resident_owner *owner)
{
    return container_of(owner, struct space, owner);
}

/* What policies ask. */

static bool is_pinned(const struct replacement_host *host, const struct resident *block)
{
    const struct pager *pager = container_of_const(host, struct pager, replacement_host);
    const struct space *space = space_of(block->owner);

    bool runs = space == pager->running;

    if ((runs && block->number == 0) || (space == pager->asking && block->number == pager->asked))
        return true;
    if (!runs && (pager->pressure > (space == pager->favoured) || !block->owner->active))
        return false;
    for (uint32_t i = 0; i < space->pin_count; i++)
        if (space->pins[i] == block->number)
            return true;
    return false;
}

/* No use since then: the CPU must ask for the page again. */
static void forget_use(const struct replacement_host *host, struct resident *block)
{
    const struct pager *pager = container_of_const(host, struct pager, replacement_host);

    block->epoch = block->owner->epoch - 1;
    space_of(block->owner)->memory.tag = frame_pool_tag(pager->frames);
}

struct pager *pager_new(struct frame_pool *frames, struct swap *swap, struct pager_host *host,
                        const struct cost_model *costs, const struct clock *clock)
{
    struct pager *pager = calloc(1, sizeof(*pager));
    uint32_t bytes = swap_block_bytes(swap);

    if (!pager) {
        swap_free(swap);
        return NULL;
    }
    *pager = (struct pager){.replacement_host = {.pinned = is_pinned, .forget = forget_use},
                            .frames = frames,
                            .swap = swap,
                            .host = host,
                            .costs = costs,
                            .clock = clock,
                            .buffer = malloc(bytes),
                            .disks = calloc(swap_disks(swap), sizeof(struct disk_clock))};
    while (PAGE_SIZE << pager->block_shift < bytes)
        pager->block_shift++;
    if (pager->buffer && pager->disks) {
        for (uint32_t i = 0; i < swap_disks(swap); i++)
            pager->disks[i] = DISK_CLOCK_NEW;
        return pager;
    }
    pager_free(pager);
    return NULL;
}

void pager_free(struct pager *pager)
{
    if (pager->policy)
        pager->policy->ops->free(pager->policy);
    swap_free(pager->swap);
    free(pager->buffer);
    free(pager->disks);
    free(pager);
}

/* Entries of a leaf. */

size_t pager_leaf_bytes(const struct pager *pager)
{
    return sizeof(struct leaf_paging) + (RADIX >> pager->block_shift) * sizeof(struct resident);
}

struct leaf_paging *pager_leaf_new(const struct pager *pager)
{
    return calloc(1, pager_leaf_bytes(pager));
}

static void block_leave(struct pager *pager, struct resident *block)
{
    pager->policy->ops->remove(pager->policy, block);
    block->owner->blocks--;
}

void pager_forget(struct pager *pager, struct leaf_paging *paging)
{
    for (uint32_t i = 0; i < RADIX >> pager->block_shift; i++)
        if (paging->blocks[i].queued)
            block_leave(pager, &paging->blocks[i]);
    pager->counters.swapped -= (uint64_t)__builtin_popcount(paging->swapped);
    free(paging);
}

bool pager_is_swapped(const struct leaf_paging *paging, uint32_t number)
{
    return paging->swapped >> slot_of(number, 0) & 1;
}

bool pager_is_out(const struct pager *pager, const struct leaf_paging *paging, uint32_t number)
{
    return paging->swapped & block_bits(pager, number);
}

void pager_set_swapped(struct space *space, struct space_node *leaf, uint16_t swapped)
{
    for (uint32_t slot = 0; slot < RADIX; slot++) {
        if ((swapped >> slot & 1) && leaf->frames[slot]) {
            frame_unref(space->pool, leaf->frames[slot]);
            leaf->frames[slot] = NULL;
        }
    }
    leaf->paging->swapped = swapped;
}

static void note_use(struct pager *pager, struct resident *block)
{
    const struct replacement_ops *policy = pager->policy->ops;

    if (resident_is_used(block))
        return;
    block->epoch = block->owner->epoch;
    if (policy->touched)
        policy->touched(pager->policy, block);
}

void pager_note_use(struct space *space, struct leaf_paging *paging, uint32_t number)
{
    struct resident *block = block_of(space->pager, paging, number);
    if (block->queued)
        note_use(space->pager, block);
}

static void block_enter(struct space *space, struct resident *block, uint32_t number, bool dirty)
{
    struct pager *pager = space->pager;

    *block = (struct resident){
        .owner = &space->owner, .number = block_first(pager, number), .epoch = space->owner.epoch, .dirty = dirty};
    pager->policy->ops->add(pager->policy, block);
    space->owner.blocks++;
}

void pager_note_write(struct space *space, struct leaf_paging *paging, uint32_t number)
{
    struct resident *block = block_of(space->pager, paging, number);

    if (!block->queued)
        block_enter(space, block, number, true);
    block->dirty = true;
    note_use(space->pager, block);
}

/* Out. */

/* The frames of a block that are its space's alone. */
static uint16_t block_own_frames(const struct pager *pager, const struct space_node *leaf, uint32_t number)
{
    uint16_t bits = 0;
    for (uint32_t slot = slot_of(block_first(pager, number), 0), i = 0; i < block_pages(pager); i++, slot++)
        if (leaf->frames[slot] && leaf->frames[slot]->references == 1)
            bits |= (uint16_t)(1u << slot);
    return bits;
}

static bool block_write(struct pager *pager, const struct space *space, const struct space_node *leaf, uint32_t first,
                        uint16_t bits)
{
    uint32_t index = region_index(pager, first), slot = slot_of(first, 0);

    for (uint32_t i = 0; i < block_pages(pager); i++) {
        uint8_t *to = pager->buffer + (size_t)i * PAGE_SIZE;
        if (bits >> (slot + i) & 1)
            memcpy(to, leaf->frames[slot + i]->page.bytes, PAGE_SIZE);
        else
            memset(to, 0, PAGE_SIZE);
    }
    return swap_write(pager->swap, &space->region, index, pager->buffer, pager->error, sizeof(pager->error));
}

/* The time an operation on a block takes. */
static uint64_t block_time(struct pager *pager, const struct swap_region *region, uint32_t index)
{
    uint32_t bytes = swap_block_bytes(pager->swap), disks = swap_disks(pager->swap);
    struct disk_clock *disk = &pager->disks[swap_disk(pager->swap, region, index)];

    return disk_clock_take(disk, pager->costs, pager->clock->cycles, (region->first + index) / disks * bytes, bytes);
}

/* What the kernel does for a block, beside the disk. */
static void note_work(struct pager *pager, uint64_t cost, uint16_t bits)
{
    pager->work = clock_after(pager->work, cost * (uint64_t)__builtin_popcount(bits));
}

static void give_up(struct pager *pager, struct space *space)
{
    space->trouble = pager->error;
    pager->counters.lost++;
    pager->host->lost(pager->host, space, pager->error);
    space_drop_pages(space);
}

/* The block leaves; if it cannot be written, all of its space does. */
static void block_out(struct pager *pager, struct resident *block)
{
    struct space *space = space_of(block->owner);
    bool own;
    struct space_node *leaf = space_leaf(space, block->number, &own);
    uint16_t bits = block_own_frames(pager, leaf, block->number);

    assert(own && leaf->paging);
    if (block->dirty && !block_write(pager, space, leaf, block->number, bits)) {
        give_up(pager, space);
        return;
    }
    if (block->dirty) {
        (void)block_time(pager, &space->region, region_index(pager, block->number));
        note_work(pager, pager->costs->page_out, bits);
    }
    *(block->dirty ? &pager->counters.out : &pager->counters.dropped) += 1;
    for (uint32_t slot = 0; slot < RADIX; slot++) {
        if (bits >> slot & 1) {
            frame_unref(pager->frames, leaf->frames[slot]);
            leaf->frames[slot] = NULL;
        }
    }
    leaf->paging->swapped |= bits;
    pager->counters.swapped += (uint64_t)__builtin_popcount(bits);
    space->owner.frames -= (uint32_t)__builtin_popcount(bits);
    space->memory.tag = frame_pool_tag(pager->frames);
    block_leave(pager, block);
    if (space->owner.blocks == 0)
        pager->host->emptied(pager->host, space);
}

/* If all that could leave is what machines wait for, one of them has to wait again. */
static struct resident *victim(struct pager *pager)
{
    struct resident *block = NULL;

    for (pager->pressure = 0; !block && pager->pressure <= 2; pager->pressure++)
        block = pager->policy->ops->victim(pager->policy);
    pager->pressure = 0;
    return block;
}

bool pager_make_room(struct pager *pager, uint64_t frames)
{
    while (frame_pool_left(pager->frames) < frames) {
        struct resident *block = victim(pager);
        if (!block)
            return false;
        block_out(pager, block);
    }
    return true;
}

/* In. */

static bool still_waits(const struct space *space)
{
    return space && space->pin_count > 0 && space->owner.active;
}

static void favour(struct pager *pager, struct space *space)
{
    if (space == pager->favoured || still_waits(pager->favoured))
        return;
    pager->favoured = space == pager->served ? NULL : space;
    if (pager->favoured)
        pager->served = space;
}

/* The pages of a long buffer are not needed all at once: then only the last are pinned. */
static void pin(struct pager *pager, struct space *space, uint32_t number)
{
    favour(pager, space);
    if (space->pin_count == SPACE_PINS)
        space_progress(space);
    space->pins[space->pin_count++] = block_first(pager, number);
}

void pager_run(struct pager *pager, struct space *space)
{
    pager->running = space;
    if (space && pager->policy->ops->watches) {
        space->owner.epoch++;
        space->memory.tag = frame_pool_tag(pager->frames);
    }
}

static bool no_room(struct space *space)
{
    if (!space->trouble)
        space->trouble = "no physical frame left";
    return false;
}

static bool block_in(struct pager *pager, struct space *space, struct space_node *leaf, uint32_t number)
{
    uint32_t first = block_first(pager, number);
    uint16_t bits = leaf->paging->swapped & block_bits(pager, number);

    if (!pager_make_room(pager, (uint64_t)__builtin_popcount(bits)) || space->trouble)
        return no_room(space);
    if (!swap_read(pager->swap, &space->region, region_index(pager, first), pager->buffer, pager->error,
                   sizeof(pager->error))) {
        space->trouble = pager->error;
        return false;
    }
    for (uint32_t i = 0, slot = slot_of(first, 0); i < block_pages(pager); i++, slot++) {
        if (!(bits >> slot & 1))
            continue;
        struct frame *frame = frame_new(pager->frames);
        if (!frame) /* the host has no memory; the pages before are in, and so the block is */
            return no_room(space);
        memcpy(frame->page.bytes, pager->buffer + (size_t)i * PAGE_SIZE, PAGE_SIZE);
        leaf->frames[slot] = frame;
        leaf->paging->swapped &= (uint16_t) ~(1u << slot);
        pager->counters.swapped--;
        space->owner.frames++;
    }
    block_enter(space, block_of(pager, leaf->paging, number), number, false);
    space->memory.tag = frame_pool_tag(pager->frames);
    space->ready = block_time(pager, &space->region, region_index(pager, first));
    note_work(pager, pager->costs->page_in, bits);
    pager->counters.in++;
    return true;
}

static bool bring(struct pager *pager, struct space *space, uint32_t number, bool write)
{
    bool own;
    struct space_node *leaf = space_leaf(space, number, &own);
    bool out = leaf && own && leaf->paging && pager_is_out(pager, leaf->paging, number);

    pin(pager, space, number);
    if (out)
        return block_in(pager, space, leaf, number);
    assert(write);
    (void)write;
    if (frame_pool_left(pager->frames) > 0) { /* frames are not what was wanting */
        space->trouble = "out of host memory";
        return false;
    }
    return (pager_make_room(pager, 1) && !space->trouble) || no_room(space);
}

/* A page that is to be written can need its block, and then a frame more, for which that block must not leave again:
 * also in a machine that idles, whose pins do not count, and whose memory a device writes. */
bool pager_bring(struct pager *pager, struct space *space, uint32_t number, bool write)
{
    pager->asking = space;
    pager->asked = block_first(pager, number);
    bool brought = bring(pager, space, number, write);
    pager->asking = NULL;
    return brought;
}

const uint8_t *pager_peek(const struct space *space, uint32_t number, uint8_t **block, uint32_t *block_number)
{
    const struct pager *pager = space->pager;
    uint32_t first = block_first(pager, number);
    char ignored[sizeof(pager->error)];

    if (!*block)
        *block = malloc(swap_block_bytes(pager->swap));
    if (!*block)
        return NULL;
    if (*block_number != first &&
        !swap_read(pager->swap, &space->region, region_index(pager, first), *block, ignored, sizeof(ignored))) {
        *block_number = UINT32_MAX;
        return NULL;
    }
    *block_number = first;
    return *block + (size_t)(number - first) * PAGE_SIZE;
}

/* Regions. */

/* The record of a state begins with its length. */
#define STATE_HEAD  sizeof(uint64_t)
#define STATE_BYTES 8192 /* of a machine's state, beside a bit for each page */

static uint32_t memory_blocks(const struct pager *pager, uint32_t memory_size)
{
    uint32_t bytes = swap_block_bytes(pager->swap);
    return memory_size / bytes + (memory_size % bytes != 0);
}

static size_t state_bytes(uint32_t memory_size)
{
    return STATE_BYTES + memory_size / PAGE_SIZE / 8;
}

static uint32_t state_blocks(const struct pager *pager, uint32_t memory_size)
{
    size_t bytes = swap_block_bytes(pager->swap);
    return (uint32_t)((state_bytes(memory_size) + bytes - 1) / bytes);
}

bool pager_take_region(struct pager *pager, struct space *space)
{
    uint32_t size = space->memory.size;
    return swap_allocate(pager->swap, memory_blocks(pager, size) + state_blocks(pager, size), &space->region);
}

void pager_give_region(struct pager *pager, struct space *space)
{
    if (pager->favoured == space)
        pager->favoured = NULL;
    if (pager->served == space) /* or it would be taken for whichever space is at that address next */
        pager->served = NULL;
    swap_release(pager->swap, &space->region);
}

void pager_forget_sleeper(struct pager *pager, struct swap_region *region, uint32_t pages)
{
    swap_release(pager->swap, region);
    pager->counters.swapped -= pages;
}

size_t pager_state_room(const struct pager *pager, const struct space *space)
{
    return (size_t)state_blocks(pager, space->memory.size) * swap_block_bytes(pager->swap) - STATE_HEAD;
}

static bool state_block_write(struct pager *pager, const struct space *space, uint32_t index)
{
    (void)block_time(pager, &space->region, index);
    return swap_write(pager->swap, &space->region, index, pager->buffer, pager->error, sizeof(pager->error));
}

bool pager_state_write(struct pager *pager, const struct space *space, const uint8_t *bytes, size_t length)
{
    uint32_t index = memory_blocks(pager, space->memory.size);
    size_t size = swap_block_bytes(pager->swap), at = STATE_HEAD;
    uint64_t head = length;

    assert(length <= pager_state_room(pager, space));
    memcpy(pager->buffer, &head, sizeof(head));
    for (size_t done = 0; done < length; index++, at = 0) {
        size_t part = length - done < size - at ? length - done : size - at;
        memcpy(pager->buffer + at, bytes + done, part);
        memset(pager->buffer + at + part, 0, size - at - part);
        if (!state_block_write(pager, space, index))
            return false;
        done += part;
    }
    return true;
}

static bool state_block_read(struct pager *pager, struct space *space, uint32_t index, bool charged)
{
    if (charged)
        space->ready = block_time(pager, &space->region, index);
    return swap_read(pager->swap, &space->region, index, pager->buffer, pager->error, sizeof(pager->error));
}

bool pager_state_read(struct pager *pager, struct space *space, uint8_t *bytes, size_t room, size_t *length,
                      bool charged)
{
    uint32_t index = memory_blocks(pager, space->memory.size);
    size_t size = swap_block_bytes(pager->swap), at = STATE_HEAD;
    uint64_t head = 1; /* until it is read: there is something */

    for (size_t done = 0; done < head; index++, at = 0) {
        if (!state_block_read(pager, space, index, charged))
            return false;
        if (at > 0)
            memcpy(&head, pager->buffer, sizeof(head));
        if (head > room) {
            snprintf(pager->error, sizeof(pager->error), "swap: the state of a machine is too long");
            return false;
        }
        size_t part = head - done < size - at ? head - done : size - at;
        memcpy(bytes + done, pager->buffer + at, part);
        done += part;
    }
    *length = head;
    return true;
}
