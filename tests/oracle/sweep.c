/* SPDX-License-Identifier: MIT
 *
 * sweep: every opcode of both maps, every ModRM digit, register and memory operands, behind no, one or two prefixes:
 * what our decoder calls illegal raises #UD on the real CPU, and nothing else does.
 *
 * Not executed on the real CPU, because the table gives the reason why we call them illegal: what x86 defines by
 * privilege or segmentation, SSE, and extensions newer than i686; of these our CPU alone is asked to raise the
 * exception. Legal, but not executed: IRET and INT n, which would leave the instruction's 32-bit world. Legal only
 * here: IDLE and TERMINATE.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../../cpu/decode.h"
#include "cases.h"
#include "flat_memory.h"

enum { CODE_BYTES = 16, SHOWN = 60, EXIT_SKIPPED = 77 };

static const uint32_t code_address = ARENA_CODE << PAGE_SHIFT, data_address = (ARENA_DATA << PAGE_SHIFT) + 0x400;

struct sweep {
    struct silicon *silicon;
    struct flat_memory memory;
    struct cpu *cpu;
    uint64_t executed, illegal, listed, mismatches;
};

/* One encoding of the sweep. */
struct probe {
    uint8_t code[CODE_BYTES];
    struct insn insn;
    bool three_bytes; /* of opcode: 0F 38, 0F 3A */
};

static bool named(const struct insn *insn, const char *name)
{
    return strcmp(insn->encoding->name, name) == 0;
}

/* 0F 38 and 0F 3A, and 0F AE with memory: AES, SHA, MOVBE, XSAVE and their like, which have no rows of their own. */
static bool is_newer(const struct probe *probe)
{
    const struct insn *insn = &probe->insn;

    return insn->illegal && (probe->three_bytes || named(insn, "FENCE"));
}

static bool not_for_silicon(const struct probe *probe)
{
    const struct insn *insn = &probe->insn;
    uint8_t why = insn->encoding->illegal;

    return is_newer(probe) || why == ILLEGAL_AMBIGUOUS || why == ILLEGAL_EXTENSION || why == ILLEGAL_SSE ||
           named(insn, "IRET") || named(insn, "INT") || named(insn, "VIRTUAL");
}

static struct silicon_state probe_state(void)
{
    struct silicon_state state = {.eip = code_address, .eflags = FLAG_ONE};

    for (int i = 0; i < CPU_REGISTERS; i++)
        state.regs[i] = data_address;
    state.regs[ECX] = 1;
    return state;
}

/* Does silicon call it undefined? Stepped, because its opinion about the length may differ. */
static bool undefined_on_silicon(struct sweep *self, const struct probe *probe)
{
    struct silicon_state state = probe_state();

    memcpy(silicon_memory(self->silicon, code_address), probe->code, CODE_BYTES);
    memset(silicon_memory(self->silicon, data_address & ~PAGE_MASK), 0, PAGE_SIZE);
    struct silicon_trap trap = silicon_run(self->silicon, &state, probe->insn.length, true);
    return trap.taken && trap.number == DENALI_EXC_ILLEGAL;
}

static bool undefined_here(struct sweep *self, const struct probe *probe)
{
    const struct silicon_state start = probe_state();
    struct cpu_state state = {.eip = start.eip};
    uint64_t executed;

    memcpy(state.regs, start.regs, sizeof(state.regs));
    memcpy(flat_memory_at(&self->memory, code_address), probe->code, CODE_BYTES);
    code_drop(&self->memory.pages[ARENA_CODE]);
    enum cpu_exit exit = cpu_run(self->cpu, &state, &self->memory.memory, 1, 0, &executed);
    return exit == CPU_CRASH && cpu_last_crash(self->cpu)->exception.number == DENALI_EXC_ILLEGAL;
}

static void mismatch(struct sweep *self, const struct probe *probe, const char *what)
{
    if (self->mismatches++ >= SHOWN)
        return;
    printf("%-10s", probe->insn.encoding->name);
    for (int i = 0; i < probe->insn.length; i++)
        printf(" %02x", probe->code[i]);
    printf(": %s\n", what);
}

static void probe_run(struct sweep *self, const struct probe *probe)
{
    const struct insn *insn = &probe->insn;

    self->illegal += insn->illegal;
    if (insn->illegal && !undefined_here(self, probe))
        mismatch(self, probe, "illegal to the decoder, but our CPU does not raise the exception");
    if (not_for_silicon(probe)) {
        self->listed++;
        return;
    }
    self->executed++;
    bool undefined = undefined_on_silicon(self, probe);
    if (undefined && !insn->illegal)
        mismatch(self, probe, "undefined on silicon, legal here");
    else if (!undefined && insn->illegal)
        mismatch(self, probe, "defined on silicon, illegal here");
}

static bool is_prefix(unsigned opcode)
{
    return opcode == 0x0F || opcode == 0x26 || opcode == 0x2E || opcode == 0x36 || opcode == 0x3E ||
           (opcode >= 0x64 && opcode <= 0x67) || opcode == 0xF0 || opcode == 0xF2 || opcode == 0xF3;
}

/* All second bytes that make a difference to what is legal: each digit, with a register and with memory. */
static void opcode_sweep(struct sweep *self, const uint8_t *prefixes, unsigned count, unsigned map, unsigned opcode)
{
    static const uint8_t modes[] = {0x00, 0x44, 0xC0, 0xC5};

    for (unsigned i = 0; i < 8 * sizeof(modes); i++) {
        struct probe probe = {.three_bytes = map == 0x0F && (opcode == 0x38 || opcode == 0x3A)};
        uint8_t *at = probe.code;
        memcpy(at, prefixes, count);
        at += count;
        if (map == 0x0F)
            *at++ = 0x0F;
        *at++ = (uint8_t)opcode;
        *at++ = (uint8_t)(modes[i / 8] | (i % 8) << 3);
        *at = 0x20; /* a SIB byte: EAX, no index */
        if (decode(probe.code, CODE_BYTES, &probe.insn) == DECODE_OK)
            probe_run(self, &probe);
        else
            mismatch(self, &probe, "does not decode");
    }
}

static void prefixes_sweep(struct sweep *self, const uint8_t *prefixes, unsigned count)
{
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        if (!is_prefix(opcode))
            opcode_sweep(self, prefixes, count, 0x01, opcode);
        opcode_sweep(self, prefixes, count, 0x0F, opcode);
    }
}

/* All pairs, or with `quick` only single prefixes. */
static void sweep_run(struct sweep *self, bool quick)
{
    static const uint8_t prefixes[] = {0x66, 0x67, 0xF0, 0xF2, 0xF3, 0x65};

    prefixes_sweep(self, prefixes, 0);
    for (unsigned i = 0; i < sizeof(prefixes); i++) {
        prefixes_sweep(self, &prefixes[i], 1);
        for (unsigned k = 0; k < sizeof(prefixes) && !quick; k++)
            prefixes_sweep(self, (const uint8_t[]){prefixes[i], prefixes[k]}, 2);
    }
    printf("%" PRIu64 " encodings executed, %" PRIu64 " more listed with a reason; %" PRIu64 " illegal; %" PRIu64
           " mismatches\n",
           self->executed, self->listed, self->illegal, self->mismatches);
}

static bool sweep_init(struct sweep *self)
{
    self->cpu = cpu_new(CPU_ENGINE_STEP);
    bool ready = self->cpu && flat_memory_init(&self->memory, ARENA_SIZE, 1);

    for (int i = 0; ready && i < ARENA_PAGES; i++)
        ready = flat_memory_add(&self->memory, arena_pages[i]);
    return ready;
}

int main(int argc, char **argv)
{
    struct sweep self = {0};
    const char *reason;

    self.silicon = silicon_new(arena_pages, &reason);
    if (!self.silicon) {
        printf("SKIPPED: no comparison with this host's CPU: %s\n", reason);
        return EXIT_SKIPPED;
    }
    if (!sweep_init(&self))
        return 2;
    sweep_run(&self, argc > 1 && strcmp(argv[1], "--quick") == 0);
    flat_memory_drop(&self.memory);
    cpu_free(self.cpu);
    silicon_free(self.silicon);
    return self.mismatches != 0;
}
