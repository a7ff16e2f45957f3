/* SPDX-License-Identifier: MIT */
#include "disks.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../devices/container_of.h"
#include "../devices/host/faulty.h"
#include "image.h"
#include "machine.h"
#include "pager.h"

/* What overlays keep is physical memory. */

static void *take_frame(struct overlay_memory *memory, uint8_t **bytes)
{
    struct disks *disks = container_of(memory, struct disks, memory);
    bool room = !disks->pager || pager_make_room(disks->pager, 1);
    struct frame *frame = room ? frame_new(disks->frames) : NULL;

    if (!frame)
        return NULL;
    disks->overlay_frames++;
    *bytes = frame->page.bytes;
    return frame;
}

static void give_frame(struct overlay_memory *memory, void *handle)
{
    struct disks *disks = container_of(memory, struct disks, memory);

    disks->overlay_frames--;
    frame_unref(disks->frames, handle);
}

/* All of a simulation. */

static bool source_init(struct disks *disks, struct disk_source *source, const struct denali_disk *config, char *error,
                        size_t error_size)
{
    *source = (struct disk_source){
        .file = strdup(config->file),
        .read_only = config->read_only,
        .copy_on_write = config->copy_on_write,
        .errors = config->errors,
        .seed = config->seed,
        .clock = DISK_CLOCK_NEW,
    };
    if (!source->file) {
        snprintf(error, error_size, "out of host memory");
        return false;
    }
    if (strstr(source->file, MACHINE_PLACEHOLDER))
        return true;
    source->shared =
        image_file_open(disks->files, source->file, source->read_only || source->copy_on_write, error, error_size);
    return source->shared != NULL;
}

/* Two machines that write the same blocks would feel each other. A supervisor gives the disk to one at a time. */
static bool source_check(const struct denali_config *config, uint32_t which, char *error, size_t error_size)
{
    const struct denali_disk *disk = &config->disks[which];

    if (disk->read_only || disk->copy_on_write || config->machines == 1 || config->supervisor ||
        strstr(disk->file, MACHINE_PLACEHOLDER))
        return true;
    snprintf(error, error_size,
             "%s: several machines would write one disk: make it read-only (ro) or a copy for each (cow), or have a "
             "file for each ({vm} in its name)",
             disk->file);
    return false;
}

bool disks_init(struct disks *disks, const struct denali_config *config, struct frame_pool *frames, struct clock *now,
                char *error, size_t error_size)
{
    *disks = (struct disks){
        .memory = {.take = take_frame, .give = give_frame}, .frames = frames, .now = now, .files = image_files_new()};
    if (!disks->files) {
        snprintf(error, error_size, "out of host memory");
        return false;
    }
    cost_model_init(&disks->costs, &config->costs, now);
    for (uint32_t i = 0; i < config->disk_count; i++) {
        disks->count++;
        if (!source_check(config, i, error, error_size) ||
            !source_init(disks, &disks->sources[i], &config->disks[i], error, error_size))
            return false;
        disks->sources[i].seed += config->seed;
    }
    return true;
}

void disks_drop(struct disks *disks)
{
    for (uint32_t i = 0; i < disks->count; i++) {
        if (disks->sources[i].shared)
            image_file_unref(disks->sources[i].shared);
        free(disks->sources[i].file);
    }
    image_files_free(disks->files);
    *disks = (struct disks){0};
}

bool disks_is_image(const char *name, uint32_t *which)
{
    const char *number = strncmp(name, "disk:", 5) == 0 ? name + 5 : "";
    char *end;
    unsigned long value = strtoul(number, &end, 10);

    *which = value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
    return number[0] >= '0' && number[0] <= '9' && !*end;
}

/* Blocks from this one on, as many as an image that begins so says it has. */
static uint8_t *read_image(struct image_file *file, uint32_t block, size_t *size)
{
    uint64_t limit = (uint64_t)(image_file_blocks(file) - block) * DISK_BLOCK, wanted = DISK_BLOCK;
    uint8_t *bytes = NULL;

    for (*size = 0; *size < wanted; wanted = image_extent(bytes, *size)) {
        wanted = wanted < limit ? wanted : limit;
        uint8_t *larger = realloc(bytes, wanted + DISK_BLOCK);
        if (!larger) {
            free(bytes);
            return NULL;
        }
        bytes = larger;
        for (; *size < wanted; *size += DISK_BLOCK) {
            if (image_file_read(file, block + (uint32_t)(*size / DISK_BLOCK), bytes + *size) == 0)
                continue;
            free(bytes);
            return NULL;
        }
        if (*size >= limit)
            break;
    }
    return bytes;
}

int32_t disks_read_image(struct disks *disks, uint32_t which, uint32_t block, uint8_t **bytes, size_t *size)
{
    struct image_file *file = which < disks->count ? disks->sources[which].shared : NULL;

    if (!file)
        return -DENALI_ENODEV;
    if (block >= image_file_blocks(file))
        return -DENALI_EINVAL;
    *bytes = read_image(file, block, size);
    return *bytes ? 0 : -DENALI_EIO;
}

uint8_t *disks_image(struct disks *disks, uint32_t which, size_t *size, char *error, size_t error_size)
{
    if (which >= disks->count) {
        snprintf(error, error_size, "disk:%" PRIu32 ": there is no such disk, of %" PRIu32 " (--disk)", which,
                 disks->count);
        return NULL;
    }
    struct disk_source *source = &disks->sources[which];
    if (!source->shared) {
        snprintf(error, error_size, "%s: machines boot one image, so they cannot from a file for each", source->file);
        return NULL;
    }
    uint8_t *bytes = read_image(source->shared, 0, size);
    if (!bytes)
        snprintf(error, error_size, "%s: it cannot be read", source->file);
    return bytes;
}

/* Those of one machine. */

static bool is_written(const struct disk_source *source)
{
    return source->shared && !source->read_only && !source->copy_on_write;
}

struct disk_choice disks_choose(const struct disks *disks, bool but_written)
{
    struct disk_choice choice = {.count = 0};

    for (uint32_t i = 0; i < disks->count; i++)
        if (!but_written || !is_written(&disks->sources[i]))
            choice.numbers[choice.count++] = i;
    return choice;
}

int32_t disks_check(const struct disks *disks, const struct disk_choice *choice)
{
    uint32_t seen = 0;

    for (uint32_t i = 0; i < choice->count; i++) {
        uint32_t number = choice->numbers[i];
        if (number >= disks->count)
            return -DENALI_ENODEV;
        if (seen & 1u << number)
            return -DENALI_EINVAL;
        if (disks->sources[number].taken)
            return -DENALI_EBUSY;
        seen |= 1u << number;
    }
    return 0;
}

static struct disk_source *source_of(const struct machine_disks *attached, uint32_t unit)
{
    return &attached->disks->sources[attached->choice.numbers[unit]];
}

static uint64_t host_now(struct disk_host *host)
{
    return container_of(host, struct machine_disks, host)->disks->now->cycles;
}

static uint64_t host_take(struct disk_host *host, uint32_t unit, uint64_t position, uint64_t bytes)
{
    struct machine_disks *attached = container_of(host, struct machine_disks, host);
    struct disks *disks = attached->disks;
    struct disk_source *source = source_of(attached, unit);
    struct disk_clock *clock = source->shared ? &source->clock : &attached->clocks[unit];

    return disk_clock_take(clock, &disks->costs, disks->now->cycles, position, bytes);
}

static void host_wake(struct disk_host *host, uint64_t time)
{
    struct machine_disks *attached = container_of(host, struct machine_disks, host);
    event_schedule(attached->events, &attached->event, time);
}

static void host_sleep(struct disk_host *host)
{
    struct machine_disks *attached = container_of(host, struct machine_disks, host);
    event_cancel(attached->events, &attached->event);
}

/* By the event's time, not the clock's, which a cost may have led past it: disks of all machines keep their order. */
static void event_fire(struct event *event)
{
    disk_complete(&container_of(event, struct machine_disks, event)->disk, event->time);
}

/* Takes over a reference to the file. NULL: out of host memory. */
static struct disk_backend *stack(struct disks *disks, const struct disk_source *source, struct image_file *file,
                                  uint64_t seed)
{
    struct disk_backend *backend = image_file_disk(file);

    image_file_unref(file);
    if (backend && source->copy_on_write)
        backend = overlay_new(backend, &disks->memory);
    if (backend && source->errors)
        backend = faulty_new(backend, source->errors, seed, &disks->counters.injected);
    return backend;
}

static struct image_file *open_file(struct disks *disks, struct disk_source *source, uint32_t vm)
{
    char path[PATH_MAX];

    if (source->shared && source->taken)
        snprintf(disks->error, sizeof(disks->error), "%s: another machine writes this disk", source->file);
    else if (source->shared)
        return image_file_ref(source->shared);
    else if (machine_arguments(path, sizeof(path), source->file, vm) >= sizeof(path))
        snprintf(disks->error, sizeof(disks->error), "%s: the name is too long", source->file);
    else
        return image_file_open(disks->files, path, source->read_only || source->copy_on_write, disks->error,
                               sizeof(disks->error));
    return NULL;
}

static struct disk_backend *open_unit(struct disks *disks, struct disk_source *source, uint32_t vm, uint64_t seed)
{
    struct image_file *file = open_file(disks, source, vm);

    if (!file)
        return NULL;
    struct disk_backend *backend = stack(disks, source, file, seed);
    if (!backend)
        snprintf(disks->error, sizeof(disks->error), "out of host memory");
    return backend;
}

static bool open_units(struct machine_disks *attached, uint32_t vm)
{
    for (uint32_t i = 0; i < attached->choice.count; i++) {
        struct disk_source *source = source_of(attached, i);
        uint64_t seed = source->seed ^ (uint64_t)vm << 32 ^ (uint64_t)attached->choice.numbers[i] << 56;
        attached->clocks[i] = DISK_CLOCK_NEW;
        attached->units[i].backend = open_unit(attached->disks, source, vm, seed);
        if (attached->units[i].backend)
            continue;
        while (i-- > 0)
            attached->units[i].backend->ops->free(attached->units[i].backend);
        return false;
    }
    return true;
}

/* A disk that is written belongs to one machine at a time. */
static void set_taken(struct machine_disks *attached, bool taken)
{
    for (uint32_t i = 0; i < attached->choice.count; i++)
        source_of(attached, i)->taken = taken && is_written(source_of(attached, i));
}

struct machine_disks *disks_attach(struct disks *disks, const struct disk_choice *choice, uint32_t vm,
                                   struct event_queue *events)
{
    size_t size = choice->count * (sizeof(struct disk_unit) + sizeof(struct disk_clock));
    struct machine_disks *attached = calloc(1, sizeof(*attached) + size);

    disks->error[0] = '\0';
    if (!attached) {
        snprintf(disks->error, sizeof(disks->error), "out of host memory");
        return NULL;
    }
    attached->host = (struct disk_host){host_now, host_take, host_wake, host_sleep};
    attached->event = (struct event){.source = vm, .class = EVENT_DISK, .fire = event_fire};
    attached->events = events;
    attached->disks = disks;
    attached->choice = *choice;
    attached->clocks = (struct disk_clock *)&attached->units[choice->count];
    if (!open_units(attached, vm)) {
        free(attached);
        return NULL;
    }
    set_taken(attached, true);
    disk_init(&attached->disk, &attached->host, &disks->counters, attached->units, choice->count);
    return attached;
}

void disks_connect(struct machine_disks *attached, struct interrupt_line *line, struct guest_memory *memory)
{
    attached->disk.line = line;
    attached->disk.memory = memory;
}

size_t disks_bytes(const struct machine_disks *attached)
{
    if (!attached)
        return 0;
    return sizeof(*attached) + attached->choice.count * (sizeof(struct disk_unit) + sizeof(struct disk_clock)) +
           (attached->disk.queue ? sizeof(*attached->disk.queue) : 0);
}

void disks_detach(struct machine_disks *attached)
{
    if (!attached)
        return;
    attached->disk.device.ops->drop(&attached->disk.device);
    set_taken(attached, false);
    free(attached);
}
