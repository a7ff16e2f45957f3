/* SPDX-License-Identifier: MIT
 *
 * Whether an interface of the host is there and its link is up, told by the host itself (rtnetlink(7); no right is
 * needed). A packet socket alone does not tell: it becomes readable when its interface goes down, but not again when
 * the interface, being down, is removed a moment later.
 */
#pragma once
#include <stdbool.h>

enum link_state {
    LINK_UP,
    LINK_DOWN,
    LINK_GONE,
};

struct link_monitor {
    int descriptor;     /* readable when any interface of the host has changed; -1: this host tells nothing */
    unsigned int index; /* of the interface; its name may change */
};

/* The interface exists. */
void link_monitor_open(struct link_monitor *, const char *interface);
void link_monitor_close(struct link_monitor *);
/* Has any interface changed since this was asked last? */
bool link_monitor_changed(const struct link_monitor *);
enum link_state link_monitor_state(const struct link_monitor *);
