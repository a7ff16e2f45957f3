/* SPDX-License-Identifier: MIT
 *
 * What holds of every device: whatever a guest writes to it and whatever its memory answers, it trips no assertion, a
 * faulting operation leaves its state as it was, and it says nothing untrue about counts.
 */
#include <criterion/criterion.h>

#include "../../devices/console.h"
#include "../../devices/disk.h"
#include "../../devices/keyboard.h"
#include "../../devices/nic.h"
#include "../../devices/timer.h"
#include "fakes.h"

#define STEPS 50000

struct bench {
    struct fake_line line;
    struct fake_memory memory;
    struct timer_host host;
    struct nic_wire wire;
    uint64_t seed;
    bool armed; /* what the timer asked its host for */
};

static void host_arm(struct timer_host *host, uint64_t deadline)
{
    (void)deadline;
    container_of(host, struct bench, host)->armed = true;
}

static void host_disarm(struct timer_host *host)
{
    container_of(host, struct bench, host)->armed = false;
}

static void wire_ready(struct nic_wire *wire, struct nic *nic)
{
    (void)wire;
    cr_assert_eq(nic->transmit.count, 1);
}

static void bench_init(struct bench *bench, uint64_t seed)
{
    *bench = (struct bench){
        .line = FAKE_LINE,
        .memory = FAKE_MEMORY,
        .host = {host_arm, host_disarm},
        .wire = {.ready = wire_ready},
        .seed = seed,
    };
}

static uint32_t some(struct bench *bench, uint32_t limit)
{
    return (uint32_t)(random_next(&bench->seed) >> 16) % limit;
}

/* Mostly small and near the edges, sometimes anything. */
static uint32_t some_number(struct bench *bench)
{
    switch (some(bench, 4)) {
    case 0:
        return some(bench, 4);
    case 1:
        return some(bench, 2000);
    case 2:
        return FAKE_MEMORY_SIZE - some(bench, 2000);
    default:
        return (uint32_t)random_next(&bench->seed);
    }
}

static void string_step(struct bench *bench, struct device *device, bool in)
{
    struct fake_visitor before, after;
    struct port_string string = {.address = some_number(bench), .count = some_number(bench)};
    uint32_t count = string.count;
    bench->memory.hole = some(bench, 2) ? some_number(bench) % FAKE_MEMORY_SIZE : 0;
    state_text(device, &before);
    enum port_result result = in ? device->ops->string_in(device, &bench->memory.memory, &string)
                                 : device->ops->string_out(device, &bench->memory.memory, &string);
    cr_assert_leq(string.count, count);
    if (result != PORT_FAULT)
        return;
    state_text(device, &after);
    cr_assert_str_eq(before.text, after.text);
    cr_assert_eq(string.count, count);
    cr_assert(string.fault == bench->memory.hole || string.fault >= FAKE_MEMORY_SIZE);
}

/* One port instruction of a form that the device lists, as the kernel would pass it on. */
static void port_step(struct bench *bench, struct device *device)
{
    const struct device_port *port = &device->ops->ports[some(bench, 2)];
    uint8_t form = port->forms & (uint8_t)(1u << some(bench, 6));
    if (form & (PORT_STRING_IN8 | PORT_STRING_OUT8))
        string_step(bench, device, form == PORT_STRING_IN8);
    else if (form & (PORT_IN8 | PORT_IN32))
        device->ops->in(device, port->port);
    else if (form & (PORT_OUT8 | PORT_OUT32))
        device->ops->out(device, port->port, some_number(bench));
}

Test(devices, nic_under_random_use_loses_no_frame_uncounted)
{
    struct bench bench;
    struct nic nic;
    uint64_t taken = 0, transmitted = 0;
    bench_init(&bench, 1);
    nic_init(&nic, 0, &bench.line.line, &bench.wire, 5);
    for (int i = 0; i < STEPS; i++) {
        port_step(&bench, &nic.device);
        struct packet *packet = some(&bench, 200) ? NULL : nic_transmit(&nic);
        if (packet) {
            transmitted++;
            packet_unref(packet);
        }
        if (some(&bench, 8) == 0) {
            packet = packet_new(DENALI_FRAME_MIN + some(&bench, DENALI_FRAME_MAX - DENALI_FRAME_MIN + 1));
            memset(packet->bytes, i, packet->length);
            taken += nic_receive(&nic, packet);
            packet_unref(packet);
        }
        cr_assert_eq(taken, nic.received + nic_receive_waiting(&nic));
        cr_assert_eq(transmitted, nic.sent);
    }
    cr_assert(nic.received > 100 && nic.sent > 100 && nic.receive_dropped > 100 && nic.transmit_refused > 100);
    nic.device.ops->drop(&nic.device);
}

Test(devices, console_under_random_use_counts_every_byte)
{
    struct bench bench;
    struct console console, debug;
    bench_init(&bench, 2);
    console_init(&console, 0, NULL);
    debug_port_init(&debug, 0, NULL);
    for (int i = 0; i < STEPS / 10; i++) {
        port_step(&bench, &console.device);
        port_step(&bench, &debug.device);
    }
    cr_assert_gt(console.written, 1000);
    cr_assert_gt(debug.written, 100);
}

Test(devices, keyboard_under_random_use_gives_what_it_took)
{
    struct bench bench;
    struct keyboard keyboard;
    bench_init(&bench, 3);
    keyboard_init(&keyboard, &bench.line.line);
    for (int i = 0; i < STEPS; i++) {
        if (some(&bench, 3) == 0)
            keyboard_event(&keyboard, some_number(&bench));
        port_step(&bench, &keyboard.device);
        cr_assert_leq(keyboard_room(&keyboard), KEYBOARD_QUEUE);
    }
    cr_assert_gt(keyboard.dropped, 0);
    keyboard.device.ops->drop(&keyboard.device);
}

/* A disk of four blocks in memory. */
struct memory_disk {
    struct disk_backend backend;
    uint8_t blocks[4][DISK_BLOCK];
};

static int memory_disk_read(struct disk_backend *backend, uint32_t block, void *to)
{
    cr_assert_lt(block, 4);
    memcpy(to, container_of(backend, struct memory_disk, backend)->blocks[block], DISK_BLOCK);
    return 0;
}

static int memory_disk_write(struct disk_backend *backend, uint32_t block, const void *from)
{
    cr_assert_lt(block, 4);
    memcpy(container_of(backend, struct memory_disk, backend)->blocks[block], from, DISK_BLOCK);
    return 0;
}

static int memory_disk_flush(struct disk_backend *backend)
{
    (void)backend;
    return 0;
}

static void memory_disk_free(struct disk_backend *backend)
{
    (void)backend;
}

static const struct disk_backend_ops memory_disk_ops = {
    .read = memory_disk_read, .write = memory_disk_write, .flush = memory_disk_flush, .free = memory_disk_free};

/* Time goes on with every question. */
struct disk_bench {
    struct bench bench;
    struct disk_host host;
    uint64_t now, wake;
};

static uint64_t disk_now(struct disk_host *host)
{
    return ++container_of(host, struct disk_bench, host)->now;
}

static uint64_t disk_take(struct disk_host *host, uint32_t unit, uint64_t position, uint64_t bytes)
{
    return disk_now(host) + unit * 7 + (bytes ? position % 13 : 0);
}

static void disk_wake(struct disk_host *host, uint64_t time)
{
    container_of(host, struct disk_bench, host)->wake = time;
}

static void disk_sleep(struct disk_host *host)
{
    disk_wake(host, UINT64_MAX);
}

/* A request that may be right. */
static void put_request(struct bench *bench, uint32_t address)
{
    const uint32_t words[6] = {some(bench, 4), some(bench, 4), some(bench, 6), some_number(bench), 0, 0};
    if (address < FAKE_MEMORY_SIZE - sizeof(words))
        memcpy(bench->memory.bytes + address, words, sizeof(words));
}

Test(devices, disk_under_random_use_answers_every_request_or_counts_it)
{
    static struct memory_disk disks[2];
    struct disk_unit units[2];
    struct disk_counters counters = {0};
    struct disk_bench b = {.host = {disk_now, disk_take, disk_wake, disk_sleep}, .wake = UINT64_MAX};
    struct disk disk;
    uint64_t started = 0, taken = 0, unread = 0;
    bench_init(&b.bench, 5);
    for (uint32_t i = 0; i < 2; i++) {
        disks[i].backend = (struct disk_backend){&memory_disk_ops, 4, i == 1};
        units[i] = (struct disk_unit){.backend = &disks[i].backend};
    }
    disk_init(&disk, &b.host, &counters, units, 2);
    disk.line = &b.bench.line.line;
    disk.memory = &b.bench.memory.memory;
    for (int i = 0; i < STEPS; i++) {
        uint32_t address = some_number(&b.bench), outstanding = disk.pending + disk.done;
        put_request(&b.bench, address);
        disk.device.ops->out(&disk.device, DENALI_PORT_DISK, address);
        bool refused = outstanding == disk.pending + disk.done;
        started += !refused;
        unread += refused;
        if (b.wake <= b.now)
            disk_complete(&disk, b.wake);
        for (uint32_t n = some(&b.bench, 4); n > 0; n--)
            taken += disk.device.ops->in(&disk.device, DENALI_PORT_DISK_DONE) != 0;
        cr_assert_leq(disk.pending + disk.done, DISK_REQUESTS);
    }
    cr_assert_eq(b.bench.line.posts, started - disk.pending);
    cr_assert(unread > 100 && counters.refused > unread && counters.reads > 100 && counters.writes > 100);
    cr_assert_geq(b.bench.line.posts, taken, "a request at address 0 is taken as none");
    disk.device.ops->drop(&disk.device);
    cr_assert_eq(b.bench.line.posts + counters.abandoned, started);
}

Test(devices, timer_under_random_use_agrees_with_its_host)
{
    struct bench bench;
    struct timer timer;
    bench_init(&bench, 4);
    timer_init(&timer, &bench.line.line, &bench.memory.memory, &bench.host);
    for (int i = 0; i < STEPS; i++) {
        bench.memory.hole = some(&bench, 2) ? 1 + some(&bench, 200) : 0;
        port_step(&bench, &timer.device);
        cr_assert_eq(timer.armed, bench.armed);
        if (bench.armed && some(&bench, 4) == 0) {
            bench.armed = false;
            timer_expire(&timer);
        }
    }
    cr_assert_gt(bench.line.posts, 100);
    timer.device.ops->drop(&timer.device);
    cr_assert_not(bench.armed);
}
