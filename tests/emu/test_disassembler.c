/* SPDX-License-Identifier: MIT
 *
 * The expected lines are those of Intel's syntax, as objdump -M intel prints them too.
 */
#include <criterion/criterion.h>

#include "../../emu/disassembler.h"

static struct disassembly line(const char *bytes, size_t count, uint32_t address)
{
    struct disassembler disassembler;
    cr_assert(disassembler_open(&disassembler));
    struct disassembly result = disassemble(&disassembler, (const uint8_t *)bytes, count, address);
    disassembler_close(&disassembler);
    return result;
}

Test(disassembler, ordinary_instruction_is_text)
{
    struct disassembly add = line("\x01\xd8\x90", 3, 0x1000);
    cr_assert_eq(add.length, 2);
    cr_assert_str_eq(add.text, "add eax, ebx");
    cr_assert_eq(add.target, 0);
}

Test(disassembler, direct_call_has_target)
{
    struct disassembly call = line("\xe8\x0b\x00\x00\x00", 5, 0x1000);
    cr_assert_eq(call.target, 0x1010);
    cr_assert_eq(line("\x75\xfe", 2, 0x2000).target, 0x2000);
    cr_assert_eq(line("\xff\xd0", 2, 0x2000).target, 0, "a call through a register has no known target");
}

Test(disassembler, virtual_instruction_is_named)
{
    cr_assert_str_eq(line("\x0f\x3f\x00", 3, 0).text, "idle");
    cr_assert_str_eq(line("\x0f\x3f\x01", 3, 0).text, "terminate");
    cr_assert_eq(line("\x0f\x3f\x01", 3, 0).length, 3);
    cr_assert_eq(line("\x0f\x3f\x02", 3, 0).length, 0);
    cr_assert_eq(line("\x0f\x3f", 2, 0).length, 0);
}

Test(disassembler, truncated_instruction_has_no_length)
{
    cr_assert_eq(line("\xe8\x0b", 2, 0).length, 0);
    cr_assert_eq(line("", 0, 0).length, 0);
}
