/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "../../emu/report.h"
#include "guest_page.h"

static const struct memory_ops ops = {.peek = guest_page_peek};

static void expect(struct cpu_crash crash, const char *text)
{
    char actual[160];
    report_exception(actual, sizeof(actual), &crash);
    cr_assert_str_eq(actual, text);
}

Test(report, page_fault_tells_access_and_address)
{
    expect((struct cpu_crash){.exception = {DENALI_EXC_MEMORY, DENALI_FAULT_WRITE, 0xdeadbeef}},
           "page fault: write to 0xdeadbeef");
    expect((struct cpu_crash){.exception = {DENALI_EXC_MEMORY, 0, 0x12}}, "page fault: read of 0x00000012");
    expect((struct cpu_crash){.exception = {DENALI_EXC_MEMORY, DENALI_FAULT_FETCH, 0xfffffff0}},
           "page fault: instruction fetch from 0xfffffff0");
}

Test(report, other_exceptions_are_named)
{
    expect((struct cpu_crash){.exception = {.number = DENALI_EXC_ILLEGAL}}, "illegal instruction");
    expect((struct cpu_crash){.exception = {.number = DENALI_EXC_DIVIDE}}, "divide error");
    expect((struct cpu_crash){.exception = {.number = DENALI_EXC_INT_N, .error = 0x80}}, "software interrupt 0x80");
    expect((struct cpu_crash){.exception = {.number = 99}}, "exception 99");
}

Test(report, double_exception_names_both)
{
    expect((struct cpu_crash){.cause = CRASH_DOUBLE,
                              .exception = {DENALI_EXC_MEMORY, DENALI_FAULT_WRITE, 0xfffffffc},
                              .first = {.number = DENALI_EXC_DIVIDE}},
           "page fault: write to 0xfffffffc, while delivering: divide error");
    expect((struct cpu_crash){.cause = CRASH_DOUBLE,
                              .exception = {DENALI_EXC_MEMORY, DENALI_FAULT_WRITE, 0xfffffffc},
                              .first = {.number = CPU_INTERRUPT}},
           "page fault: write to 0xfffffffc, while delivering: interrupt");
}

Test(report, short_buffer_is_terminated)
{
    char text[8];
    struct cpu_crash crash = {.cause = CRASH_DOUBLE, .exception = {.number = DENALI_EXC_DIVIDE}};
    report_exception(text, sizeof(text), &crash);
    cr_assert_str_eq(text, "divide ");
}

Test(report, disassemble_across_pages_is_whole)
{
    struct guest_page guest;
    struct memory *memory = guest_page_init(&guest, &ops);
    char text[200];
    memcpy(guest.bytes[0] + 0xffe, "\xc7\x05", 2);
    memcpy(guest.bytes[1], "\xef\xbe\xad\xde\x01\x00\x00\x00", 8);
    report_disassemble(text, sizeof(text), &(struct cpu_state){.eip = 0xffe}, memory);
    cr_assert_str_eq(text, "c7 05 ef be ad de 01 00 00 00  mov dword ptr [0xdeadbeef], 1");
}

Test(report, disassemble_no_instruction_shows_bytes)
{
    struct guest_page guest;
    struct memory *memory = guest_page_init(&guest, &ops);
    char text[200];
    guest.hole = true;
    memcpy(guest.bytes[0] + 0xffe, "\xc7\x05", 2);
    report_disassemble(text, sizeof(text), &(struct cpu_state){.eip = 0xffe}, memory);
    cr_assert_str_eq(text, "c7 05  (no instruction)");
}

Test(report, disassemble_outside_memory_says_so)
{
    struct guest_page guest;
    struct memory *memory = guest_page_init(&guest, &ops);
    char text[200];
    report_disassemble(text, sizeof(text), &(struct cpu_state){.eip = 0x2000}, memory);
    cr_assert_str_eq(text, "(no memory there)");
    report_disassemble(text, sizeof(text), &(struct cpu_state){.eip = 0xffffffff}, memory);
    cr_assert_str_eq(text, "(no memory there)");
}
