/* SPDX-License-Identifier: MIT
 *
 * A machine that is wholly swapped out: its memory is in its region already; here the rest of it (registers, devices,
 * which pages are where) follows, and only struct vm is left.
 */
#pragma once
#include "machine.h"

/* Writes the machine of this vm behind its memory, frees it, and keeps its region in vm.region. The space must have no
 * block in memory. False: nothing has changed, since it is not quiet, or larger than the room for it, or for want of
 * host memory; or it could not be written, then *lost is set and pager.error tells why. */
bool hibernate(struct vm *, struct pager *, bool *lost);
/* The machine again, with its region. Where its state cannot be read it is blank, *whole is false, and pager.error
 * tells why. NULL: no host memory. */
struct machine *hibernate_wake(struct vm *, struct pager *, bool *whole);
/* Shows the machine as it would be, without waking it. False: it cannot be read. */
bool hibernate_look(const struct vm *, struct pager *, void (*look)(const struct machine *, void *owner), void *owner);
