/* SPDX-License-Identifier: MIT
 *
 * What bench/scale.py measures inside a process: the library runs machines here, and each step's time and the process's
 * memory are printed as one line of JSON. Time is taken twice: on the clock, and of the processor, which does not count
 * what else goes on in the host.
 *
 *     scale machines IMAGE MACHINES [FRAMES SWAP]     create, boot until all are idle, free; with so many bytes of
 *                                                     physical memory and swapping to that file
 *     scale idle IMAGE MACHINES SECONDS ARGUMENTS     boot, then so much virtual time
 *     scale beside IMAGE BUSY IDLE ROUNDS QUANTA      two simulations in turn, with and without idle machines
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../emu/libdenali.h"

#define NS_PER_SECOND 1000000000u

struct moment {
    uint64_t wall, cpu; /* ns */
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static struct moment moment_now(void)
{
    return (struct moment){clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_PROCESS_CPUTIME_ID)};
}

static void print_step(const char *name, struct moment since)
{
    struct moment now = moment_now();
    printf("\"%s\": {\"seconds\": %.6f, \"cpu_seconds\": %.6f}, ", name,
           (double)(now.wall - since.wall) / NS_PER_SECOND, (double)(now.cpu - since.cpu) / NS_PER_SECOND);
}

/* A line of /proc/self/status, in bytes. */
static uint64_t process_bytes(const char *name)
{
    FILE *status = fopen("/proc/self/status", "r");
    uint64_t kilobytes = 0;
    char line[256];

    while (status && fgets(line, sizeof(line), status))
        if (strncmp(line, name, strlen(name)) == 0)
            kilobytes = strtoull(line + strlen(name), NULL, 10);
    if (status)
        fclose(status);
    return kilobytes * 1024;
}

static unsigned open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;

    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count > 3 ? count - 3 : 0; /* not ".", "..", nor the directory itself */
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "scale: %s\n", what);
    exit(1);
}

static uint64_t number(const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (end == text || *end != '\0')
        fail("a number was expected");
    return value;
}

static struct denali *create(const struct denali_config *config)
{
    char error[256];
    struct denali *d = denali_new(config, error, sizeof(error));
    if (!d)
        fail(error);
    return d;
}

static void drop(struct denali *d)
{
    char error[256];
    if (!denali_free(d, error, sizeof(error)))
        fail(error);
}

static struct denali_config config_of(const char *image, uint64_t machines)
{
    struct denali_config config;
    denali_config_init(&config);
    config.image = image;
    config.machines = (uint32_t)machines;
    config.frames = UINT64_C(64) << 30;
    config.console = DENALI_CONSOLE_NONE;
    return config;
}

static void print_memory(const char *name)
{
    printf("\"%s\": %" PRIu64 ", ", name, process_bytes("VmRSS:"));
}

static void machines(char **arguments, int count)
{
    struct denali_config config = config_of(arguments[0], number(arguments[1]));
    if (count == 4) {
        config.frames = number(arguments[2]);
        config.swap = arguments[3];
    }
    print_memory("rss_before");
    struct moment began = moment_now();
    struct denali *d = create(&config);
    print_step("create", began);
    print_memory("rss_created");
    struct denali_stats created, booted;
    denali_get_stats(d, &created);
    began = moment_now();
    while (denali_run(d, 1000) == DENALI_RUNNING)
        ;
    print_step("boot", began);
    print_memory("rss_booted");
    denali_get_stats(d, &booted);
    printf("\"descriptors\": %u, \"idle\": %" PRIu32 ", \"frames_created\": %" PRIu64 ", \"frames_booted\": %" PRIu64
           ", \"asleep\": %" PRIu32 ", ",
           open_descriptors(), booted.idle, created.memory.frames, booted.memory.frames, booted.swap.asleep);
    began = moment_now();
    drop(d);
    print_step("free", began);
}

static void idle(char **arguments, int count)
{
    struct denali_config config = config_of(arguments[0], number(arguments[1]));
    (void)count;
    config.until_ns = number(arguments[2]) * NS_PER_SECOND;
    config.arguments = arguments[3];
    struct denali *d = create(&config);
    struct moment began = moment_now();
    denali_run(d, config.machines); /* each gets its turn, and idles */
    print_step("boot", began);
    began = moment_now();
    while (denali_run(d, 1u << 20) == DENALI_RUNNING)
        ;
    print_step("idle", began);
    struct denali_stats stats;
    denali_get_stats(d, &stats);
    printf("\"virtual_ns\": %" PRIu64 ", \"interrupts\": %" PRIu64 ", \"instructions\": %" PRIu64 ", ",
           stats.virtual_ns, stats.interrupts.delivered, stats.instructions);
    drop(d);
}

#define WARM_TURNS 4 /* of each machine: their memory is in one piece by then */

static struct denali *warm(const char *image, uint64_t busy, uint64_t idle, char *arguments)
{
    struct denali_config config = config_of(image, busy + idle);
    config.arguments = arguments;
    struct denali *d = create(&config);
    denali_run(d, idle + WARM_TURNS * busy);
    return d;
}

/* Millions of instructions in a second of the processor. */
static double rate(struct denali *d, uint64_t quanta)
{
    struct denali_stats before, after;
    denali_get_stats(d, &before);
    struct moment began = moment_now();
    denali_run(d, quanta);
    struct moment ended = moment_now();
    denali_get_stats(d, &after);
    return (double)(after.instructions - before.instructions) * 1e3 / (double)(ended.cpu - began.cpu);
}

static void beside(char **arguments, int count)
{
    uint64_t busy = number(arguments[1]), idle = number(arguments[2]), rounds = number(arguments[3]);
    char text[32];
    (void)count;
    snprintf(text, sizeof(text), "busy=%" PRIu64, busy);
    struct denali *alone = warm(arguments[0], busy, 0, text), *crowded = warm(arguments[0], busy, idle, text);
    printf("\"rates\": [");
    for (uint64_t i = 0; i < rounds; i++) {
        double first = rate(alone, number(arguments[4])), second = rate(crowded, number(arguments[4]));
        printf("%s[%.3f, %.3f]", i > 0 ? ", " : "", first, second);
    }
    printf("], ");
    drop(alone);
    drop(crowded);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int least, most; /* arguments */
        void (*run)(char **arguments, int count);
    } commands[] = {{"machines", 2, 4, machines}, {"idle", 4, 4, idle}, {"beside", 5, 5, beside}};

    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) != 0 || argc - 2 < commands[i].least || argc - 2 > commands[i].most)
            continue;
        printf("{");
        commands[i].run(argv + 2, argc - 2);
        printf("\"rss_peak\": %" PRIu64 "}\n", process_bytes("VmHWM:"));
        return 0;
    }
    fail("see the head of bench/scale.c for what to give it");
}
