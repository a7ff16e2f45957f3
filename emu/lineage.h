/* SPDX-License-Identifier: MIT
 *
 * Spaces of one origin: clones of one image, above all. Where they all have the same page, what the CPU knows of its
 * code serves all of them; so they have one tag for code (struct memory), beside each its own.
 *
 * A page that a member replaces by one of its own is noted, if it has no decoded code; if it has, the member leaves. No
 * member executes a page that is noted, or that it alone has: it leaves before. So what is known under the tag is right
 * for all members, at any time.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct lineage {
    uint64_t tag;
    uint32_t references; /* members */
    uint64_t noted[];    /* a bit for each page: members may differ in it */
};

/* With one member, whose space has so many pages. NULL: no memory. */
struct lineage *lineage_new(uint64_t tag, uint32_t pages);
struct lineage *lineage_ref(struct lineage *);
void lineage_unref(struct lineage *);

static inline void lineage_note(struct lineage *lineage, uint32_t page)
{
    lineage->noted[page / 64] |= UINT64_C(1) << page % 64;
}

static inline bool lineage_is_noted(const struct lineage *lineage, uint32_t page)
{
    return lineage->noted[page / 64] >> page % 64 & 1;
}
