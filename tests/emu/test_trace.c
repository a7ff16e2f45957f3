/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "../../emu/trace.h"
#include "guest_page.h"

static const struct memory_ops ops = {.peek = guest_page_peek};

/* What trace_event() and trace_instruction() print of machines 4 to 9, with these kinds traced in machines 5 to 7. */
static char *printed(uint32_t kinds)
{
    struct guest_page guest;
    struct memory *memory = guest_page_init(&guest, &ops);
    struct cpu_state state = {.regs = {1, 2, 3, 4, 5, 6, 7, 8}, .eip = 0x10};
    struct trace trace;
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    struct denali_config config = {.trace = kinds, .trace_first = 5, .trace_last = 7, .trace_stream = stream};
    memcpy(guest.bytes[0] + 0x10, "\x0f\x3f\x00", 3);
    cr_assert(trace_init(&trace, &config));
    for (uint32_t vm = 4; vm < 10; vm += 2) {
        trace_instruction(&trace, vm, &state, memory);
        trace_event(&trace, DENALI_TRACE_FRAMES, vm, 1000000002, "sends %d bytes", 60);
    }
    trace_drop(&trace);
    fclose(stream);
    return text;
}

Test(trace, event_of_wanted_kind_is_printed_for_machines_in_range)
{
    char *text = printed(DENALI_TRACE_FRAMES);
    cr_assert_str_eq(text, "vm 6: 1.000000002: sends 60 bytes\n");
    free(text);
}

Test(trace, instruction_is_printed_with_registers)
{
    char *text = printed(DENALI_TRACE_INSTRUCTIONS);
    cr_assert_eq(strncmp(text, "vm 6: 00000010: idle ", 21), 0, "%s", text);
    cr_assert(strstr(text, " eax=00000001 ecx=00000002 edx=00000003 ebx=00000004 esp=00000005 ebp=00000006 "
                           "esi=00000007 edi=00000008 flags="));
    cr_assert_eq(strchr(text, '\n')[1], '\0', "one line for one instruction");
    free(text);
}

Test(trace, nothing_is_printed_without_kinds)
{
    char *text = printed(0);
    cr_assert_str_eq(text, "");
    free(text);
}

Test(trace, nothing_is_traced_without_stream)
{
    struct denali_config config = {.trace = DENALI_TRACE_FRAMES, .trace_last = 9};
    struct trace trace;
    cr_assert(trace_init(&trace, &config));
    cr_assert(!trace_wants(&trace, DENALI_TRACE_FRAMES, 1));
    trace_drop(&trace);
}
