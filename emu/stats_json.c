/* SPDX-License-Identifier: MIT */
#include <jansson.h>

#include "cost.h"
#include "stats_json.h"

static json_t *hexadecimal(const char *format, uint64_t number)
{
    return json_sprintf(format, (unsigned long long)number);
}

/* A string that may be NULL or, coming from a command line or a file, not UTF-8, which JSON must be. */
static json_t *text_or_null(const char *text)
{
    json_t *string = text ? json_string(text) : json_null();
    return string ? string : json_string("(not UTF-8)");
}

static json_t *costs_json(struct denali_costs costs)
{
    json_t *json = json_object();
    for (const struct cost_row *row = cost_rows; row->name; row++)
        json_object_set_new(json, row->id, json_integer((json_int_t)*cost_field(&costs, row->name)));
    return json;
}

static json_t *disk_list_json(const struct denali_config *config)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < config->disk_count; i++) {
        const struct denali_disk *disk = &config->disks[i];
        json_array_append_new(list,
                              json_pack("{s:o, s:b, s:b, s:I, s:I}", "file", text_or_null(disk->file), "read_only",
                                        disk->read_only, "copy_on_write", disk->copy_on_write, "errors_per_million",
                                        (json_int_t)disk->errors, "seed", (json_int_t)disk->seed));
    }
    return list;
}

static void add_supervisor(json_t *json, const struct denali_config *config)
{
    json_t *images = json_object();
    for (uint32_t i = 0; i < config->image_count; i++)
        json_object_set_new(images, config->images[i].name, text_or_null(config->images[i].path));
    json_object_set_new(json, "supervisor", json_boolean(config->supervisor));
    json_object_set_new(json, "images", images);
    json_object_set_new(json, "vms_max",
                        json_integer((json_int_t)(config->supervisor ? config->machines_max : config->machines)));
}

/* As on the command line. */
static json_t *swap_text(const struct denali_config *config)
{
    if (config->swap_memory)
        return json_sprintf("zstd:%llu", (unsigned long long)config->swap_memory);
    return text_or_null(config->swap);
}

static void add_policies(json_t *json, const struct denali_config *config)
{
    const bool lru = config->replacement == DENALI_REPLACEMENT_LRU, open = config->admission == DENALI_ADMISSION_OPEN;
    const bool lottery = config->scheduler == DENALI_SCHEDULER_LOTTERY;

    json_object_set_new(json, "swap", swap_text(config));
    json_object_set_new(json, "swap_block", json_integer(config->swap_block));
    json_object_set_new(json, "replacement", json_string(lru ? "lru" : "wsclock"));
    json_object_set_new(json, "admission", json_string(open ? "open" : "fifo"));
    json_object_set_new(json, "scheduler", json_string(lottery ? "lottery" : "round-robin"));
    json_object_set_new(json, "seed",
                        config->seed <= INT64_MAX ? json_integer((json_int_t)config->seed)
                                                  : hexadecimal("%llu", config->seed)); /* JSON's are signed here */
}

static json_t *texts_json(const char *const *texts, uint32_t count)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(array, text_or_null(texts[i]));
    return array;
}

static json_t *config_json(const struct options *options)
{
    const struct denali_config *config = &options->config;
    static const char *const consoles[] = {"stdio", "file", "none"};
    json_t *json = json_pack(
        "{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:s, s:o, s:o, s:o, s:o, "
        "s:s, s:o, s:s, s:I, s:s, s:o, s:o, s:o}",
        "image", text_or_null(config->image), "arguments", text_or_null(config->arguments), "vms",
        (json_int_t)config->machines, "memory", (json_int_t)config->memory, "frames", (json_int_t)config->frames,
        "cpu_khz", (json_int_t)config->cpu_khz, "quantum_ns", (json_int_t)config->quantum_ns, "until_ns",
        (json_int_t)config->until_ns, "instructions", (json_int_t)config->instructions, "vm_instructions",
        (json_int_t)config->machine_instructions, "queue", (json_int_t)config->queue_frames, "engine",
        config->engine == DENALI_ENGINE_STEP ? "step" : "blocks", "interrupts",
        config->interrupts == DENALI_INTERRUPTS_IMMEDIATE ? "immediate" : "batched", "idle",
        config->idle == DENALI_IDLE_NO_TIMEOUT ? "no-timeout" : "timeout", "costs_ns", costs_json(config->costs),
        "disks", disk_list_json(config), "net_in", text_or_null(config->net_in), "net_out",
        text_or_null(config->net_out), "console", consoles[config->console], "console_directory",
        text_or_null(config->console_directory), "keyboard", config->keyboard >= 0 ? "stdin" : "none", "trace",
        (json_int_t)config->trace, "clock", config->clock == DENALI_CLOCK_HOST ? "host" : "virtual", "nets",
        texts_json(config->nets, config->net_count), "links", texts_json(config->links, config->link_count), "capture",
        text_or_null(config->capture));
    add_supervisor(json, config);
    add_policies(json, config);
    return json;
}

static json_t *registers_json(const struct denali_machine *machine)
{
    static const char *const names[8] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
    json_t *registers = json_object();
    for (int i = 0; i < 8; i++)
        json_object_set_new(registers, names[i], hexadecimal("0x%08llx", machine->regs[i]));
    json_object_set_new(registers, "eip", hexadecimal("0x%08llx", machine->eip));
    json_object_set_new(registers, "eflags", hexadecimal("0x%08llx", machine->eflags));
    return registers;
}

static json_t *failed_json(const struct outcome *outcome)
{
    json_t *failed = json_array();
    struct denali_machine machine;
    uint32_t left = outcome->stats.failed, from = 0;
    while (left > 0 && denali_next_machine(outcome->denali, from, &machine)) {
        from = machine.index + 1;
        if (machine.state != DENALI_FAILED)
            continue;
        json_array_append_new(
            failed, json_pack("{s:I, s:o, s:o, s:o, s:o, s:I, s:o}", "vm", (json_int_t)machine.index, "reason",
                              text_or_null(machine.reason), "eip", hexadecimal("0x%08llx", machine.eip), "instruction",
                              text_or_null(machine.disassembly), "symbol", text_or_null(machine.symbol), "instructions",
                              (json_int_t)machine.instructions, "registers", registers_json(&machine)));
        left--;
    }
    return failed;
}

static json_t *machines_json(const struct outcome *outcome)
{
    const struct denali_stats *stats = &outcome->stats;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "stopped", (json_int_t)stats->stopped, "alive",
                     (json_int_t)stats->alive, "idle", (json_int_t)stats->idle, "terminated",
                     (json_int_t)(stats->machines - stats->alive - stats->failed), "failed", (json_int_t)stats->failed,
                     "status_not_0", (json_int_t)outcome->ended_badly, "created", (json_int_t)stats->created,
                     "destroyed", (json_int_t)stats->destroyed);
}

static json_t *frames_json(const struct denali_stats *stats)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "in", (json_int_t)stats->frames.in,
                     "out", (json_int_t)stats->frames.out, "copies", (json_int_t)stats->frames.copies, "delivered",
                     (json_int_t)stats->frames.delivered, "outside", (json_int_t)stats->frames.outside, "unclaimed",
                     (json_int_t)stats->frames.unclaimed, "rx_dropped", (json_int_t)stats->frames.rx_dropped,
                     "link_dropped", (json_int_t)stats->frames.link_dropped, "held", (json_int_t)stats->frames.held,
                     "tx_dropped", (json_int_t)stats->frames.tx_dropped, "unusable",
                     (json_int_t)stats->frames.unusable);
}

static json_t *networks_json(const struct denali *denali)
{
    json_t *networks = json_array();
    struct denali_net net;
    for (uint32_t i = 0; denali_get_net(denali, i, &net); i++)
        json_array_append_new(networks,
                              json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", text_or_null(net.name),
                                        "in", (json_int_t)net.in, "out", (json_int_t)net.out, "out_lost",
                                        (json_int_t)net.out_lost, "unusable", (json_int_t)net.unusable, "own",
                                        (json_int_t)net.own, "kernel_lost", (json_int_t)net.kernel_lost, "completed",
                                        (json_int_t)net.completed, "split", (json_int_t)net.split));
    return networks;
}

static json_t *interrupts_json(const struct denali_stats *stats)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "posted", (json_int_t)stats->interrupts.posted, "delivered",
                     (json_int_t)stats->interrupts.delivered, "crossings", (json_int_t)stats->interrupts.crossings,
                     "max_batch", (json_int_t)stats->interrupts.max_batch);
}

static json_t *memory_json(const struct denali_stats *stats)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "frames", (json_int_t)stats->memory.frames, "shared",
                     (json_int_t)stats->memory.shared_frames, "private", (json_int_t)stats->memory.private_frames,
                     "peak", (json_int_t)stats->memory.peak_frames, "bytes", (json_int_t)stats->memory.bytes);
}

static json_t *disks_json(const struct denali_stats *stats)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "reads", (json_int_t)stats->disks.reads, "writes",
                     (json_int_t)stats->disks.writes, "flushes", (json_int_t)stats->disks.flushes, "failed",
                     (json_int_t)stats->disks.failed, "injected", (json_int_t)stats->disks.injected, "refused",
                     (json_int_t)stats->disks.refused, "abandoned", (json_int_t)stats->disks.abandoned, "trouble",
                     text_or_null(stats->disks.trouble[0] ? stats->disks.trouble : NULL));
}

static json_t *swap_json(const struct denali_stats *stats)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "in", (json_int_t)stats->swap.in, "out",
                     (json_int_t)stats->swap.out, "dropped", (json_int_t)stats->swap.dropped, "pages",
                     (json_int_t)stats->swap.pages, "hibernated", (json_int_t)stats->swap.hibernated, "woken",
                     (json_int_t)stats->swap.woken, "asleep", (json_int_t)stats->swap.asleep);
}

static json_t *outcome_json(const struct outcome *outcome)
{
    const struct denali_stats *stats = &outcome->stats;
    return json_pack(
        "{s:s, s:o, s:s, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:f, s:o, s:o, s:o, s:I, s:I, s:I, s:{s:I, s:I}, "
        "s:o, s:o, s:o, s:o, s:o}",
        "build", denali_build(), "config", config_json(outcome->options), "end", outcome_end_word(outcome), "vms",
        (json_int_t)stats->machines, "machines", machines_json(outcome), "instructions",
        (json_int_t)stats->instructions, "virtual_ns", (json_int_t)stats->virtual_ns, "cost_ns",
        (json_int_t)stats->cost_ns, "host_ns", (json_int_t)outcome->host_ns, "clock_lost_ns",
        (json_int_t)stats->clock_lost_ns, "mips", outcome_mips(outcome), "frames", frames_json(stats), "networks",
        networks_json(outcome->denali), "interrupts", interrupts_json(stats), "vm_switches",
        (json_int_t)stats->vm_switches, "exceptions", (json_int_t)stats->exceptions, "keys_dropped",
        (json_int_t)stats->keys_dropped, "blocks", "decoded", (json_int_t)stats->blocks.decoded, "bytes",
        (json_int_t)stats->blocks.bytes, "disks", disks_json(stats), "memory", memory_json(stats), "swap",
        swap_json(stats), "digest", hexadecimal("%016llx", outcome->digest), "failed", failed_json(outcome));
}

bool stats_json_write(FILE *out, const struct outcome *outcome)
{
    json_t *json = outcome_json(outcome);
    bool written = json && json_dumpf(json, out, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) == 0 &&
                   fputc('\n', out) != EOF && fflush(out) == 0;
    json_decref(json);
    return written;
}
