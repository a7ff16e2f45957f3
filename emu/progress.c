/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "progress.h"
#include "text.h"

#define LINE_INTERVAL 200000000ull /* ns */
#define JSON_INTERVAL 5000000000ull

/* A line in the middle of what one machine prints on the same terminal would spoil it. */
static bool console_is_in_the_way(const struct denali_config *config)
{
    return config->console == DENALI_CONSOLE_STDIO && config->machines == 1 && isatty(STDOUT_FILENO);
}

void progress_init(struct progress *progress, const struct options *options)
{
    *progress = (struct progress){.config = &options->config, .style = PROGRESS_JSON};
    if (options->quiet || console_is_in_the_way(&options->config))
        progress->style = PROGRESS_NONE;
    else if (isatty(STDERR_FILENO))
        progress->style = PROGRESS_LINE;
}

/* How much of the run is done, by the limit that is nearer; 0: there is no limit. */
static double fraction_done(const struct denali_config *config, const struct denali_stats *stats)
{
    double time = config->until_ns ? (double)stats->virtual_ns / config->until_ns : 0;
    double work = config->instructions ? (double)stats->instructions / config->instructions : 0;
    return time > work ? time : work;
}

static void print_line(const struct progress *progress, const struct denali_stats *stats, uint64_t host_ns, double mips,
                       double ratio)
{
    fprintf(stderr, "\r\033[K%s of %s machines alive, %s, %.1f MIPS, %.2f x real time", text_count(stats->alive).chars,
            text_count(stats->machines).chars, text_time(stats->virtual_ns).chars, mips, ratio);
    double done = fraction_done(progress->config, stats);
    if (done > 0 && done < 1)
        fprintf(stderr, ", %s left", text_time(host_ns / done * (1 - done)).chars);
}

static void print_json(const struct denali_stats *stats, uint64_t host_ns, double mips, double ratio)
{
    fprintf(stderr,
            "{\"progress\": {\"host_ns\": %llu, \"virtual_ns\": %llu, \"machines\": %u, \"alive\": %u, \"failed\": %u, "
            "\"instructions\": %llu, \"mips\": %.1f, \"real_time_ratio\": %.3f}}\n",
            (unsigned long long)host_ns, (unsigned long long)stats->virtual_ns, stats->machines, stats->alive,
            stats->failed, (unsigned long long)stats->instructions, mips, ratio);
}

void progress_update(struct progress *progress, const struct denali *denali, uint64_t host_ns)
{
    uint64_t passed = host_ns - progress->last_ns;
    if (progress->style == PROGRESS_NONE || passed < (progress->style == PROGRESS_LINE ? LINE_INTERVAL : JSON_INTERVAL))
        return;
    struct denali_stats stats;
    denali_get_stats(denali, &stats);
    double mips = (stats.instructions - progress->last_instructions) * 1e3 / passed;
    double ratio = (double)(stats.virtual_ns - progress->last_virtual_ns) / passed;
    if (progress->style == PROGRESS_LINE)
        print_line(progress, &stats, host_ns, mips, ratio);
    else
        print_json(&stats, host_ns, mips, ratio);
    progress->shown = progress->style == PROGRESS_LINE;
    progress->last_ns = host_ns;
    progress->last_virtual_ns = stats.virtual_ns;
    progress->last_instructions = stats.instructions;
}

void progress_clear(struct progress *progress)
{
    if (progress->shown)
        fprintf(stderr, "\r\033[K");
    progress->shown = false;
}
