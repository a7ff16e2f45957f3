/* SPDX-License-Identifier: MIT
 *
 * The statistics of a run as a JSON object, for programs: --stats FILE.
 */
#pragma once
#include "session.h"

/* False: out of memory, or the stream took not all of it. */
bool stats_json_write(FILE *, const struct outcome *);
