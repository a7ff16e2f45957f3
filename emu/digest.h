/* SPDX-License-Identifier: MIT
 *
 * A 64-bit digest of a sequence of numbers and byte strings (XXH3). It is also a visitor of device state, so a device
 * is digested by showing itself.
 */
#pragma once
#include <xxhash.h>

#include "../devices/device.h"

struct digest {
    struct state_visitor visitor; /* give this to a device */
    XXH3_state_t *state;          /* owned; NULL: no memory, the digest is then 0 */
};

void digest_begin(struct digest *);
void digest_number(struct digest *, uint64_t value);
void digest_bytes(struct digest *, const void *bytes, size_t length);
/* The digest; the object is done with. */
uint64_t digest_end(struct digest *);
