/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "disassembler.h"
#include "report.h"

static void exception_text(char *text, size_t size, const struct cpu_exception *exception)
{
    const char *access = exception->error & DENALI_FAULT_FETCH   ? "instruction fetch from"
                         : exception->error & DENALI_FAULT_WRITE ? "write to"
                                                                 : "read of";
    switch (exception->number) {
    case DENALI_EXC_DIVIDE:
        snprintf(text, size, "divide error");
        return;
    case DENALI_EXC_BREAKPOINT:
        snprintf(text, size, "breakpoint (int3)");
        return;
    case DENALI_EXC_OVERFLOW:
        snprintf(text, size, "overflow (into)");
        return;
    case DENALI_EXC_BOUND:
        snprintf(text, size, "bound range exceeded");
        return;
    case DENALI_EXC_ILLEGAL:
        snprintf(text, size, "illegal instruction");
        return;
    case DENALI_EXC_PROTECTION:
        snprintf(text, size, "general protection");
        return;
    case DENALI_EXC_MEMORY:
        snprintf(text, size, "page fault: %s 0x%08x", access, exception->address);
        return;
    case DENALI_EXC_X87:
        snprintf(text, size, "x87 floating-point exception");
        return;
    case DENALI_EXC_SIMD:
        snprintf(text, size, "SSE floating-point exception");
        return;
    case DENALI_EXC_TLB_MISS:
        snprintf(text, size, "TLB miss: %s 0x%08x", access, exception->address);
        return;
    case DENALI_EXC_TLB_PROTECTION:
        snprintf(text, size, "TLB protection: %s 0x%08x", access, exception->address);
        return;
    case DENALI_EXC_INT_N:
        snprintf(text, size, "software interrupt 0x%02x", exception->error);
        return;
    case CPU_INTERRUPT:
        snprintf(text, size, "interrupt");
        return;
    default:
        snprintf(text, size, "exception %u", exception->number);
    }
}

void report_exception(char *text, size_t size, const struct cpu_crash *crash)
{
    exception_text(text, size, &crash->exception);
    size_t length = strlen(text);
    if (crash->cause != CRASH_DOUBLE || length + 1 >= size)
        return;
    char first[80];
    exception_text(first, sizeof(first), &crash->first);
    snprintf(text + length, size - length, ", while delivering: %s", first);
}

size_t report_fetch(const struct cpu_state *state, struct memory *memory, uint8_t *to, size_t length)
{
    uint32_t address = state->eip, physical;
    struct cpu_exception ignored;
    size_t done = 0;
    while (done < length && cpu_translate(state, address, DENALI_FAULT_FETCH, &physical, &ignored) &&
           physical < memory->size) {
        const struct page *page = memory->ops->peek(memory, physical >> PAGE_SHIFT);
        if (!page)
            break;
        size_t part = PAGE_SIZE - (address & PAGE_MASK);
        if (part > length - done)
            part = length - done;
        memcpy(to + done, page->bytes + (address & PAGE_MASK), part);
        done += part;
        address += part;
    }
    return done;
}

void report_disassemble(char *text, size_t size, const struct cpu_state *state, struct memory *memory)
{
    struct disassembler disassembler;
    uint8_t bytes[INSTRUCTION_MAX];
    size_t count = report_fetch(state, memory, bytes, sizeof(bytes)), used = 0;
    snprintf(text, size, count ? "(out of memory)" : "(no memory there)");
    if (!count || !disassembler_open(&disassembler))
        return;
    struct disassembly line = disassemble(&disassembler, bytes, count, state->eip);
    disassembler_close(&disassembler);
    if (line.length)
        count = line.length;
    for (size_t i = 0; i < count && used < size; i++)
        used += snprintf(text + used, size - used, "%02x ", bytes[i]);
    if (used < size)
        snprintf(text + used, size - used, " %s", line.text);
}
