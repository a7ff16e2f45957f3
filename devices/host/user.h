/* SPDX-License-Identifier: MIT
 *
 * A network that needs no privilege, made by libslirp inside the process: 10.0.0.0/16 with a router and name server at
 * 10.0.2.2 and 10.0.2.3, DHCP, and address translation to wherever the host itself may connect. Machine N is expected
 * at 10.0.2.15 + N; that is where forwards lead. The host's loopback is 10.0.2.2.
 */
#pragma once
#include "networks.h"

/* Parameters: nothing, or ",fwd=tcp:[HOST:]HOSTPORT:VM:PORT" and ",fwd=udp:…", as often as wanted. HOST is an address
 * of the host, 127.0.0.1 if it is not given. */
struct net_backend *user_open(const char *parameters, const struct net_setup *, char *error, size_t error_size);
bool user_check(const char *parameters, char *error, size_t error_size);
