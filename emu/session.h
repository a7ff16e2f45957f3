/* SPDX-License-Identifier: MIT
 *
 * One simulation run to its end by the command line: in slices short enough that Ctrl-C, progress and the console's
 * reader are looked after about twenty times a second.
 */
#pragma once
#include "options.h"

struct progress;

/* What came out, for summary and statistics. */
struct outcome {
    const struct options *options;
    const struct denali *denali;
    struct denali_stats stats;
    enum denali_progress end;
    bool interrupted;     /* by Ctrl-C: the run stopped between two quanta */
    int console_error;    /* errno: standard output takes no more, so the run stopped likewise; 0 = all is well */
    uint32_t ended_badly; /* machines that ended with another status than 0 */
    uint64_t host_ns, digest;
};

/* Run until the end, a limit or Ctrl-C. From the first Ctrl-C on, the next one kills the process. */
struct outcome session_run(struct denali *, const struct options *, struct progress *);
/* Why the run ended, as the end of a sentence: "nothing is left to happen". */
const char *outcome_end(const struct outcome *);
/* The same as one word: "quiet". */
const char *outcome_end_word(const struct outcome *);
/* Million instructions per second of host time. */
double outcome_mips(const struct outcome *);
