/* SPDX-License-Identifier: MIT
 *
 * The two programs in zipf.
 */
#pragma once
#include "message.h"

/* Answers for ever. Returns what is wrong with the settings as an exit status. */
int server_run(const struct settings *);

/* Asks and checks answers; prints what it found. Returns the exit status: 1 if an answer was wrong or did not come. */
int client_run(const struct settings *, char **argv);
