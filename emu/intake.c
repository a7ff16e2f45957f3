/* SPDX-License-Identifier: MIT
 *
 * Where the kernel meets input and real time: what enters between two turns or two parts of a quantum, and how the
 * clock goes while all machines wait. Under the virtual clock it jumps to the next event; under the host's it stands
 * still until real time has come, and then goes on to there, but never over an event.
 */
#include "kernel.h"

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_happening(const struct kernel *k)
{
    return smaller(event_next_time(&k->events), input_next(&k->input, k->clock.cycles));
}

/* Where real time is, in cycles. */
static uint64_t real_cycles(const struct kernel *k)
{
    return clock_cycles(&k->clock, pacer_target(&k->pacer));
}

void kernel_wake(struct kernel *k)
{
    if (!pacer_is_on(&k->pacer))
        return;
    pacer_read(&k->pacer);
    k->looked_cycles = k->clock.cycles;
    if (k->asleep) {
        uint64_t now = smaller(smaller(real_cycles(k), next_happening(k)), k->end_cycles);
        if (now > k->clock.cycles)
            k->clock.cycles = now;
        k->asleep = false;
    }
    pacer_give_up(&k->pacer, clock_elapsed_ns(&k->clock));
}

void kernel_take_frames(struct kernel *k)
{
    uint32_t backend;

    for (struct packet *packet; (packet = input_frame(&k->input, k->clock.cycles, &backend));) {
        switch_receive(&k->network, backend, packet);
        packet_unref(packet);
    }
}

void kernel_take_frames_within(struct kernel *k)
{
    if (pacer_is_on(&k->pacer)) {
        if (k->clock.cycles - k->looked_cycles < KERNEL_LOOK_CYCLES)
            return;
        pacer_read(&k->pacer);
        k->looked_cycles = k->clock.cycles;
    }
    kernel_take_frames(k);
}

bool kernel_is_ahead(struct kernel *k)
{
    if (!pacer_is_on(&k->pacer) || clock_elapsed_ns(&k->clock) <= pacer_target(&k->pacer) + PACER_AHEAD_NS)
        return false;
    k->wait_until = k->clock.cycles;
    return true;
}

/* The machine that what is typed goes to, if it waits. */
static struct vm *typist(const struct kernel *k)
{
    struct vm *first = vm_table_at(&k->vms, 0);
    return first && first->state == MACHINE_IDLE && first->machine ? first : NULL;
}

bool kernel_is_typed_to(const struct kernel *k)
{
    const struct vm *vm = typist(k);
    return vm && vm->machine->keyboard.wanted;
}

void kernel_look_for_keys(struct kernel *k)
{
    struct vm *typed_to = typist(k);
    bool is_due = k->clock.cycles >= k->input_due || input_next(&k->input, k->clock.cycles) <= k->clock.cycles;

    if (typed_to && !is_due)
        return;
    k->input_due = clock_after(k->clock.cycles, k->input_patience);
    if (typed_to)
        input_type(&k->input, k->clock.cycles, typed_to->id, &typed_to->machine->keyboard);
}

/* All machines wait: the clock goes on to this cycle, or the run ends before it. */
static enum denali_progress go_on_to(struct kernel *k, uint64_t cycles)
{
    if (cycles > k->end_cycles) {
        k->clock.cycles = k->end_cycles;
        return DENALI_LIMIT;
    }
    k->clock.cycles = cycles;
    return DENALI_RUNNING;
}

enum denali_progress kernel_jump(struct kernel *k)
{
    uint64_t next = next_happening(k);
    struct vm *typed_to = typist(k);

    if (k->counters.alive == 0)
        return DENALI_ENDED;
    if (typed_to && input_type(&k->input, k->clock.cycles, typed_to->id, &typed_to->machine->keyboard))
        return DENALI_RUNNING;
    if (next == UINT64_MAX && !input_is_open(&k->input, kernel_is_typed_to(k)))
        return DENALI_QUIET;
    k->wait_until = smaller(next, k->end_cycles);
    k->asleep = pacer_is_on(&k->pacer) && real_cycles(k) < k->wait_until;
    if (k->asleep || (next == UINT64_MAX && !pacer_is_on(&k->pacer)))
        return DENALI_WAITING;
    return go_on_to(k, next);
}

uint64_t kernel_wait_ns(struct kernel *k)
{
    const struct clock until = {.cycles = k->wait_until, .khz = k->clock.khz};

    if (k->wait_until == UINT64_MAX || !pacer_is_on(&k->pacer))
        return UINT64_MAX;
    pacer_read(&k->pacer);
    uint64_t wanted = clock_elapsed_ns(&until), now = pacer_target(&k->pacer);
    return wanted > now ? wanted - now : 0;
}
