/* SPDX-License-Identifier: MIT
 *
 * Whole simulations of real guests through the library's interface: the invariants of docs/design.md.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../devices/host/capture.h"
#include "simulation_run.h"
#include "tiny_image.h"

#define CAPTURE TEST_DATA "/lan-100.pcap"

static enum denali_progress finish(struct run *run)
{
    enum denali_progress progress;
    while ((progress = denali_run(run->d, 1000)) == DENALI_RUNNING)
        continue;
    return progress;
}

static void drop(struct run *run)
{
    char error[256];
    cr_assert(denali_free(run->d, error, sizeof(error)), "%s", error);
}

static struct denali_stats stats_of(struct run *run)
{
    struct denali_stats stats;
    denali_get_stats(run->d, &stats);
    return stats;
}

static struct denali_machine machine_of(struct run *run, uint32_t index)
{
    struct denali_machine machine;
    cr_assert(denali_next_machine(run->d, index, &machine));
    cr_assert_eq(machine.index, index);
    return machine;
}

/* The digest of a whole run, from start to end. */
static uint64_t digest_of(struct run *run)
{
    start(run);
    finish(run);
    uint64_t digest = denali_digest(run->d);
    drop(run);
    return digest;
}

static void prepare_echo(struct run *run, uint32_t machines)
{
    prepare(run, "echo", machines);
    run->config.net_in = CAPTURE;
}

Test(simulation, all_machines_end_with_their_status)
{
    struct run run;
    prepare(&run, "hello", 10);
    start(&run);
    cr_assert_eq(finish(&run), DENALI_ENDED);
    for (uint32_t i = 0; i < 10; i++) {
        cr_assert_eq(machine_of(&run, i).state, DENALI_TERMINATED);
        cr_assert_eq(machine_of(&run, i).exit_status, 0);
    }
    cr_assert_eq(stats_of(&run).alive, 0);
    drop(&run);
}

Test(simulation, engines_agree_to_the_digest)
{
    struct run run;
    prepare_echo(&run, 100);
    uint64_t blocks = digest_of(&run);
    run.config.engine = DENALI_ENGINE_STEP;
    cr_assert_eq(digest_of(&run), blocks);
}

Test(simulation, engines_agree_when_the_kernel_takes_time)
{
    struct run run;
    prepare_echo(&run, 100);
    run.config.cpu_khz = 20000;
    run.config.until_ns = 300000000;
    run.config.costs = (struct denali_costs){.vm_switch = 1450, .crossing = 333, .port = 1200, .interrupt = 2500};
    uint64_t blocks = digest_of(&run);
    run.config.engine = DENALI_ENGINE_STEP;
    cr_assert_eq(digest_of(&run), blocks);
    run.config.trace = DENALI_TRACE_INSTRUCTIONS;
    run.config.trace_stream = fopen("/dev/null", "w");
    cr_assert_eq(digest_of(&run), blocks);
    fclose(run.config.trace_stream);
}

Test(simulation, tracing_does_not_change_the_digest)
{
    struct run run;
    prepare_echo(&run, 20);
    run.config.until_ns = 200000000;
    uint64_t plain = digest_of(&run);
    run.config.trace = DENALI_TRACE_INSTRUCTIONS | DENALI_TRACE_INTERRUPTS | DENALI_TRACE_PORTS | DENALI_TRACE_FRAMES |
                       DENALI_TRACE_SCHEDULE | DENALI_TRACE_EXCEPTIONS;
    run.config.trace_stream = fopen("/dev/null", "w");
    cr_assert_eq(digest_of(&run), plain);
    fclose(run.config.trace_stream);
}

Test(simulation, pauses_between_quanta_do_not_change_the_digest)
{
    struct run run;
    prepare_echo(&run, 20);
    uint64_t plain = digest_of(&run);
    start(&run);
    while (denali_run(run.d, 1) == DENALI_RUNNING)
        denali_digest(run.d);
    cr_assert_eq(denali_digest(run.d), plain);
    drop(&run);
}

Test(simulation, two_at_once_in_one_process_do_not_meet)
{
    struct run one, other;
    prepare_echo(&one, 10);
    prepare(&other, "primes", 3);
    other.config.arguments = "n=20000";
    uint64_t one_alone = digest_of(&one), other_alone = digest_of(&other);
    start(&one);
    start(&other);
    bool more = true;
    while (more) {
        more = denali_run(one.d, 1) == DENALI_RUNNING;
        more = denali_run(other.d, 1) == DENALI_RUNNING || more;
    }
    cr_assert_eq(denali_digest(one.d), one_alone);
    cr_assert_eq(denali_digest(other.d), other_alone);
    drop(&one);
    drop(&other);
}

static void compare_alone_and_among(const char *guest, const char *arguments, uint32_t others, const char *net_in)
{
    struct run alone, among;
    prepare(&alone, guest, 1);
    prepare(&among, guest, others);
    alone.config.arguments = among.config.arguments = arguments;
    alone.config.net_in = among.config.net_in = net_in;
    start(&alone);
    start(&among);
    finish(&alone);
    finish(&among);
    cr_assert_eq(machine_of(&alone, 0).instructions, machine_of(&among, 0).instructions);
    cr_assert_eq(machine_of(&alone, 0).digest, machine_of(&among, 0).digest);
    drop(&alone);
    drop(&among);
}

Test(simulation, machine_alone_is_as_among_a_thousand)
{
    compare_alone_and_among("primes", "n=2000", 1000, NULL);
}

/* The frames of the capture that are for machine 0, far enough apart for each to be handled before the next. */
static void write_spaced_capture(const char *path)
{
    static const uint8_t mac[6] = {0x02, 0x44, 0x4E, 0, 0, 0};
    const uint64_t spacing_ns = 10000000;
    char error[256];
    struct packet *packet;
    uint64_t recorded, time_ns = 0;
    struct capture_reader *reader = capture_open(CAPTURE, error, sizeof(error));
    struct capture_writer *writer = capture_create(path, 1, error, sizeof(error));

    cr_assert(reader && writer, "%s", error);
    while (capture_read(reader, &packet, &recorded) == CAPTURE_FRAME) {
        if (memcmp(packet->bytes, mac, sizeof(mac)) == 0)
            capture_write(writer, 0, time_ns += spacing_ns, packet);
        packet_unref(packet);
    }
    capture_close(reader);
    cr_assert(capture_finish(writer, error, sizeof(error)));
    cr_assert_gt(time_ns, 3 * spacing_ns);
}

Test(simulation, machine_alone_with_frames_is_as_among_a_thousand)
{
    char path[] = "/tmp/denali-test-XXXXXX";
    int descriptor = mkstemp(path);
    cr_assert_geq(descriptor, 0);
    write_spaced_capture(path);
    compare_alone_and_among("echo", "", 1000, path);
    close(descriptor);
    unlink(path);
}

static const char *const crashes[] = {"wild-read", "wild-write", "wild-jump", "illegal",    "privileged",
                                      "divide",    "overflow",   "bound",     "breakpoint", "int",
                                      "stack",     "recursion",  "double",    "loop",       "storm"};
enum { CRASHES = sizeof(crashes) / sizeof(crashes[0]), NEIGHBOURS = 99, VICTIM = NEIGHBOURS };

/* The digests of the first `machines` machines; the one with index VICTIM misbehaves, if it is among them. */
static void crash_digests(const char *how, uint32_t machines, uint64_t digests[])
{
    struct run run;
    char arguments[64];
    prepare(&run, "crash", machines);
    snprintf(arguments, sizeof(arguments), "how=%s vm=%u", how, VICTIM);
    run.config.arguments = arguments;
    run.config.machine_instructions = 3000000;
    start(&run);
    cr_assert_eq(finish(&run), DENALI_ENDED, "%s", how);
    for (uint32_t i = 0; i < machines; i++) {
        struct denali_machine machine = machine_of(&run, i);
        cr_assert_eq(machine.state, i == VICTIM ? DENALI_FAILED : DENALI_TERMINATED, "%s", how);
        cr_assert(i != VICTIM || strlen(machine.reason) > 0, "%s", how);
        digests[i] = machine.digest;
    }
    drop(&run);
}

Test(simulation, every_crash_ends_one_machine_and_its_neighbours_do_not_notice)
{
    for (size_t i = 0; i < CRASHES; i++) {
        uint64_t with_it[NEIGHBOURS + 1], without_it[NEIGHBOURS];
        crash_digests(crashes[i], NEIGHBOURS + 1, with_it);
        crash_digests(crashes[i], NEIGHBOURS, without_it);
        cr_assert_arr_eq(with_it, without_it, sizeof(without_it), "%s", crashes[i]);
    }
}

Test(simulation, crash_report_names_reason_place_and_instruction)
{
    struct run run;
    prepare(&run, "crash", 1);
    run.config.arguments = "how=illegal";
    start(&run);
    finish(&run);
    struct denali_machine machine = machine_of(&run, 0);
    cr_assert_str_eq(machine.reason, "illegal instruction");
    cr_assert_not_null(strstr(machine.disassembly, "ud2"));
    cr_assert_not_null(strstr(machine.symbol, "illegal"));
    cr_assert_neq(machine.eip, 0);
    drop(&run);
}

Test(simulation, instruction_limit_is_met_exactly)
{
    struct run run;
    prepare(&run, "spin", 7);
    run.config.instructions = 12345677;
    start(&run);
    cr_assert_eq(finish(&run), DENALI_LIMIT);
    cr_assert_eq(stats_of(&run).instructions, 12345677);
    drop(&run);
}

Test(simulation, time_limit_is_met_exactly)
{
    struct run run;
    prepare(&run, "clock", 2);
    run.config.until_ns = 2500000000;
    start(&run);
    cr_assert_eq(finish(&run), DENALI_LIMIT);
    cr_assert_eq(stats_of(&run).virtual_ns, 2500000000);
    drop(&run);
}

Test(simulation, quanta_are_shared_evenly)
{
    struct run run;
    prepare(&run, "spin", 10);
    run.config.until_ns = 100000000;
    start(&run);
    finish(&run);
    for (uint32_t i = 0; i < 10; i++)
        cr_assert_eq(machine_of(&run, i).instructions, 10000000);
    drop(&run);
}

/* hello executes one port instruction and ends. */
Test(simulation, costs_are_time_and_no_instructions)
{
    struct run run;
    prepare(&run, "hello", 1);
    start(&run);
    finish(&run);
    struct denali_stats free = stats_of(&run);
    drop(&run);
    run.config.costs = (struct denali_costs){.vm_switch = 1000000, .crossing = 20000, .port = 3000};
    start(&run);
    finish(&run);
    struct denali_stats dear = stats_of(&run);
    drop(&run);
    cr_assert_eq(free.cost_ns, 0);
    cr_assert_eq(dear.cost_ns, 1000000 + 2 * 20000 + 3000, "a quantum, two entries, a port");
    cr_assert_eq(dear.virtual_ns, free.virtual_ns + dear.cost_ns);
    cr_assert_eq(dear.instructions, free.instructions);
}

Test(simulation, quantum_does_not_pay_for_its_beginning)
{
    struct run run;
    prepare(&run, "spin", 3);
    run.config.costs = (struct denali_costs){.vm_switch = 7000000, .crossing = 2000000};
    run.config.until_ns = 60000000;
    start(&run);
    cr_assert_eq(finish(&run), DENALI_LIMIT);
    for (uint32_t i = 0; i < 3; i++)
        cr_assert_eq(machine_of(&run, i).instructions, 2000000);
    drop(&run);
}

/* Two machines that do nothing but write to the console: two instructions, over and over. */
Test(simulation, quantum_pays_for_what_the_machine_does)
{
    static const uint8_t program[] = {0xE6, DENALI_PORT_CONSOLE, 0xEB, 0xFC}; /* out imm8, al; jmp */
    uint8_t file[256];
    char path[] = "/tmp/denali-test-XXXXXX";
    int descriptor = mkstemp(path);
    size_t length = tiny_image(file, sizeof(file), program, sizeof(program));
    cr_assert_eq(write(descriptor, file, length), (ssize_t)length);
    struct run run;
    prepare(&run, "spin", 2);
    run.config.image = path;
    run.config.costs.port = 300000;
    run.config.until_ns = 12000000;
    start(&run);
    cr_assert_eq(finish(&run), DENALI_LIMIT);
    cr_assert_eq(stats_of(&run).vm_switches, 10, "four ports fill a quantum of a millisecond");
    cr_assert_eq(machine_of(&run, 0).instructions, 5 * 8 - 1);
    drop(&run);
    close(descriptor);
    unlink(path);
}

/* Interrupts that cost more than a quantum: each entry is followed by an instruction, so the machine gets on. */
Test(simulation, machine_gets_on_whatever_its_interrupts_cost)
{
    struct run run;
    prepare_echo(&run, 100);
    run.config.costs = (struct denali_costs){.interrupt = 3000000, .port = 5000000};
    start(&run);
    cr_assert_eq(finish(&run), DENALI_QUIET);
    struct denali_stats stats = stats_of(&run);
    cr_assert_eq(stats.interrupts.posted, stats.frames.delivered);
    cr_assert_gt(stats.frames.out, 0);
    drop(&run);
}

/* The kernel's turns, beyond the one in which each machine boots, for the same frames to the first of so many. */
static uint64_t turns_for_frames(uint32_t machines, const char *net_in)
{
    struct run run;
    uint64_t turns = 0;
    prepare(&run, "echo", machines);
    run.config.net_in = net_in;
    start(&run);
    while (denali_run(run.d, 1) == DENALI_RUNNING)
        turns++;
    drop(&run);
    return turns - machines;
}

Test(simulation, idle_machines_take_no_turns)
{
    char path[] = "/tmp/denali-test-XXXXXX";
    int descriptor = mkstemp(path);
    cr_assert_geq(descriptor, 0);
    write_spaced_capture(path);
    uint64_t alone = turns_for_frames(1, path);
    cr_assert_gt(alone, 3);
    cr_assert_eq(turns_for_frames(500, path), alone);
    close(descriptor);
    unlink(path);
}

Test(simulation, every_frame_is_accounted_for)
{
    struct run run;
    prepare_echo(&run, 100);
    start(&run);
    cr_assert_eq(finish(&run), DENALI_QUIET);
    struct denali_stats stats = stats_of(&run);
    cr_assert(stats.frames.in > 0 && stats.frames.unclaimed > 0 && stats.frames.out > 0);
    cr_assert_eq(stats.frames.rx_dropped, 0);
    cr_assert_eq(stats.interrupts.posted, stats.frames.delivered);
    cr_assert_eq(stats.interrupts.delivered, stats.interrupts.posted);
    drop(&run);
}

/* A slow machine cannot keep up: what does not fit the queue is counted, and nothing else is lost. */
Test(simulation, overrun_queues_drop_and_count)
{
    struct run run;
    prepare_echo(&run, 100);
    run.config.cpu_khz = 20;
    run.config.queue_frames = 4;
    start(&run);
    finish(&run);
    struct denali_stats stats = stats_of(&run);
    cr_assert_gt(stats.frames.rx_dropped, 0);
    cr_assert_eq(stats.interrupts.posted, stats.frames.delivered);
    drop(&run);
}

Test(simulation, batching_saves_crossings_under_load)
{
    struct run batched, immediate;
    prepare_echo(&batched, 100);
    batched.config.cpu_khz = 20000;
    immediate = batched;
    immediate.config.image = batched.config.image;
    immediate.config.interrupts = DENALI_INTERRUPTS_IMMEDIATE;
    start(&batched);
    start(&immediate);
    finish(&batched);
    finish(&immediate);
    struct denali_stats b = stats_of(&batched), i = stats_of(&immediate);
    cr_assert_lt(b.interrupts.crossings, b.interrupts.posted);
    cr_assert_lt(b.interrupts.crossings, i.interrupts.crossings);
    cr_assert_eq(b.frames.out, i.frames.out);
    drop(&batched);
    drop(&immediate);
}

Test(simulation, idling_without_timeout_spins)
{
    struct run with, without;
    prepare(&with, "clock", 1);
    with.config.until_ns = 50000000;
    without = with;
    without.config.image = with.config.image;
    without.config.idle = DENALI_IDLE_NO_TIMEOUT;
    start(&with);
    start(&without);
    finish(&with);
    finish(&without);
    cr_assert_lt(stats_of(&with).instructions, 100000);
    cr_assert_gt(stats_of(&without).instructions, 40000000);
    drop(&with);
    drop(&without);
}

/* Each machine has a disk of so many blocks of zeroes, in a new file. */
static void prepare_disk(struct run *run, const char *guest, uint32_t machines, char path[], uint32_t blocks)
{
    strcpy(path, "/tmp/denali-test-XXXXXX");
    int descriptor = mkstemp(path);
    cr_assert_geq(descriptor, 0);
    cr_assert_eq(ftruncate(descriptor, (off_t)blocks * 4096), 0);
    close(descriptor);
    prepare(run, guest, machines);
    run->config.disks[run->config.disk_count++] = (struct denali_disk){.file = path, .copy_on_write = machines > 1};
}

Test(simulation, engines_agree_when_machines_use_disks)
{
    char path[32];
    struct run run;
    prepare_disk(&run, "disk", 20, path, 10);
    run.config.costs = (struct denali_costs){.port = 120, .disk_seek = 9000, .disk_transfer = 4000};
    uint64_t blocks = digest_of(&run);
    run.config.engine = DENALI_ENGINE_STEP;
    cr_assert_eq(digest_of(&run), blocks);
    run.config.costs = (struct denali_costs){0};
    uint64_t without = digest_of(&run);
    run.config.engine = DENALI_ENGINE_BLOCKS;
    cr_assert_eq(digest_of(&run), without);
    unlink(path);
}

/* The first of two machines has errors that the second has not, as each has its own. */
Test(simulation, machine_with_disk_errors_disturbs_no_other)
{
    char path[32];
    struct run run;
    prepare_disk(&run, "disk", 30, path, 10);
    run.config.arguments = "do=rate";
    run.config.disks[0].errors = 50000;
    start(&run);
    cr_assert_eq(finish(&run), DENALI_ENDED);
    cr_assert_eq(machine_of(&run, 7).exit_status, 0);
    uint64_t among = machine_of(&run, 7).digest;
    cr_assert_gt(stats_of(&run).disks.injected, 0);
    cr_assert_eq(stats_of(&run).disks.injected, stats_of(&run).disks.failed);
    drop(&run);
    run.config.machines = 8;
    start(&run);
    finish(&run);
    cr_assert_eq(machine_of(&run, 7).digest, among);
    drop(&run);
    unlink(path);
}

Test(simulation, machine_boots_from_the_image_on_a_disk)
{
    char path[32];
    struct run run;
    char command[700];
    prepare_disk(&run, "hello", 2, path, 1);
    snprintf(command, sizeof(command), "cp %s %s && truncate -s %%4096 %s", run.image, path, path);
    cr_assert_eq(system(command), 0);
    run.config.image = "disk:0";
    start(&run);
    cr_assert_eq(finish(&run), DENALI_ENDED);
    cr_assert_eq(machine_of(&run, 1).exit_status, 0);
    drop(&run);
    unlink(path);
}

Test(simulation, written_disk_contents_are_in_the_digest)
{
    char path[32];
    struct run run;
    prepare_disk(&run, "disk", 1, path, 10);
    run.config.arguments = "do=log until=40";
    uint64_t first = digest_of(&run);
    cr_assert_neq(digest_of(&run), first, "it went on where it was");
    unlink(path);
    prepare_disk(&run, "disk", 1, path, 10);
    run.config.arguments = "do=log until=40";
    cr_assert_eq(digest_of(&run), first);
    unlink(path);
}

Test(simulation, want_of_frames_fails_the_machine_that_wants)
{
    struct run run;
    prepare(&run, "primes", 2);
    run.config.arguments = "n=1000000";
    run.config.frames = 64 << 10;
    start(&run);
    cr_assert_eq(finish(&run), DENALI_ENDED);
    cr_assert_geq(stats_of(&run).failed, 1);
    for (uint32_t i = 0; i < 2; i++)
        if (machine_of(&run, i).state == DENALI_FAILED)
            cr_assert_str_eq(machine_of(&run, i).reason, "no physical frame left");
    drop(&run);
}

Test(simulation, damaged_capture_is_named)
{
    struct run run;
    char error[256];
    prepare(&run, "echo", 1);
    run.config.net_in = run.image;
    cr_assert_null(denali_new(&run.config, error, sizeof(error)));
    cr_assert_not_null(strstr(error, run.image));
}

Test(simulation, impossible_configuration_is_refused)
{
    struct run run;
    char error[256];
    prepare(&run, "hello", 0);
    cr_assert_null(denali_new(&run.config, error, sizeof(error)));
    prepare(&run, "hello", 1);
    run.config.memory = 4097;
    cr_assert_null(denali_new(&run.config, error, sizeof(error)));
    prepare(&run, "hello", 1);
    run.config.image = "/nowhere.elf";
    cr_assert_null(denali_new(&run.config, error, sizeof(error)));
    cr_assert_not_null(strstr(error, "/nowhere.elf"));
    prepare(&run, "hello", 1);
    run.config.frames = 4096;
    cr_assert_null(denali_new(&run.config, error, sizeof(error)));
}
