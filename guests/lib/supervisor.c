/* SPDX-License-Identifier: MIT */
#include "supervisor.h"

#include "guest.h"
#include "libc.h"

struct request {
    uint32_t op;
    int32_t status;
    uint32_t machine, lost, buffer, length, image, disk, block, memory, disks, disk_count;
};

_Static_assert(sizeof(struct request) == DENALI_REQUEST_SIZE, "as denali.h says");
_Static_assert(offsetof(struct request, length) == DENALI_REQUEST_LENGTH, "as denali.h says");
_Static_assert(offsetof(struct request, disk_count) == DENALI_REQUEST_DISK_COUNT, "as denali.h says");
_Static_assert(sizeof(struct supervisor_entry) == DENALI_ENTRY_SIZE, "as denali.h says");
_Static_assert(offsetof(struct supervisor_entry, console) == DENALI_ENTRY_CONSOLE, "as denali.h says");

/* A request that the kernel cannot answer keeps this status. */
static int32_t ask(struct request *request)
{
    request->status = -DENALI_EFAULT;
    port_write32(DENALI_PORT_SUPERVISOR, (uint32_t)request);
    return request->status;
}

static int32_t ask_about(uint32_t op, uint32_t machine)
{
    struct request request = {.op = op, .machine = machine};
    return ask(&request);
}

bool supervisor_present(void)
{
    return registers.features & DENALI_FEATURE_SUPERVISOR;
}

int32_t supervisor_create(const struct supervisor_create *create, uint32_t *machine)
{
    struct request request = {
        .op = DENALI_SUPERVISOR_CREATE,
        .buffer = (uint32_t)create->arguments,
        .length = create->arguments ? strlen(create->arguments) : 0,
        .image = create->image,
        .disk = create->disk,
        .block = create->block,
        .memory = create->memory,
        .disks = (uint32_t)create->disks,
        .disk_count = create->disk_count,
    };
    int32_t status = ask(&request);
    *machine = request.machine;
    return status;
}

int32_t supervisor_start(uint32_t machine)
{
    return ask_about(DENALI_SUPERVISOR_START, machine);
}

int32_t supervisor_stop(uint32_t machine)
{
    return ask_about(DENALI_SUPERVISOR_STOP, machine);
}

int32_t supervisor_destroy(uint32_t machine)
{
    return ask_about(DENALI_SUPERVISOR_DESTROY, machine);
}

int32_t supervisor_list(uint32_t index, struct supervisor_entry *entries, uint32_t count)
{
    struct request request = {.op = DENALI_SUPERVISOR_LIST,
                              .machine = index,
                              .buffer = (uint32_t)entries,
                              .length = count * sizeof(*entries)};
    return ask(&request);
}

/* A request whose answer is a text. */
static int32_t ask_text(struct request *request, char *text, size_t size)
{
    request->buffer = (uint32_t)text;
    request->length = size - 1;
    int32_t length = ask(request);
    text[length < 0 ? 0 : (size_t)length < size ? (size_t)length : size - 1] = '\0';
    return length;
}

int32_t supervisor_reason(uint32_t machine, char *text, size_t size)
{
    struct request request = {.op = DENALI_SUPERVISOR_REASON, .machine = machine};
    return ask_text(&request, text, size);
}

int32_t supervisor_read(uint32_t machine, void *buffer, size_t size, uint32_t *lost)
{
    struct request request = {
        .op = DENALI_SUPERVISOR_READ, .machine = machine, .buffer = (uint32_t)buffer, .length = size};
    int32_t status = ask(&request);
    *lost = request.lost;
    return status;
}

int32_t supervisor_type(uint32_t machine, const uint32_t *events, uint32_t count)
{
    struct request request = {.op = DENALI_SUPERVISOR_TYPE,
                              .machine = machine,
                              .buffer = (uint32_t)events,
                              .length = count * sizeof(*events)};
    return ask(&request);
}

int32_t supervisor_image_name(uint32_t image, char *text, size_t size)
{
    struct request request = {.op = DENALI_SUPERVISOR_IMAGE, .image = image};
    return ask_text(&request, text, size);
}

uint32_t supervisor_news(void)
{
    return port_read32(DENALI_PORT_SUPERVISOR);
}

const char *supervisor_error(int32_t status)
{
    switch (-status) {
    case DENALI_EPERM:
        return "the supervisor leaves itself alone";
    case DENALI_ENOENT:
        return "no such image";
    case DENALI_ESRCH:
        return "no such machine";
    case DENALI_E2BIG:
        return "the arguments are too long";
    case DENALI_ENOEXEC:
        return "no image, or one that does not fit into so little memory";
    case DENALI_EAGAIN:
        return "there are as many machines as may be";
    case DENALI_ENOMEM:
        return "no memory left for it";
    case DENALI_EIO:
        return "its disk cannot be opened or read";
    case DENALI_EBUSY:
        return "another machine writes that disk";
    case DENALI_ENODEV:
        return "no such disk";
    case DENALI_EINVAL:
        return "a number that cannot be";
    case DENALI_EPIPE:
        return "it has ended";
    default:
        return "the kernel refuses";
    }
}
