/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "summary.h"
#include "text.h"

#define CARDS_MAX 10 /* machines described one by one */

static void print_head(FILE *out, const struct outcome *outcome)
{
    const struct denali_stats *stats = &outcome->stats;
    const char *image = strrchr(outcome->options->operand, '/');
    fprintf(out, "denali: %s machine%s ran %s for %s of virtual time in %s: %s.\n", text_count(stats->machines).chars,
            stats->machines == 1 ? "" : "s", image ? image + 1 : outcome->options->operand,
            text_time(stats->virtual_ns).chars, text_time(outcome->host_ns).chars, outcome_end(outcome));
}

static void print_machines(FILE *out, const struct outcome *outcome)
{
    const struct denali_stats *stats = &outcome->stats;
    uint32_t ended = stats->machines - stats->alive - stats->failed;
    fprintf(out, "  machines      %s ended", text_count(ended).chars);
    if (outcome->ended_badly)
        fprintf(out, " (%s with another status than 0)", text_count(outcome->ended_badly).chars);
    fprintf(out, ", %s failed, %s idle, ", text_count(stats->failed).chars, text_count(stats->idle).chars);
    if (stats->stopped)
        fprintf(out, "%s stopped, ", text_count(stats->stopped).chars);
    fprintf(out, "%s ready to run\n", text_count(stats->alive - stats->idle - stats->stopped).chars);
    if (stats->created + stats->destroyed > 0)
        fprintf(out, "                the supervisor created %s and destroyed %s\n", text_count(stats->created).chars,
                text_count(stats->destroyed).chars);
    fprintf(out, "  instructions  %s: %.1f million a second, %.2f x real time\n", text_count(stats->instructions).chars,
            outcome_mips(outcome), outcome->host_ns ? (double)stats->virtual_ns / outcome->host_ns : 0.0);
}

static void print_costs(FILE *out, const struct outcome *outcome)
{
    const struct denali_stats *stats = &outcome->stats;
    if (stats->cost_ns)
        fprintf(out, "  costs         %s of the virtual time went to the kernel's own work\n",
                text_time(stats->cost_ns).chars);
}

/* Only if the host was too slow. */
static void print_clock(FILE *out, const struct outcome *outcome)
{
    if (outcome->stats.clock_lost_ns)
        fprintf(out, "  real time     virtual time fell behind it by %s: the host is too slow for this load\n",
                text_time(outcome->stats.clock_lost_ns).chars);
}

static void print_net(FILE *out, const struct denali_net *net)
{
    const struct {
        uint64_t count;
        const char *what;
    } troubles[] = {
        {net->out_lost, "that the host did not take"},       {net->kernel_lost, "lost by the host before we looked"},
        {net->unusable, "cut short, too short or too long"}, {net->own, "of machines that came back"},
        {net->completed, "whose checksum was completed"},    {net->split, "split, being longer than the MTU"},
    };
    fprintf(out, "                %s: %s in, %s out", net->name, text_count(net->in).chars, text_count(net->out).chars);
    for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++)
        if (troubles[i].count)
            fprintf(out, "; %s %s", text_count(troubles[i].count).chars, troubles[i].what);
    fprintf(out, "\n");
}

static void print_frames(FILE *out, const struct outcome *outcome)
{
    const struct denali_stats *stats = &outcome->stats;
    struct denali_net net;
    if (stats->frames.in + stats->frames.out + stats->frames.tx_dropped + stats->frames.unusable == 0)
        return;
    fprintf(out, "  frames        %s in, %s delivered, %s for nobody; %s out\n", text_count(stats->frames.in).chars,
            text_count(stats->frames.delivered).chars, text_count(stats->frames.unclaimed).chars,
            text_count(stats->frames.out).chars);
    fprintf(out, "                dropped: %s as a receive queue was full, %s as a transmit queue was full",
            text_count(stats->frames.rx_dropped).chars, text_count(stats->frames.tx_dropped).chars);
    if (stats->frames.link_dropped + stats->frames.held)
        fprintf(out, ", %s by links, in which %s are on their way", text_count(stats->frames.link_dropped).chars,
                text_count(stats->frames.held).chars);
    fprintf(out, "\n");
    for (uint32_t i = 0; denali_get_net(outcome->denali, i, &net); i++)
        print_net(out, &net);
}

static void print_disks(FILE *out, const struct outcome *outcome)
{
    const struct denali_stats *stats = &outcome->stats;
    if (stats->disks.reads + stats->disks.writes + stats->disks.flushes + stats->disks.failed + stats->disks.refused +
            stats->disks.abandoned ==
        0)
        return;
    fprintf(out, "  disks         %s blocks read, %s written, %s flushes", text_count(stats->disks.reads).chars,
            text_count(stats->disks.writes).chars, text_count(stats->disks.flushes).chars);
    if (stats->disks.refused)
        fprintf(out, "; %s requests refused", text_count(stats->disks.refused).chars);
    if (stats->disks.abandoned)
        fprintf(out, "; %s outstanding when their machine ended", text_count(stats->disks.abandoned).chars);
    fprintf(out, "\n");
    if (stats->disks.failed)
        fprintf(out, "                %s failed, %s of them injected\n", text_count(stats->disks.failed).chars,
                text_count(stats->disks.injected).chars);
    if (stats->disks.trouble[0])
        fprintf(out, "                the host's first error: %s\n", stats->disks.trouble);
}

static void print_interrupts(FILE *out, const struct outcome *outcome)
{
    uint64_t posted = outcome->stats.interrupts.posted, crossings = outcome->stats.interrupts.crossings;
    if (posted == 0)
        return;
    fprintf(out, "  interrupts    %s posted, %s crossings to deliver them: ", text_count(posted).chars,
            text_count(crossings).chars);
    if (crossings < posted)
        fprintf(out, "batching saved %.0f %% of the crossings, with up to %s in one\n",
                100.0 * (posted - crossings) / posted, text_count(outcome->stats.interrupts.max_batch).chars);
    else
        fprintf(out, "batching saved nothing\n");
}

static void print_memory(FILE *out, const struct outcome *outcome)
{
    const struct denali_stats *stats = &outcome->stats;
    fprintf(out, "  memory        %s, %s a machine; %s pages at the most; %s in use, %s of them shared\n",
            text_bytes(stats->memory.bytes).chars,
            text_bytes(stats->memory.bytes / (stats->machines ? stats->machines : 1)).chars,
            text_count(stats->memory.peak_frames).chars, text_count(stats->memory.frames).chars,
            text_count(stats->memory.shared_frames).chars);
    fprintf(out, "  digest        %016llx\n", (unsigned long long)outcome->digest);
    if (stats->keys_dropped)
        fprintf(out, "  keyboard      %s keys came too fast and were dropped\n", text_count(stats->keys_dropped).chars);
}

static void print_swap(FILE *out, const struct outcome *outcome)
{
    const struct denali_stats *stats = &outcome->stats;
    if (stats->swap.out + stats->swap.in == 0)
        return;
    fprintf(out, "  swap          %s blocks out, %s in, %s dropped; %s pages out now",
            text_count(stats->swap.out).chars, text_count(stats->swap.in).chars, text_count(stats->swap.dropped).chars,
            text_count(stats->swap.pages).chars);
    fprintf(out, "; %s machines put to sleep, %s woken, %s asleep now\n", text_count(stats->swap.hibernated).chars,
            text_count(stats->swap.woken).chars, text_count(stats->swap.asleep).chars);
}

static void print_card(FILE *out, const struct denali_machine *machine)
{
    static const char *const names[8] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
    if (machine->state == DENALI_TERMINATED) {
        fprintf(out, "vm %u ended with status %u\n", machine->index, machine->exit_status);
        return;
    }
    fprintf(out, "vm %u failed: %s\n    at 0x%08x%s%s%s:  %s\n   ", machine->index, machine->reason, machine->eip,
            machine->symbol[0] ? " (" : "", machine->symbol, machine->symbol[0] ? ")" : "", machine->disassembly);
    for (int i = 0; i < 8; i++)
        fprintf(out, " %s=%08x%s", names[i], machine->regs[i], i == 3 ? "\n   " : "");
    fprintf(out, " eflags=%05x, after %s instructions\n", machine->eflags, text_count(machine->instructions).chars);
}

static void print_cards(FILE *out, const struct outcome *outcome)
{
    uint64_t bad = (uint64_t)outcome->stats.failed + outcome->ended_badly, cards = bad < CARDS_MAX ? bad : CARDS_MAX;
    struct denali_machine machine;
    uint32_t from = 0;
    for (uint64_t shown = 0; shown < cards && denali_next_machine(outcome->denali, from, &machine);) {
        from = machine.index + 1;
        if (machine.state != DENALI_FAILED && (machine.state != DENALI_TERMINATED || machine.exit_status == 0))
            continue;
        print_card(out, &machine);
        shown++;
    }
    if (bad > CARDS_MAX)
        fprintf(out, "and %s more\n", text_count(bad - CARDS_MAX).chars);
}

void summary_print(FILE *out, const struct outcome *outcome)
{
    print_head(out, outcome);
    print_machines(out, outcome);
    print_costs(out, outcome);
    print_clock(out, outcome);
    print_frames(out, outcome);
    print_disks(out, outcome);
    print_interrupts(out, outcome);
    print_memory(out, outcome);
    print_swap(out, outcome);
    print_cards(out, outcome);
}
