/* SPDX-License-Identifier: MIT
 *
 * How far a run is, on standard error: one line that is rewritten in place on a terminal, else a line of JSON now and
 * then, nothing if the run is short.
 */
#pragma once
#include "options.h"

struct progress {
    enum { PROGRESS_NONE, PROGRESS_LINE, PROGRESS_JSON } style;
    const struct denali_config *config;                   /* borrowed */
    bool shown;                                           /* a line stands on the terminal */
    uint64_t last_ns, last_virtual_ns, last_instructions; /* when it was last shown */
};

void progress_init(struct progress *, const struct options *);
/* Shows it if it is time to, `host_ns` after the start of the run. */
void progress_update(struct progress *, const struct denali *, uint64_t host_ns);
/* Takes the line away, before something else is printed. */
void progress_clear(struct progress *);
