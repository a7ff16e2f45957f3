/* SPDX-License-Identifier: MIT */
#include "heap.h"

#include <stdbool.h>

#define ALIGNMENT 8u

/* In front of each block, handed out or free. */
struct heap_block {
    size_t size;             /* bytes, header included */
    struct heap_block *next; /* while free */
} __attribute__((aligned(ALIGNMENT)));

static uintptr_t align_up(uintptr_t value)
{
    return (value + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
}

void heap_init(struct heap *heap, uintptr_t start, uintptr_t end)
{
    *heap = (struct heap){.top = align_up(start), .end = end};
}

/* Cuts what is over off the end of a free block of the list, if it is enough for a block. */
static void block_split(struct heap_block *block, size_t size)
{
    if (block->size - size <= sizeof(*block))
        return;
    struct heap_block *rest = (struct heap_block *)((uintptr_t)block + size);
    *rest = (struct heap_block){.size = block->size - size, .next = block->next};
    block->size = size;
    block->next = rest;
}

static struct heap_block *block_extend(struct heap *heap, size_t size)
{
    if (heap->top > heap->end || heap->end - heap->top < size)
        return NULL;
    struct heap_block *block = (struct heap_block *)heap->top;
    heap->top += size;
    block->size = size;
    return block;
}

static struct heap_block *block_find(struct heap *heap, size_t size)
{
    for (struct heap_block **link = &heap->free; *link != NULL; link = &(*link)->next) {
        struct heap_block *block = *link;
        if (block->size < size)
            continue;
        block_split(block, size);
        *link = block->next;
        return block;
    }
    return block_extend(heap, size);
}

void *heap_take(struct heap *heap, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    struct heap_block *block = block_find(heap, align_up(sizeof(*block) + size));
    return block != NULL ? block + 1 : NULL;
}

static bool blocks_touch(const struct heap_block *block, const struct heap_block *next)
{
    return (uintptr_t)block + block->size == (uintptr_t)next;
}

static void block_merge_next(struct heap_block *block)
{
    if (block->next == NULL || !blocks_touch(block, block->next))
        return;
    block->size += block->next->size;
    block->next = block->next->next;
}

void heap_give(struct heap *heap, void *pointer)
{
    struct heap_block *block = (struct heap_block *)pointer - 1;
    struct heap_block **link = &heap->free, *before = NULL;
    while (*link != NULL && *link < block) {
        before = *link;
        link = &before->next;
    }
    block->next = *link;
    *link = block;
    block_merge_next(block);
    if (before != NULL)
        block_merge_next(before);
}
