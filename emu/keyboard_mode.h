/* SPDX-License-Identifier: MIT
 *
 * A terminal whose keys go to a guest: each at once and without echo, since what is echoed is the guest's affair.
 * Ctrl-C still interrupts.
 */
#pragma once
#include <stdbool.h>
#include <termios.h>

struct keyboard_mode {
    int descriptor;
    bool changed;
    struct termios before;
};

/* A descriptor that is no terminal (-1 too), or one that belongs to another job now, is left alone. */
void keyboard_mode_begin(struct keyboard_mode *, int descriptor);
/* As it was before. */
void keyboard_mode_end(struct keyboard_mode *);
