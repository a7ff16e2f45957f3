/* SPDX-License-Identifier: MIT */
#include "oracle.h"

#include <stdlib.h>
#include <string.h>

enum { LINE = 64, PART = 512 };

static int page_index(uint32_t number)
{
    for (int i = 0; i < ARENA_PAGES; i++)
        if (arena_pages[i] == number)
            return i;
    return -1;
}

uint8_t *arena_at(const struct arena *arena, uint32_t address)
{
    int i = page_index(address >> PAGE_SHIFT);

    return i < 0 ? NULL : arena->pages[i] + (address & PAGE_MASK);
}

void arena_write(const struct arena *arena, uint32_t address, const uint8_t *bytes, uint32_t count)
{
    while (count) {
        uint32_t room = PAGE_SIZE - (address & PAGE_MASK), part = count < room ? count : room;
        uint8_t *at = arena_at(arena, address);
        if (at)
            memcpy(at, bytes, part);
        address += part;
        bytes += part;
        count -= part;
    }
}

/* --- memory that notes who writes --- */

static struct page *noting_page(struct memory *memory, uint32_t number)
{
    struct arena_memory *self = (struct arena_memory *)memory; /* the first member of its first member */
    int i = page_index(number);

    if (i < 0)
        return NULL;
    self->written |= 1u << i;
    return &self->flat.pages[number];
}

static struct page *plain_page(struct memory *memory, uint32_t number)
{
    struct arena_memory *self = (struct arena_memory *)memory;

    return page_index(number) < 0 ? NULL : &self->flat.pages[number];
}

static const struct memory_ops noting_ops = {.read = plain_page, .write = noting_page};

static void arena_reset(const struct arena *arena)
{
    const uint32_t enabled = 1, fs_base = SILICON_FS_BASE, gs_base = SILICON_GS_BASE;

    memcpy(arena_at(arena, DENALI_REG_IRQ_ENABLED), &enabled, 4);
    memcpy(arena_at(arena, DENALI_REG_FS_BASE), &fs_base, 4);
    memcpy(arena_at(arena, DENALI_REG_GS_BASE), &gs_base, 4);
}

bool arena_map(struct oracle *self)
{
    struct flat_memory *flat = &self->memory.flat;
    bool mapped = flat_memory_init(flat, ARENA_SIZE, 1);

    flat->memory.ops = &noting_ops;
    for (int i = 0; mapped && i < ARENA_PAGES; i++) {
        mapped = flat_memory_add(flat, arena_pages[i]);
        self->before.pages[i] = calloc(1, PAGE_SIZE);
        self->ours.pages[i] = flat->pages[arena_pages[i]].bytes;
        if (self->silicon)
            self->real.pages[i] = silicon_memory(self->silicon, arena_pages[i] << PAGE_SHIFT);
        mapped = mapped && self->before.pages[i];
    }
    if (!mapped)
        return false;
    arena_reset(&self->before);
    arena_reset(&self->ours);
    if (self->silicon)
        arena_reset(&self->real);
    return true;
}

void arena_unmap(struct oracle *self)
{
    flat_memory_drop(&self->memory.flat);
    for (int i = 0; i < ARENA_PAGES; i++)
        free(self->before.pages[i]);
}

/* --- cases --- */

/* In all memories. The patches spare page 0. */
static void patches_write(struct oracle *self, const struct oracle_case *c, const uint8_t *bytes)
{
    for (uint32_t i = 0; i < c->patch_count; i++) {
        const struct patch *patch = &c->patches[i];
        const uint8_t *from = bytes ? bytes : patch->bytes;
        arena_write(&self->ours, patch->address, from, patch->length);
        arena_write(&self->before, patch->address, from, patch->length);
        if (self->silicon)
            arena_write(&self->real, patch->address, from, patch->length);
    }
}

void case_patch(struct oracle *self, const struct oracle_case *c)
{
    patches_write(self, c, NULL);
}

void case_unpatch(struct oracle *self, const struct oracle_case *c)
{
    static const uint8_t zeroes[PATCH_BYTES];

    patches_write(self, c, zeroes);
}

/* Code, into our memory. `bytes` NULL: as is in silicon's. */
static void place(struct oracle *self, uint32_t address, const uint8_t *bytes, uint32_t count)
{
    while (count) {
        uint32_t offset = address & PAGE_MASK, room = PAGE_SIZE - offset, part = count < room ? count : room;
        int i = page_index(address >> PAGE_SHIFT);
        if (i >= 0) {
            const uint8_t *from = bytes ? bytes : self->real.pages[i] + offset;
            memcpy(self->ours.pages[i] + offset, from, part);
            memcpy(self->before.pages[i] + offset, from, part);
            code_written(&self->memory.flat.pages[arena_pages[i]], offset, part);
        }
        address += part;
        bytes += bytes ? part : 0;
        count -= part;
    }
}

void case_place(struct oracle *self, const struct oracle_case *c)
{
    const uint32_t eip = c->state.eip, landing = case_landing(c);

    if (!self->silicon) {
        place(self, eip, c->code, c->length);
        return;
    }
    arena_write(&self->real, eip, c->code, c->length);
    if (!c->step || landing)
        silicon_place(self->silicon, eip + c->length, landing);
    place(self, eip, NULL, c->length + SILICON_RETURN_BYTES);
    if (landing)
        place(self, landing, NULL, SILICON_RETURN_BYTES);
}

/* --- changes --- */

void change_note(struct outcome *outcome, uint32_t address, uint8_t byte)
{
    if (outcome->change_count < CHANGES)
        outcome->changes[outcome->change_count] = (struct change){.address = address, .byte = byte};
    outcome->change_count++;
    outcome->digest = (outcome->digest ^ ((uint64_t)address << 8 | byte)) * 0x9E3779B97F4A7C15;
}

static void line_collect(struct outcome *outcome, uint32_t address, const uint8_t *before, uint8_t *after)
{
    for (uint32_t i = 0; i < LINE; i++)
        if (before[i] != after[i])
            change_note(outcome, address + i, after[i]);
    memcpy(after, before, LINE);
}

static void part_collect(struct outcome *outcome, uint32_t address, const uint8_t *before, uint8_t *after)
{
    for (uint32_t i = 0; i < PART; i += LINE)
        if (memcmp(before + i, after + i, LINE) != 0)
            line_collect(outcome, address + i, before + i, after + i);
}

void changes_collect(struct oracle *self, const struct arena *arena, unsigned pages, struct outcome *outcome)
{
    outcome->change_count = 0;
    outcome->digest = 0;
    for (int i = 0; i < ARENA_PAGES; i++) {
        const uint8_t *before = self->before.pages[i];
        uint8_t *after = arena->pages[i];
        for (uint32_t k = 0; (pages >> i & 1) && k < PAGE_SIZE; k += PART)
            if (memcmp(before + k, after + k, PART) != 0)
                part_collect(outcome, (arena_pages[i] << PAGE_SHIFT) + k, before + k, after + k);
    }
}

bool arena_settle(struct oracle *self)
{
    bool settled = true;

    for (int i = 0; i < ARENA_PAGES; i++) {
        const uint8_t *before = self->before.pages[i];
        if (memcmp(self->ours.pages[i], before, PAGE_SIZE) == 0 &&
            (!self->silicon || memcmp(self->real.pages[i], before, PAGE_SIZE) == 0))
            continue;
        memcpy(self->ours.pages[i], before, PAGE_SIZE);
        if (self->silicon)
            memcpy(self->real.pages[i], before, PAGE_SIZE);
        code_drop(&self->memory.flat.pages[arena_pages[i]]);
        settled = false;
    }
    return settled;
}
