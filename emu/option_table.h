/* SPDX-License-Identifier: MIT
 *
 * The rows of options.def as data, for those who go through them: parsing and everything printed.
 */
#pragma once
#include "cost.h"
#include "options.h"

enum {
    FOR_RUN = 1u << COMMAND_run,
    FOR_RUNS = 1u << COMMAND_run | 1u << COMMAND_verify,
    FOR_HELP = 1u << COMMAND_help,
};

struct command_row {
    const char *name, *operands, *help;
};

struct option_row {
    const char *name;
    char letter;          /* 0: none */
    unsigned commands;    /* of FOR_* */
    const char *argument; /* NULL: none */
    const char *help;
};

/* In the order of the file (a command's row is at its enum), each ended by a NULL name. */
extern const struct command_row command_rows[];
extern const struct option_row option_rows[];
extern const char *const later_rows[];
