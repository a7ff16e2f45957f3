/* SPDX-License-Identifier: MIT
 *
 * The door: a simulation that follows a (made-up) clock and gets frames and keys at moments nobody planned is written
 * down; a second one, under the virtual clock, is given what was written down, and comes to the same digest.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../devices/container_of.h"
#include "../../devices/host/capture.h"
#include "../../emu/simulation.h"
#include "../devices/fakes.h"

#define ITEMS 20000

/* All that entered, in memory: a recorder, and then a source. */
struct log {
    struct input_recorder recorder;
    struct input_source source;
    struct input_item items[ITEMS]; /* whose bytes are owned */
    uint32_t count, next;
};

static void log_entered(struct input_recorder *recorder, const struct input_item *item)
{
    struct log *log = container_of(recorder, struct log, recorder);
    cr_assert_lt(log->count, ITEMS);
    log->items[log->count] = *item;
    log->items[log->count++].bytes = memcpy(malloc(item->length), item->bytes, item->length);
}

/* The next item if it is of this kind and enters now. */
static const struct input_item *log_take(struct log *log, enum input_kind kind, const struct input_moment *now)
{
    const struct input_item *item = &log->items[log->next];
    if (log->next == log->count || item->kind != kind || item->moment.turn != now->turn ||
        item->moment.cycles > now->cycles)
        return NULL;
    cr_assert_eq(item->moment.cycles, now->cycles, "an item that should have entered before");
    log->next++;
    return item;
}

static struct packet *log_frame(struct input_source *source, const struct input_moment *now, uint32_t *backend)
{
    const struct input_item *item = log_take(container_of(source, struct log, source), INPUT_FRAME, now);
    if (!item)
        return NULL;
    struct packet *packet = packet_new(item->length);
    memcpy(packet->bytes, item->bytes, item->length);
    *backend = item->port;
    return packet;
}

static size_t log_keys(struct input_source *source, const struct input_moment *now, uint8_t *bytes, size_t room)
{
    const struct input_item *item = log_take(container_of(source, struct log, source), INPUT_KEYS, now);
    if (!item)
        return 0;
    cr_assert_leq(item->length, room);
    memcpy(bytes, item->bytes, item->length);
    return item->length;
}

static uint64_t log_next(struct input_source *source, const struct input_moment *now)
{
    const struct log *log = container_of(source, struct log, source);
    const struct input_item *item = &log->items[log->next];
    return log->next < log->count && item->moment.turn == now->turn ? item->moment.cycles : UINT64_MAX;
}

static bool log_is_open(struct input_source *source, bool typing)
{
    const struct log *log = container_of(source, struct log, source);
    (void)typing;
    return log->next < log->count;
}

static const struct input_source_ops log_ops = {log_frame, log_keys, log_next, log_is_open};

static struct log *log_new(void)
{
    struct log *log = calloc(1, sizeof(*log));
    log->recorder.entered = log_entered;
    log->source.ops = &log_ops;
    return log;
}

static void log_free(struct log *log)
{
    for (uint32_t i = 0; i < log->count; i++)
        free((void *)(uintptr_t)log->items[i].bytes);
    free(log);
}

/* A network that has the frames of a capture, and gives one when it likes. */
struct whim {
    struct net_backend base;
    struct capture_reader *capture;
    uint64_t random;
};

static uint64_t host_now, host_random;

/* Each look at the clock takes time, now more, now less. */
static uint64_t host_ns(void)
{
    return host_now += random_next(&host_random) % 40000;
}

static struct packet *whim_receive(struct net_backend *base, uint64_t now_ns)
{
    struct whim *whim = container_of(base, struct whim, base);
    struct packet *packet;
    uint64_t recorded;
    (void)now_ns;
    if (random_next(&whim->random) % 2 || capture_read(whim->capture, &packet, &recorded) != CAPTURE_FRAME)
        return NULL;
    return packet;
}

static void whim_send(struct net_backend *base, struct packet *packet)
{
    (void)base, (void)packet;
}

static void whim_watch(struct net_backend *base, struct net_watch *watch)
{
    (void)base, (void)watch;
}

static const struct net_backend_ops whim_ops = {.send = whim_send, .receive = whim_receive, .watch = whim_watch};

struct bench {
    struct denali_config config;
    struct whim whim;
    char image[512];
};

static void bench_init(struct bench *b, const char *guest, const char *arguments, uint32_t machines)
{
    char error[256];
    *b = (struct bench){.whim = {.base = {.ops = &whim_ops, .name = "whim"}, .random = 99}};
    snprintf(b->image, sizeof(b->image), "%s/%s.elf", getenv("DENALI_TEST_GUESTS"), guest);
    denali_config_init(&b->config);
    b->config.image = b->image;
    b->config.arguments = arguments;
    b->config.machines = machines;
    b->config.console = DENALI_CONSOLE_NONE;
    b->config.until_ns = 50000000;
    b->whim.capture = capture_open(TEST_DATA "/lan-100.pcap", error, sizeof(error));
    cr_assert_not_null(b->whim.capture);
}

static struct denali *simulation(struct bench *b)
{
    char error[256];
    struct denali *d = denali_new(&b->config, error, sizeof(error));
    cr_assert_not_null(d, "%s", error);
    cr_assert(switch_attach(&d->kernel.network, &b->whim.base));
    return d;
}

/* Runs to the end and takes the simulation apart. */
static uint64_t digest_at_end(struct denali *d)
{
    struct pollfd descriptors[4];
    uint64_t timeout_ns;
    char error[256];
    enum denali_progress progress;
    while ((progress = denali_run(d, 3)) == DENALI_RUNNING || progress == DENALI_WAITING)
        if (progress == DENALI_WAITING) {
            denali_waits_for(d, descriptors, 4, &timeout_ns);
            host_now += random_next(&host_random) % 300000;
        }
    if (progress == DENALI_QUIET) /* nothing else was written down; the clock was followed to the limit */
        d->kernel.clock.cycles = d->kernel.end_cycles;
    uint64_t digest = denali_digest(d);
    cr_assert(denali_free(d, error, sizeof(error)));
    return digest;
}

/* `keyboard` -1: nobody types. */
static void record_and_replay(struct bench *b, uint64_t seed, int keyboard, uint32_t least)
{
    struct log *log = log_new();
    host_random = seed;
    struct denali *live = simulation(b);
    pacer_init(&live->kernel.pacer, host_ns);
    host_init(&live->networks.host, &live->kernel.network, &live->kernel.clock, &live->kernel.pacer,
              live->kernel.scheduler, keyboard);
    live->kernel.input.source = &live->networks.host.source;
    live->kernel.input.recorder = &log->recorder;
    uint64_t digest = digest_at_end(live);
    cr_assert_geq(log->count, least, "only %u items entered", log->count);

    struct denali *again = simulation(b);
    again->kernel.input.source = &log->source;
    cr_assert_eq(digest_at_end(again), digest);
    cr_assert_eq(log->next, log->count);
    log_free(log);
    capture_close(b->whim.capture);
}

Test(input, frames_written_down_give_the_same_run_again)
{
    for (uint64_t seed = 1; seed < 6; seed++) {
        struct bench b;
        bench_init(&b, "echo", "", 20);
        record_and_replay(&b, seed, -1, 50);
    }
}

/* Frames come in the middle of quanta, too; that they have come is seen in a register at a certain instruction. */
Test(input, frames_for_busy_machines_give_the_same_run_again)
{
    for (uint64_t seed = 1; seed < 6; seed++) {
        struct bench b;
        bench_init(&b, "primes", "n=1000000", 3);
        b.config.quantum_ns = 5000000;
        record_and_replay(&b, seed, -1, 100);
    }
}

Test(input, frames_and_links_give_the_same_run_again)
{
    struct bench b;
    const char *links[] = {"all:delay=200us,loss=10%,reorder=5%,rate=10Mbit"};
    bench_init(&b, "echo", "", 20);
    b.config.links = links;
    b.config.link_count = 1;
    record_and_replay(&b, 3, -1, 150);
}

Test(input, interrupts_at_once_give_the_same_run_again)
{
    struct bench b;
    bench_init(&b, "primes", "n=1000000", 3);
    b.config.interrupts = DENALI_INTERRUPTS_IMMEDIATE;
    record_and_replay(&b, 4, -1, 100);
}

Test(input, keys_written_down_give_the_same_run_again)
{
    struct bench b;
    int ends[2];
    bench_init(&b, "keys", "", 2);
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], "h\xC3\xA9llo", 6), 6);
    record_and_replay(&b, 5, ends[0], 1);
    close(ends[0]);
    close(ends[1]);
}

Test(input, no_more_is_typed_than_the_keyboard_has_room_for)
{
    struct log *log = log_new();
    struct fake_line line = FAKE_LINE;
    struct keyboard keyboard;
    uint8_t text[INPUT_KEYS_MAX];
    keyboard_init(&keyboard, &line.line);
    memset(text, 'k', sizeof(text));
    size_t room = typist_room(&keyboard);
    log->items[log->count++] = (struct input_item){.kind = INPUT_KEYS, .bytes = text, .length = (uint32_t)room};
    struct input input = {.source = &log->source};
    cr_assert_not(input_type(&input, 0, 0, &keyboard), "typed to a guest that never looked for keys");
    keyboard.wanted = true;
    cr_assert(input_type(&input, 0, 0, &keyboard));
    cr_assert_not(input_type(&input, 0, 0, &keyboard));
    cr_assert_eq(keyboard.dropped, 0);
    keyboard.device.ops->drop(&keyboard.device);
    free(log);
}

Test(input, without_a_source_nothing_enters)
{
    struct input input = {0};
    uint32_t backend;
    cr_assert_null(input_frame(&input, 5, &backend));
    cr_assert_eq(input_next(&input, 5), UINT64_MAX);
    cr_assert_not(input_is_open(&input, true));
}
