/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "../../cpu/cpu.h"
#include "../../cpu/table.h"

/* A place in the opcode maps that no row claims would silently be row 0. */
Test(cpu_table, every_opcode_and_digit_has_its_row)
{
    for (enum map map = MAP_1; map <= MAP_0F; map++) {
        for (unsigned opcode = 0; opcode < 256; opcode++) {
            for (unsigned digit = 0; digit < 8; digit++) {
                const struct encoding *row = encoding_find(map, (uint8_t)opcode, digit);
                cr_assert(row->map == map && row->first <= opcode && opcode <= row->last &&
                              (row->digit == NO_DIGIT || row->digit == digit),
                          "map %s opcode %02x /%u is in the row of %s", map_name(map), opcode, digit, row->name);
            }
        }
    }
}

Test(cpu_table, every_legal_row_can_run_somehow)
{
    for (size_t i = 0; i < encoding_count; i++) {
        const struct encoding *row = &encodings[i];
        cr_assert((row->run[0][0] && row->run[1][0]) || (row->run[0][1] && row->run[1][1]), "%s %02x", row->name,
                  row->first);
    }
}

Test(cpu_table, undefined_flags_are_among_the_written)
{
    for (int i = FLAGS_NONE; i <= FLAGS_WRITES_ALL; i++) {
        cr_assert_not_null(flag_effects[i].section);
        cr_assert_eq(flag_effects[i].undefined & ~flag_effects[i].written, 0);
    }
}
