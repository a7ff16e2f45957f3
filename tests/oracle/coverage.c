/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "oracle.h"

enum group { INTEGER, X87, MMX, SSE, SSE2, SSE3, SSSE3, SSE41, SSE42, GROUPS };

/* The rest of the vector rows: SSE41 in the three-byte maps; MMX and SSE without prefix, SSE2 with one. */
static const struct range {
    uint8_t map, first, last, group;
} ranges[] = {
    {MAP_NP0F38, 0x00, 0x1E, SSSE3}, {MAP_660F38, 0x00, 0x0B, SSSE3}, {MAP_660F38, 0x1C, 0x1E, SSSE3},
    {MAP_NP0F3A, 0x0F, 0x0F, SSSE3}, {MAP_660F3A, 0x0F, 0x0F, SSSE3}, {MAP_660F38, 0x37, 0x37, SSE42},
    {MAP_660F3A, 0x60, 0x63, SSE42}, {MAP_F20F38, 0xF0, 0xF1, SSE42}, {MAP_F30F, 0xB8, 0xB8, SSE42},
    {MAP_F30F, 0x12, 0x12, SSE3},    {MAP_F30F, 0x16, 0x16, SSE3},    {MAP_F20F, 0x12, 0x12, SSE3},
    {MAP_660F, 0x7C, 0x7D, SSE3},    {MAP_F20F, 0x7C, 0x7D, SSE3},    {MAP_660F, 0xD0, 0xD0, SSE3},
    {MAP_F20F, 0xD0, 0xD0, SSE3},    {MAP_F20F, 0xF0, 0xF0, SSE3},    {MAP_NP0F, 0x5A, 0x5B, SSE2},
    {MAP_NP0F, 0xC3, 0xC3, SSE2},    {MAP_F30F, 0x10, 0x59, SSE},     {MAP_F30F, 0x5C, 0x5F, SSE},
    {MAP_F30F, 0xC2, 0xC2, SSE},
};

static const char *const group_names[GROUPS] = {"integer", "x87",   "MMX",    "SSE",   "SSE2",
                                                "SSE3",    "SSSE3", "SSE4.1", "SSE4.2"};
static const char *const cell_names[CELLS] = {"r32", "m32", "r32 a16", "m32 a16", "r16", "m16", "r16 a16", "m16 a16"};

static enum group group_of(const struct encoding *row)
{
    if (!row_is_vector(row))
        return row_is_x87(row) ? X87 : INTEGER;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (row->map == ranges[i].map && row->first >= ranges[i].first && row->first <= ranges[i].last)
            return ranges[i].group;
    if (row->map >= MAP_NP0F38)
        return SSE41;
    if (row->map != MAP_NP0F)
        return SSE2;
    return form_layouts[row->form].name[0] == 'P' || row_named(row, "EMMS") ? MMX : SSE;
}

void coverage_note(struct oracle *self, const struct oracle_case *c, unsigned cell)
{
    self->coverage[c->row - encodings][cell]++;
}

struct summary {
    size_t rows, cells;
    uint64_t cases, least;
    const struct encoding *row; /* with the least cell */
    unsigned cell;
};

static void summary_add(struct summary *summary, const struct encoding *row, const uint64_t *counts)
{
    const unsigned cells = row_cells(row);

    summary->rows += cells != 0;
    for (unsigned cell = 0; cell < CELLS; cell++) {
        if (!(cells >> cell & 1))
            continue;
        summary->cases += counts[cell];
        if (!summary->cells++ || counts[cell] < summary->least) {
            summary->least = counts[cell];
            summary->row = row;
            summary->cell = cell;
        }
    }
}

static void group_print(const char *name, const struct summary *summary)
{
    printf("%-8s %5zu rows %5zu forms %12" PRIu64 " cases, at least %" PRIu64 " of a form (%s %s %02X %s)\n", name,
           summary->rows, summary->cells, summary->cases, summary->least, summary->row->name,
           map_name(summary->row->map), summary->row->first, cell_names[summary->cell]);
}

static void row_print(const struct encoding *row, const uint64_t *counts)
{
    const unsigned cells = row_cells(row);

    if (!cells)
        return;
    printf("%-13s %s %02X", row->name, map_name(row->map), row->first);
    if (row->digit != NO_DIGIT)
        printf("/%u", row->digit);
    for (unsigned cell = 0; cell < CELLS; cell++)
        if (cells >> cell & 1)
            printf("  %s: %" PRIu64, cell_names[cell], counts[cell]);
    printf("\n");
}

void coverage_print(const struct oracle *self, bool each)
{
    struct summary groups[GROUPS] = {0}, all = {0};

    for (size_t i = 0; i < encoding_count; i++) {
        const struct encoding *row = &encodings[i];
        if (each)
            row_print(row, self->coverage[i]);
        summary_add(&groups[group_of(row)], row, self->coverage[i]);
        summary_add(&all, row, self->coverage[i]);
    }
    for (int group = 0; group < GROUPS; group++)
        group_print(group_names[group], &groups[group]);
    group_print("all", &all);
}

void skipped_print(void)
{
    for (size_t i = 0; i < encoding_count; i++)
        if (row_skipped(&encodings[i]))
            printf("%-10s %s %02X-%02X %s\n", encodings[i].name ? encodings[i].name : "-", map_name(encodings[i].map),
                   encodings[i].first, encodings[i].last, row_skipped(&encodings[i]));
}
