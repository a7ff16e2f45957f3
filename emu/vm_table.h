/* SPDX-License-Identifier: MIT
 *
 * All machines by index. Indices are given out in order; that of a machine that was destroyed is given to the next new
 * one. Machines do not move, so events and queues may point into them.
 */
#pragma once
#include "machine.h"

#define VM_TABLE_MAX (1u << 24) /* a MAC address holds 24 bits of the index */

struct vm_table {
    struct vm **vms;          /* by index; NULL = no such machine (any more); owned */
    uint32_t *vacant;         /* indices of machines that are gone; owned */
    uint32_t count, capacity; /* indices ever given out; room */
    uint32_t vacant_count;
};

void vm_table_init(struct vm_table *);
/* Frees the table, not what machines hold: they have been removed. */
void vm_table_drop(struct vm_table *);
/* Room for so many machines in all. False: no host memory. */
bool vm_table_reserve(struct vm_table *, uint32_t machines);
/* A place for a new machine, zeroed but for its index. NULL: no host memory, or there are VM_TABLE_MAX. */
struct vm *vm_table_add(struct vm_table *);
void vm_table_remove(struct vm_table *, struct vm *);

/* The machine with this index, NULL if there is none. */
static inline struct vm *vm_table_at(const struct vm_table *table, uint32_t index)
{
    return index < table->count ? table->vms[index] : NULL;
}

/* The machine with the lowest index from this one up, NULL after the last. */
struct vm *vm_table_next(const struct vm_table *, uint32_t index);

/* Machines may be added meanwhile, none removed. */
#define FOR_EACH_VM(table, vm) for (struct vm *vm = vm_table_next(table, 0); vm; vm = vm_table_next(table, vm->id + 1))
