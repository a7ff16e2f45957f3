/* SPDX-License-Identifier: MIT */
#include "disk.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "container_of.h"

/* As the guest lays it out. */
struct guest_request {
    uint32_t op, disk, block, buffer, tag;
    int32_t status;
};
_Static_assert(sizeof(struct guest_request) == DENALI_DISK_REQUEST_SIZE, "as denali.h says");

static void report(struct disk *disk, uint32_t address, int32_t status)
{
    uint32_t fault;
    /* It was readable when the request was started; if there is no frame to write it, the guest still hears of it. */
    (void)disk->memory->write(disk->memory, address + DENALI_DISK_REQUEST_STATUS, &status, sizeof(status), &fault);
}

/* What the guest can be told without doing anything. */
static int32_t request_check(const struct disk *disk, const struct guest_request *request)
{
    if (request->disk >= disk->unit_count)
        return -DENALI_ENODEV;
    const struct disk_backend *backend = disk->units[request->disk].backend;
    if (request->op > DENALI_DISK_FLUSH)
        return -DENALI_EINVAL;
    if (request->op != DENALI_DISK_FLUSH && request->block >= backend->blocks)
        return -DENALI_EINVAL;
    return request->op == DENALI_DISK_WRITE && backend->read_only ? -DENALI_EROFS : 0;
}

static uint64_t request_due(struct disk *disk, const struct guest_request *request, int32_t error)
{
    if (error)
        return disk->host->now(disk->host);
    uint64_t bytes = request->op == DENALI_DISK_FLUSH ? 0 : DISK_BLOCK;
    return disk->host->take(disk->host, request->disk, (uint64_t)request->block * DISK_BLOCK, bytes);
}

static void enqueue(struct disk *disk, const struct disk_request *request)
{
    struct disk_request *pending = disk->queue->pending;
    uint32_t at = disk->pending++;

    for (; at > 0 && pending[at - 1].due > request->due; at--)
        pending[at] = pending[at - 1];
    pending[at] = *request;
    disk->host->wake(disk->host, pending[0].due);
}

static bool has_room(struct disk *disk)
{
    if (disk->pending + disk->done == DISK_REQUESTS)
        return false;
    if (!disk->queue)
        disk->queue = calloc(1, sizeof(*disk->queue));
    return disk->queue != NULL;
}

static void disk_out(struct device *device, uint16_t port, uint32_t address)
{
    (void)port;
    struct disk *disk = container_of(device, struct disk, device);
    struct guest_request guest;
    uint32_t fault;

    if (!disk->memory->read(disk->memory, address, &guest, sizeof(guest), &fault)) {
        disk->counters->refused++;
        return;
    }
    if (!has_room(disk)) {
        disk->counters->refused++;
        report(disk, address, -DENALI_EAGAIN);
        return;
    }
    int32_t error = request_check(disk, &guest);
    enqueue(disk, &(struct disk_request){.due = request_due(disk, &guest, error),
                                         .address = address,
                                         .op = guest.op,
                                         .disk = guest.disk,
                                         .block = guest.block,
                                         .buffer = guest.buffer,
                                         .error = error});
}

static void shrink(struct disk *disk)
{
    if (!disk_is_quiescent(disk))
        return;
    free(disk->queue);
    disk->queue = NULL;
    disk->done_head = 0;
}

static uint32_t disk_in(struct device *device, uint16_t port)
{
    (void)port;
    struct disk *disk = container_of(device, struct disk, device);

    if (disk->done == 0)
        return 0;
    uint32_t address = disk->queue->done[disk->done_head];
    disk->done_head = (disk->done_head + 1) % DISK_REQUESTS;
    disk->done--;
    shrink(disk);
    return address;
}

/* Completion. */

static int32_t backend_result(struct disk *disk, int result, uint64_t *succeeded)
{
    ++*(result == 0 ? succeeded : &disk->counters->failed);
    return result;
}

static int32_t do_read(struct disk *disk, struct disk_backend *backend, const struct disk_request *request)
{
    uint8_t block[DISK_BLOCK];
    uint32_t fault;
    int32_t result = backend_result(disk, backend->ops->read(backend, request->block, block), &disk->counters->reads);

    if (result == 0 && !disk->memory->write(disk->memory, request->buffer, block, sizeof(block), &fault))
        return -DENALI_EFAULT;
    return result;
}

static int32_t do_write(struct disk *disk, struct disk_unit *unit, const struct disk_request *request)
{
    struct disk_backend *backend = unit->backend;
    uint8_t block[DISK_BLOCK];
    uint32_t fault;

    if (!disk->memory->read(disk->memory, request->buffer, block, sizeof(block), &fault))
        return -DENALI_EFAULT;
    int32_t result = backend_result(disk, backend->ops->write(backend, request->block, block), &disk->counters->writes);
    if (result == 0)
        unit->written = XXH3_64bits_withSeed(block, sizeof(block), unit->written + request->block);
    return result;
}

static int32_t perform(struct disk *disk, const struct disk_request *request)
{
    if (request->error) {
        disk->counters->refused++;
        return request->error;
    }
    struct disk_unit *unit = &disk->units[request->disk];
    switch (request->op) {
    case DENALI_DISK_READ:
        return do_read(disk, unit->backend, request);
    case DENALI_DISK_WRITE:
        return do_write(disk, unit, request);
    default:
        return backend_result(disk, unit->backend->ops->flush(unit->backend), &disk->counters->flushes);
    }
}

void disk_complete(struct disk *disk, uint64_t now)
{
    while (disk->pending > 0 && disk->queue->pending[0].due <= now) {
        struct disk_queue *queue = disk->queue;
        const struct disk_request request = queue->pending[0];
        int32_t result = perform(disk, &request);
        report(disk, request.address, result == 0 ? DENALI_DISK_COMPLETE : result);
        memmove(queue->pending, queue->pending + 1, --disk->pending * sizeof(queue->pending[0]));
        queue->done[(disk->done_head + disk->done++) % DISK_REQUESTS] = request.address;
        disk->line->post(disk->line, DENALI_IRQ_DISK);
    }
    if (disk->pending > 0)
        disk->host->wake(disk->host, disk->queue->pending[0].due);
}

bool disk_is_quiescent(const struct disk *disk)
{
    return disk->pending + disk->done == 0;
}

/* When a request is due is time, which is no state of the machine. */
static bool disk_quiet(const struct device *device)
{
    return disk_is_quiescent(container_of_const(device, struct disk, device));
}

static void disk_state(struct device *device, struct state_visitor *visitor)
{
    const struct disk *disk = container_of_const(device, struct disk, device);

    visitor->number(visitor, "pending", disk->pending);
    for (uint32_t i = 0; i < disk->pending; i++) {
        const struct disk_request *request = &disk->queue->pending[i];
        visitor->number(visitor, "address", request->address);
        visitor->number(visitor, "op", request->op);
        visitor->number(visitor, "disk", request->disk);
        visitor->number(visitor, "block", request->block);
        visitor->number(visitor, "buffer", request->buffer);
        visitor->number(visitor, "error", (uint32_t)request->error);
    }
    visitor->number(visitor, "done", disk->done);
    for (uint32_t i = 0; i < disk->done; i++)
        visitor->number(visitor, "address", disk->queue->done[(disk->done_head + i) % DISK_REQUESTS]);
    for (uint32_t i = 0; i < disk->unit_count; i++) {
        const struct disk_unit *unit = &disk->units[i];
        visitor->number(visitor, "written", unit->written);
        if (unit->backend->ops->state)
            unit->backend->ops->state(unit->backend, visitor);
    }
}

static void disk_drop(struct device *device)
{
    struct disk *disk = container_of(device, struct disk, device);

    disk->counters->abandoned += disk->pending;
    if (disk->pending > 0)
        disk->host->sleep(disk->host);
    free(disk->queue);
    for (uint32_t i = 0; i < disk->unit_count; i++)
        disk->units[i].backend->ops->free(disk->units[i].backend);
}

static const struct device_ops disk_ops = {
    .name = "disk",
    .ports = {{DENALI_PORT_DISK, PORT_OUT32}, {DENALI_PORT_DISK_DONE, PORT_IN32}},
    .in = disk_in,
    .out = disk_out,
    .state = disk_state,
    .quiet = disk_quiet,
    .drop = disk_drop,
};

void disk_init(struct disk *disk, struct disk_host *host, struct disk_counters *counters, struct disk_unit *units,
               uint32_t unit_count)
{
    *disk = (struct disk){
        .device.ops = &disk_ops, .host = host, .counters = counters, .units = units, .unit_count = (uint8_t)unit_count};
}
