/* SPDX-License-Identifier: MIT
 *
 * Cases with answers, one in a line: the case (case_text.c), " ->", and what the real CPU left behind:
 * exception=number/ error/address, EIP, EFLAGS, registers by number and x87, MMX and SSE state where they changed,
 * memory where it changed.
 */
#include <string.h>

#include "oracle.h"

enum { LINE_BYTES = 1 << 14, MISMATCHES_SHOWN = 100 };

static const char *const engine_names[ENGINES] = {"step", "blocks"};

static void outcome_print(const struct oracle_case *c, const struct outcome *outcome, FILE *out)
{
    if (outcome->exception != NO_EXCEPTION)
        fprintf(out, " exception=%d/%x/%x", outcome->exception, outcome->error, outcome->address);
    fprintf(out, " eip=%x eflags=%x", outcome->state.eip, outcome->state.eflags);
    for (unsigned i = 0; i < CPU_REGISTERS; i++)
        if (outcome->state.regs[i] != c->state.regs[i])
            fprintf(out, " r%u=%x", i, outcome->state.regs[i]);
    if (c->state.with_fpu)
        fpu_print(&outcome->state.fpu, &c->state.fpu, out);
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
    line = fpu_parse(&outcome->state.fpu, line);
    while (sscanf(line, " @%x=%n", &number, &used) == 1) {
        uint8_t bytes[CHANGES];
        uint32_t count;
        line = bytes_parse(line + used, bytes, CHANGES, &count);
        for (uint32_t i = 0; i < count; i++)
            change_note(outcome, number + i, bytes[i]);
    }
    return *line == '\n' || !*line;
}

static void line_print(const struct oracle_case *c, const struct outcome *real, FILE *out)
{
    case_print(c, out);
    fprintf(out, " ->");
    outcome_print(c, real, out);
    fprintf(out, "\n");
}

/* --- simplification --- */

/* Is the simpler case still good for what the other one was kept for? */
typedef bool keeps_fn(struct oracle *, const struct oracle_case *from, const struct oracle_case *simpler);

static void simplify_code(struct oracle *self, struct oracle_case *c, keeps_fn *keeps)
{
    struct oracle_case simpler = *c;

    for (uint32_t at = 0, part; !c->row && at < c->length; at += part, simpler = *c) {
        part = sequence_part(c, at);
        memset(simpler.code + at, 0x90, part);
        if (keeps(self, c, &simpler))
            *c = simpler;
    }
}

static void simplify_fpu(struct oracle *self, struct oracle_case *c, keeps_fn *keeps)
{
    enum { REGISTERS = 16, WORDS = 4 };
    const struct fpu_state reset = fpu_at_reset();
    struct oracle_case simpler = *c;
    struct fpu_state *f = &simpler.state.fpu;

    for (unsigned i = 0; c->state.with_fpu && i < REGISTERS + WORDS; i++, simpler = *c) {
        if (i < 8)
            f->registers[i] = reset.registers[i];
        else if (i < REGISTERS)
            f->xmm[i - 8] = reset.xmm[i - 8];
        else if (i == REGISTERS)
            f->opcode = 0, f->instruction = f->operand = 0;
        else if (i == REGISTERS + 1)
            f->mxcsr = reset.mxcsr;
        else if (i == REGISTERS + 2)
            f->control = reset.control, f->status = reset.status;
        else
            f->full = reset.full;
        if (keeps(self, c, &simpler))
            *c = simpler;
    }
}

/* Instructions become NOPs, registers 0, patches go. */
static void case_simplify(struct oracle *self, struct oracle_case *c, keeps_fn *keeps)
{
    struct oracle_case simpler;

    simplify_code(self, c, keeps);
    simplify_fpu(self, c, keeps);
    simpler = *c;
    for (unsigned i = 0; i < CPU_REGISTERS + 1 + c->patch_count; i++, simpler = *c) {
        if (i < CPU_REGISTERS)
            simpler.state.regs[i] = 0;
        else if (i == CPU_REGISTERS)
            simpler.state.eflags = FLAG_ONE;
        else
            simpler.patches[i - CPU_REGISTERS - 1].length = 0;
        if (keeps(self, c, &simpler))
            *c = simpler;
    }
}

/* --- mismatches --- */

static bool still_fails(struct oracle *self, const struct oracle_case *from, const struct oracle_case *simpler)
{
    struct outcome real, ours[ENGINES];

    (void)from;
    return case_compare(self, simpler, &real, ours) >= 0;
}

static void finding_write(const struct oracle *self, const struct oracle_case *c, const struct outcome *real)
{
    FILE *out = self->findings ? fopen(self->findings, "a") : NULL;

    if (!out)
        return;
    line_print(c, real, out);
    fclose(out);
}

void mismatch_report(struct oracle *self, int engine, struct oracle_case *c)
{
    struct outcome real, ours[ENGINES];

    if (self->mismatches++ >= MISMATCHES_SHOWN)
        return;
    case_simplify(self, c, still_fails);
    case_compare(self, c, &real, ours);
    printf("MISMATCH (%s) ", engine_names[engine]);
    case_print(c, stdout);
    printf("\n  silicon:");
    outcome_print(c, &real, stdout);
    printf("\n  ours:   ");
    outcome_print(c, &ours[engine], stdout);
    printf("\n");
    finding_write(self, c, &real);
}

/* --- recorded answers --- */

/* What changes, and to what, is the same, and the exception. */
static bool same_answer(struct oracle *self, const struct oracle_case *from, const struct oracle_case *simpler)
{
    char texts[2][LINE_BYTES] = {"", ""};
    const struct oracle_case *cases[] = {from, simpler};

    for (int i = 0; i < 2; i++) {
        struct outcome real;
        FILE *out = fmemopen(texts[i], LINE_BYTES, "w");
        run_silicon_alone(self, cases[i], &real);
        outcome_print(cases[i], &real, out);
        fclose(out);
    }
    return strcmp(texts[0], texts[1]) == 0;
}

static bool record_case(struct oracle *self, struct oracle_case *c)
{
    struct outcome real;

    run_silicon_alone(self, c, &real);
    if (incomparable_on_silicon(c, &real) || real.change_count > CHANGES)
        return false;
    if (c->state.with_fpu)
        case_simplify(self, c, same_answer);
    run_silicon_alone(self, c, &real);
    line_print(c, &real, stdout);
    return true;
}

/* Rows take turns, and of each row its cells. */
void record(struct oracle *self, uint64_t cases, uint64_t seed, const char *row)
{
    uint64_t recorded = 0;

    printf("# oracle --record %llu --seed %llu%s%s; the form is explained in record.c and case_text.c.\n",
           (unsigned long long)cases, (unsigned long long)seed, row ? " --row " : "", row ? row : "");
    for (uint64_t round = 0; recorded < cases; round++) {
        for (size_t i = 0; i < encoding_count && recorded < cases; i++) {
            const unsigned cells = row_cells(&encodings[i]), cell = (unsigned)(round + i) % CELLS;
            struct oracle_case c;
            if (!(cells >> cell & 1) || (row && !row_named(&encodings[i], row)))
                continue;
            case_make(&c, &encodings[i], cell, seed, round);
            recorded += record_case(self, &c);
        }
    }
}

static bool replay_line(struct oracle *self, const char *line)
{
    struct outcome real, ours[ENGINES];
    struct oracle_case c;
    const char *answer = case_parse(&c, line);

    if (!answer || strncmp(answer, " ->", 3) != 0 || !outcome_parse(&c, &real, answer + 3)) {
        printf("malformed: %s", line);
        return false;
    }
    const int differs = case_compare(self, &c, &real, ours);
    if (differs < 0)
        return true;
    printf("MISMATCH (%s) %s", engine_names[differs], line);
    if (self->silicon) {
        printf("  silicon:");
        outcome_print(&c, &real, stdout);
        printf("\n");
    }
    printf("  ours:   ");
    outcome_print(&c, &ours[differs], stdout);
    printf("\n");
    return false;
}

static bool replay_file(struct oracle *self, const char *path)
{
    char line[LINE_BYTES];
    FILE *in = fopen(path, "r");

    if (!in) {
        perror(path);
        return false;
    }
    while (fgets(line, sizeof(line), in)) {
        if (line[0] == '#')
            continue;
        self->mismatches += !replay_line(self, line);
        self->cases++;
    }
    fclose(in);
    return true;
}

int replay(struct oracle *self, char **paths)
{
    self->careful = true;
    for (; *paths; paths++)
        if (!replay_file(self, *paths))
            return 2;
    printf("%llu recorded cases on %d engines, %llu mismatches\n", (unsigned long long)self->cases, ENGINES,
           (unsigned long long)self->mismatches);
    return self->mismatches || !self->cases;
}
