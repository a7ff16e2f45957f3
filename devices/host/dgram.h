/* SPDX-License-Identifier: MIT
 *
 * A network of Unix datagram sockets, one frame in each datagram, as `-netdev dgram` of QEMU has it: we listen on
 * LOCAL and send to REMOTE. Whoever is there may come and go; frames for nobody are counted as lost.
 */
#pragma once
#include "networks.h"

/* LOCAL,REMOTE: two paths; or LOCAL alone: then frames go to whoever sent the last one. LOCAL is created, and removed
 * at the end. */
struct net_backend *dgram_open(const char *parameters, const struct net_setup *, char *error, size_t error_size);
bool dgram_check(const char *parameters, char *error, size_t error_size);
