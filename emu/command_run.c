/* SPDX-License-Identifier: MIT
 *
 * `denali run`: checks every file it will need, runs, reports.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "disks.h"
#include "machine.h"
#include "progress.h"
#include "stats_json.h"
#include "summary.h"

static bool same_file(const char *a, const char *b)
{
    struct stat first, second;
    if (!a || !b)
        return false;
    if (strcmp(a, b) == 0)
        return true;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && S_ISREG(first.st_mode) && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* The disk that this file is, by any machine's name for it; -1: none. */
static int disk_of_file(const struct denali_config *config, const char *path)
{
    char file[PATH_MAX];
    for (uint32_t i = 0; path && i < config->disk_count; i++) {
        bool each = strstr(config->disks[i].file, "{vm}");
        for (uint32_t vm = 0; vm < (each ? config->machines : 1); vm++)
            if (machine_arguments(file, sizeof(file), config->disks[i].file, vm) < sizeof(file) &&
                same_file(path, file))
                return (int)i;
    }
    return -1;
}

static bool is_written(const struct denali_disk *disk)
{
    return !disk->read_only && !disk->copy_on_write;
}

/* A disk that is written is an output, and what it is written by must not be read at the same time by another name. */
static int check_disks(const struct options *options)
{
    const struct denali_config *config = &options->config;
    const char *others[] = {config->image, config->net_in};
    for (int i = 0; i < 2; i++) {
        int disk = disk_of_file(config, others[i]);
        if (disk >= 0 && is_written(&config->disks[disk]))
            return complain(STATUS_USAGE, "%s would be read and written at once", others[i]);
    }
    for (uint32_t i = 0; i < config->disk_count; i++)
        for (uint32_t j = 0; j < i; j++)
            if ((is_written(&config->disks[i]) || is_written(&config->disks[j])) &&
                same_file(config->disks[i].file, config->disks[j].file))
                return complain(STATUS_USAGE, "%s would be two disks, and one of them is written",
                                config->disks[i].file);
    return STATUS_OK;
}

/* An output that is also an input, or two outputs that are one file, would destroy what the user has. */
static int check_distinct(const struct options *options)
{
    const char *outputs[] = {options->config.net_out, options->stats_path, options->trace_path};
    const char *inputs[] = {options->config.image, options->config.net_in};
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 2; j++)
            if (same_file(outputs[i], inputs[j]))
                return complain(STATUS_USAGE, "%s would be read and written at once", outputs[i]);
        for (int j = 0; j < i; j++)
            if (same_file(outputs[i], outputs[j]))
                return complain(STATUS_USAGE, "%s would be written for two purposes at once", outputs[i]);
        if (disk_of_file(&options->config, outputs[i]) >= 0)
            return complain(STATUS_USAGE, "%s is a disk; writing it would destroy it", outputs[i]);
    }
    return check_disks(options);
}

static int check_input(const char *path)
{
    int file = path ? open(path, O_RDONLY) : -1;
    if (path && file < 0)
        return complain(STATUS_USAGE, "%s: %s", path, strerror(errno));
    if (path)
        close(file);
    return STATUS_OK;
}

/* The file is created, but what is in it stays until the run is about to start. */
static int check_output(const char *path)
{
    int file = path ? open(path, O_WRONLY | O_CREAT, 0666) : -1;
    if (path && file < 0)
        return complain(STATUS_HOST, "%s: %s", path, strerror(errno));
    if (path)
        close(file);
    return STATUS_OK;
}

static int check_console(const struct denali_config *config)
{
    if (config->console == DENALI_CONSOLE_FILES && mkdir(config->console_directory, 0777) != 0 && errno != EEXIST)
        return complain(STATUS_HOST, "%s: %s", config->console_directory, strerror(errno));
    return STATUS_OK;
}

int check_files(const struct options *options)
{
    const struct denali_config *config = &options->config;
    uint32_t disk;
    int status = disks_is_image(config->image, &disk) ? STATUS_OK : check_input(config->image);
    status = status ? status : check_input(config->net_in);
    status = status ? status : check_distinct(options);
    status = status ? status : check_output(config->net_out);
    status = status ? status : check_output(options->stats_path);
    status = status ? status : check_output(options->trace_path);
    return status ? status : check_console(config);
}

/* Prints the report and says what status the run deserves. */
static int report(const struct outcome *outcome, const struct options *options)
{
    int status = outcome->stats.failed || outcome->ended_badly ? STATUS_MACHINE : STATUS_OK;
    if (!options->quiet)
        summary_print(stderr, outcome);
    if (outcome->end == DENALI_INPUT_BAD)
        status = complain(STATUS_USAGE, "%s", denali_trouble(outcome->denali));
    if (outcome->interrupted)
        status = STATUS_INTERRUPTED;
    if (outcome->console_error)
        status = complain(STATUS_HOST, "standard output: %s", strerror(outcome->console_error));
    return status;
}

static int write_stats(const struct outcome *outcome, const char *path)
{
    FILE *out = fopen(path, "w");
    bool written = out && stats_json_write(out, outcome);
    int error = errno;
    if (out && fclose(out) != 0 && written) {
        error = errno;
        written = false;
    }
    return written ? STATUS_OK : complain(STATUS_HOST, "%s: %s", path, strerror(error));
}

static int run_simulation(struct options *options)
{
    char error[512] = "";
    struct progress progress;
    errno = 0;
    struct denali *denali = denali_new(&options->config, error, sizeof(error));
    if (!denali)
        return complain(errno == ENOMEM ? STATUS_HOST : STATUS_USAGE, "%s", error);
    progress_init(&progress, options);
    struct outcome outcome = session_run(denali, options, &progress);
    int status = report(&outcome, options);
    if (options->stats_path && write_stats(&outcome, options->stats_path) != STATUS_OK)
        status = STATUS_HOST;
    if (!denali_free(denali, error, sizeof(error)))
        status = complain(STATUS_HOST, "%s", error);
    return status;
}

int run_command(struct options *options)
{
    struct denali_config *config = &options->config;
    int status = check_files(options);
    if (status != STATUS_OK)
        return status;
    config->console_stream = stdout;
    config->debug_stream = stderr;
    config->trace_stream = options->trace_path ? fopen(options->trace_path, "w") : stderr;
    if (!config->trace_stream)
        return complain(STATUS_HOST, "%s: %s", options->trace_path, strerror(errno));
    status = run_simulation(options);
    if (options->trace_path && fclose(config->trace_stream) != 0)
        status = complain(STATUS_HOST, "%s: %s", options->trace_path, strerror(errno));
    return status;
}
