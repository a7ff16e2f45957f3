/* SPDX-License-Identifier: MIT
 *
 * The heap of the machine: from the end of the image to 64 KB below the top of memory, where the stack is.
 */
#include "guest.h"
#include "heap.h"
#include "libc.h"

#define STACK_SIZE 0x10000

static struct heap heap;

void *malloc(size_t size)
{
    if (heap.end == 0 && registers.memory_size > STACK_SIZE)
        heap_init(&heap, registers.image_end, registers.memory_size - STACK_SIZE);
    return heap_take(&heap, size);
}

void free(void *block)
{
    if (block != NULL)
        heap_give(&heap, block);
}
