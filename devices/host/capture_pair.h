/* SPDX-License-Identifier: MIT
 *
 * The network of a capture file, as a backend that neither waits nor answers: its frames are events at their recorded
 * times (emu/kernel.h), and what machines send to it is seen by those who watch the switch (emu/traffic.h).
 */
#pragma once
#include "backend.h"
#include "capture.h"

/* The reader, which may be NULL, is borrowed. NULL: no memory. */
struct net_backend *capture_pair_new(const struct capture_reader *);
