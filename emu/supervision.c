/* SPDX-License-Identifier: MIT */
#include "supervision.h"

#include <stdlib.h>
#include <string.h>

#include "../devices/container_of.h"
#include "kernel.h"

#define NOBODY           UINT32_MAX
#define GENERATION_SHIFT 24

_Static_assert(VM_TABLE_MAX - 1 == DENALI_HANDLE_INDEX, "a handle holds every index");

static struct supervision *supervision_of(struct supervisor_host *host)
{
    return container_of(host, struct supervision, host);
}

/* Machines and handles. */

static struct ward *ward_of(struct supervision *s, const struct vm *vm)
{
    return &s->wards[vm->id];
}

static uint32_t handle_of(const struct supervision *s, uint32_t index)
{
    return (uint32_t)s->wards[index].generation << GENERATION_SHIFT | index;
}

static struct vm *find(const struct supervision *s, uint32_t handle)
{
    struct vm *vm = vm_table_at(&s->kernel->vms, handle & DENALI_HANDLE_INDEX);
    return vm && handle_of(s, vm->id) == handle ? vm : NULL;
}

/* The machine, if it is one that may be treated; else NULL and an error. */
static struct vm *find_other(const struct supervision *s, uint32_t handle, int32_t *error)
{
    struct vm *vm = find(s, handle);
    *error = !vm ? -DENALI_ESRCH : -DENALI_EPERM;
    return vm && vm->id != SUPERVISOR_MACHINE ? vm : NULL;
}

bool supervision_reserve(struct supervision *s, uint32_t machines)
{
    uint32_t capacity = machines > s->capacity * 2 ? machines : s->capacity * 2;

    if (machines <= s->capacity)
        return true;
    struct ward *wards = realloc(s->wards, capacity * sizeof(*wards));
    if (!wards)
        return false;
    for (uint32_t i = s->capacity; i < capacity; i++)
        wards[i] = (struct ward){.generation = 1};
    s->wards = wards;
    s->capacity = capacity;
    return true;
}

/* News: a queue of machines, each in it once at most. */

static void news_remove(struct supervision *s, uint32_t index)
{
    struct ward *ward = &s->wards[index];

    if (!ward->has_news)
        return;
    ward->has_news = false;
    *(ward->previous == NOBODY ? &s->first_news : &s->wards[ward->previous].next) = ward->next;
    *(ward->next == NOBODY ? &s->last_news : &s->wards[ward->next].previous) = ward->previous;
}

static void news_add(struct supervision *s, uint32_t index)
{
    const struct vm *supervisor = vm_table_at(&s->kernel->vms, SUPERVISOR_MACHINE);
    struct ward *ward = &s->wards[index];

    if (ward->has_news || vm_has_ended(supervisor))
        return;
    ward->has_news = true;
    ward->next = NOBODY;
    ward->previous = s->last_news;
    *(s->last_news == NOBODY ? &s->first_news : &s->wards[s->last_news].next) = index;
    s->last_news = index;
    supervisor_notify(&supervisor->machine->supervisor);
}

static uint32_t host_take_news(struct supervisor_host *host)
{
    struct supervision *s = supervision_of(host);
    uint32_t index = s->first_news;

    if (index == NOBODY)
        return 0;
    news_remove(s, index);
    return handle_of(s, index);
}

void supervision_ended(struct supervision *s, const struct vm *vm)
{
    if (s && vm->id != SUPERVISOR_MACHINE)
        news_add(s, vm->id);
}

static void sink_write(struct console_sink *sink, uint32_t id, const uint8_t *bytes, size_t length)
{
    struct supervision *s = container_of(sink, struct supervision, sink);

    byte_ring_put(&s->wards[id].console, bytes, length);
    if (length > 0)
        news_add(s, id);
    if (s->outside)
        s->outside->write(s->outside, id, bytes, length);
}

/* Coming and going. */

static uint32_t machines_present(const struct kernel *k)
{
    return k->vms.count - k->vms.vacant_count;
}

/* The image for it; NULL and an error. */
static struct image *choose_image(struct supervision *s, const struct supervisor_create *create,
                                  struct cached_image **use, int32_t *error)
{
    const struct image_place place = {.number = create->image, .disk = create->disk, .block = create->block};
    uint32_t memory = create->memory ? create->memory : s->images.own->space.memory.size;

    *error = -DENALI_EINVAL;
    if (memory % PAGE_SIZE || memory < 2 * PAGE_SIZE)
        return NULL;
    return image_cache_get(&s->images, &place, memory, use, error);
}

static int32_t configure(const struct supervision *s, const struct supervisor_create *create, struct machine_boot *boot)
{
    *boot = (struct machine_boot){.arguments = create->arguments, .disks.count = create->disk_count};
    memcpy(boot->disks.numbers, create->disks, create->disk_count * sizeof(create->disks[0]));
    if (machine_arguments(NULL, 0, create->arguments, VM_TABLE_MAX - 1) > DENALI_ARGS_MAX)
        return -DENALI_E2BIG;
    if (!s->config->disks)
        return create->disk_count > 0 ? -DENALI_ENODEV : 0;
    return disks_check(s->config->disks, &boot->disks);
}

static int32_t host_create(struct supervisor_host *host, const struct supervisor_create *create, uint32_t *machine)
{
    struct supervision *s = supervision_of(host);
    struct disks *disks = s->config->disks;
    struct machine_boot boot;
    struct cached_image *use;
    char ignored[1];
    int32_t error = configure(s, create, &boot);

    if (error)
        return error;
    if (machines_present(s->kernel) >= s->machines_max)
        return -DENALI_EAGAIN;
    if (!supervision_reserve(s, s->kernel->vms.count + 1))
        return -DENALI_ENOMEM;
    struct image *image = choose_image(s, create, &use, &error);
    if (!image)
        return error;
    if (disks)
        disks->error[0] = '\0';
    struct vm *vm = kernel_create(s->kernel, image, s->config, &boot, ignored, sizeof(ignored));
    if (!vm) {
        image_cache_put(&s->images, use);
        return disks && disks->error[0] ? -DENALI_EIO : -DENALI_ENOMEM;
    }
    ward_of(s, vm)->image = use;
    s->created++;
    *machine = handle_of(s, vm->id);
    return 0;
}

static int32_t host_start(struct supervisor_host *host, uint32_t machine)
{
    struct supervision *s = supervision_of(host);
    int32_t error;
    struct vm *vm = find_other(s, machine, &error);

    if (!vm)
        return error;
    if (vm_has_ended(vm))
        return -DENALI_EPIPE;
    kernel_start(s->kernel, vm);
    return 0;
}

static int32_t host_stop(struct supervisor_host *host, uint32_t machine)
{
    struct supervision *s = supervision_of(host);
    int32_t error;
    struct vm *vm = find_other(s, machine, &error);

    if (!vm)
        return error;
    kernel_stop(s->kernel, vm);
    return 0;
}

static int32_t host_destroy(struct supervisor_host *host, uint32_t machine)
{
    struct supervision *s = supervision_of(host);
    int32_t error;
    struct vm *vm = find_other(s, machine, &error);

    if (!vm)
        return error;
    struct ward *ward = ward_of(s, vm);
    news_remove(s, vm->id);
    kernel_destroy(s->kernel, vm);
    image_cache_put(&s->images, ward->image);
    ward->image = NULL;
    byte_ring_drop(&ward->console);
    ward->generation = ward->generation == UINT8_MAX ? 1 : ward->generation + 1;
    s->destroyed++;
    return 0;
}

/* Looking at them. */

static uint32_t state_of(const struct vm *vm)
{
    static const uint32_t states[] = {
        [MACHINE_STOPPED] = DENALI_STATE_STOPPED,       [MACHINE_READY] = DENALI_STATE_READY,
        [MACHINE_PAGING] = DENALI_STATE_READY,          [MACHINE_IDLE] = DENALI_STATE_IDLE,
        [MACHINE_TERMINATED] = DENALI_STATE_TERMINATED, [MACHINE_FAILED] = DENALI_STATE_FAILED,
    };
    return states[vm->state];
}

static void show_entry(const struct machine *m, void *owner)
{
    struct supervisor_entry *entry = owner;
    entry->exit_status = m->vm->state == MACHINE_TERMINATED ? m->state.regs[EAX] : 0;
    entry->instructions = m->instructions;
}

static bool host_next(struct supervisor_host *host, uint32_t index, struct supervisor_entry *entry)
{
    struct supervision *s = supervision_of(host);
    const struct vm *vm = vm_table_next(&s->kernel->vms, index);

    if (!vm)
        return false;
    *entry = (struct supervisor_entry){
        .machine = handle_of(s, vm->id),
        .state = state_of(vm),
        .memory = vm->image->space.memory.size,
        .console = ward_of(s, vm)->console.count,
        .lost = ward_of(s, vm)->console.lost,
    };
    (void)kernel_look(s->kernel, vm, show_entry, entry); /* what swap does not give back is 0 */
    return true;
}

static int32_t host_reason(struct supervisor_host *host, uint32_t machine, const char **text)
{
    const struct vm *vm = find(supervision_of(host), machine);

    if (!vm)
        return -DENALI_ESRCH;
    const struct machine_failure *failure = vm->machine ? vm->machine->failure : NULL;
    *text = failure ? failure->reason : "";
    return 0;
}

static int32_t host_console_peek(struct supervisor_host *host, uint32_t machine, void *to, uint32_t room,
                                 uint32_t *lost)
{
    struct supervision *s = supervision_of(host);
    int32_t error;
    const struct vm *vm = find_other(s, machine, &error);

    if (!vm)
        return error;
    *lost = ward_of(s, vm)->console.lost;
    return (int32_t)byte_ring_peek(&ward_of(s, vm)->console, to, room);
}

static void host_console_take(struct supervisor_host *host, uint32_t machine, uint32_t bytes)
{
    struct supervision *s = supervision_of(host);
    byte_ring_take(&s->wards[machine & DENALI_HANDLE_INDEX].console, bytes);
}

static int32_t host_type(struct supervisor_host *host, uint32_t machine, const uint32_t *events, uint32_t count)
{
    struct supervision *s = supervision_of(host);
    int32_t error;
    struct vm *vm = find_other(s, machine, &error);

    if (!vm)
        return error;
    if (vm_has_ended(vm) || (!vm->machine && !kernel_fetch(s->kernel, vm)))
        return -DENALI_EPIPE;
    struct keyboard *keyboard = &vm->machine->keyboard;
    uint32_t room = keyboard_room(keyboard), typed = 0;
    while (typed < count && typed < room && keyboard_event(keyboard, events[typed]))
        typed++;
    return (int32_t)typed;
}

static const char *host_image_name(struct supervisor_host *host, uint32_t image)
{
    return image_cache_name(&supervision_of(host)->images, image);
}

static void host_state(const struct supervisor_host *host, struct state_visitor *visitor)
{
    const struct supervision *s = container_of_const(host, struct supervision, host);
    uint8_t bytes[BYTE_RING_MAX];

    for (uint32_t i = 0; i < s->kernel->vms.count; i++) {
        const struct byte_ring *console = &s->wards[i].console;
        visitor->number(visitor, "handle", handle_of(s, i));
        visitor->number(visitor, "lost", console->lost);
        visitor->bytes(visitor, "console", bytes, byte_ring_peek(console, bytes, sizeof(bytes)));
    }
    for (uint32_t i = s->first_news; i != NOBODY; i = s->wards[i].next)
        visitor->number(visitor, "news", i);
}

void supervision_init(struct supervision *s, struct kernel *kernel, struct frame_pool *frames, struct disks *disks,
                      struct image *own)
{
    *s = (struct supervision){
        .host = {.create = host_create,
                 .start = host_start,
                 .stop = host_stop,
                 .destroy = host_destroy,
                 .next = host_next,
                 .reason = host_reason,
                 .console_peek = host_console_peek,
                 .console_take = host_console_take,
                 .type = host_type,
                 .image_name = host_image_name,
                 .take_news = host_take_news,
                 .state = host_state},
        .sink = {.write = sink_write},
        .kernel = kernel,
        .first_news = NOBODY,
        .last_news = NOBODY,
    };
    image_cache_init(&s->images, frames, disks, own);
}

uint64_t supervision_bytes(const struct supervision *s)
{
    uint64_t bytes = sizeof(*s) + (uint64_t)s->capacity * sizeof(*s->wards);

    for (uint32_t i = 0; i < s->capacity; i++)
        bytes += s->wards[i].console.capacity;
    return bytes;
}

void supervision_drop(struct supervision *s)
{
    for (uint32_t i = 0; i < s->capacity; i++)
        byte_ring_drop(&s->wards[i].console);
    free(s->wards);
    image_cache_drop(&s->images);
}
