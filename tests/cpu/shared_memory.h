/* SPDX-License-Identifier: MIT
 *
 * A struct memory of a few pages that starts with pages it shares, and takes copies of those it writes: what
 * emu/space.c does, in the small.
 */
#pragma once
#include <stdlib.h>
#include <string.h>

#include "../../cpu/cpu.h"

enum { SHARED_PAGES = 16 };

struct shared_memory {
    struct memory memory;
    struct page *pages[SHARED_PAGES]; /* NULL: not accessible */
    bool owned[SHARED_PAGES];
    uint64_t *tags;       /* the last one given, for all memories of a test */
    unsigned copies_left; /* frames there still are */
    uint32_t away;        /* by page: swapped out */
};

static inline struct shared_memory *shared_of(struct memory *memory)
{
    return (struct shared_memory *)memory;
}

static inline struct page *shared_page_new(const uint8_t *bytes)
{
    struct page *page = calloc(1, sizeof(*page));
    page->bytes = calloc(1, PAGE_SIZE);
    if (bytes)
        memcpy(page->bytes, bytes, PAGE_SIZE);
    return page;
}

static inline void shared_page_free(struct page *page)
{
    code_drop(page);
    free(page->bytes);
    free(page);
}

static inline struct page *shared_read(struct memory *memory, uint32_t number)
{
    if (number >= SHARED_PAGES || !shared_of(memory)->pages[number])
        return NULL;
    memory->away = shared_of(memory)->away >> number & 1;
    return memory->away ? NULL : shared_of(memory)->pages[number];
}

static inline struct page *shared_write(struct memory *memory, uint32_t number)
{
    struct shared_memory *m = shared_of(memory);
    if (!shared_read(memory, number) || m->owned[number])
        return shared_read(memory, number);
    if (m->copies_left == 0) {
        memory->away = true;
        return NULL;
    }
    m->copies_left--;
    m->pages[number] = shared_page_new(m->pages[number]->bytes);
    m->owned[number] = true;
    memory->tag = ++*m->tags;
    return m->pages[number];
}

static inline void shared_memory_init(struct shared_memory *m, struct page *const pages[SHARED_PAGES], uint64_t *tags)
{
    static const struct memory_ops ops = {.read = shared_read, .write = shared_write};
    *m = (struct shared_memory){
        .memory = {.ops = &ops, .tag = ++*tags, .size = SHARED_PAGES * PAGE_SIZE}, .tags = tags, .copies_left = 1000};
    memcpy(m->pages, pages, sizeof(m->pages));
}

/* The page comes back; it can be written, if that was wanted. */
static inline void shared_bring(struct shared_memory *m, const struct cpu_page *wanted)
{
    m->away &= ~(1u << wanted->number);
    m->copies_left += wanted->write && !m->owned[wanted->number];
}

/* Pages of this mask go. */
static inline void shared_send_away(struct shared_memory *m, uint32_t pages)
{
    m->away |= pages;
    m->memory.tag = ++*m->tags;
}

static inline void shared_memory_drop(struct shared_memory *m)
{
    for (size_t i = 0; i < SHARED_PAGES; i++)
        if (m->owned[i])
            shared_page_free(m->pages[i]);
}
