/* SPDX-License-Identifier: MIT
 *
 * sweep: every opcode of the four maps (one byte, 0F, 0F 38, 0F 3A), every ModRM digit, register and memory operands,
 * behind no, one or two prefixes: what our decoder calls illegal raises #UD on the real CPU, and nothing else does.
 *
 * Not executed on the real CPU, because the table gives the reason why we call them illegal: what x86 defines by
 * privilege or segmentation, and extensions that we do not announce; of these our CPU alone is asked to raise the
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
    enum map map; /* which the prefixes choose: MAP_1, or one of those for 0F, 0F 38, 0F 3A */
    uint8_t opcode;
};

static bool named(const struct insn *insn, const char *name)
{
    return strcmp(insn->encoding->name, name) == 0;
}

/* What processors have that we do not announce, and what has no rows of its own. */
static const struct {
    uint8_t map, first, last;
} extensions[] = {
    {MAP_660F, 0x78, 0x79},   {MAP_F20F, 0x78, 0x79},   {MAP_F20F, 0x2B, 0x2B},   {MAP_F30F, 0x2B, 0x2B}, /* SSE4A */
    {MAP_NP0F, 0xAE, 0xAE},   {MAP_660F, 0xAE, 0xAE},   {MAP_F30F, 0xAE, 0xAE},   /* XSAVE, CLWB, … */
    {MAP_NP0F38, 0xC8, 0xCD}, {MAP_NP0F3A, 0xCC, 0xCC},                           /* SHA */
    {MAP_660F38, 0xDB, 0xDF}, {MAP_660F3A, 0xDF, 0xDF}, {MAP_660F3A, 0x44, 0x44}, /* AES, PCLMULQDQ */
    {MAP_660F38, 0xCF, 0xCF}, {MAP_660F3A, 0xCE, 0xCF},                           /* GFNI */
    {MAP_NP0F38, 0xF0, 0xF1}, {MAP_660F38, 0xF0, 0xF1}, {MAP_660F38, 0xF6, 0xF6}, /* MOVBE, ADX */
    {MAP_F30F38, 0xF6, 0xF6}, {MAP_NP0F38, 0xF6, 0xF6}, {MAP_660F38, 0xF5, 0xF5}, /* ADX, CET */
    {MAP_660F38, 0xF8, 0xF8}, {MAP_NP0F38, 0xF9, 0xF9}, {MAP_660F38, 0x80, 0x82}, /* MOVDIR, INVPCID */
    {MAP_F30F38, 0xD8, 0xDF}, {MAP_F30F38, 0xF8, 0xFB}, {MAP_F20F38, 0xF8, 0xF8}, /* Key Locker, ENQCMD */
};

static bool is_extension(const struct probe *probe)
{
    for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++)
        if (probe->map == extensions[i].map && probe->opcode >= extensions[i].first &&
            probe->opcode <= extensions[i].last)
            return probe->insn.illegal;
    return false;
}

static bool not_for_silicon(const struct probe *probe)
{
    const struct insn *insn = &probe->insn;
    uint8_t why = insn->encoding->illegal;

    return is_extension(probe) || why == ILLEGAL_AMBIGUOUS || why == ILLEGAL_EXTENSION || named(insn, "IRET") ||
           named(insn, "INT") || named(insn, "VIRTUAL");
}

static struct silicon_state probe_state(void)
{
    struct silicon_state state = {.eip = code_address, .eflags = FLAG_ONE, .with_fpu = true, .fpu = fpu_at_reset()};

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
    struct cpu_state state = {.eip = start.eip, .fpu = start.fpu};
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

/* Prefixes before an opcode of one of the maps. */
struct place {
    uint8_t prefixes[2];
    unsigned count;
    unsigned map; /* 1, 0F, 0F38, 0F3A */
};

/* The last of F2 and F3 counts, then 66. */
static enum map map_of(const struct place *place)
{
    const enum map first = place->map == 0x0F ? MAP_NP0F : place->map == 0x0F38 ? MAP_NP0F38 : MAP_NP0F3A;
    unsigned chosen = 0;

    if (place->map == 0x01)
        return MAP_1;
    for (unsigned i = 0; i < place->count; i++) {
        if (place->prefixes[i] == 0x66 && !chosen)
            chosen = 1;
        else if (place->prefixes[i] >= 0xF2)
            chosen = place->prefixes[i] == 0xF3 ? 2 : 3;
    }
    return first + chosen;
}

static void probe_make(struct probe *probe, const struct place *place, unsigned opcode, unsigned modrm)
{
    uint8_t *at = probe->code;

    *probe = (struct probe){.map = map_of(place), .opcode = (uint8_t)opcode};
    memcpy(at, place->prefixes, place->count);
    at += place->count;
    if (place->map != 0x01)
        *at++ = 0x0F;
    if (place->map > 0xFF)
        *at++ = (uint8_t)place->map;
    *at++ = (uint8_t)opcode;
    *at++ = (uint8_t)modrm;
    *at = 0x20; /* a SIB byte: EAX, no index */
}

/* All second bytes that make a difference to what is legal: each digit, with a register and with memory. Behind 0F 38
 * and 0F 3A digits do not matter. */
static void opcode_sweep(struct sweep *self, const struct place *place, unsigned opcode)
{
    static const uint8_t modes[] = {0x00, 0x44, 0xC0, 0xC5};
    const unsigned digits = place->map > 0xFF ? 1 : 8;

    for (unsigned i = 0; i < digits * sizeof(modes); i++) {
        struct probe probe;
        probe_make(&probe, place, opcode, modes[i / digits] | (i % digits) << 3);
        if (decode(probe.code, CODE_BYTES, &probe.insn) == DECODE_OK)
            probe_run(self, &probe);
        else
            mismatch(self, &probe, "does not decode");
    }
}

static bool leads_on(unsigned map, unsigned opcode)
{
    return map == 0x01 ? is_prefix(opcode) : map == 0x0F && (opcode == 0x38 || opcode == 0x3A);
}

static void map_sweep(struct sweep *self, struct place place, unsigned map)
{
    place.map = map;
    for (unsigned opcode = 0; opcode < 256; opcode++)
        if (!leads_on(map, opcode))
            opcode_sweep(self, &place, opcode);
}

/* With `quick` pairs of prefixes only where they choose the map. */
static void prefixes_sweep(struct sweep *self, struct place place, bool quick)
{
    const bool choosing = map_of(&(struct place){{place.prefixes[0]}, 1, 0x0F}) != MAP_NP0F &&
                          map_of(&(struct place){{place.prefixes[1]}, 1, 0x0F}) != MAP_NP0F;

    if (place.count < 2 || !quick)
        map_sweep(self, place, 0x01);
    if (place.count < 2 || !quick || choosing) {
        map_sweep(self, place, 0x0F);
        map_sweep(self, place, 0x0F38);
        map_sweep(self, place, 0x0F3A);
    }
}

static void sweep_run(struct sweep *self, bool quick)
{
    static const uint8_t prefixes[] = {0x66, 0x67, 0xF0, 0xF2, 0xF3, 0x65};

    prefixes_sweep(self, (struct place){.count = 0}, quick);
    for (unsigned i = 0; i < sizeof(prefixes); i++) {
        prefixes_sweep(self, (struct place){{prefixes[i]}, 1, 0}, quick);
        for (unsigned k = 0; k < sizeof(prefixes); k++)
            prefixes_sweep(self, (struct place){{prefixes[i], prefixes[k]}, 2, 0}, quick);
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
