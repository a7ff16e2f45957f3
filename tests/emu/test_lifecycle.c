/* SPDX-License-Identifier: MIT
 *
 * Machines that come and go in a kernel of their own: created, started, stopped, ended, destroyed.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "../devices/temporary.h"
#include "kernel_bench.h"
#include "tiny_image.h"

enum { MEMORY = 64 << 10, FRAMES = 64 };

struct bench {
    struct kernel kernel;
    struct frame_pool *pool;
    struct image image;
    struct machine_config config;
    struct machine_boot boot;
    char error[256];
};

static void bench_init(struct bench *b, const uint8_t *program, size_t size)
{
    struct kernel *k = &b->kernel;
    uint8_t file[256];

    *b = (struct bench){.pool = frame_pool_new(FRAMES)};
    size = tiny_image(file, sizeof(file), program, size);
    cr_assert(image_load_bytes(&b->image, "tiny", file, size, b->pool, MEMORY, b->error, sizeof(b->error)));
    kernel_bench_init(k, gate_open_new());
    b->config = (struct machine_config){.host = &k->host, .queue_frames = 4, .wire = &k->network.wire};
    b->boot = (struct machine_boot){.arguments = ""};
}

static void bench_drop(struct bench *b)
{
    struct kernel *k = &b->kernel;
    kernel_destroy_all(k);
    kernel_bench_drop(k);
    image_drop(&b->image);
    frame_pool_free(b->pool);
}

static struct vm *create(struct bench *b)
{
    struct vm *vm = kernel_create(&b->kernel, &b->image, &b->config, &b->boot, b->error, sizeof(b->error));
    cr_assert(vm, "%s", b->error);
    return vm;
}

static enum denali_progress run(struct bench *b)
{
    return kernel_bench_run(&b->kernel, 1000);
}

/* mov eax, 7; 0F 3F 01 */
static const uint8_t terminates[] = {0xB8, 7, 0, 0, 0, 0x0F, 0x3F, 0x01};
/* inc ebx; jmp to it */
static const uint8_t counts[] = {0x43, 0xEB, 0xFD};
/* or eax, -1; or edx, -1; 0F 3F 00; inc ebx; hlt */
static const uint8_t idles[] = {0x83, 0xC8, 0xFF, 0x83, 0xCA, 0xFF, 0x0F, 0x3F, 0x00, 0x43, 0xF4};
static const uint8_t crashes[] = {0x0F, 0x0B};

Test(lifecycle, created_machine_runs_only_when_it_is_started)
{
    struct bench b;
    bench_init(&b, terminates, sizeof(terminates));
    struct vm *vm = create(&b);
    cr_expect_eq(vm->state, MACHINE_STOPPED);
    cr_expect_eq(run(&b), DENALI_QUIET);
    kernel_start(&b.kernel, vm);
    cr_expect_eq(run(&b), DENALI_ENDED);
    cr_expect_eq(vm->state, MACHINE_TERMINATED);
    cr_expect_eq(vm->machine->state.regs[EAX], 7);
    bench_drop(&b);
}

Test(lifecycle, stopped_machine_gets_no_quantum_and_goes_on_where_it_was)
{
    struct bench b;
    bench_init(&b, counts, sizeof(counts));
    struct vm *vm = create(&b);
    kernel_start(&b.kernel, vm);
    for (unsigned i = 0; i < 3; i++)
        kernel_turn(&b.kernel);
    uint64_t instructions = vm->machine->instructions;
    cr_expect_eq(instructions, 3000);
    kernel_stop(&b.kernel, vm);
    cr_expect_eq(run(&b), DENALI_QUIET);
    cr_expect_eq(vm->machine->instructions, instructions);
    kernel_start(&b.kernel, vm);
    kernel_start(&b.kernel, vm);
    kernel_turn(&b.kernel);
    cr_expect_eq(vm->machine->instructions, instructions + 1000);
    bench_drop(&b);
}

Test(lifecycle, machine_stopped_while_idle_returns_from_idle_when_started)
{
    struct bench b;
    bench_init(&b, idles, sizeof(idles));
    struct vm *vm = create(&b);
    kernel_start(&b.kernel, vm);
    cr_expect_eq(run(&b), DENALI_QUIET);
    cr_expect_eq(vm->state, MACHINE_IDLE);
    kernel_stop(&b.kernel, vm);
    cr_expect_eq(run(&b), DENALI_QUIET);
    cr_expect_eq(vm->machine->state.regs[EBX], 0);
    kernel_start(&b.kernel, vm);
    run(&b);
    cr_expect_eq(vm->machine->state.regs[EBX], 1);
    cr_expect_eq(vm->machine->state.regs[EAX], 0, "nothing was pending");
    bench_drop(&b);
}

Test(lifecycle, interrupt_to_a_stopped_machine_waits_until_it_is_started)
{
    struct bench b;
    bench_init(&b, idles, sizeof(idles));
    struct vm *vm = create(&b);
    kernel_start(&b.kernel, vm);
    run(&b);
    kernel_stop(&b.kernel, vm);
    vm->machine->line.post(&vm->machine->line, DENALI_IRQ_TIMER);
    cr_expect_eq(run(&b), DENALI_QUIET);
    kernel_start(&b.kernel, vm);
    run(&b);
    cr_expect_eq(vm->machine->state.regs[EAX], DENALI_IRQ_TIMER);
    bench_drop(&b);
}

Test(lifecycle, what_has_ended_cannot_be_started_or_stopped)
{
    struct bench b;
    bench_init(&b, terminates, sizeof(terminates));
    struct vm *vm = create(&b);
    kernel_start(&b.kernel, vm);
    run(&b);
    kernel_stop(&b.kernel, vm);
    kernel_start(&b.kernel, vm);
    cr_expect_eq(vm->state, MACHINE_TERMINATED);
    cr_expect_eq(run(&b), DENALI_ENDED);
    bench_drop(&b);
}

Test(lifecycle, destroyed_machine_leaves_nothing_behind)
{
    static const struct {
        const uint8_t *program;
        size_t size;
    } programs[] = {
        {terminates, sizeof(terminates)}, {counts, sizeof(counts)}, {idles, sizeof(idles)}, {crashes, sizeof(crashes)}};

    for (size_t p = 0; p < sizeof(programs) / sizeof(programs[0]); p++) {
        struct bench b;
        bench_init(&b, programs[p].program, programs[p].size);
        uint64_t frames = frame_pool_used(b.pool);
        for (unsigned round = 0; round < 200; round++) {
            struct vm *vm = create(&b);
            cr_assert_eq(vm->id, 0, "the index is free again");
            if (round % 4 != 0)
                kernel_start(&b.kernel, vm);
            for (unsigned i = 0; i < round % 5; i++)
                kernel_turn(&b.kernel);
            kernel_destroy(&b.kernel, vm);
            cr_assert_eq(frame_pool_used(b.pool), frames);
            cr_assert_eq(b.kernel.events.count, 0);
            cr_assert_eq(b.kernel.events.reserved, 0);
            cr_assert_eq(b.kernel.counters.alive, 0);
            cr_assert_eq(b.kernel.counters.failed, 0);
        }
        bench_drop(&b);
    }
}

/* mov eax, 0x1000; out 0x30, eax; hlt: what lies there is no sensible request, which is answered all the same. */
static const uint8_t asks_disk[] = {0xB8, 0x00, 0x10, 0x00, 0x00, 0xE7, 0x30, 0xF4};

Test(lifecycle, disks_come_and_go_with_their_machines)
{
    struct bench b;
    struct disks disks;
    struct denali_config config;
    struct temporary temporary = temporary_new();
    const uint8_t block[DENALI_DISK_BLOCK] = {0};
    char path[TEMPORARY_MAX];
    bench_init(&b, asks_disk, sizeof(asks_disk));
    file_set(temporary_path(&temporary, "disk", path), block, sizeof(block));
    denali_config_init(&config);
    config.disks[0] = (struct denali_disk){.file = path};
    config.disk_count = 1;
    cr_assert(disks_init(&disks, &config, b.pool, &b.kernel.clock, b.error, sizeof(b.error)), "%s", b.error);
    b.config.disks = &disks;
    b.boot.disks = disks_choose(&disks, false);
    for (unsigned round = 0; round < 50; round++) {
        struct vm *vm = create(&b);
        cr_assert_null(kernel_create(&b.kernel, &b.image, &b.config, &b.boot, b.error, sizeof(b.error)));
        cr_assert(strstr(b.error, "machine 1: ") && strstr(b.error, "another machine writes this disk"), "%s", b.error);
        kernel_start(&b.kernel, vm);
        for (unsigned i = 0; i < round % 4; i++)
            kernel_turn(&b.kernel);
        kernel_destroy(&b.kernel, vm);
        cr_assert(b.kernel.events.count == 0 && b.kernel.events.reserved == 0);
    }
    cr_assert_gt(disks.counters.refused, 0);
    disks_drop(&disks);
    bench_drop(&b);
    temporary_remove(&temporary);
}

Test(lifecycle, machine_that_cannot_be_booted_is_refused_and_leaves_nothing_behind)
{
    struct bench b;
    bench_init(&b, idles, sizeof(idles));
    uint64_t room = FRAMES - frame_pool_used(b.pool);
    for (uint64_t i = 0; i < room; i++)
        create(&b);
    cr_expect_null(kernel_create(&b.kernel, &b.image, &b.config, &b.boot, b.error, sizeof(b.error)));
    cr_expect_eq(b.kernel.counters.alive, room);
    kernel_destroy(&b.kernel, vm_table_at(&b.kernel.vms, 5));
    cr_expect_eq(create(&b)->id, 5);
    bench_drop(&b);
}

Test(lifecycle, argument_string_that_may_become_too_long_is_refused)
{
    struct bench b;
    char text[DENALI_ARGS_MAX + 2];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    bench_init(&b, idles, sizeof(idles));
    b.boot.arguments = text;
    cr_expect_null(kernel_create(&b.kernel, &b.image, &b.config, &b.boot, b.error, sizeof(b.error)));
    cr_expect(strstr(b.error, "2047"));
    bench_drop(&b);
}
