/* SPDX-License-Identifier: MIT
 *
 * oracle: is our CPU a real one? Each case is executed by the processor of this machine and by both engines of ours;
 * registers, flags, x87, MMX and SSE state, memory, EIP and exceptions must be equal (compare.c has the exceptions).
 *
 *   oracle [--cases N | --seconds N | --least N] [--seed S] [--row NAME] [--coverage] [--findings FILE]
 *          compare; exit status 1 on a mismatch. --least: until every form of every row has had so many cases.
 *          --findings: append each mismatch, made as simple as can be, with the real CPU's answer
 *   oracle --record N [--seed S] [--row NAME]   print N cases with the real CPU's answers
 *   oracle --replay FILE...                     compare with answers recorded so; needs no particular host
 *   oracle --again FILE...                      compare in these cases with what this host answers now
 *   oracle --skipped                            list the rows without cases, with the reason
 *
 * Cases come in batches. While all is well only those pages are looked at after a case that our CPU wrote, on both
 * sides; all of memory is compared at the end of the batch, so nothing that anybody stored anywhere is missed. If
 * something differs the batch is run again with a look at all of memory after each case, to find out which it was.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "oracle.h"

enum { BATCH = 128, SEQUENCES = 512, PROGRESS_SECONDS = 60, EXIT_SKIPPED = 77 /* as Meson understands it */ };

struct options {
    uint64_t cases, least, seed, record;
    double seconds;
    const char *row, *findings;
    bool skipped, coverage, replay, again; /* `again` is a kind of `replay` */
};

/* One round: each form of each row once, then sequences. */
struct round {
    struct turn {
        const struct encoding *row; /* NULL: a sequence */
        unsigned cell;
    } * turns;
    uint64_t count;
};

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool round_init(struct round *self, const struct options *options)
{
    self->turns = calloc(encoding_count * CELLS + SEQUENCES, sizeof(*self->turns));
    for (size_t i = 0; self->turns && i < encoding_count * CELLS; i++) {
        const struct encoding *row = &encodings[i / CELLS];
        if ((row_cells(row) >> i % CELLS & 1) && (!options->row || row_named(row, options->row)))
            self->turns[self->count++] = (struct turn){.row = row, .cell = i % CELLS};
    }
    self->count += options->row ? 0 : SEQUENCES;
    return self->turns && self->count;
}

/* Case number `index` of all. */
static const struct turn *round_case(const struct round *self, uint64_t seed, uint64_t index, struct oracle_case *c)
{
    const struct turn *turn = &self->turns[index % self->count];

    if (turn->row)
        case_make(c, turn->row, turn->cell, seed, index / self->count);
    else
        sequence_make(c, seed, index);
    return turn;
}

static void case_count(struct oracle *self, const struct turn *turn, const struct oracle_case *c,
                       const struct outcome *real)
{
    self->cases++;
    self->faults += real->exception != NO_EXCEPTION;
    if (turn->row)
        coverage_note(self, c, turn->cell);
    else
        self->sequences++;
}

static bool batch_agrees(struct oracle *self, const struct round *round, uint64_t seed, uint64_t first)
{
    struct outcome real, ours[ENGINES];
    struct oracle_case c;
    bool agrees = true;

    for (uint64_t i = first; i < first + BATCH; i++) {
        const struct turn *turn = round_case(round, seed, i, &c);
        agrees &= case_compare(self, &c, &real, ours) < 0;
        case_count(self, turn, &c, &real);
    }
    return arena_settle(self) && agrees;
}

/* What was wrong with the batch. */
static void batch_explain(struct oracle *self, const struct round *round, uint64_t seed, uint64_t first)
{
    uint64_t explained = 0;

    self->careful = true;
    for (uint64_t i = first; i < first + BATCH; i++) {
        struct outcome real, ours[ENGINES];
        struct oracle_case c;
        round_case(round, seed, i, &c);
        int differs = case_compare(self, &c, &real, ours);
        if (differs >= 0)
            mismatch_report(self, differs, &c);
        bool comparable = outcome_equal(&c, &real, &ours[0]) || !incomparable(&c, &real, &ours[0]);
        explained += differs >= 0 || !comparable || !arena_settle(self);
    }
    self->careful = false;
    arena_settle(self);
    if (!explained) {
        printf("MISMATCH in cases %" PRIu64 " to %" PRIu64 " that is not there when they are run again\n", first,
               first + BATCH);
        self->mismatches++;
    }
}

static double compare_all(struct oracle *self, const struct options *options, const struct round *round)
{
    const double start = seconds_now();
    const uint64_t enough = options->least ? options->least * round->count : options->cases;
    double elapsed = 0, reported = 0;

    for (uint64_t i = 0; i < enough && (!options->seconds || elapsed < options->seconds); i += BATCH) {
        if (!batch_agrees(self, round, options->seed, i))
            batch_explain(self, round, options->seed, i);
        elapsed = seconds_now() - start;
        if (elapsed - reported > PROGRESS_SECONDS) {
            reported = elapsed;
            fprintf(stderr, "%" PRIu64 " cases in %.0f s, %" PRIu64 " mismatches\n", self->cases, elapsed,
                    self->mismatches);
        }
    }
    return elapsed;
}

static void summary_print(const struct oracle *self, double seconds)
{
    printf("%" PRIu64 " cases (%" PRIu64 " sequences, %" PRIu64
           " with exceptions) on %d engines in %.1f s, %.0f a second; %" PRIu64 " not comparable; %" PRIu64
           " mismatches\n",
           self->cases, self->sequences, self->faults, ENGINES, seconds, (double)self->cases / seconds,
           self->incomparable, self->mismatches);
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
    arena_unmap(self);
    for (int i = 0; i < ENGINES; i++)
        cpu_free(self->cpus[i]);
    free(self->coverage);
    if (self->silicon)
        silicon_free(self->silicon);
}

static bool options_parse(struct options *options, int argc, char **argv)
{
    static const struct option names[] = {
        {"cases", required_argument, NULL, 'c'},    {"seconds", required_argument, NULL, 't'},
        {"least", required_argument, NULL, 'l'},    {"seed", required_argument, NULL, 's'},
        {"row", required_argument, NULL, 'r'},      {"record", required_argument, NULL, 'w'},
        {"findings", required_argument, NULL, 'f'}, {"replay", no_argument, NULL, 'p'},
        {"again", no_argument, NULL, 'a'},          {"skipped", no_argument, NULL, 'x'},
        {"coverage", no_argument, NULL, 'v'},       {NULL, 0, NULL, 0}};

    *options = (struct options){.seed = 1};
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (option) {
        case 'c':
            options->cases = strtoull(optarg, NULL, 0);
            break;
        case 't':
            options->seconds = strtod(optarg, NULL);
            break;
        case 'l':
            options->least = strtoull(optarg, NULL, 0);
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
        case 'f':
            options->findings = optarg;
            break;
        case 'p':
            options->replay = true;
            break;
        case 'a':
            options->replay = options->again = true;
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
    return options->replay == (optind < argc);
}

static int oracle_run(struct oracle *self, const struct options *options, char **paths)
{
    struct round round = {0};

    if (options->replay)
        return replay(self, paths);
    if (options->record) {
        record(self, options->record, options->seed, options->row);
        return 0;
    }
    if (round_init(&round, options)) {
        self->findings = options->findings;
        printf("seed %" PRIu64 "\n", options->seed);
        const double seconds = compare_all(self, options, &round);
        coverage_print(self, options->coverage);
        summary_print(self, seconds);
    }
    free(round.turns);
    return self->mismatches || !self->cases;
}

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
    if ((!options.replay || options.again) && !(self.silicon = silicon_new(arena_pages, &reason))) {
        printf("SKIPPED: no comparison with this host's CPU: %s\n", reason);
        return EXIT_SKIPPED;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (oracle_init(&self)) {
        status = oracle_run(&self, &options, argv + optind);
        oracle_drop(&self);
    }
    return status;
}
