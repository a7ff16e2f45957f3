/* SPDX-License-Identifier: MIT */
#include "kernel.h"

#include <inttypes.h>

#include "../devices/container_of.h"
#include "../devices/host/capture.h"

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void trace_interrupts(struct kernel *k, const struct vm *vm, const char *what, uint32_t sources)
{
    if (trace_wants(&k->trace, DENALI_TRACE_INTERRUPTS, vm->id))
        trace_event(&k->trace, DENALI_TRACE_INTERRUPTS, vm->id, clock_time_ns(&k->clock), "%s %#" PRIx32, what,
                    sources);
}

void kernel_trace_schedule(struct kernel *k, const struct vm *vm, const char *what)
{
    if (trace_wants(&k->trace, DENALI_TRACE_SCHEDULE, vm->id))
        trace_event(&k->trace, DENALI_TRACE_SCHEDULE, vm->id, clock_time_ns(&k->clock), "%s", what);
}

/* Ready and idle. */

static void enter_scheduler(struct kernel *k, struct vm *vm)
{
    kernel_set_active(k, vm, true);
    k->scheduler->ops->add(k->scheduler, &vm->sched);
}

/* What a machine is thought to need: what it has in memory, and a little in any case. */
#define NEED_MIN 4 /* frames */

static void estimate_need(const struct kernel *k, struct vm *vm)
{
    if (!k->pager || !vm->machine)
        return;
    uint32_t frames = vm->machine->space.owner.frames;
    vm->gate.frames = frames > NEED_MIN ? frames : NEED_MIN;
}

void kernel_make_ready(struct kernel *k, struct vm *vm)
{
    vm->state = MACHINE_READY;
    if (vm->gate.frames == 0) /* it was never asked about; else it needs what it had when it left */
        estimate_need(k, vm);
    if (k->gate->ops->admit(k->gate, &vm->gate))
        enter_scheduler(k, vm);
    else
        kernel_trace_schedule(k, vm, "waits at the gate");
}

static void open_gate(struct kernel *k)
{
    for (struct gate_entity *entity; (entity = k->gate->ops->next(k->gate));)
        enter_scheduler(k, container_of(entity, struct vm, gate));
}

void kernel_leave_gate(struct kernel *k, struct vm *vm)
{
    estimate_need(k, vm);
    k->gate->ops->leave(k->gate, &vm->gate);
    kernel_set_active(k, vm, false);
    if (k->pager && vm->machine && vm->machine->space.owner.blocks == 0) /* they left while it was admitted */
        kernel_mark(k, vm);
}

/* After a quantum. */
static void queue_again(struct kernel *k, struct vm *vm)
{
    estimate_need(k, vm);
    if (!k->gate->ops->may_stay(k->gate, &vm->gate))
        kernel_leave_gate(k, vm);
    kernel_make_ready(k, vm);
}

/* The paper's baseline: the target runs now; who was running goes on after it. */
static void switch_at_once(struct kernel *k, struct vm *vm)
{
    vm->state = MACHINE_READY;
    if (!k->gate->ops->admit(k->gate, &vm->gate))
        return;
    kernel_set_active(k, vm, true);
    if (vm->sched.queued)
        k->scheduler->ops->remove(k->scheduler, &vm->sched);
    if (k->running && !k->preempted) {
        k->scheduler->ops->add_first(k->scheduler, &k->running->sched);
        k->preempted = true;
    }
    k->scheduler->ops->add_first(k->scheduler, &vm->sched);
}

void kernel_machine_posted(struct machine_host *host, struct vm *vm)
{
    struct kernel *k = container_of(host, struct kernel, host);
    bool was_idle = vm->state == MACHINE_IDLE;

    k->counters.interrupts_posted++;
    trace_interrupts(k, vm, "posted", vm->machine->posted);
    if (was_idle)
        event_cancel(&k->events, &vm->timeout_event);
    bool may_run = was_idle || vm->state == MACHINE_READY;
    if (k->interrupts == DENALI_INTERRUPTS_IMMEDIATE && vm != k->running && may_run)
        switch_at_once(k, vm);
    else if (was_idle)
        kernel_make_ready(k, vm);
}

void kernel_timed_out(struct machine_host *host, struct vm *vm)
{
    kernel_make_ready(container_of(host, struct kernel, host), vm);
}

static void go_idle(struct kernel *k, struct vm *vm, uint64_t timeout_ns)
{
    vm->state = MACHINE_IDLE;
    vm->sched.idled = true;
    vm->machine->quantum_left = 0;
    kernel_leave_gate(k, vm);
    kernel_trace_schedule(k, vm, "idle");
    if (timeout_ns != UINT64_MAX)
        event_schedule(&k->events, &vm->timeout_event,
                       clock_after(k->clock.cycles, clock_cycles(&k->clock, timeout_ns)));
}

void kernel_charge(struct kernel *k, struct machine *payer, uint64_t cycles)
{
    if (cycles == 0)
        return;
    k->clock.cycles = clock_after(k->clock.cycles, cycles);
    k->counters.cost_cycles += cycles;
    if (payer)
        payer->quantum_left -= smaller(payer->quantum_left, cycles);
}

static void charge_paging(struct kernel *k, struct machine *payer)
{
    if (!k->pager)
        return;
    kernel_charge(k, payer, k->pager->work);
    k->pager->work = 0;
}

/* Running a machine. */

/* What a machine's turn does after one run of the CPU. */
enum turn { TURN_GOES_ON, TURN_OVER };

static enum turn enter_machine(struct kernel *k, struct vm *vm)
{
    uint32_t sources = vm->machine->posted;
    kernel_charge(k, vm->machine, k->costs.crossing + (sources ? k->costs.interrupt : 0));
    int batch = machine_cross(vm->machine);

    if (batch < 0 || vm->machine->space.trouble) {
        kernel_end_failed(k, vm, vm->machine->space.trouble);
        return TURN_OVER;
    }
    if (batch > 0) {
        trace_interrupts(k, vm, "delivered", sources);
        k->counters.interrupts_crossings++;
        k->counters.interrupts_delivered += (uint64_t)batch;
        if ((uint64_t)batch > k->counters.interrupts_max_batch)
            k->counters.interrupts_max_batch = (uint64_t)batch;
    }
    return TURN_GOES_ON;
}

static void trace_hook(void *owner, const struct cpu_state *state, struct memory *memory)
{
    struct kernel *k = owner;
    trace_instruction(&k->trace, k->running->id, state, memory);
}

/* A machine that runs much gets its memory in one piece. If there is none to be had, it goes on as before. */
#define FLATTEN_AFTER (UINT64_C(1) << 19) /* instructions */

static void flatten(struct machine *m)
{
    if (m->flattened || m->instructions < FLATTEN_AFTER)
        return;
    m->flattened = true;
    (void)space_flatten(&m->space);
}

/* How many cycles there are until then. A cost can have led past it: one, so that every entry into a machine is
 * followed by an instruction, whatever it costs. */
static uint64_t cycles_until(const struct kernel *k, uint64_t time)
{
    return time > k->clock.cycles ? time - k->clock.cycles : 1;
}

/* Cycles until something may enter, in the middle of the quantum too. */
static uint64_t until_look(const struct kernel *k)
{
    uint64_t known = cycles_until(k, input_next(&k->input, k->clock.cycles));
    return pacer_is_on(&k->pacer) ? smaller(known, KERNEL_LOOK_CYCLES) : known;
}

static enum cpu_exit run_cpu(struct kernel *k, struct vm *vm)
{
    struct machine *m = vm->machine;
    uint64_t budget = m->quantum_left > 0 ? m->quantum_left : 1, executed;

    budget = smaller(budget, cycles_until(k, event_next_time(&k->events)));
    budget = smaller(budget, cycles_until(k, k->end_cycles));
    budget = smaller(budget, k->end_instructions - k->counters.instructions);
    budget = smaller(budget, k->machine_instructions - m->instructions);
    budget = smaller(budget, until_look(k));
    bool traced = trace_wants(&k->trace, DENALI_TRACE_INSTRUCTIONS, vm->id);
    cpu_set_trace(k->cpu, traced ? trace_hook : NULL, k);
    enum cpu_exit why = cpu_run(k->cpu, &m->state, &m->space.memory, budget, k->clock.cycles, &executed);
    k->clock.cycles += executed;
    k->counters.instructions += executed;
    m->instructions += executed;
    m->space.owner.time += executed;
    if (executed > 0)
        space_progress(&m->space);
    m->quantum_left -= smaller(m->quantum_left, executed);
    flatten(m);
    return why;
}

static void trace_port(struct kernel *k, const struct vm *vm, const struct cpu_io *io)
{
    if (trace_wants(&k->trace, DENALI_TRACE_PORTS, vm->id))
        trace_event(&k->trace, DENALI_TRACE_PORTS, vm->id, clock_time_ns(&k->clock),
                    "%s%s port %#x, %u bytes, value %#" PRIx32 ", count %" PRIu32, io->string ? "string " : "",
                    io->in ? "in" : "out", io->port, io->bytes, io->value, io->count);
}

static enum turn do_io(struct kernel *k, struct vm *vm)
{
    struct machine *m = vm->machine;
    const struct cpu_io *io = cpu_last_io(k->cpu);
    struct cpu_exception exception;
    struct cpu_crash crash;

    trace_port(k, vm, io);
    kernel_charge(k, m, k->costs.port);
    bool done = machine_io(m, io, &exception);
    if (m->space.trouble) {
        kernel_end_failed(k, vm, m->space.trouble);
        return TURN_OVER;
    }
    if (!done && !cpu_raise(k->cpu, &m->state, &m->space.memory, exception, &crash)) {
        kernel_end_failed(k, vm, NULL);
        return TURN_OVER;
    }
    return enter_machine(k, vm);
}

/* Give up the rest of the quantum; not idle, so not compensated. */
static enum turn yield(struct kernel *k, struct vm *vm)
{
    vm->machine->quantum_left = 0;
    queue_again(k, vm);
    return TURN_OVER;
}

static enum turn do_idle(struct kernel *k, struct vm *vm)
{
    struct machine *m = vm->machine;
    uint64_t timeout = m->state.regs[EAX] | (uint64_t)m->state.regs[EDX] << 32;
    bool spins = k->idle == DENALI_IDLE_NO_TIMEOUT && timeout != 0 && timeout != UINT64_MAX;

    m->idle_answer = true;
    if (machine_has_interrupts(m) || spins)
        return enter_machine(k, vm);
    if (timeout == 0)
        return yield(k, vm);
    go_idle(k, vm, timeout);
    return TURN_OVER;
}

static enum turn do_halt(struct kernel *k, struct vm *vm)
{
    if (machine_has_interrupts(vm->machine))
        return enter_machine(k, vm);
    go_idle(k, vm, UINT64_MAX);
    return TURN_OVER;
}

static enum turn do_page(struct kernel *k, struct vm *vm)
{
    const struct cpu_page *page = cpu_last_page(k->cpu);
    struct space *space = &vm->machine->space;

    if (space_page(space, page->number, page->write))
        return TURN_GOES_ON;
    kernel_end_failed(k, vm, space->trouble);
    return TURN_OVER;
}

static enum turn handle(struct kernel *k, struct vm *vm, enum cpu_exit why)
{
    switch (why) {
    case CPU_IO:
        return do_io(k, vm);
    case CPU_IDLE:
        return do_idle(k, vm);
    case CPU_HALT:
        return do_halt(k, vm);
    case CPU_TERMINATE:
        kernel_end_terminated(k, vm);
        return TURN_OVER;
    case CPU_PAGE:
        return do_page(k, vm);
    case CPU_CRASH:
        kernel_end_failed(k, vm, NULL);
        return TURN_OVER;
    case CPU_BUDGET:
        break;
    }
    return TURN_GOES_ON;
}

static bool limit_reached(const struct kernel *k)
{
    return k->clock.cycles >= k->end_cycles || k->counters.instructions >= k->end_instructions;
}

/* Before the machine runs on: what is due happens. False: its turn is over, it is queued or the run has ended. */
static bool may_go_on(struct kernel *k, struct vm *vm)
{
    struct machine *m = vm->machine;

    charge_paging(k, m);
    event_run(&k->events, k->clock.cycles);
    if (k->input.source)
        kernel_take_frames_within(k);
    if (k->preempted)
        return false;
    if (m->instructions >= k->machine_instructions) {
        kernel_end_failed(k, vm, NULL);
        return false;
    }
    if (m->quantum_left == 0 || limit_reached(k)) {
        queue_again(k, vm);
        return false;
    }
    if (m->space.ready > k->clock.cycles) {
        vm->state = MACHINE_PAGING;
        kernel_trace_schedule(k, vm, "waits for a page");
        event_schedule(&k->events, &vm->timeout_event, m->space.ready);
        return false;
    }
    return !m->posted || enter_machine(k, vm) == TURN_GOES_ON;
}

/* What it costs to give a machine the processor is taken from nobody's quantum: a short one would be spent on that. */
static enum turn begin_quantum(struct kernel *k, struct vm *vm)
{
    struct machine *m = vm->machine;
    uint64_t quantum = m->quantum_left > 0 ? m->quantum_left : k->quantum;

    kernel_charge(k, NULL, k->costs.vm_switch);
    if (enter_machine(k, vm) == TURN_OVER)
        return TURN_OVER;
    m->quantum_left = quantum;
    return TURN_GOES_ON;
}

static void run_quantum(struct kernel *k, struct vm *vm)
{
    k->counters.vm_switches += vm->id != k->last_running;
    k->input.turn++;
    k->running = vm;
    k->last_running = vm->id;
    k->preempted = false;
    vm->sched.idled = false;
    kernel_trace_schedule(k, vm, "runs");
    if (k->pager)
        pager_run(k->pager, &vm->machine->space);
    enum turn turn = begin_quantum(k, vm);
    while (turn == TURN_GOES_ON && may_go_on(k, vm))
        turn = handle(k, vm, run_cpu(k, vm));
    k->running = NULL;
    if (k->pager)
        pager_run(k->pager, NULL);
    charge_paging(k, NULL);
    switch_drain(&k->network);
    k->input.turn++;
}

enum denali_progress kernel_turn(struct kernel *k)
{
    kernel_wake(k);
    if (limit_reached(k))
        return DENALI_LIMIT;
    event_run(&k->events, k->clock.cycles);
    if (k->capture_bad)
        return DENALI_INPUT_BAD;
    if (k->input.source) {
        kernel_look_for_keys(k);
        kernel_take_frames(k);
    }
    if (k->marked)
        kernel_settle(k);
    open_gate(k);
    if (kernel_is_ahead(k))
        return DENALI_WAITING;
    struct sched_entity *entity = k->scheduler->ops->next(k->scheduler);
    if (!entity)
        return kernel_jump(k);
    struct vm *vm = container_of(entity, struct vm, sched);
    if (vm->machine || kernel_fetch(k, vm))
        run_quantum(k, vm);
    return DENALI_RUNNING;
}

/* Frames of the capture: one event for the next one. */

static void fetch_packet(struct kernel *k)
{
    uint64_t time_ns;

    switch (capture_read(k->capture, &k->next_packet, &time_ns)) {
    case CAPTURE_FRAME:
        event_schedule(&k->events, &k->capture_event, clock_cycles(&k->clock, time_ns));
        break;
    case CAPTURE_END:
        break;
    case CAPTURE_BAD:
        k->capture_bad = true;
        break;
    }
}

static void capture_fire(struct event *event)
{
    struct kernel *k = container_of(event, struct kernel, capture_event);
    struct packet *packet = k->next_packet;

    k->next_packet = NULL;
    switch_receive(&k->network, k->capture_backend, packet);
    packet_unref(packet);
    fetch_packet(k);
}

void kernel_start_capture(struct kernel *k, struct capture_reader *capture, uint32_t backend)
{
    k->capture = capture;
    k->capture_backend = backend;
    k->capture_event = (struct event){.class = EVENT_FRAME, .fire = capture_fire};
    fetch_packet(k);
}
