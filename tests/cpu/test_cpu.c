/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "../../cpu/cpu.h"

/* Any combination of flags survives the two words they are kept in. */
Test(cpu_state, every_combination_is_kept)
{
    static const uint32_t bits[] = {FLAG_CF, FLAG_PF, FLAG_AF, FLAG_ZF, FLAG_SF,
                                    FLAG_OF, FLAG_DF, FLAG_NT, FLAG_AC, FLAG_ID};
    for (uint32_t choice = 0; choice < 1u << 10; choice++) {
        struct cpu_state state = {0};
        uint32_t eflags = FLAG_ONE;
        for (unsigned i = 0; i < 10; i++)
            eflags |= choice >> i & 1 ? bits[i] : 0;
        cpu_state_set_eflags(&state, eflags);
        cr_assert_eq(cpu_state_eflags(&state), eflags);
    }
}

Test(cpu_state, other_bits_are_ignored)
{
    struct cpu_state state = {0};
    cpu_state_set_eflags(&state, UINT32_MAX);
    cr_assert_eq(cpu_state_eflags(&state), FLAGS_STATUS | FLAGS_CONTROL | FLAG_ONE);
}
