/* SPDX-License-Identifier: MIT
 *
 * The disks of a simulation without machines: a line and a memory stand for each.
 */
#include "../../emu/disks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../devices/fakes.h"
#include "../devices/temporary.h"
#include "tiny_image.h"

enum { BUFFER = 0x4000, REQUEST = 0x1000, FRAMES = 20 };

struct bench {
    struct temporary temporary;
    struct clock clock;
    struct event_queue events;
    struct frame_pool *frames;
    struct denali_config config;
    struct disks disks;
    char paths[2][TEMPORARY_MAX];
    char error[512];
};

/* One machine. */
struct user {
    struct fake_line line;
    struct fake_memory memory;
    struct machine_disks *attached;
};

static void make(struct bench *b, const char *name, uint32_t blocks)
{
    char path[TEMPORARY_MAX];
    uint8_t *bytes = calloc(blocks, DISK_BLOCK);
    file_set(temporary_path(&b->temporary, name, path), bytes, (size_t)blocks * DISK_BLOCK);
    free(bytes);
}

static void bench_init(struct bench *b)
{
    *b = (struct bench){.temporary = temporary_new(), .clock = {.khz = 1000000}, .frames = frame_pool_new(FRAMES)};
    event_queue_init(&b->events);
    cr_assert(event_reserve(&b->events, 4));
    denali_config_init(&b->config);
    b->config.machines = 2;
}

static struct denali_disk *add(struct bench *b, const char *name)
{
    const struct temporary temporary = b->temporary;
    struct denali_disk *disk = &b->config.disks[b->config.disk_count];
    disk->file = temporary_path(&temporary, name, b->paths[b->config.disk_count++]);
    return disk;
}

static bool init(struct bench *b)
{
    return disks_init(&b->disks, &b->config, b->frames, &b->clock, b->error, sizeof(b->error));
}

static void bench_drop(struct bench *b)
{
    disks_drop(&b->disks);
    event_queue_drop(&b->events);
    frame_pool_free(b->frames);
    temporary_remove(&b->temporary);
}

static struct machine_disks *attach_all(struct bench *b, uint32_t vm)
{
    const struct disk_choice all = disks_choose(&b->disks, false);
    return disks_attach(&b->disks, &all, vm, &b->events);
}

static void attach(struct bench *b, struct user *user, uint32_t vm)
{
    *user = (struct user){.line = FAKE_LINE, .memory = FAKE_MEMORY};
    user->attached = attach_all(b, vm);
    cr_assert_not_null(user->attached, "%s", b->disks.error);
    disks_connect(user->attached, &user->line.line, &user->memory.memory);
}

static void start(struct user *user, uint32_t op, uint32_t disk, uint32_t block)
{
    const uint32_t words[6] = {op, disk, block, BUFFER, 0, 0};
    struct device *device = &user->attached->disk.device;
    memcpy(user->memory.bytes + REQUEST, words, sizeof(words));
    device->ops->out(device, DENALI_PORT_DISK, REQUEST);
}

static int32_t finish(struct bench *b, struct user *user)
{
    int32_t status;
    b->clock.cycles = event_next_time(&b->events);
    event_run(&b->events, b->clock.cycles);
    struct device *device = &user->attached->disk.device;
    cr_assert_eq(device->ops->in(device, DENALI_PORT_DISK_DONE), REQUEST);
    memcpy(&status, user->memory.bytes + REQUEST + DENALI_DISK_REQUEST_STATUS, sizeof(status));
    return status;
}

Test(disks, shared_file_and_files_of_their_own_are_attached)
{
    struct bench b;
    struct user user;
    bench_init(&b);
    make(&b, "shared", 3);
    make(&b, "own-0", 5);
    make(&b, "own-1", 6);
    add(&b, "shared")->read_only = true;
    add(&b, "own-{vm}");
    cr_assert(init(&b), "%s", b.error);
    attach(&b, &user, 1);
    const struct disk_unit *units = user.attached->units;
    cr_assert(units[0].backend->blocks == 3 && units[0].backend->read_only);
    cr_assert(units[1].backend->blocks == 6 && !units[1].backend->read_only);
    disks_detach(user.attached);
    cr_assert_null(attach_all(&b, 2));
    cr_assert_not_null(strstr(b.disks.error, "/own-2: No such file or directory"));
    bench_drop(&b);
}

Test(disks, disk_that_several_would_write_is_refused)
{
    struct bench b;
    bench_init(&b);
    make(&b, "a", 1);
    add(&b, "a");
    cr_assert(!init(&b));
    cr_assert_not_null(strstr(b.error, "/a: several machines would write one disk"));
    disks_drop(&b.disks);
    b.config.machines = 1;
    cr_assert(init(&b));
    bench_drop(&b);
}

Test(disks, disk_that_is_written_belongs_to_one_machine_at_a_time)
{
    struct bench b;
    struct user one, other;
    bench_init(&b);
    make(&b, "a", 1);
    add(&b, "a");
    b.config.machines = 1;
    cr_assert(init(&b));
    attach(&b, &one, 0);
    cr_assert_null(attach_all(&b, 1));
    cr_assert_not_null(strstr(b.disks.error, "/a: another machine writes this disk"));
    disks_detach(one.attached);
    attach(&b, &other, 1);
    disks_detach(other.attached);
    bench_drop(&b);
}

Test(disks, file_that_is_not_there_is_refused_by_name)
{
    struct bench b;
    bench_init(&b);
    add(&b, "missing")->read_only = true;
    cr_assert(!init(&b));
    cr_assert_not_null(strstr(b.error, "/missing: No such file or directory"));
    bench_drop(&b);
}

Test(disks, machines_wait_for_each_other_only_at_a_shared_disk)
{
    struct bench b;
    struct user one, other;
    bench_init(&b);
    make(&b, "shared", 9);
    make(&b, "own-0", 9);
    make(&b, "own-1", 9);
    add(&b, "shared")->read_only = true;
    add(&b, "own-{vm}");
    b.config.costs = (struct denali_costs){.disk_seek = 100, .disk_rotation = 50, .disk_transfer = 10};
    cr_assert(init(&b), "%s", b.error);
    attach(&b, &one, 0);
    attach(&b, &other, 1);
    start(&one, DENALI_DISK_READ, 0, 0);
    start(&other, DENALI_DISK_READ, 0, 4);
    cr_assert_eq(finish(&b, &one), DENALI_DISK_COMPLETE);
    cr_assert_eq(b.clock.cycles, 160);
    cr_assert_eq(finish(&b, &other), DENALI_DISK_COMPLETE);
    cr_assert_eq(b.clock.cycles, 320);
    start(&one, DENALI_DISK_READ, 1, 0);
    start(&other, DENALI_DISK_READ, 1, 4);
    cr_assert_eq(event_next_time(&b.events), 480);
    event_run(&b.events, 480);
    cr_assert(one.line.posts == 2 && other.line.posts == 2);
    disks_detach(one.attached);
    disks_detach(other.attached);
    bench_drop(&b);
}

Test(disks, disks_that_cost_nothing_are_done_at_the_next_boundary)
{
    struct bench b;
    struct user user;
    bench_init(&b);
    make(&b, "own-0", 1);
    add(&b, "own-{vm}");
    cr_assert(init(&b));
    attach(&b, &user, 0);
    b.clock.cycles = 77;
    start(&user, DENALI_DISK_WRITE, 0, 0);
    cr_assert_eq(user.line.posts, 0);
    cr_assert_eq(event_next_time(&b.events), 77);
    cr_assert_eq(finish(&b, &user), DENALI_DISK_COMPLETE);
    cr_assert_eq(user.line.sources, DENALI_IRQ_DISK);
    disks_detach(user.attached);
    bench_drop(&b);
}

Test(disks, machine_gone_with_requests_outstanding_leaves_no_event)
{
    struct bench b;
    struct user user;
    bench_init(&b);
    make(&b, "own-0", 1);
    add(&b, "own-{vm}");
    cr_assert(init(&b));
    attach(&b, &user, 0);
    start(&user, DENALI_DISK_WRITE, 0, 0);
    disks_detach(user.attached);
    cr_assert_eq(event_next_time(&b.events), UINT64_MAX);
    cr_assert_eq(b.disks.counters.abandoned, 1);
    bench_drop(&b);
}

Test(disks, overlays_take_frames_and_keep_machines_apart)
{
    struct bench b;
    struct user one, other;
    bench_init(&b);
    make(&b, "shared", 2 * FRAMES);
    add(&b, "shared")->copy_on_write = true;
    cr_assert(init(&b));
    attach(&b, &one, 0);
    attach(&b, &other, 1);
    one.memory.bytes[BUFFER] = 'x';
    start(&one, DENALI_DISK_WRITE, 0, 3);
    cr_assert_eq(finish(&b, &one), DENALI_DISK_COMPLETE);
    cr_assert(frame_pool_used(b.frames) == 1 && b.disks.overlay_frames == 1);
    other.memory.bytes[BUFFER] = 'y';
    start(&other, DENALI_DISK_READ, 0, 3);
    cr_assert_eq(finish(&b, &other), DENALI_DISK_COMPLETE);
    cr_assert_eq(other.memory.bytes[BUFFER], 0);
    for (uint32_t i = 0; i < FRAMES - 1; i++) {
        start(&other, DENALI_DISK_WRITE, 0, i);
        cr_assert_eq(finish(&b, &other), DENALI_DISK_COMPLETE);
    }
    start(&other, DENALI_DISK_WRITE, 0, FRAMES);
    cr_assert_eq(finish(&b, &other), -DENALI_ENOSPC);
    disks_detach(one.attached);
    disks_detach(other.attached);
    cr_assert_eq(frame_pool_used(b.frames), 0);
    bench_drop(&b);
}

/* Which of the first 64 reads of a machine fail. */
static uint64_t failures(struct bench *b, uint32_t vm)
{
    struct user user;
    uint64_t bits = 0;
    attach(b, &user, vm);
    for (int i = 0; i < 64; i++) {
        start(&user, DENALI_DISK_READ, 0, 0);
        bits |= (uint64_t)(finish(b, &user) == -DENALI_EIO) << i;
    }
    disks_detach(user.attached);
    return bits;
}

Test(disks, injected_errors_are_each_machines_own_and_the_seeds)
{
    struct bench b;
    bench_init(&b);
    make(&b, "shared", 1);
    *add(&b, "shared") = (struct denali_disk){.file = b.paths[0], .read_only = true, .errors = 500000, .seed = 1};
    cr_assert(init(&b));
    uint64_t first = failures(&b, 0), second = failures(&b, 1);
    cr_assert_neq(first, second);
    cr_assert_eq(failures(&b, 0), first, "again");
    disks_drop(&b.disks);
    b.config.seed = 1;
    cr_assert(init(&b));
    cr_assert_neq(failures(&b, 0), first);
    bench_drop(&b);
}

Test(disks, image_on_a_disk_is_read_as_far_as_it_goes)
{
    static const uint8_t program[6000] = {0x90};
    uint8_t file[3 * DISK_BLOCK] = {0};
    struct bench b;
    char path[TEMPORARY_MAX];
    size_t size, length = tiny_image(file, sizeof(file), program, sizeof(program));
    bench_init(&b);
    file_set(temporary_path(&b.temporary, "boot", path), file, sizeof(file));
    make(&b, "empty-0", 1);
    add(&b, "boot")->read_only = true;
    add(&b, "empty-{vm}");
    cr_assert(init(&b));
    uint8_t *image = disks_image(&b.disks, 0, &size, b.error, sizeof(b.error));
    cr_assert(image && size >= length && size == 2 * DISK_BLOCK);
    cr_assert_arr_eq(image, file, length);
    free(image);
    cr_assert_null(disks_image(&b.disks, 1, &size, b.error, sizeof(b.error)));
    cr_assert_not_null(strstr(b.error, "machines boot one image"));
    cr_assert_null(disks_image(&b.disks, 2, &size, b.error, sizeof(b.error)));
    cr_assert_str_eq(b.error, "disk:2: there is no such disk, of 2 (--disk)");
    bench_drop(&b);
}

Test(disks, image_may_begin_at_any_block)
{
    static const uint8_t program[6000] = {0x90};
    uint8_t file[4 * DISK_BLOCK] = {0}, *image = NULL;
    struct bench b;
    char path[TEMPORARY_MAX];
    size_t size = 0, length = tiny_image(file + DISK_BLOCK, sizeof(file) - DISK_BLOCK, program, sizeof(program));
    bench_init(&b);
    file_set(temporary_path(&b.temporary, "boot", path), file, sizeof(file));
    add(&b, "boot")->read_only = true;
    add(&b, "own-{vm}");
    cr_assert(init(&b));
    cr_expect_eq(disks_read_image(&b.disks, 0, 1, &image, &size), 0);
    cr_expect_eq(size, 2 * DISK_BLOCK);
    cr_expect_arr_eq(image, file + DISK_BLOCK, length);
    free(image);
    cr_expect_eq(disks_read_image(&b.disks, 0, 4, &image, &size), -DENALI_EINVAL);
    cr_expect_eq(disks_read_image(&b.disks, 1, 0, &image, &size), -DENALI_ENODEV);
    cr_expect_eq(disks_read_image(&b.disks, 2, 0, &image, &size), -DENALI_ENODEV);
    bench_drop(&b);
}

Test(disks, machine_has_those_chosen_in_that_order)
{
    struct bench b;
    bench_init(&b);
    make(&b, "zero", 1);
    make(&b, "one", 2);
    make(&b, "two", 3);
    add(&b, "zero")->read_only = true;
    add(&b, "one");
    add(&b, "two")->copy_on_write = true;
    b.config.supervisor = true;
    cr_assert(init(&b), "%s", b.error);
    struct disk_choice choice = disks_choose(&b.disks, true);
    cr_expect(choice.count == 2 && choice.numbers[0] == 0 && choice.numbers[1] == 2, "one is for a single machine");
    choice = (struct disk_choice){.numbers = {2, 1}, .count = 2};
    cr_expect_eq(disks_check(&b.disks, &choice), 0);
    struct machine_disks *attached = disks_attach(&b.disks, &choice, 1, &b.events);
    cr_assert(attached && attached->disk.unit_count == 2);
    cr_expect(attached->units[0].backend->blocks == 3 && attached->units[1].backend->blocks == 2);
    cr_expect_eq(disks_check(&b.disks, &choice), -DENALI_EBUSY);
    disks_detach(attached);
    cr_expect_eq(disks_check(&b.disks, &choice), 0);
    choice.numbers[1] = 2;
    cr_expect_eq(disks_check(&b.disks, &choice), -DENALI_EINVAL);
    choice.numbers[1] = 3;
    cr_expect_eq(disks_check(&b.disks, &choice), -DENALI_ENODEV);
    bench_drop(&b);
}

Test(disks, name_of_an_image_on_a_disk_is_recognised)
{
    uint32_t which;
    cr_assert(disks_is_image("disk:0", &which) && which == 0);
    cr_assert(disks_is_image("disk:15", &which) && which == 15);
    cr_assert(disks_is_image("disk:99999999999999999999", &which) && which == UINT32_MAX);
    cr_assert(!disks_is_image("disk:", &which));
    cr_assert(!disks_is_image("disk:-1", &which));
    cr_assert(!disks_is_image("disk:0x", &which));
    cr_assert(!disks_is_image("./disk:0", &which));
}
