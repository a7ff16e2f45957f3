/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <string.h>

#include "../../emu/options.h"

/* Parses a line cut at blanks; options_drop() is the caller's. */
static bool parse(struct options *options, char *line)
{
    char *words[32] = {0};
    int count = 0;
    for (char *word = strtok(line, " "); word && count < 31; word = strtok(NULL, " "))
        words[count++] = word;
    return options_parse(options, count, words);
}

#define PARSE(options, text)                                                                                           \
    char line_[] = "denali " text;                                                                                     \
    bool good_ = parse(options, line_)

/* The line is refused, and the message is this. */
#define NETWORKS                                                                                                       \
    "live:IFACE, user[,fwd=tcp:[HOST:]HOSTPORT:VM:PORT], tap:NAME, dgram:LOCAL[,REMOTE], pcap:in=FILE[,out=FILE] or "  \
    "none"

static void expect_refusal(const char *text, const char *message)
{
    char line[200];
    struct options options;
    snprintf(line, sizeof(line), "denali %s", text);
    bool good = parse(&options, line);
    cr_expect(!good, "accepted: %s", text);
    cr_expect_str_eq(options.error, message);
    options_drop(&options);
}

Test(options, values_given_reach_the_configuration)
{
    struct options options;
    PARSE(&options,
          "run a.elf -n 100 --memory=32M --frames 2G --cpu-mhz 500 --quantum 10us --until 2s --instructions 5k "
          "--queue 7 --interrupts immediate --idle no-timeout --engine step --stats s.json --mmu -q");
    cr_assert(good_, "%s", options.error);
    const struct denali_config *config = &options.config;
    cr_assert_eq(options.command, COMMAND_run);
    cr_assert_str_eq(config->image, "a.elf");
    cr_assert_eq(config->machines, 100);
    cr_assert_eq(config->memory, 32u << 20);
    cr_assert_eq(config->frames, 2ull << 30);
    cr_assert_eq(config->cpu_khz, 500000);
    cr_assert_eq(config->quantum_ns, 10000);
    cr_assert_eq(config->until_ns, 2000000000);
    cr_assert_eq(config->instructions, 5000);
    cr_assert_eq(config->queue_frames, 7);
    cr_assert_eq(config->interrupts, DENALI_INTERRUPTS_IMMEDIATE);
    cr_assert_eq(config->idle, DENALI_IDLE_NO_TIMEOUT);
    cr_assert_eq(config->engine, DENALI_ENGINE_STEP);
    cr_assert_eq(config->keyboard, -1, "a hundred machines have no keyboard unless asked for");
    cr_assert_str_eq(options.stats_path, "s.json");
    cr_assert(options.quiet);
    cr_assert(config->mmu);
    options_drop(&options);
}

Test(options, nothing_given_leaves_the_defaults)
{
    struct options options;
    struct denali_config defaults;
    denali_config_init(&defaults);
    PARSE(&options, "run a.elf");
    cr_assert(good_, "%s", options.error);
    cr_assert_eq(options.config.machines, defaults.machines);
    cr_assert_eq(options.config.memory, defaults.memory);
    cr_assert_eq(options.config.quantum_ns, defaults.quantum_ns);
    cr_assert_eq(options.config.keyboard, 0, "one machine has the keyboard");
    options_drop(&options);
}

Test(options, letter_and_value_in_one_word_is_read)
{
    struct options options;
    PARSE(&options, "run -n12 a.elf -m64M");
    cr_assert(good_, "%s", options.error);
    cr_assert_eq(options.config.machines, 12);
    cr_assert_eq(options.config.memory, 64u << 20);
    options_drop(&options);
}

Test(options, words_after_dashes_become_the_argument_string)
{
    struct options options;
    PARSE(&options, "run a.elf -n 3 -- net=10.0.0.1/8 --vms {vm}");
    cr_assert(good_, "%s", options.error);
    cr_assert_str_eq(options.config.arguments, "net=10.0.0.1/8 --vms {vm}");
    cr_assert_eq(options.config.machines, 3);
    options_drop(&options);
}

Test(options, cost_is_a_profile_with_changes)
{
    struct options options;
    PARSE(&options, "run a.elf --cost denali2002,disk-seek=4ms,interrupt=0ns");
    cr_assert(good_, "%s", options.error);
    cr_assert_eq(options.config.costs.vm_switch, 1400);
    cr_assert_eq(options.config.costs.disk_seek, 4000000);
    cr_assert_eq(options.config.costs.interrupt, 0);
    options_drop(&options);
}

Test(options, cost_that_is_none_is_refused)
{
    expect_refusal("run a.elf --cost port=1us",
                   "--cost: 'port=1us' is not one of none and denali2002; single costs follow it: none,port=1us");
    expect_refusal("run a.elf --cost none,disk-sek=1ms",
                   "--cost: there is no cost 'disk-sek'; the nearest is 'disk-seek'");
    expect_refusal("run a.elf --cost none,port", "--cost: port needs a time, as port=10us");
    expect_refusal("run a.elf --cost none,port=1", "--cost: port needs a time, as port=10us");
    expect_refusal("run a.elf --cost none,port=61min", "--cost: port: 61min is more than 1h");
}

Test(options, disks_are_listed_in_their_order)
{
    struct options options;
    PARSE(&options, "run disk:1 --disk a,ro --disk b-{vm}.img,errors=0.02,seed=7 --disk c,cow --seed 5");
    cr_assert(good_, "%s", options.error);
    const struct denali_config *config = &options.config;
    cr_assert_eq(config->disk_count, 3);
    cr_assert(config->disks[0].read_only && !config->disks[0].copy_on_write && config->disks[0].errors == 0);
    cr_assert_str_eq(config->disks[1].file, "b-{vm}.img");
    cr_assert(config->disks[1].errors == 20000 && config->disks[1].seed == 7 && !config->disks[1].read_only);
    cr_assert(config->disks[2].copy_on_write);
    cr_assert_eq(config->seed, 5);
    options_drop(&options);
}

Test(options, disk_that_cannot_be_is_refused)
{
    char line[400] = "run a.elf";
    expect_refusal("run a.elf --disk a,rw", "--disk: 'rw' is not one of ro, cow, errors=RATE and seed=N");
    expect_refusal("run a.elf --disk a,ro,cow", "--disk: ro and cow exclude each other");
    expect_refusal("run a.elf --disk ,ro", "--disk: the file name is empty");
    expect_refusal("run a.elf --disk a,errors=2", "--disk: errors=2 is not a rate from 0 to 1, such as 0.01");
    expect_refusal("run a.elf --disk a,seed=x", "--disk: 'x' is not a number below 2^64");
    for (int i = 0; i < 17; i++)
        strcat(line, " --disk=a");
    expect_refusal(line, "--disk: a machine has at most 16 disks");
}

Test(options, net_pcap_names_its_files)
{
    struct options options;
    PARSE(&options, "run a.elf --net pcap:out=o.pcapng,in=i.pcap");
    cr_assert(good_, "%s", options.error);
    cr_assert_str_eq(options.config.net_in, "i.pcap");
    cr_assert_str_eq(options.config.net_out, "o.pcapng");
    options_drop(&options);
}

Test(options, trace_has_kinds_and_machines)
{
    struct options options;
    PARSE(&options, "run a.elf -n 9 --trace ports,frames@2-3");
    cr_assert(good_, "%s", options.error);
    cr_assert_eq(options.config.trace, DENALI_TRACE_PORTS | DENALI_TRACE_FRAMES);
    cr_assert_eq(options.config.trace_first, 2);
    cr_assert_eq(options.config.trace_last, 3);
    options_drop(&options);
}

Test(options, trace_all_is_every_kind)
{
    struct options options;
    PARSE(&options, "run a.elf --trace all");
    cr_assert(good_, "%s", options.error);
    cr_assert_eq(options.config.trace, DENALI_TRACE_INSTRUCTIONS | DENALI_TRACE_INTERRUPTS | DENALI_TRACE_EXCEPTIONS |
                                           DENALI_TRACE_PORTS | DENALI_TRACE_FRAMES | DENALI_TRACE_SCHEDULE);
    options_drop(&options);
}

Test(options, unknown_word_names_the_nearest)
{
    expect_refusal("run a.elf --memori 16M", "--memori: 'denali run' has no such option; the nearest is --memory");
    expect_refusal("run a.elf --zzzzzzzzzzzz", "--zzzzzzzzzzzz: 'denali run' has no such option; see 'denali help'");
    expect_refusal("disams a.elf", "'disams' is no command; the nearest is 'disasm'");
    expect_refusal("run a.elf -x", "-x: 'denali run' has no such option; see 'denali help'");
}

Test(options, option_of_the_design_is_not_in_this_version)
{
    expect_refusal("run a.elf --record=1", "--record is not in this version");
    expect_refusal("replay x", "'denali replay' is not in this version");
}

Test(options, size_without_sense_says_what_is_accepted)
{
    expect_refusal("run a.elf -m 16X",
                   "--memory: '16X' is not a size: write bytes, or a number with K, M or G, such as 16M");
    expect_refusal("run a.elf -m M",
                   "--memory: 'M' is not a size: write bytes, or a number with K, M or G, such as 16M");
    expect_refusal("run a.elf -m 16", "--memory: 16 is not a multiple of 4K from 8K to 4194300K (16M is 16 megabytes)");
    expect_refusal("run a.elf -m 4G", "--memory: 4G is not a multiple of 4K from 8K to 4194300K (16M is 16 megabytes)");
    expect_refusal(
        "run a.elf --frames 99999999999999999999G",
        "--frames: '99999999999999999999G' is not a size: write bytes, or a number with K, M or G, such as 16M");
}

Test(options, time_without_unit_says_what_is_accepted)
{
    expect_refusal("run a.elf --until 5",
                   "--until: '5' is not a time: write a number with ns, us, ms, s, min or h, such as 10ms");
    expect_refusal("run a.elf --until -5s",
                   "--until: '-5s' is not a time: write a number with ns, us, ms, s, min or h, such as 10ms");
    expect_refusal("run a.elf --quantum 999ns", "--quantum: 999ns is not between 1us and 1s");
    expect_refusal("run a.elf --until 0s", "--until: the limit must be more than 0");
}

Test(options, number_out_of_range_says_the_range)
{
    expect_refusal("run a.elf -n 0", "--vms: '0' is not a number from 1 to 16777216");
    expect_refusal("run a.elf -n 16777217", "--vms: '16777217' is not a number from 1 to 16777216");
    expect_refusal("run a.elf -n 1x", "--vms: '1x' is not a number from 1 to 16777216");
    expect_refusal("run a.elf -n -1", "--vms: '-1' is not a number from 1 to 16777216");
    expect_refusal("run a.elf --vms", "--vms needs a value: N");
    expect_refusal("run a.elf -q=1", "--quiet takes no value, but '=1' was given");
}

Test(options, word_not_in_the_list_shows_the_list)
{
    expect_refusal("run a.elf --engine fast", "--engine: 'fast' is not one of blocks|step");
    expect_refusal("run a.elf --console file:", "--console: 'file:' is not one of stdio, file:DIR and none");
    expect_refusal("run a.elf --trace ports,",
                   "--trace: '' is not one of instructions|interrupts|exceptions|ports|frames|schedule|all");
}

Test(options, net_malformed_is_refused)
{
    expect_refusal("run a.elf --net pcap:", "--net: pcap: has in=FILE and out=FILE, but no ''");
    expect_refusal("run a.elf --net pcap:in", "--net: in= needs a file name");
    expect_refusal("run a.elf --net pcap:in=a,in=b", "--net: in= is there twice");
}

Test(options, networks_gather_and_bring_the_hosts_clock)
{
    struct options options;
    PARSE(&options, "run a.elf --net tap:t0 --net pcap:in=i.pcap --net dgram:a,b --seed 7");
    cr_assert(good_);
    cr_assert_eq(options.config.net_count, 2);
    cr_assert_str_eq(options.config.nets[1], "dgram:a,b");
    cr_assert_str_eq(options.config.net_in, "i.pcap");
    cr_assert(options.config.clock == DENALI_CLOCK_HOST && options.config.seed == 7);
    options_drop(&options);
}

Test(options, network_none_takes_them_back)
{
    struct options options;
    PARSE(&options, "run a.elf --net tap:t0 --net none");
    cr_assert(good_);
    cr_assert(options.config.net_count == 0 && options.config.clock == DENALI_CLOCK_VIRTUAL);
    options_drop(&options);
}

Test(options, clock_is_the_hosts_if_asked)
{
    struct options options;
    PARSE(&options, "run a.elf --clock host");
    cr_assert(good_);
    cr_assert_eq(options.config.clock, DENALI_CLOCK_HOST);
    options_drop(&options);
}

Test(options, networks_outside_do_not_go_with_virtual_time)
{
    expect_refusal("run a.elf --clock virtual --net tap:t0",
                   "--clock: virtual time goes too fast for tap:t0; leave it at host");
    expect_refusal("verify a.elf --net tap:t0", "--net: 'denali verify' runs twice, which no network outside does");
    expect_refusal("run a.elf --net foo", "--net: 'foo' is not a network: write " NETWORKS);
    expect_refusal("run a.elf --net tap:", "--net: tap:: write tap:NAME, a name of 1 to 15 bytes");
}

Test(options, links_and_capture_are_taken)
{
    struct options options;
    PARSE(&options, "run a.elf --link all:delay=1ms --link 3:loss=1% --capture c.pcapng");
    cr_assert(good_);
    cr_assert_eq(options.config.link_count, 2);
    cr_assert_str_eq(options.config.links[1], "3:loss=1%");
    cr_assert_str_eq(options.config.capture, "c.pcapng");
    options_drop(&options);
    expect_refusal("run a.elf --link 3", "--link: '3' names no machines: write N:, N-M: or all:, then delay=, rate=, "
                                         "loss=, dup= or reorder=");
    expect_refusal("run a.elf --seed x", "--seed: 'x' is not a number below 2^64");
    expect_refusal("run a.elf --capture=", "--capture: the file name is empty");
}

Test(options, trace_of_absent_machine_is_refused)
{
    expect_refusal("run a.elf -n 4 --trace all@4", "--trace: there is no machine 4, the last is 3");
    expect_refusal("run a.elf --trace all@2-1",
                   "--trace: '@2-1' names no machines: write @N or @N-M, with machines from 0");
}

Test(options, supervisor_and_its_images_reach_the_configuration)
{
    struct options options;
    PARSE(&options, "run a.elf --supervisor --image one=dir/b.elf --image two=c=d --vms-max 70 -n 3");
    cr_assert(good_, "%s", options.error);
    const struct denali_config *config = &options.config;
    cr_assert(config->supervisor);
    cr_assert_eq(config->machines_max, 70);
    cr_assert_eq(config->image_count, 2);
    cr_assert_str_eq(config->images[0].name, "one");
    cr_assert_str_eq(config->images[0].path, "dir/b.elf");
    cr_assert_str_eq(config->images[1].path, "c=d");
    cr_assert_eq(config->keyboard, 0, "a supervisor has a keyboard");
    options_drop(&options);
}

Test(options, supervisor_impossible_is_refused)
{
    expect_refusal("run a.elf --image b=b.elf", "--image needs --supervisor");
    expect_refusal("run a.elf --vms-max 3", "--vms-max needs --supervisor");
    expect_refusal("run a.elf --supervisor --vms-max 3 -n 4", "--vms-max: 3 is less than the 4 of --vms");
    expect_refusal("run a.elf --supervisor --image b", "--image: 'b' is not NAME=FILE, with a name without blanks");
    expect_refusal("run a.elf --supervisor --image b=c --image b=d",
                   "--image: there is an image of the name 'b' already");
    expect_refusal("run a.elf --supervisor --image self=c", "--image: there is an image of the name 'self' already");
}

Test(options, files_wrong_in_number_are_refused)
{
    expect_refusal("run", "'denali run' needs a file: denali run IMAGE [OPTIONS] [-- ARGS...]");
    expect_refusal("info a b", "'b' is one file too many after 'a'");
    expect_refusal("run a b", "'b' is one file too many after 'a'; arguments of the machines come after --");
}
