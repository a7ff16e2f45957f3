/* SPDX-License-Identifier: MIT */
#include "access.h"
#include "block.h"
#include "mmu.h"

void access_use_memory(struct cpu *c, struct memory *memory)
{
    bool flat = memory->flat && !c->translating;

    c->memory = memory;
    c->flat = memory->flat;
    c->direct = memory->direct;
    c->flat_end = flat ? memory->size - FLAT_MARGIN : 0;
    c->tag = c->translating ? mmu_tag(c) : (memory->tag + 1) << TAG_SHIFT;
    c->code_tag = c->translating || !memory->code_tag ? c->tag : (memory->code_tag + 1) << TAG_SHIFT;
}

/* With a fault for a reason other than the lack of memory, *exception is it. */
static bool translate(struct cpu *c, uint32_t address, uint32_t access, uint32_t *physical,
                      struct cpu_exception *exception)
{
    *physical = address;
    return !c->translating || mmu_translate(&c->state->mmu, c->user, address, access, physical, exception);
}

static void stop_for_page(struct cpu *c, uint32_t number, bool write)
{
    c->memory->away = false;
    c->stop = STOP_PAGE;
    c->wanted = (struct cpu_page){.number = number, .write = write};
}

void access_fault(struct cpu *c, uint32_t address, uint32_t access)
{
    uint32_t physical;

    c->stop = STOP_EXCEPTION;
    if (!translate(c, address, access, &physical, &c->exception))
        return;
    if (c->memory->away)
        stop_for_page(c, physical >> PAGE_SHIFT, access & DENALI_FAULT_WRITE);
    else
        c->exception = (struct cpu_exception){
            .number = DENALI_EXC_MEMORY, .error = access | (c->user ? DENALI_FAULT_USER : 0), .address = address};
}

static uint32_t bytes_in_page(uint32_t address, unsigned bytes)
{
    uint32_t room = PAGE_SIZE - (address & PAGE_MASK);
    return bytes < room ? bytes : room;
}

static void entry_fill(struct cpu *c, uint32_t address, struct page *page, bool writable)
{
    struct tlb_entry *entry = tlb_entry(c, address);
    uint64_t key = tlb_key(c, address);

    entry->page = page;
    entry->offset = (uintptr_t)page->bytes - (address & ~PAGE_MASK);
    entry->read_key = key;
    entry->write_key = writable ? key : 0;
}

/* The page lies in the piece, and nobody has to be asked before a store into it. */
static void direct_set(struct memory *memory, uint32_t number, const struct page *page)
{
    if (memory->flat && page->bytes == memory->flat + ((size_t)number << PAGE_SHIFT))
        memset(memory->direct + (size_t)number * DIRECT_PIECES, 1, DIRECT_PIECES - 1);
}

struct page *fetch_page(struct cpu *c, uint32_t address)
{
    struct tlb_entry *entry = tlb_entry(c, address);

    if (entry->read_key == tlb_key(c, address))
        return entry->page;
    struct cpu_exception ignored;
    uint32_t physical;
    if (!translate(c, address, 0, &physical, &ignored))
        return NULL;
    struct page *page = c->memory->ops->read(c->memory, physical >> PAGE_SHIFT);
    if (page)
        entry_fill(c, address, page, false);
    return page;
}

struct page *execute_page(struct cpu *c, uint32_t address)
{
    struct memory *memory = c->memory;
    struct cpu_exception ignored;
    uint32_t physical;

    if (!translate(c, address, 0, &physical, &ignored))
        return NULL;
    struct page *(*get)(struct memory *, uint32_t) = memory->ops->execute ? memory->ops->execute : memory->ops->read;
    struct page *page = get(memory, physical >> PAGE_SHIFT);
    access_use_memory(c, memory);
    return page;
}

bool page_is_registers(struct cpu *c, const struct page *page)
{
    return page->bytes == registers_read(c);
}

uint64_t load_slow(struct cpu *c, uint32_t address, unsigned bytes)
{
    uint8_t buffer[8] = {0};

    for (unsigned done = 0; done < bytes;) {
        uint32_t part = bytes_in_page(address + done, bytes - done);
        struct page *page = fetch_page(c, address + done);
        if (!page) {
            access_fault(c, address + done, 0);
            return LOAD_FAILED;
        }
        memcpy(buffer + done, page->bytes + ((address + done) & PAGE_MASK), part);
        done += part;
    }
    return bytes_get(buffer, bytes);
}

/* Stores to these registers can make an interrupt deliverable. */
static bool touches_interrupt_registers(uint32_t physical, uint32_t length)
{
    return physical < DENALI_REG_IRQ_HANDLER + 4 && physical + length > DENALI_REG_IRQ_ENABLED;
}

/* Where to write these bytes of one page, or NULL. A store that could change decoded code or the interrupt registers
 * is refused with STOP_RETRY unless its instruction runs alone. */
static uint8_t *writable(struct cpu *c, uint32_t address, uint32_t length)
{
    struct cpu_exception ignored;
    uint32_t physical;
    bool mapped = translate(c, address, DENALI_FAULT_WRITE, &physical, &ignored);
    uint32_t number = physical >> PAGE_SHIFT, offset = physical & PAGE_MASK;
    struct memory *memory = c->memory;
    struct page *old = mapped ? memory->ops->read(memory, number) : NULL;

    if (!old) {
        access_fault(c, address, DENALI_FAULT_WRITE);
        return NULL;
    }
    bool to_interrupts = touches_interrupt_registers(physical, length);
    if (!c->alone && (to_interrupts || (old->code && code_covers(old->code, offset, length)))) {
        c->stop = STOP_RETRY;
        return NULL;
    }
    struct page *page = memory->ops->write(memory, number);
    access_use_memory(c, memory);
    if (!page) {
        stop_for_page(c, number, true);
        return NULL;
    }
    /* A copy takes the place of a page with code: what runs may be just that code. */
    if (page != old && old->code && !c->alone) {
        c->stop = STOP_RETRY;
        return NULL;
    }
    code_written(page, offset, length);
    if (to_interrupts)
        c->check = true;
    const bool at_once = number != 0 && !page->code;
    entry_fill(c, address, page, at_once);
    if (at_once)
        direct_set(memory, number, page);
    return page->bytes + offset;
}

bool store_slow(struct cpu *c, uint32_t address, uint32_t value, unsigned bytes)
{
    uint32_t first = bytes_in_page(address, bytes);
    uint8_t *low = writable(c, address, first);
    uint8_t *high = low && first < bytes ? writable(c, address + first, bytes - first) : NULL;

    if (!low || (first < bytes && !high))
        return false;
    bytes_put(low, value, first);
    if (high)
        bytes_put(high, value >> (8 * first), bytes - first);
    return true;
}

uint8_t *modify_slow(struct cpu *c, uint32_t address, unsigned bytes)
{
    uint32_t first = bytes_in_page(address, bytes);
    uint8_t *low = writable(c, address, first);

    if (!low || first == bytes)
        return low;
    const uint8_t *high = writable(c, address + first, bytes - first);
    if (!high)
        return NULL;
    memcpy(c->bounce, low, first);
    memcpy(c->bounce + first, high, bytes - first);
    c->bounce_address = address;
    return c->bounce;
}

/* Both pages have just been made writable, so neither can fail now. */
void modify_end_slow(struct cpu *c, unsigned bytes)
{
    uint32_t first = bytes_in_page(c->bounce_address, bytes);

    memcpy(writable(c, c->bounce_address, first), c->bounce, first);
    memcpy(writable(c, c->bounce_address + first, bytes - first), c->bounce + first, bytes - first);
}

void access_protect(struct cpu *c, const struct page *page)
{
    for (size_t i = 0; i < TLB_ENTRIES; i++)
        if (c->tlb[i].page == page)
            c->tlb[i].write_key = 0;
    const uintptr_t distance = (uintptr_t)page->bytes - (uintptr_t)c->memory->flat;
    if (c->memory->flat && distance < c->memory->size)
        memory_direct_clear(c->memory, (uint32_t)(distance >> PAGE_SHIFT));
}

uint32_t register_read(struct cpu *c, uint32_t offset)
{
    return bytes_get(registers_read(c) + offset, 4);
}

bool register_write(struct cpu *c, uint32_t offset, uint32_t value)
{
    uint8_t *registers = c->memory->registers;

    if (!registers) {
        const struct page *page = c->memory->ops->write(c->memory, 0);
        access_use_memory(c, c->memory);
        if (!page) {
            stop_for_page(c, 0, true);
            return false;
        }
        registers = page->bytes;
    }
    bytes_put(registers + offset, value, 4);
    return true;
}
