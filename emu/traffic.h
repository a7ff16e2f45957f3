/* SPDX-License-Identifier: MIT
 *
 * Those who look at the switch: the capture of what machines send (`--net pcap:out=`), the capture of everything
 * (`--capture`), and the trace. Stamps are the virtual time at which a frame passes the switch, so no answer is older
 * than its question; a frame that did not reach all it was for has a comment that says why.
 */
#pragma once
#include "../devices/host/capture.h"
#include "clock.h"
#include "switch.h"
#include "trace.h"

struct traffic {
    struct switch_observer observer;
    struct capture_writer *sent, *all; /* owned; NULL: not wanted */
    const struct clock *clock;         /* borrowed */
    struct trace *trace;               /* borrowed */
    uint32_t backends;                 /* whose interfaces come first in `all` */
};

void traffic_init(struct traffic *, const struct clock *, struct trace *);
/* Both files are created; `all` has an interface for each backend. NULL: no such file. False: see `error`. */
bool traffic_open(struct traffic *, const char *sent, const char *all, const struct network_switch *, uint32_t machines,
                  char *error, size_t error_size);
/* False: something was not written; see `error`. */
bool traffic_close(struct traffic *, char *error, size_t error_size);
