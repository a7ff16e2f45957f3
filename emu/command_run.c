/* SPDX-License-Identifier: MIT
 *
 * `denali run`: checks every file it will need, runs, reports.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "disks.h"
#include "image.h"
#include "machine.h"
#include "progress.h"
#include "stats_json.h"
#include "summary.h"
#include "swap.h"

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

/* Is this file the disk of any machine? */
static bool is_disk(const struct denali_config *config, const struct denali_disk *disk, const char *path)
{
    char file[PATH_MAX];
    uint32_t files = strstr(disk->file, MACHINE_PLACEHOLDER) ? config->machines : 1;
    for (uint32_t vm = 0; path && vm < files; vm++)
        if (machine_arguments(file, sizeof(file), disk->file, vm) < sizeof(file) && same_file(path, file))
            return true;
    return false;
}

/* The files that are read, but for disks; some are NULL. */

static uint32_t input_count(const struct denali_config *config)
{
    return 2 + config->image_count;
}

static const char *input_path(const struct denali_config *config, uint32_t number)
{
    return number == 0 ? config->image : number == 1 ? config->net_in : config->images[number - 2].path;
}

static bool is_written(const struct denali_disk *disk)
{
    return !disk->read_only && !disk->copy_on_write;
}

/* A disk that is written is an output too, and must be nothing else. */
static int check_disks(const struct denali_config *config)
{
    for (uint32_t i = 0; i < config->disk_count; i++) {
        const struct denali_disk *disk = &config->disks[i];
        for (uint32_t j = 0; j < input_count(config); j++)
            if (is_written(disk) && is_disk(config, disk, input_path(config, j)))
                return complain(STATUS_USAGE, "%s would be read and written at once", disk->file);
        for (uint32_t j = 0; j < config->disk_count; j++)
            if (j != i && is_written(disk) &&
                (strcmp(disk->file, config->disks[j].file) == 0 || is_disk(config, disk, config->disks[j].file) ||
                 is_disk(config, &config->disks[j], disk->file)))
                return complain(STATUS_USAGE, "%s would be two disks, and one of them is written", disk->file);
    }
    return STATUS_OK;
}

#define OUTPUTS 4 /* beside swap */

/* Every file that is written: swap's stand for disks. */
struct outputs {
    char *swap; /* owned; its commas are NULs */
    const char *paths[OUTPUTS + SWAP_FILES_MAX];
    int count;
};

static int list_outputs(struct outputs *outputs, const struct options *options)
{
    const struct denali_config *config = &options->config;

    *outputs = (struct outputs){.paths = {config->net_out, config->capture, options->stats_path, options->trace_path},
                                .count = OUTPUTS};
    if (!config->swap)
        return STATUS_OK;
    outputs->swap = strdup(config->swap);
    if (!outputs->swap)
        return complain(STATUS_HOST, "out of host memory");
    for (char *rest = outputs->swap, *path; (path = strsep(&rest, ","));) {
        if (outputs->count == OUTPUTS + SWAP_FILES_MAX)
            return complain(STATUS_USAGE, "--swap: more than %d files", SWAP_FILES_MAX);
        outputs->paths[outputs->count++] = path;
    }
    return STATUS_OK;
}

/* An output that is also an input, or two outputs that are one file, would destroy what the user has. */
static int check_distinct(const struct outputs *outputs, const struct denali_config *config)
{
    const char *const *paths = outputs->paths;
    for (int i = 0; i < outputs->count; i++) {
        for (uint32_t j = 0; j < input_count(config); j++)
            if (same_file(paths[i], input_path(config, j)))
                return complain(STATUS_USAGE, "%s would be read and written at once", paths[i]);
        for (int j = 0; j < i; j++)
            if (same_file(paths[i], paths[j]))
                return complain(STATUS_USAGE, "%s would be written for two purposes at once", paths[i]);
        for (uint32_t j = 0; j < config->disk_count; j++)
            if (is_disk(config, &config->disks[j], paths[i]))
                return complain(STATUS_USAGE, "%s is a disk; writing it would destroy it", paths[i]);
    }
    return check_disks(config);
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

/* Once more when all outputs are there: two names of one file that was not there before look different. */
static int check_outputs(const struct outputs *outputs, const struct denali_config *config)
{
    int status = check_distinct(outputs, config);
    for (int i = 0; status == STATUS_OK && i < outputs->count; i++)
        status = check_output(outputs->paths[i]);
    return status ? status : check_distinct(outputs, config);
}

int check_files(const struct options *options)
{
    const struct denali_config *config = &options->config;
    struct outputs outputs;
    uint32_t disk;
    int status = list_outputs(&outputs, options);
    if (status == STATUS_OK && !disks_is_image(config->image, &disk))
        status = check_input(config->image);
    status = status ? status : check_input(config->net_in);
    for (uint32_t i = 0; i < config->image_count && status == STATUS_OK; i++)
        status = check_input(config->images[i].path);
    status = status ? status : check_outputs(&outputs, config);
    free(outputs.swap);
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

static bool image_wants_network(const struct denali_config *config)
{
    char error[512];
    uint32_t disk;
    struct image image;
    struct frame_pool *pool = disks_is_image(config->image, &disk) ? NULL : frame_pool_new(UINT32_MAX);
    bool wants = pool && image_load(&image, config->image, pool, config->memory, error, sizeof(error));

    if (wants) {
        wants = image.wants_network;
        image_drop(&image);
    }
    if (pool)
        frame_pool_free(pool);
    return wants;
}

/* NAT needs no privilege and no name. Virtual time is too fast for it: whoever asks for that gets no network. */
static void choose_network(struct options *options)
{
    struct denali_config *config = &options->config;
    bool wants_virtual = options->clock_chosen && config->clock == DENALI_CLOCK_VIRTUAL;

    if (options->net_chosen || wants_virtual || !image_wants_network(config))
        return;
    options->nets[config->net_count++] = "user";
    config->nets = options->nets;
    config->clock = DENALI_CLOCK_HOST;
    if (!options->quiet)
        fprintf(stderr, "denali: %s wants a network, and no --net is given: it gets --net user\n", config->image);
}

int run_command(struct options *options)
{
    struct denali_config *config = &options->config;
    int status = check_files(options);
    if (status != STATUS_OK)
        return status;
    choose_network(options);
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
