/* SPDX-License-Identifier: MIT */
#include "lineage.h"

#include <assert.h>
#include <stdlib.h>

struct lineage *lineage_new(uint64_t tag, uint32_t pages)
{
    struct lineage *lineage = calloc(1, sizeof(*lineage) + (pages + 63) / 64 * sizeof(lineage->noted[0]));
    if (!lineage)
        return NULL;
    lineage->tag = tag;
    lineage->references = 1;
    return lineage;
}

struct lineage *lineage_ref(struct lineage *lineage)
{
    assert(lineage->references > 0 && lineage->references < UINT32_MAX);
    lineage->references++;
    return lineage;
}

void lineage_unref(struct lineage *lineage)
{
    if (--lineage->references == 0)
        free(lineage);
}
