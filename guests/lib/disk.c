/* SPDX-License-Identifier: MIT */
#include "guest.h"

_Static_assert(sizeof(struct disk_request) == DENALI_DISK_REQUEST_SIZE &&
                   offsetof(struct disk_request, status) == DENALI_DISK_REQUEST_STATUS,
               "as docs/architecture.md says");

bool disk_start(struct disk_request *request)
{
    request->status = 0;
    port_write32(DENALI_PORT_DISK, (uint32_t)request);
    if (request->status != -DENALI_EAGAIN)
        return true;
    request->status = 0;
    return false;
}

struct disk_request *disk_completed(void)
{
    return (struct disk_request *)port_read32(DENALI_PORT_DISK_DONE);
}

static void completed_take(void)
{
    while (disk_completed())
        continue;
}

static int request_do(struct disk_request *request)
{
    if (registers.disk_count == 0)
        return -DENALI_ENODEV; /* there is no such port then */
    uint32_t enabled = interrupts_disable();
    while (!disk_start(request)) {
        interrupt_wait(NO_TIMEOUT);
        completed_take();
    }
    while (request->status == 0)
        interrupt_wait(NO_TIMEOUT);
    completed_take();
    interrupts_restore(enabled);
    return request->status == DENALI_DISK_COMPLETE ? 0 : request->status;
}

int disk_read(uint32_t disk, uint32_t block, void *buffer)
{
    return request_do(&(struct disk_request){.op = DENALI_DISK_READ, .disk = disk, .block = block, .buffer = buffer});
}

int disk_write(uint32_t disk, uint32_t block, const void *buffer)
{
    return request_do(&(struct disk_request){
        .op = DENALI_DISK_WRITE, .disk = disk, .block = block, .buffer = (void *)(uintptr_t)buffer});
}

int disk_flush(uint32_t disk)
{
    return request_do(&(struct disk_request){.op = DENALI_DISK_FLUSH, .disk = disk});
}
