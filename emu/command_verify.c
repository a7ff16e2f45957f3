/* SPDX-License-Identifier: MIT
 *
 * `denali verify`: the same run under each engine, side by side in this process; every machine, every counter and the
 * capture must come out the same.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "progress.h"
#include "session.h"
#include "text.h"

#define STEP_SUFFIX ".step" /* of the files that the second run writes */

static const char *const register_names[8] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};

static void print_difference(const char *what, uint64_t blocks, uint64_t step)
{
    if (blocks != step)
        fprintf(stderr, "    %-12s %llx with blocks, %llx with step\n", what, (unsigned long long)blocks,
                (unsigned long long)step);
}

static void print_machine(const struct denali_machine *blocks, const struct denali_machine *step)
{
    print_difference("state", blocks->state, step->state);
    print_difference("exit status", blocks->exit_status, step->exit_status);
    print_difference("instructions", blocks->instructions, step->instructions);
    for (int i = 0; i < 8; i++)
        print_difference(register_names[i], blocks->regs[i], step->regs[i]);
    print_difference("eip", blocks->eip, step->eip);
    print_difference("eflags", blocks->eflags, step->eflags);
    print_difference("digest", blocks->digest, step->digest);
}

/* Names the first machine that differs. */
static int explain(const struct outcome *blocks, const struct outcome *step)
{
    struct denali_machine one, other;
    for (uint32_t from = 0;
         denali_next_machine(blocks->denali, from, &one) && denali_next_machine(step->denali, from, &other);
         from = one.index + 1) {
        if (one.index == other.index && one.digest == other.digest && one.instructions == other.instructions &&
            one.state == other.state)
            continue;
        complain(STATUS_DIVERGENCE, "the engines differ; the first machine that does is vm %u", one.index);
        print_machine(&one, &other);
        return STATUS_DIVERGENCE;
    }
    complain(STATUS_DIVERGENCE, "the engines differ, but in no machine: clock or counters do");
    print_difference("instructions", blocks->stats.instructions, step->stats.instructions);
    print_difference("virtual time", blocks->stats.virtual_ns, step->stats.virtual_ns);
    print_difference("digest", blocks->digest, step->digest);
    return STATUS_DIVERGENCE;
}

static int compare(const struct outcome *blocks, const struct outcome *step, bool quiet)
{
    if (blocks->interrupted || step->interrupted)
        return STATUS_INTERRUPTED;
    if (blocks->digest != step->digest || blocks->end != step->end ||
        blocks->stats.instructions != step->stats.instructions)
        return explain(blocks, step);
    if (!quiet)
        fprintf(stderr,
                "denali: blocks and step agree: %s machines, %s instructions, digest %016llx, %.1f and %.1f MIPS\n",
                text_count(blocks->stats.machines).chars, text_count(blocks->stats.instructions).chars,
                (unsigned long long)blocks->digest, outcome_mips(blocks), outcome_mips(step));
    return STATUS_OK;
}

static int compare_files(const char *path, const char *other_path)
{
    FILE *file = fopen(path, "rb"), *other = fopen(other_path, "rb");
    int a = 0, b = 0;
    long offset = -1;
    while (file && other && a != EOF && a == b) {
        a = getc_unlocked(file);
        b = getc_unlocked(other);
        offset++;
    }
    bool readable = file && other && !ferror(file) && !ferror(other);
    if (file)
        fclose(file);
    if (other)
        fclose(other);
    if (!readable)
        return complain(STATUS_HOST, "%s and %s cannot be compared", path, other_path);
    if (a != b)
        return complain(STATUS_DIVERGENCE, "%s and %s differ from byte %ld on", path, other_path, offset);
    unlink(other_path);
    return STATUS_OK;
}

static int free_both(struct denali *blocks, struct denali *step, int status)
{
    char error[512];
    if (blocks && !denali_free(blocks, error, sizeof(error)))
        status = complain(STATUS_HOST, "%s", error);
    if (step && !denali_free(step, error, sizeof(error)))
        status = complain(STATUS_HOST, "%s", error);
    return status;
}

/* The files that the second run swaps to; NULL: no memory. */
static char *step_swap(const char *paths)
{
    size_t commas = 0;
    for (const char *at = paths; *at; at++)
        commas += *at == ',';
    char *step = malloc(strlen(paths) + (commas + 1) * strlen(STEP_SUFFIX) + 1), *to = step;
    for (const char *from = paths; step; from++) {
        if (*from == ',' || !*from)
            to = stpcpy(to, STEP_SUFFIX);
        *to++ = *from;
        if (!*from)
            break;
    }
    return step;
}

static void unlink_each(char *paths)
{
    for (char *path; (path = strsep(&paths, ","));)
        unlink(path);
}

static int run_both(const struct options *options, const struct denali_config *step_config)
{
    char error[512] = "";
    struct progress progress;

    errno = 0;
    struct denali *blocks = denali_new(&options->config, error, sizeof(error));
    struct denali *step = blocks ? denali_new(step_config, error, sizeof(error)) : NULL;
    if (!step)
        return free_both(blocks, NULL, complain(errno == ENOMEM ? STATUS_HOST : STATUS_USAGE, "%s", error));
    progress_init(&progress, options);
    struct outcome first = session_run(blocks, options, &progress);
    progress_init(&progress, options);
    struct outcome second = first.interrupted ? first : session_run(step, options, &progress);
    return free_both(blocks, step, compare(&first, &second, options->quiet));
}

int verify_command(struct options *options)
{
    char step_path[PATH_MAX];
    struct denali_config *config = &options->config, step_config;
    int status = check_files(options);
    if (status != STATUS_OK)
        return status;
    config->console = DENALI_CONSOLE_NONE;
    /* Both runs begin with the same disks, and leave them so. */
    for (uint32_t i = 0; i < config->disk_count; i++)
        config->disks[i].copy_on_write = !config->disks[i].read_only;
    step_config = *config;
    step_config.engine = DENALI_ENGINE_STEP;
    char *swap = config->swap ? step_swap(config->swap) : NULL;
    if (config->swap && !swap)
        return complain(STATUS_HOST, "out of host memory");
    step_config.swap = swap;
    if (config->net_out) {
        snprintf(step_path, sizeof(step_path), "%s" STEP_SUFFIX, config->net_out);
        step_config.net_out = step_path;
    }
    status = run_both(options, &step_config);
    if (swap)
        unlink_each(swap);
    free(swap);
    return status == STATUS_OK && config->net_out ? compare_files(config->net_out, step_path) : status;
}
