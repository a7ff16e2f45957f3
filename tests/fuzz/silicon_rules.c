/* SPDX-License-Identifier: MIT */
#include "silicon_rules.h"

#include <string.h>

#include "../../cpu/vector.h"

enum { NEAR = 1024, WAY_BACK_ROOM = 64 };

/* Up to `size` bytes, as far as there are pages. Returns how many. */
static uint32_t memory_read(struct flat_memory *memory, uint32_t address, void *to, uint32_t size)
{
    uint32_t n = 0;

    for (; n < size && (address + n) >> PAGE_SHIFT < memory->count; n++) {
        if (!memory->pages[(address + n) >> PAGE_SHIFT].bytes)
            break;
        ((uint8_t *)to)[n] = *flat_memory_at(memory, address + n);
    }
    return n;
}

static bool has_prefix(const struct subject *s, uint8_t prefix)
{
    static const char prefixes[] = "\x26\x2E\x36\x3E\x64\x65\x66\x67\xF0\xF2\xF3";

    for (uint32_t i = 0; i < s->c.length && s->c.code[i] && strchr(prefixes, (char)s->c.code[i]); i++)
        if (s->c.code[i] == prefix)
            return true;
    return false;
}

static bool is_far(const struct subject *s, uint32_t address)
{
    return address - s->c.state.eip + NEAR >= 2 * NEAR;
}

bool subject_runs_freely(const struct subject *s)
{
    const struct encoding *row = s->insn.encoding;
    const uint32_t *regs = s->c.state.regs;

    return !(row->attributes & (ENDS_BLOCK | STRING)) && !row_named(row, "BT_G BTS_G BTR_G BTC_G XLAT") &&
           (s->c.state.eip & PAGE_MASK) <= PAGE_SIZE - WAY_BACK_ROOM && is_far(s, regs[ESP]) && is_far(s, regs[EBP]) &&
           is_far(s, regs[EDI]) && (!s->insn.memory || is_far(s, case_operand(&s->c)));
}

/* It shows that there is a trap flag. */
static bool must_run_freely(const struct subject *s)
{
    return row_named(s->insn.encoding, "PUSHF");
}

/* Instructions with prefixes that later processors, or only one vendor's, take for others; undefined results. */
static bool is_another_elsewhere(const struct subject *s)
{
    const struct encoding *row = s->insn.encoding;
    bool repeat = has_prefix(s, 0xF2) || has_prefix(s, 0xF3);

    if (has_prefix(s, 0x2E) && !(row->attributes & ENDS_BLOCK))
        return true;
    if (repeat && row_named(row, "BSF BSR LOOPE LOOPNE"))
        return true;
    return s->insn.width == 16 && row_named(row, "BSWAP SHLD SHRD SHLD_CL SHRD_CL");
}

/* POPF: TF, AC and a clear IF are not what they are here. */
static bool pops_unlike_flags(const struct subject *s, struct flat_memory *memory)
{
    const uint32_t trap = 1 << 8;
    uint32_t image = FLAG_IF;

    if (!row_named(s->insn.encoding, "POPF"))
        return false;
    memory_read(memory, s->c.state.regs[ESP], &image, s->insn.width / 8);
    return image & (trap | FLAG_AC) || !(image & FLAG_IF);
}

/* MXCSR: what is reserved here may not be on the real one. */
static bool loads_unlike_mxcsr(const struct subject *s, struct flat_memory *memory)
{
    bool restores = row_named(s->insn.encoding, "FXRSTOR");
    uint32_t image = 0;

    if (!restores && !row_named(s->insn.encoding, "LDMXCSR"))
        return false;
    memory_read(memory, case_operand(&s->c) + (restores ? 24 : 0), &image, sizeof(image));
    return image & ~(uint32_t)MXCSR_VALID;
}

bool subject_fetch(struct subject *s, const struct cpu_state *state, struct flat_memory *memory)
{
    s->c = (struct oracle_case){.step = true, .state = {.eip = state->eip, .with_fpu = true, .fpu = state->fpu}};
    memcpy(s->c.state.regs, state->regs, sizeof(state->regs));
    s->c.state.eflags = cpu_state_eflags(state) & (FLAGS_STATUS | FLAGS_CONTROL);
    uint32_t available = memory_read(memory, state->eip, s->c.code, INSN_MAX);
    if (decode(s->c.code, available, &s->insn) != DECODE_OK || s->insn.illegal)
        return false;
    s->c.row = s->insn.encoding;
    s->c.length = s->insn.length;
    return !(s->c.row->attributes & (NO_ORACLE_PORT | NO_ORACLE_VIRTUAL)) && !row_named(s->c.row, "INTO") &&
           !is_another_elsewhere(s) && (subject_runs_freely(s) || !must_run_freely(s)) &&
           !pops_unlike_flags(s, memory) && !loads_unlike_mxcsr(s, memory);
}

bool subject_faults_anywhere(const struct subject *s, const struct outcome *real, const struct outcome *ours)
{
    return real->exception == DENALI_EXC_MEMORY && ours->exception == DENALI_EXC_MEMORY &&
           row_named(s->insn.encoding, "POPA FNSTENV FNSAVE");
}
