/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio_ext.h>
#include <time.h>

#include "keyboard_mode.h"
#include "progress.h"
#include "session.h"

#define SLICE_SHORT      25000000 /* ns: run more quanta at once below, fewer above the other */
#define SLICE_LONG       75000000
#define SLICE_QUANTA_MAX (1u << 24)
#define DESCRIPTORS_MAX  1024
#define CROWDED_NS       1000000

static uint64_t host_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* It has nothing to do: that the signal came shows in its being gone (SA_RESETHAND), so no variable of the process is
 * needed, and the next signal kills. */
static void interrupt_handler(int number)
{
    (void)number;
}

static struct sigaction interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = interrupt_handler, .sa_flags = SA_RESETHAND | SA_RESTART}, before;
    sigaction(SIGINT, NULL, &before);
    if (before.sa_handler != SIG_IGN) /* as in a script's background */
        sigaction(SIGINT, &action, NULL);
    return before;
}

static bool interrupt_arrived(void)
{
    struct sigaction action;
    sigaction(SIGINT, NULL, &action);
    return action.sa_handler == SIG_DFL;
}

/* Until there is something to do or Ctrl-C comes, which is let in only while nothing but the waiting goes on. */
static void wait_for_outside(struct denali *denali)
{
    struct pollfd descriptors[DESCRIPTORS_MAX];
    uint64_t timeout_ns;
    size_t count = denali_waits_for(denali, descriptors, DESCRIPTORS_MAX, &timeout_ns);
    if (count > DESCRIPTORS_MAX) { /* the others are looked at every so often */
        count = DESCRIPTORS_MAX;
        timeout_ns = timeout_ns < CROWDED_NS ? timeout_ns : CROWDED_NS;
    }
    const struct timespec timeout = {(time_t)(timeout_ns / 1000000000), (long)(timeout_ns % 1000000000)};
    sigset_t interrupt, before;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, &before);
    if (!interrupt_arrived())
        ppoll(descriptors, count, timeout_ns == UINT64_MAX ? NULL : &timeout, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* What has gone wrong with networks meanwhile. */
static void print_notices(struct denali *denali, struct progress *progress)
{
    for (const char *notice; (notice = denali_notice(denali));) {
        progress_clear(progress);
        fprintf(stderr, "denali: %s\n", notice);
    }
}

/* Hands on what the consoles printed in this slice. The result is an errno. */
static int console_flush(const struct options *options, struct progress *progress)
{
    FILE *stream = options->config.console == DENALI_CONSOLE_STDIO ? options->config.console_stream : NULL;
    if (!stream)
        return 0;
    if (__fpending(stream))
        progress_clear(progress);
    errno = 0;
    return fflush(stream) == 0 && !ferror(stream) ? 0 : errno ? errno : EIO;
}

static void outcome_collect(struct outcome *outcome)
{
    struct denali_machine machine;
    denali_get_stats(outcome->denali, &outcome->stats);
    outcome->digest = denali_digest(outcome->denali);
    if (outcome->stats.alive == outcome->stats.machines)
        return;
    for (uint32_t from = 0; denali_next_machine(outcome->denali, from, &machine); from = machine.index + 1)
        outcome->ended_badly += machine.state == DENALI_TERMINATED && machine.exit_status != 0;
}

struct outcome session_run(struct denali *denali, const struct options *options, struct progress *progress)
{
    struct outcome outcome = {.options = options, .denali = denali, .end = DENALI_RUNNING};
    struct sigaction before = interrupt_catch();
    struct keyboard_mode keyboard;
    keyboard_mode_begin(&keyboard, options->config.keyboard);
    uint64_t start = host_time(), now = start, quanta = 1;
    while (outcome.end == DENALI_RUNNING && !outcome.interrupted && !outcome.console_error) {
        uint64_t slice = now;
        outcome.end = denali_run(denali, quanta);
        now = host_time();
        if (now - slice < SLICE_SHORT && quanta < SLICE_QUANTA_MAX)
            quanta *= 2;
        else if (now - slice > SLICE_LONG && quanta > 1)
            quanta /= 2;
        outcome.console_error = console_flush(options, progress);
        print_notices(denali, progress);
        progress_update(progress, denali, now - start);
        if (outcome.end == DENALI_WAITING) {
            wait_for_outside(denali);
            now = host_time();
            outcome.end = DENALI_RUNNING;
        }
        outcome.interrupted = interrupt_arrived();
    }
    print_notices(denali, progress); /* of the last wait */
    progress_clear(progress);
    outcome.host_ns = now - start;
    keyboard_mode_end(&keyboard);
    sigaction(SIGINT, &before, NULL);
    outcome_collect(&outcome);
    return outcome;
}

const char *outcome_end(const struct outcome *outcome)
{
    if (outcome->interrupted)
        return "it was interrupted";
    if (outcome->console_error)
        return "standard output takes no more";
    switch (outcome->end) {
    case DENALI_ENDED:
        return "every machine has ended";
    case DENALI_QUIET:
        return "the machines left are idle and nothing will wake them";
    case DENALI_LIMIT:
        return "its limit was reached";
    default:
        return "the capture is damaged";
    }
}

const char *outcome_end_word(const struct outcome *outcome)
{
    static const char *const words[] = {
        [DENALI_RUNNING] = "stopped", [DENALI_ENDED] = "ended",         [DENALI_QUIET] = "quiet",
        [DENALI_LIMIT] = "limit",     [DENALI_INPUT_BAD] = "input bad",
    };
    return outcome->interrupted ? "interrupted" : outcome->console_error ? "output lost" : words[outcome->end];
}

double outcome_mips(const struct outcome *outcome)
{
    return outcome->host_ns ? outcome->stats.instructions * 1e3 / outcome->host_ns : 0;
}
