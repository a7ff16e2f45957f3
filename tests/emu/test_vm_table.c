/* SPDX-License-Identifier: MIT
 *
 * The table of machines: indices in order, indices reused, machines that stay where they are.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "../../emu/vm_table.h"

Test(vm_table, indices_are_given_in_order)
{
    struct vm_table table;
    vm_table_init(&table);
    cr_expect_null(vm_table_at(&table, 0));
    cr_expect_null(vm_table_next(&table, 0));
    for (uint32_t i = 0; i < 1000; i++)
        cr_assert_eq(vm_table_add(&table)->id, i);
    uint32_t expected = 0;
    FOR_EACH_VM(&table, vm)
    cr_expect_eq(vm->id, expected++);
    cr_expect_eq(expected, 1000);
    for (uint32_t i = 0; i < 1000; i++)
        vm_table_remove(&table, vm_table_at(&table, i));
    vm_table_drop(&table);
}

Test(vm_table, machines_stay_where_they_are)
{
    struct vm_table table;
    vm_table_init(&table);
    struct vm *first = vm_table_add(&table);
    for (unsigned i = 0; i < 5000; i++)
        vm_table_add(&table);
    cr_expect_eq(vm_table_at(&table, 0), first);
    for (uint32_t i = 0; i < table.count; i++)
        vm_table_remove(&table, table.vms[i]);
    vm_table_drop(&table);
}

Test(vm_table, an_index_that_is_free_is_given_again_and_no_other)
{
    enum { MACHINES = 64, STEPS = 10000 };
    struct vm_table table;
    bool taken[MACHINES] = {false};
    unsigned alive = 0;
    vm_table_init(&table);
    srand(1);
    for (unsigned step = 0; step < STEPS; step++) {
        uint32_t index = (uint32_t)rand() % MACHINES;
        if (taken[index]) {
            vm_table_remove(&table, vm_table_at(&table, index));
            taken[index] = false;
            alive--;
        } else if (alive < MACHINES) {
            const struct vm *vm = vm_table_add(&table);
            cr_assert_lt(vm->id, MACHINES);
            cr_assert(!taken[vm->id]);
            taken[vm->id] = true;
            alive++;
        }
        cr_assert_eq(table.count - table.vacant_count, alive);
    }
    for (uint32_t i = 0; i < MACHINES; i++)
        if (taken[i])
            vm_table_remove(&table, vm_table_at(&table, i));
    vm_table_drop(&table);
}
