/* SPDX-License-Identifier: MIT */
#include "vm_table.h"

#include <assert.h>
#include <stdlib.h>

void vm_table_init(struct vm_table *table)
{
    *table = (struct vm_table){0};
}

void vm_table_drop(struct vm_table *table)
{
    free(table->vms);
    free(table->vacant);
    vm_table_init(table);
}

bool vm_table_reserve(struct vm_table *table, uint32_t machines)
{
    if (machines <= table->capacity)
        return true;
    struct vm **vms = realloc(table->vms, machines * sizeof(*vms));
    if (vms)
        table->vms = vms;
    uint32_t *vacant = realloc(table->vacant, machines * sizeof(*vacant));
    if (vacant)
        table->vacant = vacant;
    if (!vms || !vacant)
        return false;
    table->capacity = machines;
    return true;
}

static bool table_grow(struct vm_table *table)
{
    if (table->count == VM_TABLE_MAX)
        return false;
    return table->count < table->capacity || vm_table_reserve(table, table->capacity ? table->capacity * 2 : 1);
}

struct vm *vm_table_add(struct vm_table *table)
{
    if (table->vacant_count == 0 && !table_grow(table))
        return NULL;
    struct vm *vm = calloc(1, sizeof(*vm));
    if (!vm)
        return NULL;
    vm->id = table->vacant_count > 0 ? table->vacant[--table->vacant_count] : table->count++;
    table->vms[vm->id] = vm;
    return vm;
}

void vm_table_remove(struct vm_table *table, struct vm *vm)
{
    assert(table->vms[vm->id] == vm);
    table->vms[vm->id] = NULL;
    table->vacant[table->vacant_count++] = vm->id;
    free(vm);
}

struct vm *vm_table_next(const struct vm_table *table, uint32_t index)
{
    while (index < table->count && !table->vms[index])
        index++;
    return vm_table_at(table, index);
}
