/* SPDX-License-Identifier: MIT
 *
 * oracle: is our CPU a real one? Each case is executed by the processor of this machine and by both engines of ours;
 * registers, flags, memory, EIP and exceptions must be equal.
 *
 *   oracle [--cases N | --seconds N] [--seed S] [--row NAME] [--coverage]   compare; exit status 1 on a mismatch
 *   oracle --record N [--seed S]     print N cases with the real CPU's answers, one in a line; # begins a comment
 *   oracle --replay FILE             compare with answers recorded so; needs no particular host
 *   oracle --skipped                 list the rows without cases, with the reason
 *
 * Where the architectures differ by definition (outcome_equal):
 * - A memory operand that wraps around 4 GB: the segment limit stops it (#GP or #SS) on silicon; here it is outside
 *   of memory, as any address from memory_size up.
 * - EIP of INTO: a trap, which silicon shows behind the instruction; our crash report shows the instruction itself.
 * - Page 0 holds virtual registers: cases in which silicon writes there are not compared.
 * - POPA that faults: this silicon has popped some registers by then, ours none. Running it again ends alike.
 * - The host sees a single-step trap (vector 1) as the end of a step.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../cpu/decode.h"
#include "cases.h"
#include "flat_memory.h"

enum { CHANGES = 300, NO_EXCEPTION = ~0, SILICON_SINGLE_STEP = 1, SILICON_STACK = 12, LINE = 64 };

struct change {
    uint32_t address;
    uint8_t byte;
};

/* What an execution left behind. */
struct outcome {
    struct silicon_state state;
    int exception; /* NO_EXCEPTION: completed */
    uint32_t error, address;
    uint32_t change_count; /* may be more than CHANGES: the rest is only in the digest */
    uint64_t digest;
    struct change changes[CHANGES];
};

/* The bytes of each page of the arena in one memory. */
struct arena {
    uint8_t *pages[ARENA_PAGES];
};

enum { ENGINES = 2, CODE_PAGES = 2, ITERATIONS = 1 << 20, SEQUENCES = 64, MISMATCHES_SHOWN = 100 };

struct oracle {
    struct silicon *silicon; /* NULL: replay only */
    struct flat_memory memory;
    struct cpu *cpus[ENGINES];
    uint64_t instructions;           /* of the present case */
    struct arena real, ours, before; /* `before`: as it is when a case begins */
    uint64_t cases, sequences, faults, mismatches, incomparable;
    uint64_t (*coverage)[2][2][2]; /* [row][16-bit operand][16-bit address][memory] */
};

static const char *const engine_names[ENGINES] = {"step", "blocks"};

static uint8_t *arena_at(const struct arena *arena, uint32_t address)
{
    for (int i = 0; i < ARENA_PAGES; i++)
        if (arena_pages[i] == address >> PAGE_SHIFT)
            return arena->pages[i] + (address & PAGE_MASK);
    return NULL;
}

/* As far as there are pages. */
static void arena_write(const struct arena *arena, uint32_t address, const uint8_t *bytes, uint32_t count)
{
    while (count) {
        uint32_t room = PAGE_SIZE - (address & PAGE_MASK), part = count < room ? count : room;
        uint8_t *at = arena_at(arena, address);
        if (at)
            memcpy(at, bytes, part);
        address += part;
        bytes += part;
        count -= part;
    }
}

static void arena_reset(const struct arena *arena)
{
    const uint32_t enabled = 1, gs_base = SILICON_GS_BASE;

    for (int i = CODE_PAGES; i < ARENA_PAGES; i++)
        memset(arena->pages[i], 0, PAGE_SIZE);
    memcpy(arena_at(arena, DENALI_REG_IRQ_ENABLED), &enabled, 4);
    memcpy(arena_at(arena, DENALI_REG_GS_BASE), &gs_base, 4);
}

static void change_note(struct outcome *outcome, uint32_t address, uint8_t byte)
{
    if (outcome->change_count < CHANGES)
        outcome->changes[outcome->change_count] = (struct change){.address = address, .byte = byte};
    outcome->change_count++;
    outcome->digest = (outcome->digest ^ ((uint64_t)address << 8 | byte)) * 0x9E3779B97F4A7C15;
}

static void line_collect(struct outcome *outcome, uint32_t address, const uint8_t *before, uint8_t *after)
{
    for (uint32_t i = 0; i < LINE; i++)
        if (before[i] != after[i])
            change_note(outcome, address + i, after[i]);
    memcpy(after, before, LINE);
}

/* List what an execution changed in the pages from `first` on, and take it back. */
static void changes_collect(struct oracle *self, const struct arena *arena, int first, struct outcome *outcome)
{
    outcome->change_count = 0;
    outcome->digest = 0;
    for (int i = first; i < ARENA_PAGES; i++) {
        const uint8_t *before = self->before.pages[i];
        uint8_t *after = arena->pages[i];
        if (memcmp(before, after, PAGE_SIZE) == 0)
            continue;
        for (uint32_t k = 0; k < PAGE_SIZE; k += LINE)
            if (memcmp(before + k, after + k, LINE) != 0)
                line_collect(outcome, (arena_pages[i] << PAGE_SHIFT) + k, before + k, after + k);
    }
}

/* Patches in, and out again. They spare page 0. */
static void case_patch(struct oracle *self, const struct oracle_case *c)
{
    const struct arena *arenas[] = {&self->real, &self->ours, &self->before};

    for (int a = self->silicon ? 0 : 1; a < 3; a++)
        for (uint32_t i = 0; i < c->patch_count; i++)
            arena_write(arenas[a], c->patches[i].address, c->patches[i].bytes, c->patches[i].length);
}

static void case_unpatch(struct oracle *self, const struct oracle_case *c)
{
    struct oracle_case zeroes = *c;

    for (uint32_t i = 0; i < zeroes.patch_count; i++)
        memset(zeroes.patches[i].bytes, 0, PATCH_BYTES);
    case_patch(self, &zeroes);
    for (int i = 0; self->silicon && i < CODE_PAGES; i++)
        if (memcmp(self->real.pages[i], self->before.pages[i], PAGE_SIZE) != 0)
            memcpy(self->real.pages[i], self->before.pages[i], PAGE_SIZE);
}

/* --- execution --- */

static void run_silicon(struct oracle *self, const struct oracle_case *c, struct outcome *outcome)
{
    *outcome = (struct outcome){.state = c->state, .exception = NO_EXCEPTION};
    arena_write(&self->real, c->state.eip, c->code, c->length);

    struct silicon_trap trap = silicon_run(self->silicon, &outcome->state, c->length, c->step);
    if (trap.taken && trap.number != SILICON_SINGLE_STEP) {
        outcome->exception = (int)trap.number;
        outcome->error = trap.number == DENALI_EXC_MEMORY ? trap.error & (DENALI_FAULT_WRITE | DENALI_FAULT_FETCH) : 0;
        outcome->address = trap.number == DENALI_EXC_MEMORY ? trap.address : 0;
    }
    outcome->state.eflags &= FLAGS_STATUS | FLAGS_CONTROL;
    changes_collect(self, &self->real, CODE_PAGES, outcome); /* the code pages hold the way back */
}

/* Guest code in our memory, as the host has it, way back included. */
static void code_place(struct oracle *self, const struct oracle_case *c)
{
    for (uint32_t i = 0; i < c->length + 8; i++) {
        uint8_t *to = arena_at(&self->ours, c->state.eip + i);
        const uint8_t *from = self->silicon ? arena_at(&self->real, c->state.eip + i) : NULL;
        if (to)
            *arena_at(&self->before, c->state.eip + i) = *to = from ? *from : i < c->length ? c->code[i] : 0xEA;
    }
    for (int i = 0; i < CODE_PAGES; i++)
        code_drop(&self->memory.pages[arena_pages[i]]);
}

/* Run as many instructions, in one go or in quanta of all sizes. `instructions` == 0: one, or if not c->step, until EIP
 * is behind the case. Returns how many there were. */
static uint64_t cpu_execute(struct cpu *cpu, struct cpu_state *state, struct memory *memory,
                            const struct oracle_case *c, uint64_t instructions, enum cpu_exit *exit)
{
    const uint32_t end = c->state.eip + c->length;
    uint64_t total = 0, executed, quantum = c->state.eip & 1 ? 1 : UINT32_MAX;

    for (; total < (instructions ? instructions : ITERATIONS); quantum = quantum * 3 % 7) {
        uint64_t left = instructions - total;
        *exit = cpu_run(cpu, state, memory, instructions ? quantum < left ? quantum : left : 1, 0, &executed);
        total += executed;
        if (*exit != CPU_BUDGET || (!instructions && (c->step || state->eip == end)))
            break;
    }
    return total;
}

/* The engine that decodes every time comes first, and finds out how many instructions (iterations) it takes. */
static void run_ours(struct oracle *self, int engine, const struct oracle_case *c, struct outcome *outcome)
{
    enum cpu_exit exit = CPU_BUDGET;
    struct cpu_state state = {.eip = c->state.eip};

    *outcome = (struct outcome){.exception = NO_EXCEPTION};
    memcpy(state.regs, c->state.regs, sizeof(state.regs));
    cpu_state_set_eflags(&state, c->state.eflags);
    if (engine == 0)
        self->instructions = 0;
    self->instructions = cpu_execute(self->cpus[engine], &state, &self->memory.memory, c, self->instructions, &exit);
    if (exit == CPU_CRASH) {
        const struct cpu_exception *exception = &cpu_last_crash(self->cpus[engine])->exception;
        outcome->exception = (int)exception->number;
        if (exception->number == DENALI_EXC_MEMORY) {
            outcome->error = exception->error & (DENALI_FAULT_WRITE | DENALI_FAULT_FETCH);
            outcome->address = exception->address;
        }
    } else if (exit != CPU_BUDGET) {
        outcome->exception = -100 - (int)exit; /* nothing that silicon does */
    }
    memcpy(outcome->state.regs, state.regs, sizeof(state.regs));
    outcome->state.eip = state.eip;
    outcome->state.eflags = cpu_state_eflags(&state) & (FLAGS_STATUS | FLAGS_CONTROL);
    changes_collect(self, &self->ours, 0, outcome);
}

/* --- comparison --- */

static bool at_segment_limit(const struct outcome *real)
{
    return real->exception == DENALI_EXC_PROTECTION || real->exception == SILICON_STACK;
}

static bool exception_equal(const struct outcome *real, const struct outcome *ours)
{
    if (at_segment_limit(real) && ours->exception == DENALI_EXC_MEMORY)
        return ours->address > 0xFFFFFF00;
    return real->exception == ours->exception && real->error == ours->error && real->address == ours->address;
}

/* What an exception may leave in registers: everything as it was, POPA excepted. */
static bool registers_equal(const struct oracle_case *c, const struct outcome *real, const struct outcome *ours)
{
    if (real->exception == DENALI_EXC_MEMORY && c->row && strcmp(c->row->name, "POPA") == 0)
        return memcmp(c->state.regs, ours->state.regs, sizeof(ours->state.regs)) == 0;
    return memcmp(real->state.regs, ours->state.regs, sizeof(real->state.regs)) == 0;
}

static bool outcome_equal(const struct oracle_case *c, const struct outcome *real, const struct outcome *ours)
{
    uint32_t undefined = case_undefined_flags(c, real->state.eip);
    uint32_t eip = real->state.eip - (real->exception == DENALI_EXC_OVERFLOW ? c->length : 0);

    return registers_equal(c, real, ours) && eip == ours->state.eip &&
           ((real->state.eflags ^ ours->state.eflags) & ~undefined) == 0 && exception_equal(real, ours) &&
           real->change_count == ours->change_count && real->digest == ours->digest;
}

static bool changed_in(const struct outcome *outcome, uint32_t page)
{
    for (uint32_t i = 0; i < outcome->change_count && i < CHANGES; i++)
        if (outcome->changes[i].address >> PAGE_SHIFT == page)
            return true;
    return false;
}

/* CMPSB with both operands inaccessible: silicon reports EDI's, but under REPE ESI's. One is as good as the other. */
static bool other_operand_of_cmps(const struct oracle_case *c, const struct outcome *real, const struct outcome *ours)
{
    return real->exception == DENALI_EXC_MEMORY && ours->exception == DENALI_EXC_MEMORY && c->row &&
           c->row->map == MAP_1 && c->row->first == 0xA6 && ((ours->address ^ ours->state.regs[EDI]) & 0xFFFF) == 0;
}

/* What silicon alone can say about a case. Page 0 is not just memory to us; an offset that wraps around before GS's
 * base is added meets a limit on silicon only. */
static bool incomparable_on_silicon(const struct oracle_case *c, const struct outcome *real)
{
    return changed_in(real, 0) || (at_segment_limit(real) && c->length <= INSN_MAX && memchr(c->code, 0x65, c->length));
}

/* Stores to the code pages are not seen on silicon, and the way back can be read there, at an address that is outside
 * of our memory. */
static bool incomparable(const struct oracle_case *c, const struct outcome *real, const struct outcome *ours)
{
    return incomparable_on_silicon(c, real) || other_operand_of_cmps(c, real, ours) || changed_in(ours, ARENA_CODE) ||
           changed_in(ours, ARENA_CODE + 1) ||
           (ours->exception == DENALI_EXC_MEMORY && ours->address >> PAGE_SHIFT == SILICON_HIDDEN_PAGE);
}

static bool case_passes(struct oracle *self, int engine, const struct oracle_case *c, struct outcome *real,
                        struct outcome *ours)
{
    case_patch(self, c);
    if (self->silicon)
        run_silicon(self, c, real);
    code_place(self, c);
    for (int each = 0; each <= engine; each++)
        run_ours(self, each, c, ours);
    case_unpatch(self, c);
    return outcome_equal(c, real, ours) || incomparable(c, real, ours);
}

/* --- report --- */

static void outcome_print(const struct oracle_case *c, const struct outcome *outcome, FILE *out)
{
    if (outcome->exception != NO_EXCEPTION)
        fprintf(out, " exception=%d/%x/%x", outcome->exception, outcome->error, outcome->address);
    fprintf(out, " eip=%x eflags=%x", outcome->state.eip, outcome->state.eflags);
    for (unsigned i = 0; i < CPU_REGISTERS; i++)
        if (outcome->state.regs[i] != c->state.regs[i])
            fprintf(out, " r%u=%x", i, outcome->state.regs[i]);
    for (uint32_t i = 0; i < outcome->change_count && i < CHANGES; i++) {
        const struct change *change = &outcome->changes[i];
        if (i && change->address == change[-1].address + 1)
            fprintf(out, "%02x", change->byte);
        else
            fprintf(out, " @%x=%02x", change->address, change->byte);
    }
}

static bool outcome_parse(const struct oracle_case *c, struct outcome *outcome, const char *line)
{
    unsigned number, value;
    int used = 0;

    *outcome = (struct outcome){.state = c->state, .exception = NO_EXCEPTION};
    if (sscanf(line, " exception=%d/%x/%x%n", &outcome->exception, &outcome->error, &outcome->address, &used) == 3)
        line += used;
    if (sscanf(line, " eip=%x eflags=%x%n", &outcome->state.eip, &outcome->state.eflags, &used) != 2)
        return false;
    for (line += used; sscanf(line, " r%1u=%x%n", &number, &value, &used) == 2; line += used)
        outcome->state.regs[number & 7] = value;
    while (sscanf(line, " @%x=%n", &number, &used) == 1) {
        uint8_t bytes[CHANGES];
        uint32_t count;
        line = bytes_parse(line + used, bytes, CHANGES, &count);
        for (uint32_t i = 0; i < count; i++)
            change_note(outcome, number + i, bytes[i]);
    }
    return *line == '\n' || !*line;
}

static bool still_fails(struct oracle *self, int engine, const struct oracle_case *c)
{
    struct outcome real, ours;

    return !case_passes(self, engine, c, &real, &ours);
}

/* Simplify what can be without the case passing: instructions become NOPs, registers 0, patches go. */
static void case_minimise(struct oracle *self, int engine, struct oracle_case *c)
{
    struct oracle_case simpler = *c;

    for (uint32_t i = 0; i + 1 < c->part_count; i++, simpler = *c) {
        memset(simpler.code + c->parts[i].start, 0x90, (size_t)(c->parts[i + 1].start - c->parts[i].start));
        if (still_fails(self, engine, &simpler))
            *c = simpler;
    }
    for (unsigned i = 0; i < CPU_REGISTERS + 1 + c->patch_count; i++, simpler = *c) {
        if (i < CPU_REGISTERS)
            simpler.state.regs[i] = 0;
        else if (i == CPU_REGISTERS)
            simpler.state.eflags = FLAG_ONE;
        else
            simpler.patches[i - CPU_REGISTERS - 1].length = 0;
        if (still_fails(self, engine, &simpler))
            *c = simpler;
    }
}

static void mismatch_report(struct oracle *self, int engine, struct oracle_case *c)
{
    struct outcome real, ours;

    if (self->mismatches++ >= MISMATCHES_SHOWN)
        return;
    case_minimise(self, engine, c);
    case_passes(self, engine, c, &real, &ours);
    printf("MISMATCH (%s) ", engine_names[engine]);
    case_print(c, stdout);
    printf("\n  silicon:");
    outcome_print(c, &real, stdout);
    printf("\n  ours:   ");
    outcome_print(c, &ours, stdout);
    printf("\n");
}

/* --- the program --- */

static bool arena_map(struct oracle *self)
{
    bool mapped = flat_memory_init(&self->memory, ARENA_SIZE, 1);

    for (int i = 0; mapped && i < ARENA_PAGES; i++) {
        mapped = flat_memory_add(&self->memory, arena_pages[i]);
        self->before.pages[i] = calloc(1, PAGE_SIZE);
        self->ours.pages[i] = self->memory.pages[arena_pages[i]].bytes;
        if (self->silicon)
            self->real.pages[i] = silicon_memory(self->silicon, arena_pages[i] << PAGE_SHIFT);
        mapped = mapped && self->before.pages[i];
    }
    if (!mapped)
        return false;
    arena_reset(&self->before);
    arena_reset(&self->ours);
    if (self->silicon)
        arena_reset(&self->real);
    return true;
}

static bool oracle_init(struct oracle *self)
{
    self->cpus[0] = cpu_new(CPU_ENGINE_STEP);
    self->cpus[1] = cpu_new(CPU_ENGINE_BLOCKS);
    self->coverage = calloc(encoding_count, sizeof(*self->coverage));
    return self->cpus[0] && self->cpus[1] && self->coverage && arena_map(self);
}

static void oracle_drop(struct oracle *self)
{
    flat_memory_drop(&self->memory);
    for (int i = 0; i < ENGINES; i++)
        cpu_free(self->cpus[i]);
    for (int i = 0; i < ARENA_PAGES; i++)
        free(self->before.pages[i]);
    free(self->coverage);
    if (self->silicon)
        silicon_free(self->silicon);
}

struct options {
    uint64_t cases, seed, record;
    double seconds;
    const char *row, *replay;
    bool skipped, coverage;
};

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void case_count(struct oracle *self, const struct oracle_case *c, const struct outcome *real)
{
    self->cases++;
    self->faults += real->exception != NO_EXCEPTION;
    if (!c->row)
        return;
    struct case_shape shape = case_shape(c);
    self->coverage[c->row - encodings][shape.narrow_operand][shape.narrow_address][shape.memory]++;
}

/* All engines on one case; silicon once. */
static void case_compare(struct oracle *self, struct oracle_case *c)
{
    struct outcome real, ours;
    int failed = -1;

    case_patch(self, c);
    run_silicon(self, c, &real);
    code_place(self, c);
    for (int engine = 0; engine < ENGINES; engine++) {
        run_ours(self, engine, c, &ours);
        if (incomparable(c, &real, &ours))
            self->incomparable += engine == 0;
        else if (failed < 0 && !outcome_equal(c, &real, &ours))
            failed = engine;
    }
    case_unpatch(self, c);
    case_count(self, c, &real);
    if (failed >= 0)
        mismatch_report(self, failed, c);
}

static bool row_wanted(const struct options *options, const struct encoding *row)
{
    return !row_skipped(row) && (!options->row || strcmp(options->row, row->name) == 0);
}

/* One case of each row, and sequences. */
static void compare_round(struct oracle *self, const struct options *options, uint64_t round)
{
    struct oracle_case c;

    for (size_t i = 0; i < encoding_count; i++) {
        if (!row_wanted(options, &encodings[i]))
            continue;
        case_make(&c, &encodings[i], options->seed, round << 16 | i);
        case_compare(self, &c);
    }
    for (uint64_t i = 0; !options->row && i < SEQUENCES; i++) {
        sequence_make(&c, options->seed, round * SEQUENCES + i);
        case_compare(self, &c);
        self->sequences++;
    }
}

static void compare_all(struct oracle *self, const struct options *options)
{
    double start = seconds_now();

    for (uint64_t round = 0; self->cases < options->cases; round++) {
        compare_round(self, options, round);
        if (!self->cases || (options->seconds > 0 && seconds_now() - start > options->seconds))
            break;
    }
    double elapsed = seconds_now() - start;
    printf("%" PRIu64 " cases (%" PRIu64 " sequences, %" PRIu64
           " with exceptions) on %d engines in %.1f s, %.0f a second; seed %" PRIu64 "; %" PRIu64
           " not comparable; %" PRIu64 " mismatches\n",
           self->cases, self->sequences, self->faults, ENGINES, elapsed, (double)self->cases / elapsed, options->seed,
           self->incomparable, self->mismatches);
}

static void coverage_print(const struct oracle *self, bool each)
{
    static const char *const forms[8] = {"r32", "m32", "r32 a16", "m32 a16", "r16", "m16", "r16 a16", "m16 a16"};
    size_t rows = 0, cells = 0;
    uint64_t least = ~UINT64_C(0);

    for (size_t i = 0; i < encoding_count; i++) {
        const uint64_t *counts = &self->coverage[i][0][0][0];
        uint64_t total = 0;
        for (int k = 0; k < 8; k++)
            total += counts[k], cells += counts[k] != 0;
        if (!total)
            continue;
        rows++;
        least = total < least ? total : least;
        if (!each)
            continue;
        printf("%-10s %s %02X", encodings[i].name, map_name(encodings[i].map), encodings[i].first);
        for (int k = 0; k < 8; k++)
            if (counts[k])
                printf("  %s: %" PRIu64, forms[k], counts[k]);
        printf("\n");
    }
    printf("%zu rows in %zu forms, at least %" PRIu64 " cases each\n", rows, cells, rows ? least : 0);
}

static void skipped_print(void)
{
    for (size_t i = 0; i < encoding_count; i++)
        if (row_skipped(&encodings[i]))
            printf("%-10s %s %02X-%02X %s\n", encodings[i].name ? encodings[i].name : "-", map_name(encodings[i].map),
                   encodings[i].first, encodings[i].last, row_skipped(&encodings[i]));
}

/* Rows take turns; the answers are the real CPU's. */
static void record(struct oracle *self, const struct options *options)
{
    uint64_t recorded = 0;

    printf(
        "# row, how, code, registers (EAX ECX EDX EBX ESP EBP ESI EDI), memory -> what the real CPU left: exception/\n"
        "# error/address, EIP, EFLAGS, registers by number and memory where they changed. oracle --record %" PRIu64
        " --seed %" PRIu64 "\n",
        options->record, options->seed);
    for (uint64_t round = 0; recorded < options->record; round++) {
        for (size_t i = 0; i < encoding_count && recorded < options->record; i++) {
            struct oracle_case c;
            struct outcome real;
            if (!row_wanted(options, &encodings[i]))
                continue;
            case_make(&c, &encodings[i], options->seed, round << 16 | i);
            case_patch(self, &c);
            run_silicon(self, &c, &real);
            case_unpatch(self, &c);
            if (incomparable_on_silicon(&c, &real) || real.change_count > CHANGES / 4)
                continue;
            case_print(&c, stdout);
            printf(" ->");
            outcome_print(&c, &real, stdout);
            printf("\n");
            recorded++;
        }
    }
}

static bool replay_line(struct oracle *self, const char *line)
{
    struct oracle_case c;
    struct outcome real, ours;
    const char *answer = case_parse(&c, line);
    bool passed = true;

    if (!answer || strncmp(answer, " ->", 3) != 0 || !outcome_parse(&c, &real, answer + 3)) {
        printf("malformed: %s", line);
        return false;
    }
    for (int engine = 0; engine < ENGINES; engine++) {
        if (case_passes(self, engine, &c, &real, &ours))
            continue;
        printf("MISMATCH (%s) %s  ours:", engine_names[engine], line);
        outcome_print(&c, &ours, stdout);
        printf("\n");
        passed = false;
    }
    return passed;
}

static int replay(struct oracle *self, const char *path)
{
    char line[2048];
    uint64_t failed = 0;
    FILE *in = fopen(path, "r");

    if (!in) {
        perror(path);
        return 2;
    }
    while (fgets(line, sizeof(line), in)) {
        if (line[0] == '#')
            continue;
        failed += !replay_line(self, line);
        self->cases++;
    }
    fclose(in);
    printf("%" PRIu64 " recorded cases on %d engines, %" PRIu64 " mismatches\n", self->cases, ENGINES, failed);
    return failed || !self->cases;
}

static bool options_parse(struct options *options, int argc, char **argv)
{
    static const struct option names[] = {{"cases", required_argument, NULL, 'c'},
                                          {"seconds", required_argument, NULL, 't'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"row", required_argument, NULL, 'r'},
                                          {"record", required_argument, NULL, 'w'},
                                          {"replay", required_argument, NULL, 'p'},
                                          {"skipped", no_argument, NULL, 'x'},
                                          {"coverage", no_argument, NULL, 'v'},
                                          {NULL, 0, NULL, 0}};

    *options = (struct options){.seed = 1};
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (option) {
        case 'c':
            options->cases = strtoull(optarg, NULL, 0);
            break;
        case 't':
            options->seconds = strtod(optarg, NULL);
            break;
        case 's':
            options->seed = strtoull(optarg, NULL, 0);
            break;
        case 'r':
            options->row = optarg;
            break;
        case 'w':
            options->record = strtoull(optarg, NULL, 0);
            break;
        case 'p':
            options->replay = optarg;
            break;
        case 'x':
            options->skipped = true;
            break;
        case 'v':
            options->coverage = true;
            break;
        default:
            return false;
        }
    }
    if (!options->cases)
        options->cases = options->seconds > 0 ? UINT64_MAX : 1000000;
    return optind == argc;
}

static int oracle_run(struct oracle *self, const struct options *options)
{
    if (options->replay)
        return replay(self, options->replay);
    if (options->record) {
        record(self, options);
        return 0;
    }
    compare_all(self, options);
    coverage_print(self, options->coverage);
    return self->mismatches || !self->cases;
}

enum { EXIT_SKIPPED = 77 }; /* as Meson understands it */

int main(int argc, char **argv)
{
    struct oracle self = {0};
    struct options options;
    const char *reason;
    int status = 2;

    if (!options_parse(&options, argc, argv))
        return 2;
    if (options.skipped) {
        skipped_print();
        return 0;
    }
    if (!options.replay && !(self.silicon = silicon_new(arena_pages, &reason))) {
        printf("SKIPPED: no comparison with this host's CPU: %s\n", reason);
        return EXIT_SKIPPED;
    }
    if (oracle_init(&self)) {
        status = oracle_run(&self, &options);
        oracle_drop(&self);
    }
    return status;
}
