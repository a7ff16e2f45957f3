/* SPDX-License-Identifier: MIT
 *
 * Which pages are noted, and how long a lineage lives (the sanitizers watch). What spaces do with it: test_space.c.
 */
#include <criterion/criterion.h>

#include "../../emu/lineage.h"

Test(lineage, notes_just_the_page)
{
    enum { PAGES = 130 };
    struct lineage *lineage = lineage_new(5, PAGES);
    cr_expect_eq(lineage->tag, 5);
    for (uint32_t noted = 0; noted < PAGES; noted++) {
        lineage_note(lineage, noted);
        for (uint32_t page = 0; page < PAGES; page++)
            cr_expect_eq(lineage_is_noted(lineage, page), page <= noted, "page %u after %u", page, noted);
    }
    lineage_unref(lineage);
}

Test(lineage, lives_until_the_last_member_leaves)
{
    struct lineage *lineage = lineage_new(7, 1);
    cr_expect_eq(lineage_ref(lineage), lineage);
    lineage_unref(lineage);
    cr_expect_eq(lineage->tag, 7);
    lineage_note(lineage, 0);
    cr_expect(lineage_is_noted(lineage, 0));
    lineage_unref(lineage);
}
