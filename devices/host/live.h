/* SPDX-License-Identifier: MIT
 *
 * A live interface of the host, through libpcap: frames of the wire for machines' addresses and for groups reach the
 * switch, what machines send to others goes out. One handle, which sees what comes in only; the kernel filters. The
 * host's own stack does not see what is sent here (`denali doctor` says what to do about that).
 */
#pragma once
#include "networks.h"

struct net_backend *live_open(const char *interface, const struct net_setup *, char *error, size_t error_size);
bool live_check(const char *interface, char *error, size_t error_size);
