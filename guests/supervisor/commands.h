/* SPDX-License-Identifier: MIT
 *
 * What can be typed to the supervisor, one line each: a command, its operands, words separated by blanks.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct shell {
    bool over; /* quit */
    uint32_t status;
};

/* The line is cut up. What comes of it is printed. */
void command_execute(struct shell *shell, char *line);
