/* SPDX-License-Identifier: MIT
 *
 * Real time. Nothing but pacing (emu/pacer.h) and the host's side of networks may look at it.
 */
#pragma once
#include <stdint.h>

/* Nanoseconds of a clock that never goes back. */
uint64_t host_clock_ns(void);
