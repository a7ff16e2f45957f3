/* SPDX-License-Identifier: MIT
 *
 * The kernel's part of swapping: machines that lose memory, that are swapped out as a whole, and that come back.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../devices/container_of.h"
#include "hibernate.h"
#include "kernel.h"

/* Machines to look at are a list, whose last one leads to itself. */

static void marked_put(struct vm *vm, const struct vm *after)
{
    vm->next_marked = (after ? after->id : vm->id) + 1;
}

/* NULL: it is the last one. */
static struct vm *marked_after(const struct kernel *k, const struct vm *vm)
{
    uint32_t next = vm->next_marked - 1;
    return next == vm->id ? NULL : vm_table_at(&k->vms, next);
}

void kernel_mark(struct kernel *k, struct vm *vm)
{
    if (vm->next_marked)
        return;
    marked_put(vm, k->marked);
    k->marked = vm;
}

static struct vm *marked_take(struct kernel *k)
{
    struct vm *vm = k->marked;
    if (!vm)
        return NULL;
    k->marked = marked_after(k, vm);
    vm->next_marked = 0;
    return vm;
}

void kernel_unmark(struct kernel *k, struct vm *vm)
{
    struct vm *before = NULL;

    if (!vm->next_marked)
        return;
    for (struct vm *at = k->marked; at != vm; at = marked_after(k, at))
        before = at;
    if (before)
        marked_put(before, marked_after(k, vm));
    else
        k->marked = marked_after(k, vm);
    vm->next_marked = 0;
}

static struct vm *vm_of(struct space *space)
{
    return container_of(space, struct machine, space)->vm;
}

static void space_lost(struct pager_host *host, struct space *space, const char *why)
{
    struct kernel *k = container_of(host, struct kernel, pager_host);
    struct vm *vm = vm_of(space);

    kernel_describe_failure(k, vm->machine, why);
    kernel_mark(k, vm);
}

static void space_emptied(struct pager_host *host, struct space *space)
{
    kernel_mark(container_of(host, struct kernel, pager_host), vm_of(space));
}

void kernel_set_active(struct kernel *k, struct vm *vm, bool active)
{
    if (k->pager && vm->machine)
        replacement_set_active(k->pager->policy, &vm->machine->space.owner, active);
}

static struct nic *network_fetch(struct network_switch *network, uint32_t index)
{
    struct kernel *k = container_of(network, struct kernel, network);
    struct vm *vm = vm_table_at(&k->vms, index);

    if (!vm || vm->machine || vm_has_ended(vm))
        return NULL;
    return kernel_fetch(k, vm) ? &vm->machine->nic : NULL;
}

void kernel_swapping_init(struct kernel *k)
{
    k->pager_host = (struct pager_host){.lost = space_lost, .emptied = space_emptied};
    k->network.fetch = network_fetch;
}

/* There is no memory for the machine itself. */
static void end_without_machine(struct kernel *k, struct vm *vm)
{
    event_cancel(&k->events, &vm->timer_event);
    event_cancel(&k->events, &vm->timeout_event);
    kernel_leave_gate(k, vm);
    if (vm->sched.queued)
        k->scheduler->ops->remove(k->scheduler, &vm->sched);
    pager_forget_sleeper(k->pager, &vm->region, vm->pages_out);
    vm->pages_out = 0;
    vm->state = MACHINE_FAILED;
    k->counters.alive--;
    k->counters.failed++;
}

bool kernel_fetch(struct kernel *k, struct vm *vm)
{
    bool whole;
    struct machine *m = hibernate_wake(vm, k->pager, &whole);

    if (!m) {
        end_without_machine(k, vm);
        return false;
    }
    switch_return(&k->network, &m->nic);
    kernel_set_active(k, vm, vm->gate.admitted);
    k->counters.woken++;
    kernel_trace_schedule(k, vm, "woken");
    if (!whole)
        kernel_end_failed(k, vm, k->pager->error);
    return whole;
}

bool kernel_machine_fetch(struct machine_host *host, struct vm *vm)
{
    return kernel_fetch(container_of(host, struct kernel, host), vm);
}

static bool may_hibernate(const struct vm *vm)
{
    return !vm_has_ended(vm) && vm->machine && vm->machine->space.owner.blocks == 0 && !vm->gate.admitted;
}

static void settle(struct kernel *k, struct vm *vm)
{
    bool lost;

    if (vm == k->running) /* its turn ends it, if it has lost its memory */
        return;
    if (!vm_has_ended(vm) && vm->machine && vm->machine->space.trouble) {
        kernel_end_failed(k, vm, vm->machine->space.trouble);
    } else if (may_hibernate(vm)) {
        if (hibernate(vm, k->pager, &lost)) {
            switch_leave(&k->network, vm->id);
            k->counters.hibernated++;
            kernel_trace_schedule(k, vm, "swapped out");
        } else if (lost) {
            kernel_end_failed(k, vm, k->pager->error);
        }
    }
}

void kernel_settle(struct kernel *k)
{
    for (struct vm *vm; (vm = marked_take(k));)
        settle(k, vm);
}

bool kernel_look(const struct kernel *k, const struct vm *vm, void (*look)(const struct machine *, void *owner),
                 void *owner)
{
    if (!vm->machine)
        return !vm_has_ended(vm) && hibernate_look(vm, k->pager, look, owner);
    look(vm->machine, owner);
    return true;
}
