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

static void timeout_fire(struct event *event)
{
    struct vm *vm = container_of(event, struct vm, timeout_event);
    kernel_make_ready(container_of(vm->host, struct kernel, host), vm);
}

static struct vm *refuse(struct kernel *k, struct vm *vm, char *error, size_t error_size, const char *what)
{
    snprintf(error, error_size, "machine %" PRIu32 ": %s", vm ? vm->id : k->vms.count, what);
    if (vm)
        vm_table_remove(&k->vms, vm);
    return NULL;
}

static void drop(struct vm *vm)
{
    machine_drop(vm->machine);
    free(vm->machine);
}

struct vm *kernel_create(struct kernel *k, struct image *image, const struct machine_config *config, char *error,
                         size_t error_size)
{
    if (machine_arguments(NULL, 0, config->arguments, VM_TABLE_MAX - 1) > DENALI_ARGS_MAX)
        return refuse(k, NULL, error, error_size, "the argument string is longer than 2047 bytes");
    struct vm *vm = vm_table_add(&k->vms);
    if (!vm)
        return refuse(k, vm, error, error_size, "out of host memory");
    vm_init(vm, vm->id, image, &k->host, timeout_fire);
    vm->machine = malloc(sizeof(*vm->machine));
    if (!vm->machine || !event_reserve(&k->events, EVENTS_PER_MACHINE)) {
        free(vm->machine);
        return refuse(k, vm, error, error_size, "out of host memory");
    }
    if (!machine_init(vm->machine, vm, config) || !switch_plug(&k->network, &vm->machine->nic)) {
        event_release(&k->events, EVENTS_PER_MACHINE);
        drop(vm);
        return refuse(k, vm, error, error_size,
                      config->disks && config->disks->error[0] ? config->disks->error
                                                               : "no physical frame left to boot it (--frames)");
    }
    k->counters.alive++;
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
    switch_unplug(&k->network, &vm->machine->nic);
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
    event_release(&k->events, EVENTS_PER_MACHINE);
    drop(vm);
    vm_table_remove(&k->vms, vm);
}

void kernel_destroy_all(struct kernel *k)
{
    for (uint32_t i = 0; i < k->vms.count; i++) {
        struct vm *vm = vm_table_at(&k->vms, i);
        if (!vm)
            continue;
        if (!vm_has_ended(vm))
            switch_unplug(&k->network, &vm->machine->nic);
        drop(vm);
        vm_table_remove(&k->vms, vm);
    }
}

static void describe_failure(struct kernel *k, struct machine *m, const char *reason)
{
    struct machine_failure *failure = calloc(1, sizeof(*failure));
    uint32_t offset;

    m->failure = failure;
    if (!failure)
        return;
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

    describe_failure(k, m, reason);
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
