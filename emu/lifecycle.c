/* SPDX-License-Identifier: MIT
 *
 * Machines come and go: create, start, stop, end, destroy. Each step undoes what another did, so that nothing is left
 * of a machine that was destroyed.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../devices/container_of.h"
#include "kernel.h"
#include "report.h"
#include "supervision.h"

#define EVENTS_PER_MACHINE 3 /* timer, timeout and disk */

static void drop(struct kernel *k, struct vm *vm)
{
    if (vm->machine)
        machine_drop(vm->machine);
    else if (k->pager)
        pager_forget_sleeper(k->pager, &vm->region, vm->pages_out);
    disks_detach(vm->disks);
    vm->disks = NULL;
    free(vm->machine);
    vm->machine = NULL;
}

static struct vm *refuse(struct kernel *k, struct vm *vm, char *error, size_t error_size, const char *what)
{
    snprintf(error, error_size, "machine %" PRIu32 ": %s", vm ? vm->id : k->vms.count, what);
    if (!vm)
        return NULL;
    kernel_unmark(k, vm);
    drop(k, vm);
    vm_table_remove(&k->vms, vm);
    return NULL;
}

static bool reserve(struct kernel *k)
{
    if (!event_reserve(&k->events, EVENTS_PER_MACHINE))
        return false;
    if (k->scheduler->ops->reserve(k->scheduler, 1))
        return true;
    event_release(&k->events, EVENTS_PER_MACHINE);
    return false;
}

static void release(struct kernel *k)
{
    event_release(&k->events, EVENTS_PER_MACHINE);
    k->scheduler->ops->release(k->scheduler, 1);
}

/* Why a machine does not boot. */
static const char *boot_trouble(const struct vm *vm)
{
    const struct disks *disks = vm->config->disks;

    if (vm->machine && vm->machine->space.trouble)
        return vm->machine->space.trouble;
    return disks && disks->error[0] ? disks->error : "out of host memory";
}

struct vm *kernel_create(struct kernel *k, struct image *image, const struct machine_config *config,
                         const struct machine_boot *boot, char *error, size_t error_size)
{
    if (machine_arguments(NULL, 0, boot->arguments, VM_TABLE_MAX - 1) > DENALI_ARGS_MAX)
        return refuse(k, NULL, error, error_size, "the argument string is longer than 2047 bytes");
    struct vm *vm = vm_table_add(&k->vms);
    if (!vm)
        return refuse(k, vm, error, error_size, "out of host memory");
    vm_init(vm, vm->id, image, config);
    if (!reserve(k))
        return refuse(k, vm, error, error_size, "out of host memory");
    vm->machine = malloc(sizeof(*vm->machine));
    if (!vm->machine || !machine_init(vm->machine, vm, boot) || !switch_plug(&k->network, &vm->machine->nic)) {
        release(k);
        return refuse(k, vm, error, error_size, boot_trouble(vm));
    }
    k->counters.alive++;
    kernel_settle(k);
    return vm;
}

void kernel_start(struct kernel *k, struct vm *vm)
{
    if (vm->state == MACHINE_STOPPED)
        kernel_make_ready(k, vm);
}

static void leave_queues(struct kernel *k, struct vm *vm)
{
    event_cancel(&k->events, &vm->timeout_event);
    kernel_leave_gate(k, vm);
    if (vm->sched.queued)
        k->scheduler->ops->remove(k->scheduler, &vm->sched);
}

void kernel_stop(struct kernel *k, struct vm *vm)
{
    assert(vm != k->running);
    if (vm_has_ended(vm))
        return;
    kernel_trace_schedule(k, vm, "stopped");
    leave_queues(k, vm);
    vm->state = MACHINE_STOPPED;
}

/* What it has sent still goes out. */
static void take_out(struct kernel *k, struct vm *vm)
{
    switch_drain(&k->network);
    if (vm->machine)
        switch_unplug(&k->network, &vm->machine->nic);
    event_cancel(&k->events, &vm->timer_event);
    leave_queues(k, vm);
    k->counters.alive--;
}

void kernel_destroy(struct kernel *k, struct vm *vm)
{
    assert(vm != k->running);
    kernel_trace_schedule(k, vm, "destroyed");
    if (!vm_has_ended(vm))
        take_out(k, vm);
    k->counters.failed -= vm->state == MACHINE_FAILED;
    release(k);
    kernel_unmark(k, vm);
    drop(k, vm);
    vm_table_remove(&k->vms, vm);
}

void kernel_destroy_all(struct kernel *k)
{
    while (k->marked)
        kernel_unmark(k, k->marked);
    for (uint32_t i = 0; i < k->vms.count; i++) {
        struct vm *vm = vm_table_at(&k->vms, i);
        if (!vm)
            continue;
        if (!vm_has_ended(vm) && vm->machine)
            switch_unplug(&k->network, &vm->machine->nic);
        drop(k, vm);
        vm_table_remove(&k->vms, vm);
    }
}

void kernel_describe_failure(struct kernel *k, struct machine *m, const char *reason)
{
    struct machine_failure *failure = m->failure ? NULL : calloc(1, sizeof(*failure));
    uint32_t offset;

    if (!failure)
        return;
    m->failure = failure;
    if (reason)
        snprintf(failure->reason, sizeof(failure->reason), "%s", reason);
    else if (m->instructions >= k->machine_instructions)
        snprintf(failure->reason, sizeof(failure->reason), "limit of %" PRIu64 " instructions reached",
                 k->machine_instructions);
    else
        report_exception(failure->reason, sizeof(failure->reason), cpu_last_crash(k->cpu));
    report_disassemble(failure->disassembly, sizeof(failure->disassembly), &m->state, &m->space.memory);
    const char *symbol = image_symbol(m->vm->image, m->state.eip, &offset);
    if (symbol)
        snprintf(failure->symbol, sizeof(failure->symbol), "%s+%#" PRIx32, symbol, offset);
}

void kernel_end_failed(struct kernel *k, struct vm *vm, const char *reason)
{
    struct machine *m = vm->machine;

    kernel_describe_failure(k, m, reason);
    if (trace_wants(&k->trace, DENALI_TRACE_EXCEPTIONS, vm->id))
        trace_event(&k->trace, DENALI_TRACE_EXCEPTIONS, vm->id, clock_time_ns(&k->clock), "failed: %s",
                    m->failure ? m->failure->reason : "");
    supervision_ended(k->supervision, vm);
    take_out(k, vm);
    machine_end(m, MACHINE_FAILED);
    k->counters.failed++;
}

void kernel_end_terminated(struct kernel *k, struct vm *vm)
{
    kernel_trace_schedule(k, vm, "terminated");
    supervision_ended(k->supervision, vm);
    take_out(k, vm);
    machine_end(vm->machine, MACHINE_TERMINATED);
}
