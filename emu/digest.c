/* SPDX-License-Identifier: MIT */
#include "digest.h"

#include "../devices/container_of.h"

static uint64_t visit_number(struct state_visitor *visitor, const char *name, uint64_t value)
{
    (void)name;
    digest_number(container_of(visitor, struct digest, visitor), value);
    return value;
}

static void visit_bytes(struct state_visitor *visitor, const char *name, const void *bytes, size_t length)
{
    struct digest *digest = container_of(visitor, struct digest, visitor);
    (void)name;
    digest_number(digest, length);
    digest_bytes(digest, bytes, length);
}

void digest_begin(struct digest *digest)
{
    digest->visitor = (struct state_visitor){.number = visit_number, .bytes = visit_bytes};
    digest->state = XXH3_createState();
    if (digest->state)
        XXH3_64bits_reset(digest->state);
}

void digest_number(struct digest *digest, uint64_t value)
{
    digest_bytes(digest, &value, sizeof(value));
}

void digest_bytes(struct digest *digest, const void *bytes, size_t length)
{
    if (digest->state)
        XXH3_64bits_update(digest->state, bytes, length);
}

uint64_t digest_end(struct digest *digest)
{
    uint64_t value = digest->state ? XXH3_64bits_digest(digest->state) : 0;
    XXH3_freeState(digest->state);
    digest->state = NULL;
    return value;
}
