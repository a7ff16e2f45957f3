/* SPDX-License-Identifier: MIT
 *
 * Whole simulations of real guests that have far too few frames: swapping changes nothing but time.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../emu/cost.h"
#include "simulation_run.h"
#include "tiny_image.h"

#define CAPTURE TEST_DATA "/lan-100.pcap"

/* Frames for so many blocks beside those of the image. */
static void press(struct run *run, uint32_t block, uint64_t blocks)
{
    struct denali_stats stats;
    char error[256];
    struct denali_config config = run->config;
    config.machines = 1;
    config.swap_memory = 0;
    config.frames = UINT64_C(1) << 30;
    struct denali *d = denali_new(&config, error, sizeof(error));
    cr_assert(d, "%s", error);
    denali_get_stats(d, &stats);
    denali_free(d, error, sizeof(error));
    run->config.swap_block = block;
    run->config.swap_memory = 256 << 20;
    run->config.frames = (stats.memory.frames - 1) * DENALI_PAGE_SIZE + blocks * block;
}

static enum denali_progress finish(struct run *run, uint64_t quanta)
{
    enum denali_progress progress;
    while ((progress = denali_run(run->d, quanta)) == DENALI_RUNNING)
        continue;
    return progress;
}

static struct denali_stats stats_of(struct run *run)
{
    struct denali_stats stats;
    denali_get_stats(run->d, &stats);
    return stats;
}

static void drop(struct run *run)
{
    char error[256];
    cr_assert(denali_free(run->d, error, sizeof(error)), "%s", error);
}

static uint64_t digest_of(struct run *run)
{
    start(run);
    finish(run, 1000);
    uint64_t digest = denali_digest(run->d);
    drop(run);
    return digest;
}

static struct denali_machine machine_of(struct run *run, uint32_t index)
{
    struct denali_machine machine;
    cr_assert(denali_next_machine(run->d, index, &machine));
    cr_assert_eq(machine.index, index);
    return machine;
}

enum { LEAST = 17 }; /* blocks that a run with swap must have */

/* Guests that do not look at time. */
static void compare_with_and_without(struct run *run)
{
    struct run plain = *run;
    plain.config.image = plain.image;
    plain.config.frames = UINT64_C(1) << 30;
    plain.config.swap_memory = 0;
    start(run);
    start(&plain);
    cr_assert_eq(finish(run, 1000), finish(&plain, 1000));
    struct denali_stats pressed = stats_of(run);
    cr_assert_gt(pressed.swap.in, 0, "there was no pressure");
    for (uint32_t i = 0; i < run->config.machines; i++) {
        struct denali_machine one = machine_of(run, i), other = machine_of(&plain, i);
        cr_assert_eq(one.state, other.state, "machine %u: %s", i, one.reason);
        cr_assert_eq(one.instructions, other.instructions, "machine %u", i);
        cr_assert_eq(one.digest, other.digest, "machine %u", i);
    }
    drop(run);
    drop(&plain);
}

Test(simulation_swap, machines_compute_the_same_under_pressure)
{
    for (uint32_t block = 4096; block <= 65536; block *= 2) {
        struct run run;
        prepare(&run, "primes", 6);
        run.config.arguments = "n=400000";
        press(&run, block, LEAST);
        compare_with_and_without(&run);
        run.config.replacement = DENALI_REPLACEMENT_LRU;
        run.config.admission = DENALI_ADMISSION_OPEN;
        run.config.scheduler = DENALI_SCHEDULER_LOTTERY;
        compare_with_and_without(&run);
    }
}

static void prepare_echo(struct run *run, uint32_t machines, uint32_t block)
{
    prepare(run, "echo", machines);
    run->config.net_in = CAPTURE;
    press(run, block, LEAST);
}

static void expect_engines_agree(struct run *run)
{
    run->config.engine = DENALI_ENGINE_BLOCKS;
    start(run);
    finish(run, 1000);
    uint64_t blocks = denali_digest(run->d);
    struct denali_stats stats = stats_of(run);
    cr_assert(stats.swap.in > 0 && stats.swap.out > 0, "there was no pressure");
    cr_assert_eq(stats.failed, 0);
    drop(run);
    run->config.engine = DENALI_ENGINE_STEP;
    cr_assert_eq(digest_of(run), blocks, "block of %u", run->config.swap_block);
}

Test(simulation_swap, engines_agree_with_every_block_size_and_policy)
{
    for (uint32_t block = 4096; block <= 65536; block *= 2) {
        for (unsigned policies = 0; policies < 8; policies++) {
            struct run run;
            prepare_echo(&run, 100, block);
            run.config.replacement = policies & 1 ? DENALI_REPLACEMENT_LRU : DENALI_REPLACEMENT_WSCLOCK;
            run.config.admission = policies & 2 ? DENALI_ADMISSION_OPEN : DENALI_ADMISSION_FIFO;
            run.config.scheduler = policies & 4 ? DENALI_SCHEDULER_LOTTERY : DENALI_SCHEDULER_ROUND_ROBIN;
            expect_engines_agree(&run);
        }
    }
}

Test(simulation_swap, engines_traces_and_pauses_agree_when_disks_take_time)
{
    struct run run;
    prepare_echo(&run, 100, 16384);
    cr_assert(cost_profile(&run.config.costs, "denali2002"));
    uint64_t plain = digest_of(&run);
    start(&run);
    while (denali_run(run.d, 1) == DENALI_RUNNING)
        denali_digest(run.d);
    cr_assert_eq(denali_digest(run.d), plain, "with pauses");
    cr_assert_gt(stats_of(&run).swap.in, 0);
    drop(&run);
    run.config.trace = DENALI_TRACE_INSTRUCTIONS | DENALI_TRACE_SCHEDULE;
    run.config.trace_stream = fopen("/dev/null", "w");
    cr_assert_eq(digest_of(&run), plain, "traced");
    fclose(run.config.trace_stream);
    run.config.trace = 0;
    run.config.engine = DENALI_ENGINE_STEP;
    cr_assert_eq(digest_of(&run), plain, "step");
}

Test(simulation_swap, files_and_memory_agree)
{
    struct run run;
    char path[] = "/tmp/denali-test-XXXXXX";
    close(mkstemp(path));
    prepare_echo(&run, 100, 16384);
    uint64_t memory = digest_of(&run);
    run.config.swap = path;
    run.config.swap_memory = 0;
    cr_assert_eq(digest_of(&run), memory);
    unlink(path);
}

Test(simulation_swap, every_frame_is_accounted_for_while_machines_sleep)
{
    struct run run;
    prepare_echo(&run, 100, 4096);
    start(&run);
    cr_assert_eq(finish(&run, 1000), DENALI_QUIET);
    struct denali_stats stats = stats_of(&run);
    cr_assert(stats.swap.hibernated > 0 && stats.swap.woken > 0);
    cr_assert_eq(stats.swap.hibernated - stats.swap.woken, stats.swap.asleep);
    cr_assert_eq(stats.frames.rx_dropped, 0);
    cr_assert_eq(stats.interrupts.posted, stats.frames.delivered);
    cr_assert_eq(stats.interrupts.delivered, stats.interrupts.posted);
    cr_assert_leq(stats.memory.peak_frames * DENALI_PAGE_SIZE, run.config.frames);
    drop(&run);
}

Test(simulation_swap, echo_answers_as_many_frames_as_without_swap)
{
    struct run run;
    prepare_echo(&run, 100, 16384);
    start(&run);
    finish(&run, 1000);
    struct denali_stats pressed = stats_of(&run);
    drop(&run);
    run.config.swap_memory = 0;
    run.config.frames = UINT64_C(1) << 30;
    start(&run);
    finish(&run, 1000);
    cr_assert_eq(stats_of(&run).frames.out, pressed.frames.out);
    drop(&run);
}

Test(simulation_swap, paging_is_charged)
{
    struct run run;
    prepare_echo(&run, 100, 4096);
    run.config.costs.page_in = 1000;
    run.config.costs.page_out = 2000;
    start(&run);
    finish(&run, 1000);
    struct denali_stats stats = stats_of(&run);
    cr_assert_leq(stats.cost_ns, stats.swap.in * 1000 + stats.swap.out * 2000);
    cr_assert_geq(stats.cost_ns + 20 * 3000, stats.swap.in * 1000 + stats.swap.out * 2000, "but for the last ones");
    drop(&run);
}

/* At the gate. */

Test(simulation_swap, machines_that_spin_for_ever_do_not_starve_others)
{
    struct run run;
    prepare(&run, "spin", 60);
    press(&run, 4096, LEAST);
    run.config.quantum_ns = 10000;
    run.config.until_ns = 60 / 4 * 17 * 10000 * 10;
    start(&run);
    cr_assert_eq(finish(&run, 1000), DENALI_LIMIT);
    for (uint32_t i = 0; i < 60; i++)
        cr_assert_geq(machine_of(&run, i).instructions, 10000, "machine %u", i);
    drop(&run);
}

/* More than memory holds even of what single instructions of all machines need, and disks that take time. */
static void prepare_crowd(struct run *run, const char *arguments)
{
    prepare(run, "primes", 60);
    run->config.arguments = arguments;
    press(run, 16384, LEAST);
    cr_assert(cost_profile(&run->config.costs, "denali2002"));
}

Test(simulation_swap, machines_end_though_pages_come_slowly)
{
    struct run run;
    prepare_crowd(&run, "n=100000");
    run.config.until_ns = UINT64_C(4000000000000);
    start(&run);
    cr_assert_eq(finish(&run, 1000), DENALI_ENDED);
    cr_assert_eq(stats_of(&run).failed, 0);
    drop(&run);
}

/* With nobody kept out they mostly take memory from each other, but never for ever. */
Test(simulation_swap, machines_get_on_though_all_of_them_compete)
{
    struct run run;
    uint64_t instructions = 0, since_ns = 0;
    prepare_crowd(&run, "n=100000");
    run.config.admission = DENALI_ADMISSION_OPEN;
    run.config.until_ns = UINT64_C(2000000000000);
    start(&run);
    while (denali_run(run.d, 100) == DENALI_RUNNING) {
        struct denali_stats stats = stats_of(&run);
        if (stats.instructions > instructions)
            since_ns = stats.virtual_ns;
        instructions = stats.instructions;
        cr_assert_lt(stats.virtual_ns - since_ns, UINT64_C(200000000000), "stuck at %llu instructions",
                     (unsigned long long)instructions);
    }
    drop(&run);
}

/* Limits and failures. */

Test(simulation_swap, too_few_frames_are_refused)
{
    struct run run;
    char error[256];
    prepare(&run, "hello", 1);
    press(&run, 16384, LEAST - 1);
    cr_expect_null(denali_new(&run.config, error, sizeof(error)));
    cr_expect_not_null(strstr(error, "swapping needs 272 KB"), "%s", error);
    press(&run, 16384, LEAST);
    run.config.swap_block = 12288;
    cr_expect_null(denali_new(&run.config, error, sizeof(error)));
    cr_expect_not_null(strstr(error, "the swap block"), "%s", error);
}

Test(simulation_swap, full_swap_ends_machines_with_a_report_and_others_go_on)
{
    struct run run;
    prepare(&run, "primes", 40);
    run.config.arguments = "n=400000";
    press(&run, 4096, LEAST);
    run.config.swap_memory = 100000;
    start(&run);
    cr_assert_eq(finish(&run, 1000), DENALI_ENDED);
    struct denali_stats stats = stats_of(&run);
    cr_assert(stats.failed > 0 && stats.failed < 40, "%u failed", stats.failed);
    for (uint32_t i = 0; i < 40; i++) {
        struct denali_machine machine = machine_of(&run, i);
        if (machine.state == DENALI_FAILED)
            cr_expect_not_null(strstr(machine.reason, "no room left"), "machine %u: %s", i, machine.reason);
        else
            cr_expect_eq(machine.exit_status, 0);
    }
    drop(&run);
}

/* One string instruction with a buffer far longer than memory: out of the console. */
Test(simulation_swap, buffer_longer_than_memory_goes_through)
{
    /* mov esi, 110000h; mov ecx, 200000h; mov dx, CONSOLE; rep outsb; 0F 3F 01 */
    static const uint8_t program[] = {
        0xBE, 0,    0,    0x11, 0,    0xB9, 0,    0,   0x20, 0, 0x66, 0xBA, DENALI_PORT_CONSOLE,
        0,    0xF3, 0x6E, 0x31, 0xC0, 0x0F, 0x3F, 0x01};
    /* first it writes each page: mov edi, 110000h; mov ecx, 512; L: mov [edi], ecx; add edi, 1000h; loop L */
    static const uint8_t filling[] = {0xBF, 0,    0,    0x11, 0, 0xB9, 0, 2, 0,    0,
                                      0x89, 0x0F, 0x81, 0xC7, 0, 0x10, 0, 0, 0xE2, 0xF6};
    uint8_t file[256], both[sizeof(program) + sizeof(filling)];
    char path[] = "/tmp/denali-test-XXXXXX";
    int descriptor = mkstemp(path);
    memcpy(both, filling, sizeof(filling));
    memcpy(both + sizeof(filling), program, sizeof(program));
    size_t length = tiny_image(file, sizeof(file), both, sizeof(both));
    cr_assert_eq(write(descriptor, file, length), (ssize_t)length);
    struct run run;
    prepare(&run, "hello", 3);
    run.config.image = path;
    press(&run, 4096, LEAST);
    start(&run);
    cr_assert_eq(finish(&run, 1000), DENALI_ENDED);
    for (uint32_t i = 0; i < 3; i++)
        cr_assert_eq(machine_of(&run, i).state, DENALI_TERMINATED, "%s", machine_of(&run, i).reason);
    drop(&run);
    close(descriptor);
    unlink(path);
}
