/* SPDX-License-Identifier: MIT */
#include "kernel.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../devices/container_of.h"
#include "../devices/host/capture.h"
#include "report.h"

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void trace_interrupts(struct kernel *k, const struct machine *m, const char *what, uint32_t sources)
{
    if (trace_wants(&k->trace, DENALI_TRACE_INTERRUPTS, m->id))
        trace_event(&k->trace, DENALI_TRACE_INTERRUPTS, m->id, clock_time_ns(&k->clock), "%s %#" PRIx32, what, sources);
}

static void trace_schedule(struct kernel *k, const struct machine *m, const char *what)
{
    if (trace_wants(&k->trace, DENALI_TRACE_SCHEDULE, m->id))
        trace_event(&k->trace, DENALI_TRACE_SCHEDULE, m->id, clock_time_ns(&k->clock), "%s", what);
}

/* Ready and idle. */

static void make_ready(struct kernel *k, struct machine *m)
{
    m->lifecycle = MACHINE_READY;
    k->scheduler->ops->add(k->scheduler, &m->sched);
}

/* The paper's baseline: the target runs now; who was running goes on after it. */
static void switch_at_once(struct kernel *k, struct machine *m)
{
    if (m->sched.queued)
        k->scheduler->ops->remove(k->scheduler, &m->sched);
    if (k->running && !k->preempted) {
        k->scheduler->ops->add_first(k->scheduler, &k->running->sched);
        k->preempted = true;
    }
    m->lifecycle = MACHINE_READY;
    k->scheduler->ops->add_first(k->scheduler, &m->sched);
}

void kernel_machine_posted(struct machine_host *host, struct machine *m)
{
    struct kernel *k = container_of(host, struct kernel, host);
    bool was_idle = m->lifecycle == MACHINE_IDLE;

    k->counters.interrupts_posted++;
    trace_interrupts(k, m, "posted", m->posted);
    if (was_idle)
        event_cancel(&k->events, &m->timeout_event);
    if (k->interrupts == DENALI_INTERRUPTS_IMMEDIATE && m != k->running)
        switch_at_once(k, m);
    else if (was_idle)
        make_ready(k, m);
}

void kernel_timeout_fire(struct event *event)
{
    struct machine *m = container_of(event, struct machine, timeout_event);
    make_ready(container_of(m->host, struct kernel, host), m);
}

static void go_idle(struct kernel *k, struct machine *m, uint64_t timeout_ns)
{
    m->lifecycle = MACHINE_IDLE;
    m->sched.idled = true;
    m->quantum_left = 0;
    trace_schedule(k, m, "idle");
    if (timeout_ns != UINT64_MAX)
        event_schedule(&k->events, &m->timeout_event,
                       clock_after(k->clock.cycles, clock_cycles(&k->clock, timeout_ns)));
}

/* The end of a machine. */

/* What it has sent still goes out. */
static void take_out(struct kernel *k, struct machine *m)
{
    switch_drain(&k->network);
    switch_unplug(&k->network, &m->nic);
    if (m->sched.queued)
        k->scheduler->ops->remove(k->scheduler, &m->sched);
    k->counters.alive--;
}

static void describe_failure(struct kernel *k, struct machine *m)
{
    struct machine_failure *failure = calloc(1, sizeof(*failure));
    uint32_t offset;

    m->failure = failure;
    if (!failure)
        return;
    if (m->space.memory.exhausted)
        snprintf(failure->reason, sizeof(failure->reason), "no physical frame left");
    else if (m->instructions >= k->machine_instructions)
        snprintf(failure->reason, sizeof(failure->reason), "limit of %" PRIu64 " instructions reached",
                 k->machine_instructions);
    else
        report_exception(failure->reason, sizeof(failure->reason), cpu_last_crash(k->cpu));
    report_disassemble(failure->disassembly, sizeof(failure->disassembly), &m->state, &m->space.memory);
    const char *symbol = image_symbol(k->image, m->state.eip, &offset);
    if (symbol)
        snprintf(failure->symbol, sizeof(failure->symbol), "%s+%#" PRIx32, symbol, offset);
}

static void end_failed(struct kernel *k, struct machine *m)
{
    describe_failure(k, m);
    if (trace_wants(&k->trace, DENALI_TRACE_EXCEPTIONS, m->id))
        trace_event(&k->trace, DENALI_TRACE_EXCEPTIONS, m->id, clock_time_ns(&k->clock), "failed: %s",
                    m->failure ? m->failure->reason : "");
    take_out(k, m);
    machine_end(m, MACHINE_FAILED);
    k->counters.failed++;
}

static void end_terminated(struct kernel *k, struct machine *m)
{
    trace_schedule(k, m, "terminated");
    take_out(k, m);
    machine_end(m, MACHINE_TERMINATED);
}

/* Running a machine. */

/* What a machine's turn does after one run of the CPU. */
enum turn { TURN_GOES_ON, TURN_OVER };

static enum turn enter_machine(struct kernel *k, struct machine *m)
{
    uint32_t sources = m->posted;
    int batch = machine_cross(m);

    if (batch < 0) {
        end_failed(k, m);
        return TURN_OVER;
    }
    if (batch > 0) {
        trace_interrupts(k, m, "delivered", sources);
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
#define FLATTEN_AFTER (UINT64_C(1) << 20) /* instructions */

static void flatten(struct machine *m)
{
    if (m->flattened || m->instructions < FLATTEN_AFTER)
        return;
    m->flattened = true;
    (void)space_flatten(&m->space);
}

static enum cpu_exit run_cpu(struct kernel *k, struct machine *m)
{
    uint64_t budget = m->quantum_left, executed;

    budget = smaller(budget, event_next_time(&k->events) - k->clock.cycles);
    budget = smaller(budget, k->end_cycles - k->clock.cycles);
    budget = smaller(budget, k->end_instructions - k->counters.instructions);
    budget = smaller(budget, k->machine_instructions - m->instructions);
    bool traced = trace_wants(&k->trace, DENALI_TRACE_INSTRUCTIONS, m->id);
    cpu_set_trace(k->cpu, traced ? trace_hook : NULL, k);
    enum cpu_exit why = cpu_run(k->cpu, &m->state, &m->space.memory, budget, k->clock.cycles, &executed);
    k->clock.cycles += executed;
    k->counters.instructions += executed;
    m->instructions += executed;
    m->quantum_left -= executed;
    flatten(m);
    return why;
}

static void trace_port(struct kernel *k, const struct machine *m, const struct cpu_io *io)
{
    if (trace_wants(&k->trace, DENALI_TRACE_PORTS, m->id))
        trace_event(&k->trace, DENALI_TRACE_PORTS, m->id, clock_time_ns(&k->clock),
                    "%s%s port %#x, %u bytes, value %#" PRIx32 ", count %" PRIu32, io->string ? "string " : "",
                    io->in ? "in" : "out", io->port, io->bytes, io->value, io->count);
}

static enum turn do_io(struct kernel *k, struct machine *m)
{
    const struct cpu_io *io = cpu_last_io(k->cpu);
    struct cpu_exception exception;
    struct cpu_crash crash;

    trace_port(k, m, io);
    if (!machine_io(m, io, &exception) && !cpu_raise(k->cpu, &m->state, &m->space.memory, exception, &crash)) {
        end_failed(k, m);
        return TURN_OVER;
    }
    return enter_machine(k, m);
}

/* Give up the rest of the quantum; not idle, so not compensated. */
static enum turn yield(struct kernel *k, struct machine *m)
{
    m->quantum_left = 0;
    make_ready(k, m);
    return TURN_OVER;
}

static enum turn do_idle(struct kernel *k, struct machine *m)
{
    uint64_t timeout = m->state.regs[EAX] | (uint64_t)m->state.regs[EDX] << 32;
    bool spins = k->idle == DENALI_IDLE_NO_TIMEOUT && timeout != 0 && timeout != UINT64_MAX;

    m->idle_answer = true;
    if (machine_has_interrupts(m) || spins)
        return enter_machine(k, m);
    if (timeout == 0)
        return yield(k, m);
    go_idle(k, m, timeout);
    return TURN_OVER;
}

static enum turn do_halt(struct kernel *k, struct machine *m)
{
    if (machine_has_interrupts(m))
        return enter_machine(k, m);
    go_idle(k, m, UINT64_MAX);
    return TURN_OVER;
}

static enum turn handle(struct kernel *k, struct machine *m, enum cpu_exit why)
{
    switch (why) {
    case CPU_IO:
        return do_io(k, m);
    case CPU_IDLE:
        return do_idle(k, m);
    case CPU_HALT:
        return do_halt(k, m);
    case CPU_TERMINATE:
        end_terminated(k, m);
        return TURN_OVER;
    case CPU_CRASH:
        end_failed(k, m);
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
static bool may_go_on(struct kernel *k, struct machine *m)
{
    event_run(&k->events, k->clock.cycles);
    if (k->preempted)
        return false;
    if (m->instructions >= k->machine_instructions) {
        end_failed(k, m);
        return false;
    }
    if (m->quantum_left == 0 || limit_reached(k)) {
        make_ready(k, m);
        return false;
    }
    return !m->posted || enter_machine(k, m) == TURN_GOES_ON;
}

static void run_quantum(struct kernel *k, struct machine *m)
{
    k->counters.vm_switches += m != k->last_running;
    k->running = k->last_running = m;
    k->preempted = false;
    m->sched.idled = false;
    if (m->quantum_left == 0)
        m->quantum_left = k->quantum;
    trace_schedule(k, m, "runs");
    enum turn turn = enter_machine(k, m);
    while (turn == TURN_GOES_ON && may_go_on(k, m))
        turn = handle(k, m, run_cpu(k, m));
    k->running = NULL;
    switch_drain(&k->network);
}

/* No machine is ready: on to the next event, or the end. */
static enum denali_progress jump(struct kernel *k)
{
    uint64_t next = event_next_time(&k->events);

    struct machine *typist = &k->machines[0];

    if (k->counters.alive == 0)
        return DENALI_ENDED;
    bool may_type = typist->lifecycle == MACHINE_IDLE;
    if (may_type && input_take(&k->input, &typist->keyboard))
        return DENALI_RUNNING;
    if (next == UINT64_MAX)
        return may_type && input_is_open(&k->input, &typist->keyboard) ? DENALI_WAITING : DENALI_QUIET;
    if (next > k->end_cycles) {
        k->clock.cycles = k->end_cycles;
        return DENALI_LIMIT;
    }
    k->clock.cycles = next;
    return DENALI_RUNNING;
}

enum denali_progress kernel_turn(struct kernel *k)
{
    if (limit_reached(k))
        return DENALI_LIMIT;
    event_run(&k->events, k->clock.cycles);
    if (k->capture_bad)
        return DENALI_INPUT_BAD;
    struct sched_entity *entity = k->scheduler->ops->next(k->scheduler);
    if (!entity)
        return jump(k);
    run_quantum(k, container_of(entity, struct machine, sched));
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
    switch_receive(&k->network, packet);
    packet_unref(packet);
    fetch_packet(k);
}

void kernel_start_capture(struct kernel *k, struct capture_reader *capture)
{
    k->capture = capture;
    k->capture_event = (struct event){.class = EVENT_FRAME, .fire = capture_fire};
    fetch_packet(k);
}
