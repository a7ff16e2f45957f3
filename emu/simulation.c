/* SPDX-License-Identifier: MIT
 *
 * The library's interface: a configuration becomes a kernel with its machines and files, and is taken apart again.
 */
#include "libdenali.h"

#include <fenv.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../devices/host/capture.h"
#include "../devices/host/host_clock.h"
#include "digest.h"
#include "simulation.h"

#ifndef DENALI_VERSION
#error "DENALI_VERSION comes from the build"
#endif

void denali_config_init(struct denali_config *config)
{
    *config = (struct denali_config){
        .machines = 1,
        .memory = 16 << 20,
        .frames = UINT64_C(8) << 30,
        .cpu_khz = 1000000,
        .quantum_ns = 1000000,
        .swap_block = 16 << 10,
        .queue_frames = 256,
        .machines_max = 65536,
        .console = DENALI_CONSOLE_STDIO,
        .console_stream = stdout,
        .keyboard = -1,
        .trace_last = UINT32_MAX,
        .trace_stream = stderr,
    };
}

/* Construction: each part in turn; denali_free() takes whatever there is apart again. */

static bool say(char *error, size_t error_size, const char *what)
{
    snprintf(error, error_size, "%s", what);
    return false;
}

static bool check_config(const struct denali_config *config, char *error, size_t error_size)
{
    if (!config->image)
        return say(error, error_size, "no image is given");
    if (config->machines == 0 || config->machines > 1u << 24)
        return say(error, error_size, "machines: 1 to 16777216 (a MAC address holds 24 bits of the index)");
    if (config->memory % PAGE_SIZE || config->memory < 2 * PAGE_SIZE)
        return say(error, error_size, "memory: a multiple of 4 KB, at least 8 KB");
    if (config->disk_count > DENALI_DISKS_MAX)
        return say(error, error_size, "a machine has at most 16 disks");
    if (config->cpu_khz == 0 || config->quantum_ns == 0 || config->queue_frames == 0)
        return say(error, error_size, "the clock rate, the quantum and the queue length must not be 0");
    if (config->swap_block < PAGE_SIZE || config->swap_block > SWAP_BLOCK_PAGES_MAX * PAGE_SIZE ||
        (config->swap_block & (config->swap_block - 1)))
        return say(error, error_size, "the swap block: a power of two from 4096 to 65536");
    if (machine_arguments(NULL, 0, config->arguments ? config->arguments : "", config->machines - 1) > DENALI_ARGS_MAX)
        return say(error, error_size, "the argument string is longer than 2047 bytes");
    if (config->supervisor && config->machines_max < config->machines)
        return say(error, error_size, "there may be fewer machines than there are to begin with");
    if (config->image_count > 0 && !config->supervisor)
        return say(error, error_size, "named images are for a supervisor");
    return true;
}

static bool open_frames(struct denali *d, const struct denali_config *config, char *error, size_t error_size)
{
    d->frames = frame_pool_new(config->frames / PAGE_SIZE);
    if (!d->frames)
        return say(error, error_size, "out of host memory");
    return disks_init(&d->disks, config, d->frames, &d->kernel.clock, error, error_size);
}

static bool load_disk_image(struct denali *d, uint32_t disk, const struct denali_config *config, char *error,
                            size_t error_size)
{
    size_t size;
    uint8_t *bytes = disks_image(&d->disks, disk, &size, error, error_size);

    d->image_loaded =
        bytes && image_load_bytes(&d->image, config->image, bytes, size, d->frames, config->memory, error, error_size);
    free(bytes);
    return d->image_loaded;
}

static bool open_image(struct denali *d, const struct denali_config *config, char *error, size_t error_size)
{
    uint32_t disk;

    if (disks_is_image(config->image, &disk))
        return load_disk_image(d, disk, config, error, error_size);
    d->image_loaded = image_load(&d->image, config->image, d->frames, config->memory, error, error_size);
    return d->image_loaded;
}

static bool open_terminals(struct denali *d, const struct denali_config *config, char *error, size_t error_size)
{
    if (config->console == DENALI_CONSOLE_STDIO)
        d->consoles = terminal_new(config->console_stream, config->supervisor ? 1 : config->machines);
    else if (config->console == DENALI_CONSOLE_FILES)
        d->consoles = terminal_new_directory(config->console_directory, config->machines);
    if (config->debug_stream)
        d->debug = terminal_new(config->debug_stream, config->machines + config->supervisor);
    if ((config->console != DENALI_CONSOLE_NONE && !d->consoles) || (config->debug_stream && !d->debug))
        return say(error, error_size, "out of host memory");
    return true;
}

static bool open_network(struct denali *d, const struct denali_config *config, char *error, size_t error_size)
{
    struct kernel *k = &d->kernel;

    traffic_init(&d->traffic, &k->clock, &k->trace);
    switch_init(&k->network, &d->traffic.observer);
    return networks_open(&d->networks, config, k, error, error_size) &&
           traffic_open(&d->traffic, config->net_out, config->capture, &k->network, config->machines, error,
                        error_size);
}

static uint64_t limit_or_none(uint64_t limit)
{
    return limit == 0 ? UINT64_MAX : limit;
}

#define EVENTS_OF_KERNEL  1 /* the next frame of the capture */
#define INPUT_PATIENCE_NS 20000000

static bool start_kernel(struct denali *d, const struct denali_config *config, char *error, size_t error_size)
{
    struct kernel *k = &d->kernel;

    cost_model_init(&k->costs, &config->costs, &k->clock);
    k->host = (struct machine_host){.posted = kernel_machine_posted,
                                    .timed_out = kernel_timed_out,
                                    .fetch = kernel_machine_fetch,
                                    .events = &k->events,
                                    .clock = &k->clock};
    k->quantum = clock_cycles(&k->clock, config->quantum_ns);
    k->end_cycles = config->until_ns ? clock_cycles(&k->clock, config->until_ns) : UINT64_MAX;
    k->end_instructions = limit_or_none(config->instructions);
    k->machine_instructions = limit_or_none(config->machine_instructions);
    k->interrupts = config->interrupts;
    k->idle = config->idle;
    k->last_running = UINT32_MAX;
    k->input_patience = clock_cycles(&k->clock, INPUT_PATIENCE_NS);
    pacer_init(&k->pacer, config->clock == DENALI_CLOCK_HOST ? host_clock_ns : NULL);
    k->cpu = cpu_new(config->engine == DENALI_ENGINE_STEP ? CPU_ENGINE_STEP : CPU_ENGINE_BLOCKS);
    k->scheduler = config->scheduler == DENALI_SCHEDULER_LOTTERY ? lottery_new(config->seed) : round_robin_new();
    vm_table_init(&k->vms);
    event_queue_init(&k->events);
    if (!k->cpu || !k->scheduler || !vm_table_reserve(&k->vms, config->machines) || !trace_init(&k->trace, config) ||
        !event_reserve(&k->events, EVENTS_OF_KERNEL))
        return say(error, error_size, "out of host memory");
    return true;
}

/* With a supervisor, standard output is its console alone. `others`: what all other machines get. */
static bool open_supervision(struct denali *d, const struct denali_config *config, struct machine_config *others,
                             char *error, size_t error_size)
{
    if (!config->supervisor)
        return true;
    struct supervision *s = d->supervision = calloc(1, sizeof(*s));
    if (!s)
        return say(error, error_size, "out of host memory");
    supervision_init(s, &d->kernel, d->frames, &d->disks, &d->image);
    if (!supervision_reserve(s, config->machines))
        return say(error, error_size, "out of host memory");
    for (uint32_t i = 0; i < config->image_count; i++)
        if (!image_cache_add(&s->images, config->images[i].name, config->images[i].path, config->memory, error,
                             error_size))
            return false;
    s->machines_max = config->machines_max;
    s->outside = config->console == DENALI_CONSOLE_FILES ? others->console : NULL;
    others->console = &s->sink;
    s->config = others;
    d->kernel.supervision = s;
    return true;
}

#define WINDOW_QUANTA 10 /* of WSClock's working set */

/* What swapping needs: a machine must get on with what its instruction and its kernel touch. */
#define FRAMES_MIN_BLOCKS (SPACE_PINS + 1) /* and that of page 0 */

static bool open_swap(struct denali *d, const struct denali_config *config, char *error, size_t error_size)
{
    struct kernel *k = &d->kernel;
    uint64_t frames = frame_pool_left(d->frames), least = FRAMES_MIN_BLOCKS * (config->swap_block / PAGE_SIZE);
    bool swaps = config->swap || config->swap_memory;

    k->gate = swaps && config->admission == DENALI_ADMISSION_FIFO ? gate_fifo_new(frames) : gate_open_new();
    if (!k->gate)
        return say(error, error_size, "out of host memory");
    if (!swaps)
        return true;
    if (frames < least) {
        snprintf(error, error_size, "frames: beside the image there are %" PRIu64 " KB, swapping needs %" PRIu64 " KB",
                 frames * 4, least * 4);
        return false;
    }
    struct swap_store *store = config->swap ? swap_files_new(config->swap, config->swap_block, error, error_size)
                                            : swap_memory_new(config->swap_memory, config->swap_block);
    if (!store && config->swap)
        return false;
    struct swap *swap = swap_new(store);
    kernel_swapping_init(k);
    k->pager = swap ? pager_new(d->frames, swap, &k->pager_host, &k->costs, &k->clock) : NULL;
    if (!k->pager)
        return say(error, error_size, "out of host memory");
    d->disks.pager = k->pager;
    const struct replacement_host *host = &k->pager->replacement_host;
    k->pager->policy =
        config->replacement == DENALI_REPLACEMENT_LRU ? lru_new(host) : wsclock_new(host, k->quantum * WINDOW_QUANTA);
    return k->pager->policy || say(error, error_size, "out of host memory");
}

static bool boot_machines(struct denali *d, const struct denali_config *config, char *error, size_t error_size)
{
    struct kernel *k = &d->kernel;

    d->first_config = (struct machine_config){
        .host = &k->host,
        .queue_frames = config->queue_frames,
        .mmu = config->mmu,
        .console = d->consoles ? terminal_sink(d->consoles) : NULL,
        .debug = d->debug ? terminal_sink(d->debug) : NULL,
        .wire = &k->network.wire,
        .disks = &d->disks,
        .pager = k->pager,
    };
    const struct machine_boot boot = {.arguments = config->arguments ? config->arguments : "",
                                      .disks = disks_choose(&d->disks, config->supervisor)};

    d->others_config = d->first_config;
    if (!open_supervision(d, config, &d->others_config, error, error_size))
        return false;
    d->first_config.supervisor = d->supervision ? &d->supervision->host : NULL;
    for (uint32_t i = 0; i < config->machines; i++) {
        struct machine_config *machine_config = i == 0 ? &d->first_config : &d->others_config;
        struct vm *vm = kernel_create(k, &d->image, machine_config, &boot, error, error_size);
        if (!vm)
            return false;
        kernel_start(k, vm);
    }
    return true;
}

struct denali *denali_new(const struct denali_config *config, char *error, size_t error_size)
{
    if (!check_config(config, error, error_size))
        return NULL;
    struct denali *d = calloc(1, sizeof(*d));
    if (!d) {
        say(error, error_size, "out of host memory");
        return NULL;
    }
    d->kernel.clock = (struct clock){.khz = config->cpu_khz};
    if (!open_frames(d, config, error, error_size) || !open_image(d, config, error, error_size) ||
        !open_terminals(d, config, error, error_size) || !start_kernel(d, config, error, error_size) ||
        !open_network(d, config, error, error_size) || !open_swap(d, config, error, error_size) ||
        !boot_machines(d, config, error, error_size)) {
        char ignored[1];
        denali_free(d, ignored, sizeof(ignored));
        return NULL;
    }
    networks_start(&d->networks, config, &d->kernel);
    return d;
}

/* The caller's floating-point environment is put aside: cpu/host_float.h counts on the default one. */
enum denali_progress denali_run(struct denali *d, uint64_t quanta)
{
    enum denali_progress progress = DENALI_RUNNING;
    fenv_t callers;

    fegetenv(&callers);
    fesetenv(FE_DFL_ENV);
    for (uint64_t i = 0; i < quanta && progress == DENALI_RUNNING; i++)
        progress = kernel_turn(&d->kernel);
    fesetenv(&callers);
    return progress;
}

size_t denali_waits_for(struct denali *d, struct pollfd *descriptors, size_t room, uint64_t *timeout_ns)
{
    struct net_watch watch = {descriptors, 0, room, kernel_wait_ns(&d->kernel)};

    host_watch(&d->networks.host, &watch, kernel_is_typed_to(&d->kernel));
    *timeout_ns = watch.timeout_ns;
    return watch.count;
}

const char *denali_trouble(const struct denali *d)
{
    return d->networks.capture ? capture_error(d->networks.capture) : "";
}

static void drop_kernel(struct kernel *k)
{
    kernel_destroy_all(k);
    vm_table_drop(&k->vms);
    if (k->next_packet)
        packet_unref(k->next_packet);
    switch_drop(&k->network);
    event_queue_drop(&k->events);
    trace_drop(&k->trace);
    if (k->scheduler)
        k->scheduler->ops->free(k->scheduler);
    if (k->gate)
        k->gate->ops->free(k->gate);
    if (k->pager)
        pager_free(k->pager);
}

bool denali_free(struct denali *d, char *error, size_t error_size)
{
    bool written;

    if (!d)
        return true;
    drop_kernel(&d->kernel);
    disks_drop(&d->disks);
    if (d->supervision)
        supervision_drop(d->supervision);
    free(d->supervision);
    if (d->image_loaded)
        image_drop(&d->image);
    networks_close(&d->networks);
    written = traffic_close(&d->traffic, error, error_size);
    if (d->debug)
        written = terminal_free(d->debug, error, error_size) && written;
    if (d->consoles)
        written = terminal_free(d->consoles, error, error_size) && written;
    cpu_free(d->kernel.cpu);
    if (d->frames)
        frame_pool_free(d->frames);
    free(d);
    return written;
}

/* Looking at it. */

static void count_memory(const struct denali *d, struct denali_stats *stats)
{
    const struct kernel *k = &d->kernel;

    stats->memory.frames = frame_pool_used(d->frames);
    stats->memory.peak_frames = frame_pool_peak(d->frames);
    stats->memory.bytes = frame_pool_bytes(d->frames) + (uint64_t)k->vms.capacity * sizeof(struct vm *);
    stats->memory.bytes += d->supervision ? supervision_bytes(d->supervision) : 0;
    FOR_EACH_VM(&k->vms, vm)
    {
        const struct machine *m = vm->machine;
        uint64_t private_frames, shared_frames;
        stats->machines++;
        stats->idle += vm->state == MACHINE_IDLE;
        stats->stopped += vm->state == MACHINE_STOPPED;
        stats->memory.bytes += sizeof(*vm) + disks_bytes(vm->disks);
        stats->swap.asleep += !m;
        if (!m)
            continue;
        stats->memory.bytes += sizeof(*m);
        space_count(&m->space, &private_frames, &shared_frames);
        stats->memory.private_frames += private_frames;
        stats->memory.bytes += space_bytes(&m->space);
        stats->keys_dropped += m->keyboard.dropped;
    }
    stats->memory.shared_frames = stats->memory.frames - stats->memory.private_frames - d->disks.overlay_frames;
}

static void count_swap(const struct kernel *k, struct denali_stats *stats)
{
    if (!k->pager)
        return;
    const struct pager_counters *counters = &k->pager->counters;
    stats->swap.in = counters->in;
    stats->swap.out = counters->out;
    stats->swap.dropped = counters->dropped;
    stats->swap.pages = counters->swapped;
    stats->swap.hibernated = k->counters.hibernated;
    stats->swap.woken = k->counters.woken;
}

static void count_disks(const struct denali *d, struct denali_stats *stats)
{
    const struct disk_counters *counters = &d->disks.counters;

    stats->disks.reads = counters->reads;
    stats->disks.writes = counters->writes;
    stats->disks.flushes = counters->flushes;
    stats->disks.failed = counters->failed;
    stats->disks.injected = counters->injected;
    stats->disks.refused = counters->refused;
    stats->disks.abandoned = counters->abandoned;
    stats->disks.trouble = image_files_trouble(d->disks.files);
}

void denali_get_stats(const struct denali *d, struct denali_stats *stats)
{
    const struct kernel_counters *counters = &d->kernel.counters;
    const struct cpu_counters *cpu = cpu_counters(d->kernel.cpu);

    *stats = (struct denali_stats){
        .instructions = counters->instructions,
        .virtual_ns = clock_elapsed_ns(&d->kernel.clock),
        .cost_ns = clock_elapsed_ns(&(struct clock){counters->cost_cycles, d->kernel.clock.khz}),
        .alive = counters->alive,
        .failed = counters->failed,
        .interrupts = {.posted = counters->interrupts_posted,
                       .delivered = counters->interrupts_delivered,
                       .crossings = counters->interrupts_crossings,
                       .max_batch = counters->interrupts_max_batch},
        .vm_switches = counters->vm_switches,
        .exceptions = cpu->exceptions_delivered,
        .blocks = {.decoded = cpu->blocks_decoded, .bytes = cpu->blocks_bytes},
    };
    if (d->supervision) {
        stats->created = d->supervision->created;
        stats->destroyed = d->supervision->destroyed;
    }
    networks_count(&d->networks, &d->kernel, stats);
    count_disks(d, stats);
    count_swap(&d->kernel, stats);
    count_memory(d, stats);
}

static void describe_machine(const struct machine *m, void *owner)
{
    struct denali_machine *out = owner;

    out->exit_status = m->state.regs[EAX];
    out->instructions = m->instructions;
    out->digest = machine_digest(m);
    out->eip = m->state.eip;
    out->eflags = cpu_state_eflags(&m->state);
    memcpy(out->regs, m->state.regs, sizeof(out->regs));
    if (m->failure) {
        out->reason = m->failure->reason;
        out->disassembly = m->failure->disassembly;
        out->symbol = m->failure->symbol;
    }
}

bool denali_next_machine(const struct denali *d, uint32_t from, struct denali_machine *out)
{
    static const enum denali_machine_state states[] = {
        [MACHINE_STOPPED] = DENALI_STOPPED, [MACHINE_READY] = DENALI_READY,           [MACHINE_IDLE] = DENALI_IDLE,
        [MACHINE_PAGING] = DENALI_READY,    [MACHINE_TERMINATED] = DENALI_TERMINATED, [MACHINE_FAILED] = DENALI_FAILED,
    };
    const struct vm *vm = vm_table_next(&d->kernel.vms, from);
    if (!vm)
        return false;
    const struct switch_port_counters port = switch_port_counters(&d->kernel.network, vm->id);
    *out = (struct denali_machine){.index = vm->id,
                                   .state = states[vm->state],
                                   .reason = "",
                                   .disassembly = "",
                                   .symbol = "",
                                   .frames = {port.delivered, port.sent, port.rx_dropped, port.tx_dropped}};
    if (!kernel_look(&d->kernel, vm, describe_machine, out))
        out->reason = "swap does not give it back";
    return true;
}

static void add_digest(const struct machine *m, void *digest)
{
    digest_number(digest, machine_digest(m));
}

uint64_t denali_digest(const struct denali *d)
{
    const struct kernel *k = &d->kernel;
    const struct switch_counters *network = &k->network.counters;
    struct digest digest;

    digest_begin(&digest);
    digest_number(&digest, k->clock.cycles);
    FOR_EACH_VM(&k->vms, vm)
    if (!kernel_look(k, vm, add_digest, &digest))
        digest_number(&digest, UINT64_MAX);
    digest_number(&digest, network->in);
    digest_number(&digest, network->delivered);
    digest_number(&digest, network->unclaimed);
    digest_number(&digest, network->out);
    digest_number(&digest, network->rx_dropped);
    digest_number(&digest, k->counters.interrupts_posted);
    digest_number(&digest, k->counters.interrupts_crossings);
    return digest_end(&digest);
}

#ifdef __clang__
#define COMPILER "clang "
#else
#define COMPILER "gcc "
#endif

const char *denali_build(void)
{
    return DENALI_VERSION " (" COMPILER __VERSION__ ")";
}
