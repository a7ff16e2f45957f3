/* SPDX-License-Identifier: MIT */
#include "heap.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define SIZE   65536
#define BLOCKS 64

static _Alignas(16) uint8_t memory[SIZE];

static struct heap heap_new(void)
{
    struct heap heap;
    heap_init(&heap, (uintptr_t)memory, (uintptr_t)memory + SIZE);
    return heap;
}

Test(heap, take_until_full_blocks_are_aligned_and_inside)
{
    struct heap heap = heap_new();
    uint8_t *block, *last = memory;
    int blocks = 0;
    while ((block = heap_take(&heap, 1001)) != NULL) {
        cr_assert_eq((uintptr_t)block % 8, 0);
        cr_assert_geq(block, last);
        last = block + 1001;
        cr_assert_leq(last, memory + SIZE);
        blocks++;
    }
    cr_assert_geq(blocks, SIZE / 1040);
}

Test(heap, give_all_in_any_order_merges_to_one)
{
    struct heap heap = heap_new();
    void *blocks[8];
    for (int i = 0; i < 8; i++)
        blocks[i] = heap_take(&heap, 7000);
    static const int order[] = {3, 0, 7, 5, 1, 6, 2, 4};
    for (int i = 0; i < 8; i++)
        heap_give(&heap, blocks[order[i]]);
    cr_assert_eq(heap_take(&heap, 8 * 7000), blocks[0]);
}

Test(heap, freed_block_is_used_again_before_new_memory)
{
    struct heap heap = heap_new();
    void *first = heap_take(&heap, 100);
    heap_take(&heap, 100);
    heap_give(&heap, first);
    cr_assert_eq(heap_take(&heap, 40), first);
    cr_assert_lt((uintptr_t)heap_take(&heap, 20), (uintptr_t)first + 100);
}

Test(heap, impossible_sizes_are_refused)
{
    struct heap heap = heap_new();
    cr_assert_null(heap_take(&heap, SIZE));
    cr_assert_null(heap_take(&heap, SIZE_MAX));
    cr_assert_null(heap_take(&heap, SIZE_MAX - 4));
    cr_assert_not_null(heap_take(&heap, SIZE - 64));
}

Test(heap, take_touches_nothing_but_the_header)
{
    struct heap heap = heap_new();
    uint8_t *block = heap_take(&heap, 5000);
    for (int i = 0; i < 5000; i++)
        cr_assert_eq(block[i], 0);
    for (uint8_t *byte = block + 5000; byte < memory + SIZE; byte++)
        cr_assert_eq(*byte, 0);
}

/* Takes and gives at random, fills each block with its own byte and finds it unchanged. */
Test(heap, random_use_never_overlaps)
{
    struct heap heap = heap_new();
    struct {
        uint8_t *bytes;
        size_t size;
    } blocks[BLOCKS] = {{NULL, 0}};
    srand(1);
    for (int step = 0; step < 100000; step++) {
        int i = rand() % BLOCKS;
        if (blocks[i].bytes != NULL) {
            for (size_t j = 0; j < blocks[i].size; j++)
                cr_assert_eq(blocks[i].bytes[j], i);
            heap_give(&heap, blocks[i].bytes);
            blocks[i].bytes = NULL;
            continue;
        }
        blocks[i].size = (size_t)rand() % 1500;
        blocks[i].bytes = heap_take(&heap, blocks[i].size);
        if (blocks[i].bytes != NULL)
            memset(blocks[i].bytes, i, blocks[i].size);
    }
}
