/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "keyboard_mode.h"

void keyboard_mode_begin(struct keyboard_mode *mode, int descriptor)
{
    *mode = (struct keyboard_mode){.descriptor = descriptor};
    /* A job in the background that touched the terminal would be stopped. */
    if (descriptor < 0 || tcgetpgrp(descriptor) != getpgrp() || tcgetattr(descriptor, &mode->before) != 0)
        return;
    struct termios keys = mode->before;
    keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    keys.c_cc[VMIN] = 1;
    keys.c_cc[VTIME] = 0;
    mode->changed = tcsetattr(descriptor, TCSADRAIN, &keys) == 0;
}

void keyboard_mode_end(struct keyboard_mode *mode)
{
    if (mode->changed)
        tcsetattr(mode->descriptor, TCSADRAIN, &mode->before);
}
