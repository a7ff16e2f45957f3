/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>

#include "report.h"
#include "trace.h"

bool trace_init(struct trace *trace, const struct denali_config *config)
{
    *trace = (struct trace){
        .stream = config->trace_stream,
        .kinds = config->trace_stream ? config->trace : 0,
        .first = config->trace_first,
        .last = config->trace_last,
    };
    if (!trace->kinds || disassembler_open(&trace->disassembler))
        return true;
    trace->kinds = 0;
    return false;
}

void trace_drop(struct trace *trace)
{
    if (trace->kinds)
        disassembler_close(&trace->disassembler);
    trace->kinds = 0;
}

void trace_instruction(struct trace *trace, uint32_t vm, const struct cpu_state *state, struct memory *memory)
{
    if (!trace_wants(trace, DENALI_TRACE_INSTRUCTIONS, vm))
        return;
    uint8_t bytes[INSTRUCTION_MAX];
    size_t count = report_fetch(state, memory, bytes, sizeof(bytes));
    struct disassembly line = disassemble(&trace->disassembler, bytes, count, state->eip);
    const uint32_t *regs = state->regs;
    fprintf(trace->stream,
            "vm %u: %08x: %-40s eax=%08x ecx=%08x edx=%08x ebx=%08x esp=%08x ebp=%08x esi=%08x edi=%08x flags=%05x\n",
            vm, state->eip, line.text, regs[EAX], regs[ECX], regs[EDX], regs[EBX], regs[ESP], regs[EBP], regs[ESI],
            regs[EDI], cpu_state_eflags(state));
}

void trace_event(struct trace *trace, uint32_t kind, uint32_t vm, uint64_t time_ns, const char *format, ...)
{
    if (!trace_wants(trace, kind, vm))
        return;
    va_list arguments;
    va_start(arguments, format);
    fprintf(trace->stream, "vm %u: %" PRIu64 ".%09" PRIu64 ": ", vm, time_ns / 1000000000, time_ns % 1000000000);
    vfprintf(trace->stream, format, arguments);
    fputc('\n', trace->stream);
    va_end(arguments);
}
