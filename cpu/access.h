/* SPDX-License-Identifier: MIT
 *
 * Guest memory, as operations reach it. The fast path of a load or store is one TLB compare and one addition, or in a
 * memory that lies in one piece, one compare with its end, and of a store one look at whether it may be done there. A
 * page crossing, a page seen for the first time, a page with decoded code in it, the virtual register page on a store,
 * and faults take the slow path in access.c. With the MMU on, a guest's address is translated there and nowhere else.
 *
 * On failure an access sets cpu.stop (and cpu.exception); the operation then returns op_stop(). Nothing has been
 * written, and nothing else may have been changed by the operation before.
 */
#pragma once
#include <string.h>

#include "core.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "guest words are accessed as host words");

#define LOAD_FAILED (UINT64_C(1) << 63)

/* The value in the low bits, or LOAD_FAILED. */
uint64_t load_slow(struct cpu *, uint32_t address, unsigned bytes);
bool store_slow(struct cpu *, uint32_t address, uint32_t value, unsigned bytes);
uint8_t *modify_slow(struct cpu *, uint32_t address, unsigned bytes);
void modify_end_slow(struct cpu *, unsigned bytes);

/* Keys are tag + page number, and 0 must be no key. */
#define TAG_SHIFT 20

/* The page to read from, or NULL if the address is not accessible. */
struct page *fetch_page(struct cpu *, uint32_t address);
/* The same, to execute from. */
struct page *execute_page(struct cpu *, uint32_t address);
/* Is it the virtual register page, whatever its address? */
bool page_is_registers(struct cpu *, const struct page *);
/* This access (DENALI_FAULT_WRITE or _FETCH, 0 = read) is not possible: sets cpu.stop and cpu.exception. */
void access_fault(struct cpu *, uint32_t address, uint32_t access);
/* Bring the tags up to date: in cpu_run(), after memory's operations may have changed its tag, and after a change of
 * address space or mode. */
void access_use_memory(struct cpu *, struct memory *);
/* A page has got its first decoded block: stores to it must ask from now on. */
void access_protect(struct cpu *, const struct page *);

/* Physical page 0, which is always accessible, to read. */
INLINE const uint8_t *registers_read(struct cpu *c)
{
    return likely(c->memory->registers) ? c->memory->registers : c->memory->ops->read(c->memory, 0)->bytes;
}

/* Virtual registers: 32-bit words of page 0. A write fails only for want of a frame. */
uint32_t register_read(struct cpu *, uint32_t offset);
bool register_write(struct cpu *, uint32_t offset, uint32_t value);

INLINE uint64_t tlb_key(const struct cpu *c, uint32_t address)
{
    return c->tag + (address >> PAGE_SHIFT);
}

INLINE uint64_t code_key(const struct cpu *c, uint32_t address)
{
    return c->code_tag + (address >> PAGE_SHIFT);
}

/* Where code with this key is, if it is known. Images are often linked to the same addresses: the tag counts too. */
INLINE struct code_entry *code_entry(struct cpu *c, uint64_t key)
{
    return &c->code_entries[(key ^ key >> TAG_SHIFT) % CODE_ENTRIES];
}

#define TLB_ENTRY_SHIFT 5
_Static_assert(sizeof(struct tlb_entry) == 1 << TLB_ENTRY_SHIFT, "an entry is found by shifting");

INLINE struct tlb_entry *tlb_entry(struct cpu *c, uint32_t address)
{
    /* &c->tlb[(address >> PAGE_SHIFT) % TLB_ENTRIES], in one shift */
    uint32_t offset = address >> (PAGE_SHIFT - TLB_ENTRY_SHIFT) & (TLB_ENTRIES - 1) << TLB_ENTRY_SHIFT;
    return (struct tlb_entry *)(void *)((char *)c->tlb + offset);
}

INLINE uint32_t bytes_get(const uint8_t *from, unsigned bytes)
{
    uint32_t value = 0;
    memcpy(&value, from, bytes);
    return value;
}

INLINE void bytes_put(uint8_t *to, uint32_t value, unsigned bytes)
{
    memcpy(to, &value, bytes);
}

/* No access is longer. */
#define FLAT_MARGIN 16
_Static_assert(FLAT_MARGIN < PAGE_SIZE, "every memory has a page");

/* Loads and stores look the first byte's page up and compare the last byte's key: equal only within one page. */
INLINE uint64_t load(struct cpu *c, uint32_t address, unsigned bytes)
{
    struct tlb_entry *entry = tlb_entry(c, address);
    if (likely(entry->read_key == tlb_key(c, address + (bytes - 1))))
        return bytes_get((const uint8_t *)(entry->offset + address), bytes);
    return load_slow(c, address, bytes);
}

INLINE bool store(struct cpu *c, uint32_t address, uint32_t value, unsigned bytes)
{
    struct tlb_entry *entry = tlb_entry(c, address);
    if (likely(entry->write_key == tlb_key(c, address + (bytes - 1)))) {
        bytes_put((uint8_t *)(entry->offset + address), value, bytes);
        return true;
    }
    return store_slow(c, address, value, bytes);
}

/* The fast path alone: false means that somebody else has to do it. */
INLINE bool read_fast(struct cpu *c, uint32_t address, unsigned bytes, const uint8_t **operand)
{
    if (likely(address < c->flat_end)) {
        *operand = c->flat + address;
        return true;
    }
    const struct tlb_entry *entry = tlb_entry(c, address);
    *operand = (const uint8_t *)(entry->offset + address);
    return likely(entry->read_key == tlb_key(c, address + (bytes - 1)));
}

INLINE bool load_fast(struct cpu *c, uint32_t address, unsigned bytes, uint32_t *value)
{
    if (likely(address < c->flat_end)) {
        *value = bytes_get(c->flat + address, bytes);
        return true;
    }
    const uint8_t *operand;
    if (unlikely(!read_fast(c, address, bytes, &operand)))
        return false;
    *value = bytes_get(operand, bytes);
    return true;
}

INLINE bool modify_fast(struct cpu *c, uint32_t address, unsigned bytes, uint8_t **operand)
{
    if (likely(address < c->flat_end) && likely(c->direct[address >> DIRECT_SHIFT])) {
        *operand = (uint8_t *)(uintptr_t)c->flat + address;
        return true;
    }
    const struct tlb_entry *entry = tlb_entry(c, address);
    *operand = (uint8_t *)(entry->offset + address);
    return likely(entry->write_key == tlb_key(c, address + (bytes - 1)));
}

INLINE bool store_fast(struct cpu *c, uint32_t address, uint32_t value, unsigned bytes)
{
    if (likely(address < c->flat_end) && likely(c->direct[address >> DIRECT_SHIFT])) {
        bytes_put((uint8_t *)(uintptr_t)c->flat + address, value, bytes);
        return true;
    }
    uint8_t *operand;
    if (unlikely(!modify_fast(c, address, bytes, &operand)))
        return false;
    bytes_put(operand, value, bytes);
    return true;
}

/* For read-modify-write: where the operand is, writable, or NULL. After writing it call modify_end(). */
INLINE uint8_t *modify_begin(struct cpu *c, uint32_t address, unsigned bytes)
{
    struct tlb_entry *entry = tlb_entry(c, address);
    if (likely(entry->write_key == tlb_key(c, address + (bytes - 1))))
        return (uint8_t *)(entry->offset + address);
    return modify_slow(c, address, bytes);
}

INLINE void modify_end(struct cpu *c, const uint8_t *operand, unsigned bytes)
{
    if (unlikely(operand == c->bounce))
        modify_end_slow(c, bytes);
}

INLINE uint32_t slot_get(struct cpu *c, unsigned slot, unsigned bits)
{
    return bytes_get((const uint8_t *)c->slots + slot, bits / 8);
}

INLINE void slot_put(struct cpu *c, unsigned slot, uint32_t value, unsigned bits)
{
    bytes_put((uint8_t *)c->slots + slot, value, bits / 8);
}

/* The effective address of an operation's memory operand. */
INLINE uint32_t address_of(struct cpu *c, const struct op *op)
{
    return *cpu_slot(c, op->base) + (*cpu_slot(c, op->index) << op->scale) + op->displacement;
}

/* An address at a distance from the operand's. A 16-bit one wraps within 64 KB, before a segment's base is added: that
 * offset is in the operation before, op_address. */
INLINE uint32_t address_beyond(struct cpu *c, const struct op *op, uint32_t distance)
{
    if (!op->narrow)
        return address_of(c, op) + distance;
    uint32_t offset = address_of(c, op - 1);
    return address_of(c, op) - (offset & 0xFFFF) + ((offset + distance) & 0xFFFF);
}
