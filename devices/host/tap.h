/* SPDX-License-Identifier: MIT
 *
 * A tap interface of the host: what the host sends to it reaches the machines, and the other way round. The interface
 * was made beforehand for this user (`ip tuntap add`), or the process may make it (CAP_NET_ADMIN).
 */
#pragma once
#include "networks.h"

struct net_backend *tap_open(const char *name, const struct net_setup *, char *error, size_t error_size);
bool tap_check(const char *name, char *error, size_t error_size);
