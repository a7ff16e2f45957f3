/* SPDX-License-Identifier: MIT */
#include "../../devices/disk.h"

#include <criterion/criterion.h>

#include "fakes.h"

enum { UNITS = 2, BLOCKS = 8, BUFFER = 0x4000, REQUEST = 0x1000 };

/* A backend that remembers what was asked of it, in order, and fails if it is told to. */
struct fake_backend {
    struct disk_backend backend;
    uint8_t blocks[BLOCKS][DISK_BLOCK];
    char log[256];
    int result;
    bool freed;
};

struct bench {
    struct disk_host host;
    struct fake_line line;
    struct fake_memory memory;
    struct disk_counters counters;
    struct fake_backend backends[UNITS];
    struct disk_unit units[UNITS];
    struct disk disk;
    uint64_t now, wake;
    uint64_t takes[3]; /* of a read or write of each unit, of a flush */
};

static int fake_note(struct disk_backend *backend, char what, uint32_t block)
{
    struct fake_backend *fake = container_of(backend, struct fake_backend, backend);
    size_t length = strlen(fake->log);
    snprintf(fake->log + length, sizeof(fake->log) - length, "%c%u ", what, block);
    return fake->result;
}

static int fake_disk_read(struct disk_backend *backend, uint32_t block, void *to)
{
    cr_assert_lt(block, BLOCKS);
    memcpy(to, container_of(backend, struct fake_backend, backend)->blocks[block], DISK_BLOCK);
    return fake_note(backend, 'r', block);
}

static int fake_disk_write(struct disk_backend *backend, uint32_t block, const void *from)
{
    cr_assert_lt(block, BLOCKS);
    memcpy(container_of(backend, struct fake_backend, backend)->blocks[block], from, DISK_BLOCK);
    return fake_note(backend, 'w', block);
}

static int fake_disk_flush(struct disk_backend *backend)
{
    return fake_note(backend, 'f', 0);
}

static void fake_disk_free(struct disk_backend *backend)
{
    container_of(backend, struct fake_backend, backend)->freed = true;
}

static const struct disk_backend_ops fake_disk_ops = {
    .read = fake_disk_read, .write = fake_disk_write, .flush = fake_disk_flush, .free = fake_disk_free};

static uint64_t host_now(struct disk_host *host)
{
    return container_of(host, struct bench, host)->now;
}

static uint64_t host_take(struct disk_host *host, uint32_t unit, uint64_t position, uint64_t bytes)
{
    const struct bench *b = container_of(host, struct bench, host);
    cr_assert(bytes == 0 || (bytes == DISK_BLOCK && position < (uint64_t)BLOCKS * DISK_BLOCK));
    return b->now + b->takes[bytes ? unit : 2];
}

static void host_wake(struct disk_host *host, uint64_t time)
{
    container_of(host, struct bench, host)->wake = time;
}

static void host_sleep(struct disk_host *host)
{
    container_of(host, struct bench, host)->wake = UINT64_MAX;
}

static void bench_init(struct bench *b)
{
    *b = (struct bench){.host = {host_now, host_take, host_wake, host_sleep},
                        .line = FAKE_LINE,
                        .memory = FAKE_MEMORY,
                        .wake = UINT64_MAX};
    for (uint32_t i = 0; i < UNITS; i++) {
        b->backends[i].backend = (struct disk_backend){&fake_disk_ops, BLOCKS, i == 1};
        b->units[i].backend = &b->backends[i].backend;
    }
    disk_init(&b->disk, &b->host, &b->counters, b->units, UNITS);
    b->disk.line = &b->line.line;
    b->disk.memory = &b->memory.memory;
}

static void bench_drop(struct bench *b)
{
    b->disk.device.ops->drop(&b->disk.device);
    cr_assert(b->backends[0].freed && b->backends[1].freed);
}

static void put(struct bench *b, uint32_t address, uint32_t op, uint32_t disk, uint32_t block, uint32_t buffer)
{
    const uint32_t words[6] = {op, disk, block, buffer, 77, 0};
    memcpy(b->memory.bytes + address, words, sizeof(words));
}

static void start(struct bench *b, uint32_t address)
{
    b->disk.device.ops->out(&b->disk.device, DENALI_PORT_DISK, address);
}

static void request(struct bench *b, uint32_t address, uint32_t op, uint32_t disk, uint32_t block, uint32_t buffer)
{
    put(b, address, op, disk, block, buffer);
    start(b, address);
}

static int32_t status(const struct bench *b, uint32_t address)
{
    int32_t value;
    memcpy(&value, b->memory.bytes + address + DENALI_DISK_REQUEST_STATUS, sizeof(value));
    return value;
}

static uint32_t completed(struct bench *b)
{
    return b->disk.device.ops->in(&b->disk.device, DENALI_PORT_DISK_DONE);
}

/* What one request is answered. */
static int32_t answer(struct bench *b, uint32_t op, uint32_t disk, uint32_t block, uint32_t buffer)
{
    request(b, REQUEST, op, disk, block, buffer);
    cr_assert_eq(status(b, REQUEST), 0);
    disk_complete(&b->disk, b->wake);
    cr_assert_eq(completed(b), REQUEST);
    cr_assert(disk_is_quiescent(&b->disk));
    return status(b, REQUEST);
}

Test(disk, request_is_complete_when_its_time_has_come)
{
    struct bench b;
    bench_init(&b);
    b.now = 100;
    b.takes[0] = 50;
    memset(b.backends[0].blocks[3], 'x', DISK_BLOCK);
    request(&b, REQUEST, DENALI_DISK_READ, 0, 3, BUFFER);
    cr_assert_eq(b.wake, 150);
    disk_complete(&b.disk, 149);
    cr_assert(b.line.posts == 0 && completed(&b) == 0 && status(&b, REQUEST) == 0);
    cr_assert(!disk_is_quiescent(&b.disk));
    disk_complete(&b.disk, 150);
    cr_assert(b.line.posts == 1 && b.line.sources == DENALI_IRQ_DISK);
    cr_assert_eq(status(&b, REQUEST), DENALI_DISK_COMPLETE);
    cr_assert_eq(b.memory.bytes[BUFFER + DISK_BLOCK - 1], 'x');
    cr_assert_eq(completed(&b), REQUEST);
    cr_assert_eq(completed(&b), 0);
    cr_assert_null(b.disk.queue);
    bench_drop(&b);
}

Test(disk, disk_that_takes_no_time_completes_later_than_the_out)
{
    struct bench b;
    bench_init(&b);
    request(&b, REQUEST, DENALI_DISK_FLUSH, 0, 0, 0);
    cr_assert_eq(b.wake, 0);
    cr_assert_eq(b.line.posts, 0);
    cr_assert_str_eq(b.backends[0].log, "");
    disk_complete(&b.disk, 0);
    cr_assert_str_eq(b.backends[0].log, "f0 ");
    bench_drop(&b);
}

Test(disk, wrong_requests_get_their_error_and_reach_no_backend)
{
    struct bench b;
    bench_init(&b);
    cr_assert_eq(answer(&b, DENALI_DISK_READ, 0, BLOCKS, BUFFER), -DENALI_EINVAL);
    cr_assert_eq(answer(&b, DENALI_DISK_WRITE, 0, UINT32_MAX, BUFFER), -DENALI_EINVAL);
    cr_assert_eq(answer(&b, 3, 0, 0, BUFFER), -DENALI_EINVAL);
    cr_assert_eq(answer(&b, DENALI_DISK_READ, UNITS, 0, BUFFER), -DENALI_ENODEV);
    cr_assert_eq(answer(&b, DENALI_DISK_READ, UINT32_MAX, 0, BUFFER), -DENALI_ENODEV);
    cr_assert_eq(answer(&b, DENALI_DISK_WRITE, 1, 0, BUFFER), -DENALI_EROFS);
    cr_assert_eq(b.counters.refused, 6);
    cr_assert_eq(answer(&b, DENALI_DISK_WRITE, 0, 0, FAKE_MEMORY_SIZE - 1), -DENALI_EFAULT);
    cr_assert_str_eq(b.backends[0].log, "");
    cr_assert_eq(answer(&b, DENALI_DISK_READ, 0, 0, UINT32_MAX), -DENALI_EFAULT);
    cr_assert_eq(answer(&b, DENALI_DISK_FLUSH, 1, UINT32_MAX, UINT32_MAX), DENALI_DISK_COMPLETE);
    cr_assert_str_eq(b.backends[1].log, "f0 ");
    bench_drop(&b);
}

Test(disk, request_that_is_not_in_memory_is_counted_and_nothing_else)
{
    struct bench b;
    bench_init(&b);
    start(&b, FAKE_MEMORY_SIZE - DENALI_DISK_REQUEST_SIZE + 1);
    start(&b, UINT32_MAX - 3);
    cr_assert_eq(b.counters.refused, 2);
    cr_assert(disk_is_quiescent(&b.disk) && b.wake == UINT64_MAX);
    bench_drop(&b);
}

Test(disk, errors_of_the_backend_reach_the_guest_and_are_counted)
{
    struct bench b;
    bench_init(&b);
    b.backends[0].result = -DENALI_ENOSPC;
    cr_assert_eq(answer(&b, DENALI_DISK_WRITE, 0, 1, BUFFER), -DENALI_ENOSPC);
    cr_assert_eq(b.units[0].written, 0);
    cr_assert_eq(answer(&b, DENALI_DISK_FLUSH, 0, 0, 0), -DENALI_ENOSPC);
    cr_assert_eq(answer(&b, DENALI_DISK_READ, 0, 1, BUFFER), -DENALI_ENOSPC);
    cr_assert_eq(b.counters.failed, 3);
    cr_assert(b.counters.reads + b.counters.writes + b.counters.flushes == 0);
    bench_drop(&b);
}

Test(disk, request_is_read_once)
{
    struct bench b;
    bench_init(&b);
    request(&b, REQUEST, DENALI_DISK_READ, 0, 2, BUFFER);
    put(&b, REQUEST, DENALI_DISK_WRITE, 1, 99, 0);
    disk_complete(&b.disk, b.wake);
    cr_assert_str_eq(b.backends[0].log, "r2 ");
    cr_assert_eq(status(&b, REQUEST), DENALI_DISK_COMPLETE);
    bench_drop(&b);
}

Test(disk, completions_are_in_order_of_time_then_of_start)
{
    struct bench b;
    bench_init(&b);
    b.takes[0] = 20;
    b.takes[1] = 10;
    request(&b, REQUEST, DENALI_DISK_READ, 0, 0, BUFFER);
    request(&b, REQUEST + 32, DENALI_DISK_READ, 0, 1, BUFFER);
    request(&b, REQUEST + 64, DENALI_DISK_READ, 1, 2, BUFFER);
    cr_assert_eq(b.wake, 10);
    disk_complete(&b.disk, 10);
    cr_assert_eq(b.wake, 20);
    disk_complete(&b.disk, 20);
    cr_assert_eq(completed(&b), REQUEST + 64);
    cr_assert_eq(completed(&b), REQUEST);
    cr_assert_eq(completed(&b), REQUEST + 32);
    cr_assert_str_eq(b.backends[0].log, "r0 r1 ");
    bench_drop(&b);
}

/* What a flush vouches for was written before it, and the guest is told after it. */
Test(disk, flush_comes_after_the_writes_before_it)
{
    struct bench b;
    bench_init(&b);
    request(&b, REQUEST, DENALI_DISK_WRITE, 0, 1, BUFFER);
    request(&b, REQUEST + 32, DENALI_DISK_FLUSH, 0, 0, 0);
    cr_assert_eq(status(&b, REQUEST + 32), 0);
    disk_complete(&b.disk, 0);
    cr_assert_str_eq(b.backends[0].log, "w1 f0 ");
    cr_assert_eq(status(&b, REQUEST + 32), DENALI_DISK_COMPLETE);
    bench_drop(&b);
}

Test(disk, too_many_are_refused_at_once_until_some_are_taken)
{
    struct bench b;
    bench_init(&b);
    for (uint32_t i = 0; i < DISK_REQUESTS; i++)
        request(&b, REQUEST + 32 * i, DENALI_DISK_FLUSH, 0, 0, 0);
    request(&b, REQUEST - 32, DENALI_DISK_FLUSH, 0, 0, 0);
    cr_assert_eq(status(&b, REQUEST - 32), -DENALI_EAGAIN);
    disk_complete(&b.disk, 0);
    cr_assert_eq(b.line.posts, DISK_REQUESTS);
    request(&b, REQUEST - 32, DENALI_DISK_FLUSH, 0, 0, 0);
    cr_assert_eq(status(&b, REQUEST - 32), -DENALI_EAGAIN, "complete ones count until they are taken");
    for (uint32_t i = 0; i < 3 * DISK_REQUESTS; i++) {
        cr_assert_eq(completed(&b), REQUEST + 32 * (i % DISK_REQUESTS));
        request(&b, REQUEST + 32 * (i % DISK_REQUESTS), DENALI_DISK_FLUSH, 0, 0, 0);
        disk_complete(&b.disk, 0);
    }
    cr_assert_eq(b.counters.refused, 2);
    bench_drop(&b);
}

Test(disk, dropped_with_requests_outstanding_does_nothing_more)
{
    struct bench b;
    bench_init(&b);
    request(&b, REQUEST, DENALI_DISK_WRITE, 0, 1, BUFFER);
    request(&b, REQUEST + 32, DENALI_DISK_WRITE, 0, 2, BUFFER);
    bench_drop(&b);
    cr_assert_eq(b.wake, UINT64_MAX);
    cr_assert_str_eq(b.backends[0].log, "");
    cr_assert_eq(b.counters.abandoned, 2);
}

Test(disk, state_shows_requests_and_what_was_written_but_no_time)
{
    struct bench early, late;
    struct fake_visitor one, other;
    bench_init(&early);
    bench_init(&late);
    late.now = 1000;
    request(&early, REQUEST, DENALI_DISK_WRITE, 0, 1, BUFFER);
    request(&late, REQUEST, DENALI_DISK_WRITE, 0, 1, BUFFER);
    state_text(&early.disk.device, &one);
    state_text(&late.disk.device, &other);
    cr_assert_str_eq(one.text, other.text);
    cr_assert_not_null(strstr(one.text, "pending=1 address=4096 op=1 disk=0 block=1 buffer=16384 error=0 done=0 "));
    disk_complete(&early.disk, early.wake);
    late.memory.bytes[BUFFER] = 1;
    disk_complete(&late.disk, late.wake);
    state_text(&early.disk.device, &one);
    state_text(&late.disk.device, &other);
    cr_assert_str_neq(one.text, other.text, "another block was written");
    bench_drop(&early);
    bench_drop(&late);
}

Test(disk, written_depends_on_block_and_order)
{
    struct bench a, b, c;
    bench_init(&a);
    bench_init(&b);
    bench_init(&c);
    memset(a.memory.bytes + BUFFER, 'x', DISK_BLOCK);
    memset(b.memory.bytes + BUFFER, 'x', DISK_BLOCK);
    memset(c.memory.bytes + BUFFER, 'x', DISK_BLOCK);
    answer(&a, DENALI_DISK_WRITE, 0, 1, BUFFER);
    answer(&a, DENALI_DISK_WRITE, 0, 2, BUFFER);
    answer(&b, DENALI_DISK_WRITE, 0, 2, BUFFER);
    answer(&b, DENALI_DISK_WRITE, 0, 1, BUFFER);
    answer(&c, DENALI_DISK_WRITE, 0, 1, BUFFER);
    answer(&c, DENALI_DISK_WRITE, 0, 2, BUFFER);
    cr_assert_neq(a.units[0].written, b.units[0].written);
    cr_assert_eq(a.units[0].written, c.units[0].written);
    bench_drop(&a);
    bench_drop(&b);
    bench_drop(&c);
}

Test(disk, ports_are_those_of_the_architecture)
{
    struct bench b;
    bench_init(&b);
    const struct device_port *ports = b.disk.device.ops->ports;
    cr_assert(ports[0].port == 0x30 && ports[0].forms == PORT_OUT32);
    cr_assert(ports[1].port == 0x34 && ports[1].forms == PORT_IN32);
    bench_drop(&b);
}
