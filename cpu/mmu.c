/* SPDX-License-Identifier: MIT */
#include "mmu.h"

#include "access.h"

/* Where page words have meaning, and frame words. */
#define PAGE_WORD_MASK  (~PAGE_MASK | DENALI_MMU_ASID_MASK)
#define FRAME_WORD_MASK (~PAGE_MASK | DENALI_MMU_VALID | DENALI_MMU_WRITABLE | DENALI_MMU_USER | DENALI_MMU_GLOBAL)

static bool entry_matches(const struct mmu_entry *entry, uint32_t page_word)
{
    uint32_t differs = entry->page ^ page_word;
    if (entry->frame & DENALI_MMU_GLOBAL)
        differs &= ~PAGE_MASK;
    return (entry->frame & DENALI_MMU_VALID) && differs == 0;
}

/* The first entry that matches, DENALI_MMU_ENTRIES if none does. */
static uint32_t entry_find(const struct mmu_state *mmu, uint32_t page_word)
{
    uint32_t i = 0;
    while (i < DENALI_MMU_ENTRIES && !entry_matches(&mmu->entries[i], page_word))
        i++;
    return i;
}

static bool refuse(struct cpu_exception *exception, uint32_t number, uint32_t error, uint32_t address)
{
    *exception = (struct cpu_exception){.number = number, .error = error, .address = address};
    return false;
}

bool mmu_translate(const struct mmu_state *mmu, bool user, uint32_t address, uint32_t access, uint32_t *physical,
                   struct cpu_exception *exception)
{
    uint32_t error = access | (user ? DENALI_FAULT_USER : 0), forbidden = error | DENALI_FAULT_PRESENT;

    *physical = address;
    if (!mmu->on)
        return true;
    if (address >= DENALI_MMU_BYPASS) {
        *physical = address - DENALI_MMU_BYPASS;
        return !user || refuse(exception, DENALI_EXC_TLB_PROTECTION, forbidden, address);
    }
    uint32_t found = entry_find(mmu, (address & ~PAGE_MASK) | mmu->asid);
    if (found == DENALI_MMU_ENTRIES)
        return refuse(exception, DENALI_EXC_TLB_MISS, error, address);
    uint32_t frame = mmu->entries[found].frame;
    if ((user && !(frame & DENALI_MMU_USER)) || ((access & DENALI_FAULT_WRITE) && !(frame & DENALI_MMU_WRITABLE)))
        return refuse(exception, DENALI_EXC_TLB_PROTECTION, forbidden, address);
    *physical = (frame & ~PAGE_MASK) | (address & PAGE_MASK);
    return true;
}

bool cpu_translate(const struct cpu_state *state, uint32_t address, uint32_t access, uint32_t *physical,
                   struct cpu_exception *exception)
{
    return mmu_translate(&state->mmu, state->user, address, access, physical, exception);
}

/* Tags of memories are small numbers; the highest bit sets these apart from them. */
#define CONTEXT_TAG (UINT64_C(1) << 63)

uint64_t mmu_tag(struct cpu *c)
{
    uint64_t memory_tag = c->memory->tag;
    uint16_t name = (uint16_t)(c->state->mmu.asid << 1 | c->user);
    struct mmu_context *context = &c->contexts[(name ^ memory_tag << 1) % MMU_CONTEXTS];

    if (context->tag == 0 || context->name != name || context->memory_tag != memory_tag)
        *context = (struct mmu_context){
            .memory_tag = memory_tag, .tag = CONTEXT_TAG | ++c->context_count << TAG_SHIFT, .name = name};
    return context->tag;
}

/* Registers. */

/* A page of any address space has one slot of the TLB where it can be. */
static void slot_clear(struct cpu *c, uint32_t address)
{
    struct tlb_entry *slot = tlb_entry(c, address);
    slot->read_key = slot->write_key = 0;
}

static void entry_invalidate(struct cpu *c, struct mmu_entry *entry)
{
    slot_clear(c, entry->page);
    entry->frame &= ~(uint32_t)DENALI_MMU_VALID;
}

static void entry_write(struct cpu *c, struct mmu_state *mmu, uint32_t frame_word)
{
    struct mmu_entry *entry = &mmu->entries[mmu->index];

    slot_clear(c, entry->page);
    slot_clear(c, mmu->page);
    code_places_forget(c);
    *entry = (struct mmu_entry){.page = mmu->page, .frame = frame_word & FRAME_WORD_MASK};
    mmu->index = (mmu->index + 1) % DENALI_MMU_ENTRIES;
}

static void probe(struct mmu_state *mmu, uint32_t page_word)
{
    uint32_t found = entry_find(mmu, page_word & PAGE_WORD_MASK);

    mmu->probed = 0;
    if (found == DENALI_MMU_ENTRIES)
        return;
    mmu->probed = (uint8_t)(found + 1);
    mmu->index = (uint8_t)found;
}

static void flush(struct cpu *c, struct mmu_state *mmu, uint32_t which)
{
    code_places_forget(c);
    for (size_t i = 0; i < DENALI_MMU_ENTRIES; i++) {
        struct mmu_entry *entry = &mmu->entries[i];
        bool of_space = !(entry->frame & DENALI_MMU_GLOBAL) &&
                        (entry->page & DENALI_MMU_ASID_MASK) == (which & DENALI_MMU_ASID_MASK);
        if ((which & DENALI_MMU_FLUSH_ALL) || of_space)
            entry_invalidate(c, entry);
    }
}

static void flush_page(struct cpu *c, struct mmu_state *mmu, uint32_t page_word)
{
    code_places_forget(c);
    for (size_t i = 0; i < DENALI_MMU_ENTRIES; i++)
        if (entry_matches(&mmu->entries[i], page_word & PAGE_WORD_MASK))
            entry_invalidate(c, &mmu->entries[i]);
}

uint32_t mmu_port_read(const struct mmu_state *mmu, uint32_t port)
{
    switch (port) {
    case DENALI_PORT_MMU_CONTROL:
        return mmu->on ? DENALI_MMU_ON : 0;
    case DENALI_PORT_MMU_ASID:
        return mmu->asid;
    case DENALI_PORT_MMU_INDEX:
        return mmu->index;
    case DENALI_PORT_MMU_PAGE:
        return mmu->entries[mmu->index].page;
    case DENALI_PORT_MMU_FRAME:
        return mmu->entries[mmu->index].frame;
    case DENALI_PORT_MMU_PROBE:
        return mmu->probed - UINT32_C(1);
    case DENALI_PORT_MMU_ENTRIES:
        return DENALI_MMU_ENTRIES;
    default:
        return UINT32_MAX;
    }
}

void mmu_port_write(struct cpu *c, uint32_t port, uint32_t value)
{
    struct mmu_state *mmu = &c->state->mmu;

    switch (port) {
    case DENALI_PORT_MMU_CONTROL:
        mmu->on = c->translating = value & DENALI_MMU_ON;
        access_use_memory(c, c->memory);
        break;
    case DENALI_PORT_MMU_ASID:
        mmu->asid = value & DENALI_MMU_ASID_MASK;
        access_use_memory(c, c->memory);
        break;
    case DENALI_PORT_MMU_INDEX:
        mmu->index = value % DENALI_MMU_ENTRIES;
        break;
    case DENALI_PORT_MMU_PAGE:
        mmu->page = value & PAGE_WORD_MASK;
        break;
    case DENALI_PORT_MMU_FRAME:
        entry_write(c, mmu, value);
        break;
    case DENALI_PORT_MMU_PROBE:
        probe(mmu, value);
        break;
    case DENALI_PORT_MMU_FLUSH:
        flush(c, mmu, value);
        break;
    case DENALI_PORT_MMU_FLUSH_PAGE:
        flush_page(c, mmu, value);
        break;
    default:
        break;
    }
}
