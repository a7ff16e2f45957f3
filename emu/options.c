/* SPDX-License-Identifier: MIT
 *
 * Parsing of the command line by the table in options.def. Each row's parse_*() takes the value, checks it and stores
 * it; options_help.c prints the same table.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../devices/host/networks.h"
#include "cost.h"
#include "link_spec.h"
#include "option_table.h"
#include "options.h"
#include "words.h"

#define OWN_IMAGE    "self"     /* what the supervisor's own image is called */
#define MACHINES_MAX (1u << 24) /* a MAC address holds 24 bits of machine index */

static bool fail(struct options *options, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(struct options *options, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(options->error, sizeof(options->error), format, arguments);
    va_end(arguments);
    return false;
}

static const char *nearest_option(const char *word, unsigned command)
{
    const char *nearest = NULL;
    unsigned distance = ~0u;
    for (const struct option_row *row = option_rows; row->name; row++)
        if (row->commands & 1u << command)
            words_consider(word, row->name, &nearest, &distance);
    return nearest;
}

static const char *nearest_command(const char *word)
{
    const char *nearest = NULL;
    unsigned distance = ~0u;
    for (const struct command_row *row = command_rows; row->name; row++)
        words_consider(word, row->name, &nearest, &distance);
    return nearest;
}

/* The position of `word` in a list as "stdio|none", -1 if it is not there. */
static int choice_index(const char *choices, const char *word, size_t length)
{
    for (int index = 0;; index++) {
        size_t size = strcspn(choices, "|");
        if (size == length && memcmp(choices, word, length) == 0)
            return index;
        if (!choices[size])
            return -1;
        choices += size + 1;
    }
}

static bool parse_size(struct options *options, const char *option, const char *value, uint64_t *result)
{
    if (words_quantity(value, size_units, result))
        return true;
    return fail(options, "--%s: '%s' is not a size: write bytes, or a number with K, M or G, such as 16M", option,
                value);
}

static bool parse_time(struct options *options, const char *option, const char *value, uint64_t *result)
{
    if (words_quantity(value, time_units, result))
        return true;
    return fail(options, "--%s: '%s' is not a time: write a number with ns, us, ms, s, min or h, such as 10ms", option,
                value);
}

static bool parse_number(struct options *options, const char *option, const char *value, uint64_t low, uint64_t high,
                         uint32_t *result)
{
    uint64_t number;
    if (!words_quantity(value, plain_units, &number) || number < low || number > high)
        return fail(options, "--%s: '%s' is not a number from %llu to %llu", option, value, (unsigned long long)low,
                    (unsigned long long)high);
    *result = number;
    return true;
}

static bool parse_vms(struct options *options, const char *value)
{
    return parse_number(options, "vms", value, 1, MACHINES_MAX, &options->config.machines);
}

static bool parse_memory(struct options *options, const char *value)
{
    uint64_t size;
    if (!parse_size(options, "memory", value, &size))
        return false;
    if (size % 4096 || size < 8192 || size > UINT32_MAX)
        return fail(options, "--memory: %s is not a multiple of 4K from 8K to 4194300K (16M is 16 megabytes)", value);
    options->config.memory = size;
    return true;
}

static bool parse_frames(struct options *options, const char *value)
{
    if (!parse_size(options, "frames", value, &options->config.frames))
        return false;
    if (options->config.frames < 4096)
        return fail(options, "--frames: %s is less than one frame of 4K", value);
    return true;
}

static bool parse_swap(struct options *options, const char *value)
{
    struct denali_config *config = &options->config;

    config->swap = NULL;
    config->swap_memory = 0;
    if (strcmp(value, "none") == 0)
        return true;
    if (strncmp(value, "zstd:", 5) == 0)
        return parse_size(options, "swap", value + 5, &config->swap_memory) &&
               (config->swap_memory || fail(options, "--swap: zstd: needs a size above 0"));
    if (!*value || *value == ',' || strstr(value, ",,") || value[strlen(value) - 1] == ',')
        return fail(options, "--swap: '%s' has an empty file name", value);
    config->swap = value;
    return true;
}

static bool parse_swap_block(struct options *options, const char *value)
{
    uint64_t size;
    if (!parse_size(options, "swap-block", value, &size))
        return false;
    if (size < 4096 || size > 65536 || (size & (size - 1)))
        return fail(options, "--swap-block: %s is not 4K, 8K, 16K, 32K or 64K", value);
    options->config.swap_block = size;
    return true;
}

static bool parse_cpu_mhz(struct options *options, const char *value)
{
    uint32_t mhz = 0;
    if (!parse_number(options, "cpu-mhz", value, 1, 100000, &mhz))
        return false;
    options->config.cpu_khz = mhz * 1000;
    return true;
}

static bool parse_quantum(struct options *options, const char *value)
{
    if (!parse_time(options, "quantum", value, &options->config.quantum_ns))
        return false;
    if (options->config.quantum_ns < 1000 || options->config.quantum_ns > 1000000000)
        return fail(options, "--quantum: %s is not between 1us and 1s", value);
    return true;
}

static bool parse_until(struct options *options, const char *value)
{
    if (!parse_time(options, "until", value, &options->config.until_ns))
        return false;
    if (options->config.until_ns == 0)
        return fail(options, "--until: the limit must be more than 0");
    return true;
}

static bool parse_count(struct options *options, const char *name, const char *value, uint64_t *count)
{
    if (!words_quantity(value, count_units, count) || *count == 0)
        return fail(options,
                    "--%s: '%s' is not a count: write a number above 0, or one with k, M or G (powers of 1000), such "
                    "as 10M",
                    name, value);
    return true;
}

static bool parse_instructions(struct options *options, const char *value)
{
    return parse_count(options, "instructions", value, &options->config.instructions);
}

static bool parse_vm_instructions(struct options *options, const char *value)
{
    return parse_count(options, "vm-instructions", value, &options->config.machine_instructions);
}

/* One KEY=FILE of --net pcap:. The text is cut up in place. */
static bool parse_net_part(struct options *options, char *part)
{
    char *file = strchr(part, '=');
    if (file)
        *file++ = '\0';
    const char **path = strcmp(part, "in") == 0    ? &options->config.net_in
                        : strcmp(part, "out") == 0 ? &options->config.net_out
                                                   : NULL;
    if (!path)
        return fail(options, "--net: pcap: has in=FILE and out=FILE, but no '%s'", part);
    if (!file || !*file)
        return fail(options, "--net: %s= needs a file name", part);
    if (*path)
        return fail(options, "--net: %s= is there twice", part);
    *path = file;
    return true;
}

static bool parse_captures(struct options *options, const char *value)
{
    options->config.net_in = options->config.net_out = NULL;
    free(options->net);
    options->net = strdup(value);
    if (!options->net)
        return fail(options, "out of memory");
    char *rest = options->net;
    for (char *part = strsep(&rest, ","); part; part = strsep(&rest, ","))
        if (!parse_net_part(options, part))
            return false;
    return true;
}

#define NETWORKS                                                                                                       \
    "live:IFACE, user[,fwd=tcp:[HOST:]HOSTPORT:VM:PORT], tap:NAME, dgram:LOCAL[,REMOTE], pcap:in=FILE[,out=FILE] or "  \
    "none"

static bool parse_net(struct options *options, const char *value)
{
    struct denali_config *config = &options->config;
    char error[256];
    options->net_chosen = true;
    if (strcmp(value, "none") == 0) {
        config->net_in = config->net_out = NULL;
        config->net_count = 0;
        return true;
    }
    if (strncmp(value, "pcap:", 5) == 0)
        return parse_captures(options, value + 5);
    if (!net_check(value, error, sizeof(error)))
        return fail(options, "--net: %s%s", error, strchr(value, ':') ? "" : ": write " NETWORKS);
    if (config->net_count == OPTIONS_NETS)
        return fail(options, "--net: more than %d networks", OPTIONS_NETS);
    options->nets[config->net_count++] = value;
    config->nets = options->nets;
    return true;
}

static bool parse_link(struct options *options, const char *value)
{
    struct link_spec spec;
    char error[256];
    if (!link_spec_parse(&spec, value, error, sizeof(error)))
        return fail(options, "--link: %s", error);
    if (options->config.link_count == OPTIONS_LINKS)
        return fail(options, "--link: more than %d times", OPTIONS_LINKS);
    options->links[options->config.link_count++] = value;
    options->config.links = options->links;
    return true;
}

static bool parse_queue(struct options *options, const char *value)
{
    return parse_number(options, "queue", value, 1, 65536, &options->config.queue_frames);
}

static bool parse_seed_number(struct options *options, const char *option, const char *value, uint64_t *seed)
{
    return words_quantity(value, plain_units, seed) ||
           fail(options, "--%s: '%s' is not a number below 2^64", option, value);
}

static bool parse_seed(struct options *options, const char *value)
{
    return parse_seed_number(options, "seed", value, &options->config.seed);
}

/* One word behind the file of --disk. */
static bool parse_disk_part(struct options *options, struct denali_disk *disk, const char *part)
{
    if (strcmp(part, "ro") == 0)
        return disk->read_only = true;
    if (strcmp(part, "cow") == 0)
        return disk->copy_on_write = true;
    if (strncmp(part, "seed=", 5) == 0)
        return parse_seed_number(options, "disk", part + 5, &disk->seed);
    if (strncmp(part, "errors=", 7) != 0)
        return fail(options, "--disk: '%s' is not one of ro, cow, errors=RATE and seed=N", part);
    return words_fraction(part + 7, &disk->errors) ||
           fail(options, "--disk: errors=%s is not a rate from 0 to 1, such as 0.01", part + 7);
}

static bool parse_disk(struct options *options, const char *value)
{
    struct denali_config *config = &options->config;
    if (config->disk_count == DENALI_DISKS_MAX)
        return fail(options, "--disk: a machine has at most %d disks", DENALI_DISKS_MAX);
    char *rest = strdup(value), *file = strsep(&rest, ",");
    if (!file)
        return fail(options, "out of memory");
    struct denali_disk *disk = &config->disks[config->disk_count];
    options->disk_files[config->disk_count++] = file;
    *disk = (struct denali_disk){.file = file};
    for (const char *part = strsep(&rest, ","); part; part = strsep(&rest, ","))
        if (!parse_disk_part(options, disk, part))
            return false;
    if (!*file)
        return fail(options, "--disk: the file name is empty");
    return !(disk->read_only && disk->copy_on_write) || fail(options, "--disk: ro and cow exclude each other");
}

static bool parse_mmu(struct options *options, const char *value)
{
    (void)value;
    return options->config.mmu = true;
}

static bool parse_supervisor(struct options *options, const char *value)
{
    (void)value;
    return options->config.supervisor = true;
}

static bool parse_vms_max(struct options *options, const char *value)
{
    options->vms_max_chosen = true;
    return parse_number(options, "vms-max", value, 1, MACHINES_MAX, &options->config.machines_max);
}

static bool has_image(const struct options *options, const char *name, size_t length)
{
    for (uint32_t i = 0; i < options->config.image_count; i++)
        if (strncmp(options->images[i].name, name, length) == 0 && !options->images[i].name[length])
            return true;
    return length == strlen(OWN_IMAGE) && memcmp(name, OWN_IMAGE, length) == 0;
}

static bool parse_image(struct options *options, const char *value)
{
    size_t length = strcspn(value, "="), count = options->config.image_count;
    if (length == 0 || !value[length] || !value[length + 1] || strcspn(value, " ") < length)
        return fail(options, "--image: '%s' is not NAME=FILE, with a name without blanks", value);
    if (has_image(options, value, length))
        return fail(options, "--image: there is an image of the name '%.*s' already", (int)length, value);
    struct denali_image *images = realloc(options->images, (count + 1) * sizeof(*images));
    if (images)
        options->config.images = options->images = images;
    char *name = strndup(value, length);
    if (!images || !name) {
        free(name);
        return fail(options, "out of memory");
    }
    images[count] = (struct denali_image){.name = name, .path = value + length + 1};
    options->config.image_count++;
    return true;
}

/* A value that is one of the words in the table's argument column. -1: it is not, and the message says so. */
static int parse_choice(struct options *options, const char *option, const char *choices, const char *value)
{
    int index = choice_index(choices, value, strlen(value));
    if (index < 0)
        fail(options, "--%s: '%s' is not one of %s", option, value, choices);
    return index;
}

/* One FIELD=TIME of --cost. The text is cut up in place. */
static bool parse_cost_part(struct options *options, char *part)
{
    char *time = strchr(part, '=');
    if (time)
        *time++ = '\0';
    uint64_t *cost = cost_field(&options->config.costs, part);
    if (!cost) {
        const char *nearest = NULL;
        unsigned distance = ~0u;
        for (const struct cost_row *row = cost_rows; row->name; row++)
            words_consider(part, row->name, &nearest, &distance);
        return nearest ? fail(options, "--cost: there is no cost '%s'; the nearest is '%s'", part, nearest)
                       : fail(options, "--cost: there is no cost '%s'; there are:" COST_NAMES, part);
    }
    if (!time || !words_quantity(time, time_units, cost))
        return fail(options, "--cost: %s needs a time, as %s=10us", part, part);
    if (*cost > COST_MAX_NS)
        return fail(options, "--cost: %s: %s is more than 1h", part, time);
    return true;
}

static bool parse_cost(struct options *options, const char *value)
{
    char *copy = strdup(value), *rest = copy, *profile = strsep(&rest, ",");
    if (!copy)
        return fail(options, "out of memory");
    bool good =
        cost_profile(&options->config.costs, profile) ||
        fail(options, "--cost: '%s' is not one of none and denali2002; single costs follow it: none,port=1us", profile);
    for (char *part = strsep(&rest, ","); part && good; part = strsep(&rest, ","))
        good = parse_cost_part(options, part);
    free(copy);
    return good;
}

static bool parse_replacement(struct options *options, const char *value)
{
    int index = parse_choice(options, "replacement", "wsclock|lru", value);
    options->config.replacement = index == 1 ? DENALI_REPLACEMENT_LRU : DENALI_REPLACEMENT_WSCLOCK;
    return index >= 0;
}

static bool parse_admission(struct options *options, const char *value)
{
    int index = parse_choice(options, "admission", "fifo|open", value);
    options->config.admission = index == 1 ? DENALI_ADMISSION_OPEN : DENALI_ADMISSION_FIFO;
    return index >= 0;
}

static bool parse_scheduler(struct options *options, const char *value)
{
    int index = parse_choice(options, "scheduler", "round-robin|lottery", value);
    options->config.scheduler = index == 1 ? DENALI_SCHEDULER_LOTTERY : DENALI_SCHEDULER_ROUND_ROBIN;
    return index >= 0;
}

static bool parse_clock(struct options *options, const char *value)
{
    int index = parse_choice(options, "clock", "virtual|host", value);
    options->config.clock = index == 1 ? DENALI_CLOCK_HOST : DENALI_CLOCK_VIRTUAL;
    options->clock_chosen = true;
    return index >= 0;
}

static bool parse_interrupts(struct options *options, const char *value)
{
    int index = parse_choice(options, "interrupts", "batched|immediate", value);
    options->config.interrupts = index == 1 ? DENALI_INTERRUPTS_IMMEDIATE : DENALI_INTERRUPTS_BATCHED;
    return index >= 0;
}

static bool parse_idle(struct options *options, const char *value)
{
    int index = parse_choice(options, "idle", "timeout|no-timeout", value);
    options->config.idle = index == 1 ? DENALI_IDLE_NO_TIMEOUT : DENALI_IDLE_TIMEOUT;
    return index >= 0;
}

static bool parse_engine(struct options *options, const char *value)
{
    int index = parse_choice(options, "engine", "blocks|step", value);
    options->config.engine = index == 1 ? DENALI_ENGINE_STEP : DENALI_ENGINE_BLOCKS;
    return index >= 0;
}

static bool parse_console(struct options *options, const char *value)
{
    if (strncmp(value, "file:", 5) == 0 && value[5]) {
        options->config.console = DENALI_CONSOLE_FILES;
        options->config.console_directory = value + 5;
        return true;
    }
    if (strcmp(value, "sdl") == 0)
        return fail(options, "--console: sdl is not in this version; it has stdio, file:DIR and none");
    int index = choice_index("stdio|none", value, strlen(value));
    if (index < 0)
        return fail(options, "--console: '%s' is not one of stdio, file:DIR and none", value);
    options->config.console = index == 1 ? DENALI_CONSOLE_NONE : DENALI_CONSOLE_STDIO;
    return true;
}

static bool parse_keyboard(struct options *options, const char *value)
{
    int index = parse_choice(options, "keyboard", "stdin|none", value);
    options->config.keyboard = index == 0 ? STDIN_FILENO : -1;
    options->keyboard_chosen = true;
    return index >= 0;
}

static bool parse_path(struct options *options, const char *option, const char *value, const char **path)
{
    if (!*value)
        return fail(options, "--%s: the file name is empty", option);
    *path = value;
    return true;
}

static bool parse_capture(struct options *options, const char *value)
{
    return parse_path(options, "capture", value, &options->config.capture);
}

static bool parse_stats(struct options *options, const char *value)
{
    return parse_path(options, "stats", value, &options->stats_path);
}

static bool parse_trace_to(struct options *options, const char *value)
{
    return parse_path(options, "trace-to", value, &options->trace_path);
}

/* N or N-M. */
static bool parse_trace_machines(struct options *options, const char *value)
{
    char *dash = strchr(value, '-'), first[16];
    size_t length = dash ? (size_t)(dash - value) : strlen(value);
    uint64_t low = 0, high = 0;
    snprintf(first, sizeof(first), "%.*s", (int)length, value);
    if (!words_quantity(first, plain_units, &low) || !words_quantity(dash ? dash + 1 : first, plain_units, &high) ||
        low > high || high >= MACHINES_MAX)
        return fail(options, "--trace: '@%s' names no machines: write @N or @N-M, with machines from 0", value);
    options->config.trace_first = low;
    options->config.trace_last = high;
    return true;
}

#define TRACE_KINDS "instructions|interrupts|exceptions|ports|frames|schedule"
#define TRACE_ALL   0x3f

static bool parse_trace(struct options *options, const char *value)
{
    size_t end = strcspn(value, "@");
    options->config.trace = 0;
    options->config.trace_first = 0;
    options->config.trace_last = UINT32_MAX;
    for (size_t at = 0; at <= end; at++) {
        size_t length = strcspn(value + at, ",@");
        int index = choice_index(TRACE_KINDS "|all", value + at, length);
        if (index < 0)
            return fail(options, "--trace: '%.*s' is not one of " TRACE_KINDS "|all", (int)length, value + at);
        options->config.trace |= index < 6 ? 1u << index : TRACE_ALL;
        at += length;
    }
    return value[end] ? parse_trace_machines(options, value + end + 1) : true;
}

static bool parse_quiet(struct options *options, const char *value)
{
    (void)value;
    return options->quiet = true;
}

static bool parse_man(struct options *options, const char *value)
{
    (void)value;
    return options->man = true;
}

static bool parse_completion(struct options *options, const char *value)
{
    options->completion = true;
    return parse_choice(options, "completion", "bash", value) >= 0;
}

/* In the order of option_rows. */
static bool (*const parsers[])(struct options *, const char *value) = {
#define COMMAND(...)
#define OPTION(name, letter, commands, argument, parse, help) parse_##parse,
#define LATER(name)
#include "options.def"
#undef COMMAND
#undef OPTION
#undef LATER
};

static bool is_later(const char *word, size_t length)
{
    for (const char *const *name = later_rows; *name; name++)
        if (strlen(*name) == length && memcmp(*name, word, length) == 0)
            return true;
    return false;
}

static bool fail_unknown(struct options *options, const char *argument, const char *word, size_t length)
{
    char name[32];
    snprintf(name, sizeof(name), "%.*s", (int)length, word);
    if (is_later(word, length))
        return fail(options, "--%s is not in this version", name);
    const char *nearest = nearest_option(name, options->command), *command = command_rows[options->command].name;
    if (nearest && strcmp(nearest, name) != 0)
        return fail(options, "%s: 'denali %s' has no such option; the nearest is --%s", argument, command, nearest);
    return fail(options, "%s: 'denali %s' has no such option; see 'denali help'", argument, command);
}

static const struct option_row *find_option(unsigned command, const char *name, size_t length, char letter)
{
    for (const struct option_row *row = option_rows; row->name; row++)
        if ((row->commands & 1u << command) &&
            ((letter && letter == row->letter) ||
             (name && strlen(row->name) == length && memcmp(row->name, name, length) == 0)))
            return row;
    return NULL;
}

/* The option at argv[*at] and its value, which may be in the same word ("--vms=3", "-n3") or in the next. */
static bool parse_option(struct options *options, int argc, char **argv, int *at)
{
    char *word = argv[*at], *value;
    bool is_long = word[1] == '-';
    size_t length = is_long ? strcspn(word + 2, "=") : 1;
    const struct option_row *row =
        is_long ? find_option(options->command, word + 2, length, 0) : find_option(options->command, NULL, 0, word[1]);
    if (!row)
        return fail_unknown(options, word, is_long ? word + 2 : word + 1, is_long ? length : strlen(word + 1));
    value = is_long ? word + 2 + length : word + 2;
    if (is_long && *value == '=')
        value++;
    else if (!*value)
        value = NULL;
    if (!row->argument && value)
        return fail(options, "--%s takes no value, but '%s' was given", row->name, value);
    if (row->argument && !value && *at + 1 < argc && strcmp(argv[*at + 1], "--") != 0)
        value = argv[++*at];
    if (row->argument && !value)
        return fail(options, "--%s needs a value: %s", row->name, row->argument);
    return parsers[row - option_rows](options, value);
}

/* What follows "--", joined by blanks. */
static bool join_arguments(struct options *options, int count, char **words)
{
    size_t size = 1;
    for (int i = 0; i < count; i++)
        size += strlen(words[i]) + 1;
    options->arguments = calloc(1, size);
    if (!options->arguments)
        return fail(options, "out of memory");
    char *end = options->arguments;
    for (int i = 0; i < count; i++)
        end += sprintf(end, "%s%s", i ? " " : "", words[i]);
    options->config.arguments = options->arguments;
    return true;
}

static bool parse_command(struct options *options, const char *word)
{
    for (const struct command_row *row = command_rows; row->name; row++)
        if (strcmp(word, row->name) == 0) {
            options->command = row - command_rows;
            return true;
        }
    if (strcmp(word, "replay") == 0)
        return fail(options, "'denali %s' is not in this version", word);
    const char *nearest = nearest_command(word);
    return nearest ? fail(options, "'%s' is no command; the nearest is '%s'", word, nearest)
                   : fail(options, "'%s' is no command; see 'denali help'", word);
}

static bool check_together(struct options *options)
{
    const struct denali_config *config = &options->config;
    const char *command = command_rows[options->command].name;
    if (options->command == COMMAND_help)
        return options->operand ? fail(options, "'denali help' takes no '%s'", options->operand) : true;
    if (!options->operand && options->command != COMMAND_doctor)
        return fail(options, "'denali %s' needs a file: denali %s %s", command, command,
                    command_rows[options->command].operands);
    if (!config->supervisor && (config->image_count > 0 || options->vms_max_chosen))
        return fail(options, "--%s needs --supervisor", config->image_count > 0 ? "image" : "vms-max");
    if (config->supervisor && config->machines > config->machines_max)
        return fail(options, "--vms-max: %u is less than the %u of --vms", config->machines_max, config->machines);
    uint32_t last = (config->supervisor ? config->machines_max : config->machines) - 1;
    if (config->trace && config->trace_last != UINT32_MAX && config->trace_last > last)
        return fail(options, "--trace: there is no machine %u, the last is %u", config->trace_last, last);
    if (options->trace_path && !config->trace)
        return fail(options, "--trace-to needs --trace KINDS[@VMS]");
    if (config->net_count > 0 && options->command == COMMAND_verify)
        return fail(options, "--net: 'denali verify' runs twice, which no network outside does");
    if (config->net_count > 0 && options->clock_chosen && config->clock == DENALI_CLOCK_VIRTUAL)
        return fail(options, "--clock: virtual time goes too fast for %s; leave it at host", config->nets[0]);
    if (config->quantum_ns * config->cpu_khz < 1000000)
        return fail(options, "--quantum: it is shorter than a cycle of the CPU (--cpu-mhz)");
    return true;
}

static bool is_option(const char *word, const char *name, const char *letter)
{
    return strcmp(word, name) == 0 || strcmp(word, letter) == 0;
}

static bool parse_words(struct options *options, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--") == 0 && (1u << options->command & FOR_RUNS))
            return join_arguments(options, argc - i - 1, argv + i + 1);
        if (is_option(word, "--help", "-h")) {
            options->command = COMMAND_help;
            options->operand = NULL;
            return true;
        }
        if (word[0] == '-' && word[1]) {
            if (!parse_option(options, argc, argv, &i))
                return false;
        } else if (options->operand) {
            return fail(options, "'%s' is one file too many after '%s'%s", word, options->operand,
                        1u << options->command & FOR_RUNS ? "; arguments of the machines come after --" : "");
        } else {
            options->operand = word;
        }
    }
    return true;
}

bool options_parse(struct options *options, int argc, char **argv)
{
    *options = (struct options){.command = COMMAND_help};
    denali_config_init(&options->config);
    if (argc < 2)
        return fail(options, "no command; see 'denali help'");
    if (is_option(argv[1], "--version", "-V")) {
        options->command = COMMAND_version;
        return true;
    }
    if (!is_option(argv[1], "--help", "-h") && !parse_command(options, argv[1]))
        return false;
    if (!parse_words(options, argc, argv) || !check_together(options))
        return false;
    options->config.image = options->operand;
    if (options->config.net_count > 0)
        options->config.clock = DENALI_CLOCK_HOST;
    if (!options->keyboard_chosen)
        options->config.keyboard =
            options->command == COMMAND_run && (options->config.machines == 1 || options->config.supervisor)
                ? STDIN_FILENO
                : -1;
    return true;
}

void options_drop(struct options *options)
{
    free(options->arguments);
    free(options->net);
    for (uint32_t i = 0; i < options->config.disk_count; i++)
        free(options->disk_files[i]);
    for (uint32_t i = 0; i < options->config.image_count; i++)
        free((char *)(uintptr_t)options->images[i].name);
    free(options->images);
}
