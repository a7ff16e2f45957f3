/* SPDX-License-Identifier: MIT
 *
 * A fault injector: a disk that is another one, except that some operations fail with EIO and do nothing. Which ones is
 * a function of the seed and of how many there were before.
 */
#pragma once
#include "../disk.h"

#define FAULTY_RATE_ALL 1000000

/* A disk upon `below`, which becomes its own, where `rate` in a million operations fail, each counted in *injected.
 * NULL: no memory; then `below` is freed. */
struct disk_backend *faulty_new(struct disk_backend *below, uint32_t rate, uint64_t seed, uint64_t *injected);
