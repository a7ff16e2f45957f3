/* SPDX-License-Identifier: MIT */
#include "supervisor.h"

#include <string.h>

#include "container_of.h"

/* As it lies in the guest's memory. */
struct request {
    uint32_t op;
    int32_t status;
    uint32_t machine, lost, buffer, length, image, disk, block, memory, disks, disk_count;
};

_Static_assert(sizeof(struct request) == DENALI_REQUEST_SIZE, "the request of denali.h");
_Static_assert(offsetof(struct request, lost) == DENALI_REQUEST_LOST, "the request of denali.h");
_Static_assert(offsetof(struct request, length) == DENALI_REQUEST_LENGTH, "the request of denali.h");
_Static_assert(offsetof(struct request, memory) == DENALI_REQUEST_MEMORY, "the request of denali.h");
_Static_assert(sizeof(struct supervisor_entry) == DENALI_ENTRY_SIZE, "the entry of denali.h");
_Static_assert(offsetof(struct supervisor_entry, instructions) == DENALI_ENTRY_INSTRUCTIONS, "the entry of denali.h");
_Static_assert(offsetof(struct supervisor_entry, lost) == DENALI_ENTRY_LOST, "the entry of denali.h");

#define READ_MAX    4096 /* bytes of one READ: as much as a console keeps, and no more is on our stack */
#define TYPE_PIECE  64   /* key events copied at a time */
#define EVENT_BYTES ((uint32_t)sizeof(uint32_t))

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Copies of nothing touch nothing, wherever the address points. */

static bool copy_in(const struct supervisor *s, uint32_t address, void *to, uint32_t length)
{
    uint32_t fault;
    return length == 0 || s->memory->read(s->memory, address, to, length, &fault);
}

static bool copy_out(const struct supervisor *s, uint32_t address, const void *from, uint32_t length)
{
    uint32_t fault;
    return length == 0 || s->memory->write(s->memory, address, from, length, &fault);
}

/* Operations. */

static int32_t do_create(struct supervisor *s, struct request *request)
{
    char arguments[DENALI_ARGS_MAX + 1];
    struct supervisor_create create = {
        .image = request->image,
        .disk = request->disk,
        .block = request->block,
        .memory = request->memory,
        .arguments = arguments,
        .disk_count = request->disk_count,
    };

    if (request->length > DENALI_ARGS_MAX)
        return -DENALI_E2BIG;
    if (request->disk_count > SUPERVISOR_DISKS)
        return -DENALI_EINVAL;
    if (!copy_in(s, request->buffer, arguments, request->length) ||
        !copy_in(s, request->disks, create.disks, request->disk_count * (uint32_t)sizeof(create.disks[0])))
        return -DENALI_EFAULT;
    arguments[request->length] = '\0';
    return s->host->create(s->host, &create, &request->machine);
}

static int32_t do_start(struct supervisor *s, struct request *request)
{
    return s->host->start(s->host, request->machine);
}

static int32_t do_stop(struct supervisor *s, struct request *request)
{
    return s->host->stop(s->host, request->machine);
}

static int32_t do_destroy(struct supervisor *s, struct request *request)
{
    return s->host->destroy(s->host, request->machine);
}

static int32_t do_list(struct supervisor *s, struct request *request)
{
    struct supervisor_entry entry;
    uint32_t index = request->machine & DENALI_HANDLE_INDEX, count = 0;

    while (count < request->length / DENALI_ENTRY_SIZE && s->host->next(s->host, index, &entry)) {
        if (!copy_out(s, request->buffer + count * DENALI_ENTRY_SIZE, &entry, sizeof(entry)))
            return -DENALI_EFAULT;
        index = (entry.machine & DENALI_HANDLE_INDEX) + 1;
        count++;
    }
    return (int32_t)count;
}

/* As much of a text as there is room for, without a NUL. Returns its whole length. */
static int32_t give_text(struct supervisor *s, const struct request *request, const char *text)
{
    uint32_t length = (uint32_t)strlen(text);
    return copy_out(s, request->buffer, text, smaller(length, request->length)) ? (int32_t)length : -DENALI_EFAULT;
}

static int32_t do_reason(struct supervisor *s, struct request *request)
{
    const char *text;
    int32_t status = s->host->reason(s->host, request->machine, &text);
    return status < 0 ? status : give_text(s, request, text);
}

static int32_t do_read(struct supervisor *s, struct request *request)
{
    uint8_t bytes[READ_MAX];
    uint32_t lost;
    int32_t count = s->host->console_peek(s->host, request->machine, bytes, smaller(request->length, READ_MAX), &lost);

    if (count < 0)
        return count;
    if (!copy_out(s, request->buffer, bytes, (uint32_t)count))
        return -DENALI_EFAULT;
    s->host->console_take(s->host, request->machine, (uint32_t)count);
    request->lost = lost;
    return count;
}

/* Of what the keyboard does not take, no more is looked at. */
static int32_t do_type(struct supervisor *s, struct request *request)
{
    uint32_t events[TYPE_PIECE], typed = 0, piece;

    if (request->length % EVENT_BYTES)
        return -DENALI_EINVAL;
    do {
        piece = smaller(request->length / EVENT_BYTES - typed, TYPE_PIECE);
        if (!copy_in(s, request->buffer + typed * EVENT_BYTES, events, piece * EVENT_BYTES))
            return typed > 0 ? (int32_t)typed : -DENALI_EFAULT;
        int32_t taken = s->host->type(s->host, request->machine, events, piece);
        if (taken < 0)
            return taken;
        typed += (uint32_t)taken;
        if ((uint32_t)taken < piece)
            break;
    } while (piece == TYPE_PIECE);
    return (int32_t)typed;
}

static int32_t do_image(struct supervisor *s, struct request *request)
{
    const char *name = s->host->image_name(s->host, request->image);
    return name ? give_text(s, request, name) : -DENALI_ENOENT;
}

static int32_t (*const operations[])(struct supervisor *, struct request *) = {
    [DENALI_SUPERVISOR_CREATE] = do_create, [DENALI_SUPERVISOR_START] = do_start,
    [DENALI_SUPERVISOR_STOP] = do_stop,     [DENALI_SUPERVISOR_DESTROY] = do_destroy,
    [DENALI_SUPERVISOR_LIST] = do_list,     [DENALI_SUPERVISOR_REASON] = do_reason,
    [DENALI_SUPERVISOR_READ] = do_read,     [DENALI_SUPERVISOR_TYPE] = do_type,
    [DENALI_SUPERVISOR_IMAGE] = do_image,
};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

/* Ports. */

static bool answer(const struct supervisor *s, uint32_t address, const struct request *request)
{
    const uint32_t length = DENALI_REQUEST_BUFFER - DENALI_REQUEST_STATUS;
    return copy_out(s, address + DENALI_REQUEST_STATUS, &request->status, length);
}

/* The answer is written before, too: where it cannot be, nothing is done that the guest would not hear of. */
static void supervisor_out(struct device *device, uint16_t port, uint32_t value)
{
    (void)port;
    struct supervisor *s = container_of(device, struct supervisor, device);
    struct request request;

    if (!copy_in(s, value, &request, sizeof(request)))
        return;
    request.status = -DENALI_ENOSYS;
    request.lost = 0;
    if (!answer(s, value, &request))
        return;
    if (request.op < OPERATIONS && operations[request.op])
        request.status = operations[request.op](s, &request);
    (void)answer(s, value, &request);
}

static uint32_t supervisor_in(struct device *device, uint16_t port)
{
    (void)port;
    struct supervisor *s = container_of(device, struct supervisor, device);
    return s->host->take_news(s->host);
}

/* What is told to it must reach it at once. */
static bool supervisor_quiet(const struct device *device)
{
    (void)device;
    return false;
}

static void supervisor_state(struct device *device, struct state_visitor *visitor)
{
    const struct supervisor *s = container_of(device, struct supervisor, device);
    s->host->state(s->host, visitor);
}

static const struct device_ops supervisor_ops = {
    .name = "supervisor",
    .ports = {{DENALI_PORT_SUPERVISOR, PORT_IN32 | PORT_OUT32}},
    .in = supervisor_in,
    .out = supervisor_out,
    .state = supervisor_state,
    .quiet = supervisor_quiet,
};

static void absent_state(struct device *device, struct state_visitor *visitor)
{
    (void)device, (void)visitor;
}

static const struct device_ops absent_ops = {.name = "supervisor", .state = absent_state};

void supervisor_init(struct supervisor *s, struct interrupt_line *line, struct guest_memory *memory,
                     struct supervisor_host *host)
{
    *s = (struct supervisor){
        .device.ops = host ? &supervisor_ops : &absent_ops, .line = line, .memory = memory, .host = host};
}

void supervisor_notify(struct supervisor *s)
{
    s->line->post(s->line, DENALI_IRQ_SUPERVISOR);
}
