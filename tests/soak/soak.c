/* SPDX-License-Identifier: MIT
 *
 * Everything at once, at random: machines are created, run, swapped under pressure, use disks, talk, fault, end, are
 * stopped and destroyed, in a kernel of its own for each epoch, whose policies and sizes are drawn too. All of it
 * follows from the seed. An epoch is run twice, every fourth under the other engine, which is slow, and must have the
 * same digest again; when all its machines are gone, nothing may be left of them. Under ASan and UBSan (./dev soak)
 * that includes every byte of host memory.
 *
 *     soak GUESTS-FOLDER SCRATCH-FOLDER SEED (epochs N | minutes N)
 *
 * What is done is the table ACTIONS; what machines run is the table PROGRAMS. A further device gets a guest there.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../devices/container_of.h"
#include "../../emu/digest.h"
#include "../../emu/kernel.h"

#define MEMORY        (1u << 20) /* of a machine */
#define DISK_BLOCKS   32
#define STEPS         2000   /* of an epoch */
#define MACHINES_MOST 300    /* at once */
#define INSTRUCTIONS  150000 /* after which a machine fails */

/* Frames: of the images, at most; and the blocks that machines with a pager need to get on. */
#define IMAGES 150
#define BLOCKS 16

/* PROGRAM(guest, arguments) */
#define PROGRAMS(PROGRAM)                                                                                              \
    PROGRAM(hello, "")                                                                                                 \
    PROGRAM(echo, "")                                                                                                  \
    PROGRAM(primes, "n=60000")                                                                                         \
    PROGRAM(spin, "count=50000")                                                                                       \
    PROGRAM(clock, "count=3")                                                                                          \
    PROGRAM(crowd, "period=2 count=9")                                                                                 \
    PROGRAM(crowd, "busy=16777215")                                                                                    \
    PROGRAM(zipf, "pages=16 spread=3 servers=20 requests=30 window=4")                                                 \
    PROGRAM(disk, "do=check")                                                                                          \
    PROGRAM(disk, "do=sum")                                                                                            \
    PROGRAM(disk, "do=log")                                                                                            \
    PROGRAM(crash, "how=wild-write")                                                                                   \
    PROGRAM(crash, "how=recursion")                                                                                    \
    PROGRAM(crash, "how=storm")                                                                                        \
    PROGRAM(crash, "how=double")

struct program {
    const char *guest, *arguments;
};

static const struct program programs[] = {
#define PROGRAM(guest, arguments) {#guest, arguments},
    PROGRAMS(PROGRAM)
#undef PROGRAM
};

enum { PROGRAM_COUNT = sizeof(programs) / sizeof(programs[0]) };

struct world {
    struct kernel kernel;
    struct frame_pool *pool;
    struct disks disks;
    struct image images[PROGRAM_COUNT];
    struct machine_config configs[PROGRAM_COUNT];
    struct digest digest;
    uint64_t random;
    uint64_t created, failed;
    uint64_t frames, events; /* before there is any machine */
};

/* What the program was told, and what it has done. */
struct soak {
    const char *guests, *scratch;
    uint64_t seed;
    uint64_t created, failed, hibernated, blocks_out, disk_operations;
    char error[512];
};

static _Noreturn void fail(const struct soak *soak, const char *what)
{
    fprintf(stderr, "soak: seed %" PRIu64 ": %s\n", soak->seed, what);
    exit(1);
}

static void check(const struct soak *soak, bool right, const char *what)
{
    if (!right)
        fail(soak, what);
}

/* SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
static uint64_t draw(struct world *w)
{
    uint64_t z = w->random += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

static uint32_t below(struct world *w, uint32_t limit)
{
    return (uint32_t)(draw(w) % limit);
}

/* A world begins. */

static void load_images(struct soak *soak, struct world *w)
{
    for (size_t i = 0; i < PROGRAM_COUNT; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s.elf", soak->guests, programs[i].guest);
        if (!image_load(&w->images[i], path, w->pool, MEMORY, soak->error, sizeof(soak->error)))
            fail(soak, soak->error);
    }
}

/* The file is the same each time: nobody may write it, so each machine has its own view of it. */
static void open_disks(struct soak *soak, struct world *w, const struct denali_costs *costs)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/disk", soak->scratch);
    struct denali_config config = {.costs = *costs, .disk_count = 1};
    config.disks[0] = (struct denali_disk){
        .file = path, .copy_on_write = true, .errors = below(w, 4) == 0 ? 20000 : 0, .seed = draw(w)};
    if (!disks_init(&w->disks, &config, w->pool, &w->kernel.clock, soak->error, sizeof(soak->error)))
        fail(soak, soak->error);
}

static struct swap_store *open_store(struct soak *soak, struct world *w, uint32_t block)
{
    char paths[8192];
    if (below(w, 2))
        return swap_memory_new(below(w, 4) ? 64 << 20 : 1 << 18, block); /* the latter becomes full */
    snprintf(paths, sizeof(paths), "%s/swap-0,%s/swap-1", soak->scratch, soak->scratch);
    return swap_files_new(paths, block, soak->error, sizeof(soak->error));
}

static void open_pager(struct soak *soak, struct world *w, uint32_t block_pages)
{
    struct kernel *k = &w->kernel;
    struct swap *swap = swap_new(open_store(soak, w, block_pages * PAGE_SIZE));

    check(soak, swap, soak->error);
    kernel_swapping_init(k);
    k->pager = pager_new(w->pool, swap, &k->pager_host, &k->costs, &k->clock);
    w->disks.pager = k->pager;
    const struct replacement_host *host = &k->pager->replacement_host;
    k->pager->policy = below(w, 2) ? lru_new(host) : wsclock_new(host, k->quantum * 10);
}

static void start_kernel(struct world *w, enum cpu_engine engine, const struct denali_costs *costs)
{
    struct kernel *k = &w->kernel;

    k->clock = (struct clock){.khz = 1000000};
    cost_model_init(&k->costs, costs, &k->clock);
    k->host = (struct machine_host){.posted = kernel_machine_posted,
                                    .timed_out = kernel_timed_out,
                                    .fetch = kernel_machine_fetch,
                                    .events = &k->events,
                                    .clock = &k->clock};
    k->quantum = 1000 << below(w, 5);
    k->end_cycles = k->end_instructions = UINT64_MAX;
    k->machine_instructions = INSTRUCTIONS;
    k->interrupts = below(w, 4) ? DENALI_INTERRUPTS_BATCHED : DENALI_INTERRUPTS_IMMEDIATE;
    k->last_running = UINT32_MAX;
    k->cpu = cpu_new(engine);
    k->scheduler = below(w, 2) ? round_robin_new() : lottery_new(draw(w));
    k->gate = below(w, 2) ? gate_open_new() : gate_fifo_new(frame_pool_left(w->pool));
    switch_init(&k->network, NULL);
}

static struct world *world_new(struct soak *soak, uint64_t seed, enum cpu_engine engine)
{
    struct world *w = calloc(1, sizeof(*w));
    struct denali_costs costs;

    check(soak, w, "out of host memory");
    w->random = seed;
    cost_profile(&costs, below(w, 3) ? "none" : "denali2002");
    uint32_t block_pages = 1 << below(w, 5);
    w->pool = frame_pool_new(IMAGES + BLOCKS * block_pages + below(w, 200));
    load_images(soak, w);
    start_kernel(w, engine, &costs);
    open_disks(soak, w, &costs);
    if (below(w, 5))
        open_pager(soak, w, block_pages);
    for (size_t i = 0; i < PROGRAM_COUNT; i++)
        w->configs[i] = (struct machine_config){.host = &w->kernel.host,
                                                .queue_frames = 1 + below(w, 64),
                                                .mmu = below(w, 2),
                                                .wire = &w->kernel.network.wire,
                                                .disks = &w->disks,
                                                .pager = w->kernel.pager};
    w->frames = frame_pool_used(w->pool);
    check(soak, w->frames <= IMAGES, "the images need more frames than thought");
    w->events = w->kernel.events.reserved;
    digest_begin(&w->digest);
    return w;
}

/* What happens in it. */

/* NULL: there is no machine. */
static struct vm *any(struct world *w)
{
    struct vm_table *vms = &w->kernel.vms;
    struct vm *vm = vms->count > 0 ? vm_table_next(vms, below(w, vms->count)) : NULL;
    return vm || vms->count == 0 ? vm : vm_table_next(vms, 0);
}

static void act_create(struct world *w)
{
    char error[512];
    size_t program = below(w, PROGRAM_COUNT);

    if (w->kernel.vms.count - w->kernel.vms.vacant_count >= MACHINES_MOST)
        return;
    const struct machine_boot boot = {.arguments = programs[program].arguments,
                                      .disks = disks_choose(&w->disks, false)};
    struct vm *vm = kernel_create(&w->kernel, &w->images[program], &w->configs[program], &boot, error, sizeof(error));
    digest_number(&w->digest, vm ? vm->id : UINT32_MAX); /* memory may be full */
    if (!vm)
        return;
    w->created++;
    if (below(w, 8))
        kernel_start(&w->kernel, vm);
}

static void act_run(struct world *w)
{
    enum denali_progress progress = DENALI_RUNNING;
    for (uint32_t turns = below(w, 60); turns > 0 && progress == DENALI_RUNNING; turns--)
        progress = kernel_turn(&w->kernel);
    digest_number(&w->digest, progress);
}

static void act_start(struct world *w)
{
    struct vm *vm = any(w);
    if (vm)
        kernel_start(&w->kernel, vm);
}

static void act_stop(struct world *w)
{
    struct vm *vm = any(w);
    if (vm)
        kernel_stop(&w->kernel, vm);
}

static void destroy(struct world *w, struct vm *vm)
{
    w->failed += vm->state == MACHINE_FAILED;
    kernel_destroy(&w->kernel, vm);
}

static void act_destroy(struct world *w)
{
    struct vm *vm = any(w);
    if (vm)
        destroy(w, vm);
}

/* To one machine or to all; of what guests understand, or of nothing. */
static void act_frame(struct world *w)
{
    struct packet *packet = packet_new(DENALI_FRAME_MIN + below(w, DENALI_FRAME_MAX - DENALI_FRAME_MIN + 1));
    uint32_t to = below(w, MACHINES_MOST);
    const uint8_t head[] = {0x02, 0x44, 0x4E, (uint8_t)(to >> 16), (uint8_t)(to >> 8), (uint8_t)to, 2, 0, 0, 0, 0, 1};

    for (uint32_t i = 0; i < packet->length; i++)
        packet->bytes[i] = (uint8_t)draw(w);
    memcpy(packet->bytes, head, sizeof(head));
    packet->bytes[12] = 8;
    packet->bytes[13] = below(w, 2) ? 0 : 6;
    if (below(w, 16) == 0)
        memset(packet->bytes, 0xFF, 6);
    switch_receive(&w->kernel.network, 0, packet);
    packet_unref(packet);
}

static void add_digest(const struct machine *m, void *digest)
{
    digest_number(digest, machine_digest(m));
}

static void look(struct world *w, const struct vm *vm)
{
    digest_number(&w->digest, vm->state);
    if (!kernel_look(&w->kernel, vm, add_digest, &w->digest))
        digest_number(&w->digest, UINT64_MAX);
}

static void act_look(struct world *w)
{
    const struct vm *vm = any(w);
    if (vm)
        look(w, vm);
}

/* ACTION(name, how often, of a hundred) */
#define ACTIONS(ACTION)                                                                                                \
    ACTION(create, 24)                                                                                                 \
    ACTION(run, 36)                                                                                                    \
    ACTION(start, 6)                                                                                                   \
    ACTION(stop, 4)                                                                                                    \
    ACTION(destroy, 12)                                                                                                \
    ACTION(frame, 14)                                                                                                  \
    ACTION(look, 4)

static void step(struct world *w)
{
    uint32_t lot = below(w, 100);
#define ACTION(name, often)                                                                                            \
    if (lot < (often)) {                                                                                               \
        act_##name(w);                                                                                                 \
        return;                                                                                                        \
    }                                                                                                                  \
    lot -= (often);
    ACTIONS(ACTION)
#undef ACTION
}

/* A world ends: everything is as it was before there were machines. */

static void check_empty(const struct soak *soak, const struct world *w)
{
    const struct kernel *k = &w->kernel;

    check(soak, frame_pool_used(w->pool) == w->frames, "frames are left of machines that are gone");
    check(soak, w->disks.overlay_frames == 0, "frames of overlays are left");
    check(soak, k->events.count == 0 && k->events.reserved == w->events, "events are left");
    check(soak, k->counters.alive == 0 && k->counters.failed == 0, "the counters of machines are not 0");
    check(soak, !k->network.senders && !k->marked, "machines that are gone are in a list");
    check(soak, !k->scheduler->ops->next(k->scheduler), "the scheduler has a machine that is gone");
    check(soak, !k->gate->ops->next(k->gate), "the gatekeeper has a machine that is gone");
    check(soak, !k->pager || k->pager->counters.swapped == 0, "pages are left in swap");
}

static uint64_t world_end(struct soak *soak, struct world *w)
{
    struct kernel *k = &w->kernel;
    const struct switch_counters *network = &k->network.counters;
    const uint64_t counters[] = {k->clock.cycles,
                                 k->counters.instructions,
                                 k->counters.interrupts_posted,
                                 network->in,
                                 network->out,
                                 network->delivered,
                                 network->rx_dropped,
                                 network->tx_dropped,
                                 w->disks.counters.reads,
                                 w->disks.counters.writes};

    FOR_EACH_VM(&k->vms, vm)
    look(w, vm);
    digest_bytes(&w->digest, counters, sizeof(counters));
    for (struct vm *vm; (vm = any(w));)
        destroy(w, vm);
    check_empty(soak, w);
    soak->created += w->created;
    soak->failed += w->failed;
    soak->hibernated += k->counters.hibernated;
    soak->blocks_out += k->pager ? k->pager->counters.out : 0;
    soak->disk_operations += w->disks.counters.reads + w->disks.counters.writes;
    return digest_end(&w->digest);
}

static void world_free(struct world *w)
{
    struct kernel *k = &w->kernel;

    vm_table_drop(&k->vms);
    switch_drop(&k->network);
    event_queue_drop(&k->events);
    k->scheduler->ops->free(k->scheduler);
    k->gate->ops->free(k->gate);
    disks_drop(&w->disks);
    if (k->pager)
        pager_free(k->pager);
    for (size_t i = 0; i < PROGRAM_COUNT; i++)
        image_drop(&w->images[i]);
    cpu_free(k->cpu);
    frame_pool_free(w->pool);
    free(w);
}

static uint64_t epoch_run(struct soak *soak, uint64_t seed, enum cpu_engine engine)
{
    struct world *w = world_new(soak, seed, engine);
    for (uint32_t i = 0; i < STEPS; i++)
        step(w);
    uint64_t digest = world_end(soak, w);
    world_free(w);
    return digest;
}

/* The program. */

static void make_disk(const struct soak *soak)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/disk", soak->scratch);
    FILE *file = fopen(path, "w");
    check(soak, file && ftruncate(fileno(file), DISK_BLOCKS * PAGE_SIZE) == 0, path);
    fclose(file);
}

static void remove_files(const struct soak *soak)
{
    static const char *const names[] = {"disk", "swap-0", "swap-1"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", soak->scratch, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(soak->scratch);
}

static bool is_time(uint64_t epoch, uint64_t limit, bool minutes, time_t began)
{
    return minutes ? time(NULL) - began >= (time_t)limit * 60 : epoch == limit;
}

int main(int argc, char **argv)
{
    if (argc != 6 || (strcmp(argv[4], "epochs") != 0 && strcmp(argv[4], "minutes") != 0)) {
        fprintf(stderr, "see the head of tests/soak/soak.c for what to give it\n");
        return 2;
    }
    struct soak soak = {.guests = argv[1], .scratch = argv[2], .seed = strtoull(argv[3], NULL, 10)};
    uint64_t limit = strtoull(argv[5], NULL, 10), epoch = 0;
    bool minutes = strcmp(argv[4], "minutes") == 0;
    time_t began = time(NULL);
    struct digest all;

    (void)mkdir(soak.scratch, 0700);
    make_disk(&soak);
    digest_begin(&all);
    for (; !is_time(epoch, limit, minutes, began); epoch++) {
        uint64_t digest = epoch_run(&soak, soak.seed + epoch, CPU_ENGINE_BLOCKS);
        fprintf(stderr, "epoch %" PRIu64 ": digest %016" PRIx64 "\n", epoch, digest);
        enum cpu_engine again = epoch % 4 == 0 ? CPU_ENGINE_STEP : CPU_ENGINE_BLOCKS;
        if (digest != epoch_run(&soak, soak.seed + epoch, again))
            fail(&soak, "the epoch has another digest when it is run again");
        digest_number(&all, digest);
    }
    remove_files(&soak);
    printf("seed %" PRIu64 ", %" PRIu64 " epochs: %" PRIu64 " machines, %" PRIu64 " failed, %" PRIu64
           " swapped out as a whole, %" PRIu64 " blocks out, %" PRIu64 " disk operations; digest %016" PRIx64 "\n",
           soak.seed, epoch, soak.created, soak.failed, soak.hibernated, soak.blocks_out, soak.disk_operations,
           digest_end(&all));
    return 0;
}
