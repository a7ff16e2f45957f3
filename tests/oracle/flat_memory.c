/* SPDX-License-Identifier: MIT */
#include "flat_memory.h"

#include <stdlib.h>

#include "../../cpu/cpu.h"

static struct page *flat_page(struct memory *memory, uint32_t number)
{
    struct flat_memory *self = (struct flat_memory *)memory; /* its first member */

    return number < self->count && self->pages[number].bytes ? &self->pages[number] : NULL;
}

static const struct memory_ops flat_ops = {.read = flat_page, .write = flat_page};

bool flat_memory_init(struct flat_memory *self, uint32_t size, uint64_t tag)
{
    self->memory = (struct memory){.ops = &flat_ops, .tag = tag, .size = size};
    self->count = size >> PAGE_SHIFT;
    self->pages = calloc(self->count, sizeof(*self->pages));
    return self->pages != NULL;
}

void flat_memory_drop(struct flat_memory *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        if (self->pages[i].bytes)
            code_drop(&self->pages[i]);
        free(self->pages[i].bytes);
    }
    free(self->pages);
}

bool flat_memory_add(struct flat_memory *self, uint32_t number)
{
    self->pages[number].bytes = calloc(1, PAGE_SIZE);
    return self->pages[number].bytes != NULL;
}

uint8_t *flat_memory_at(struct flat_memory *self, uint32_t address)
{
    return self->pages[address >> PAGE_SHIFT].bytes + (address & PAGE_MASK);
}
