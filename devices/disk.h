/* SPDX-License-Identifier: MIT
 *
 * Virtual disks, up to DENALI_DISKS of fixed size: one device with two ports. The guest gives the address of a request,
 * which is copied once and never read again; the operation happens as a whole at the moment it is complete, so a
 * request that is outstanding when its machine ends has not happened. Addresses are physical. What keeps the blocks is
 * a backend, how long things take the host's affair.
 */
#pragma once
#include "device.h"

#define DISK_BLOCK    DENALI_DISK_BLOCK
#define DISK_REQUESTS 32 /* started and not yet taken from DENALI_PORT_DISK_DONE; a further one gets DENALI_EAGAIN */

struct disk_backend;

/* Each operation concerns one block below `blocks`, or all that was written; the result is 0 or one of -DENALI_E*. */
struct disk_backend_ops {
    int (*read)(struct disk_backend *, uint32_t block, void *to);
    int (*write)(struct disk_backend *, uint32_t block, const void *from);
    int (*flush)(struct disk_backend *); /* what was written survives the death of the process */
    /* Show what a guest could come to feel, beside the blocks. NULL: nothing. */
    void (*state)(const struct disk_backend *, struct state_visitor *);
    void (*free)(struct disk_backend *);
};

/* What keeps a disk's blocks: in devices/host/. */
struct disk_backend {
    const struct disk_backend_ops *ops;
    uint32_t blocks;
    bool read_only;
};

/* Of all disks of a simulation. */
struct disk_counters {
    uint64_t reads, writes, flushes; /* that succeeded */
    uint64_t failed;                 /* the backend could not, for whatever reason */
    uint64_t injected;               /* of these: by devices/host/faulty.h */
    uint64_t refused;                /* the request was wrong, or there were too many */
    uint64_t abandoned;              /* outstanding when the machine ended */
};

/* The host side that knows the time, in its own unit. */
struct disk_host {
    uint64_t (*now)(struct disk_host *);
    /* When an operation on `bytes` bytes from `position` on, asked for now, will be complete; 0 bytes: all before it.
     */
    uint64_t (*take)(struct disk_host *, uint32_t unit, uint64_t position, uint64_t bytes);
    /* Have disk_complete() called at this time, never at once; replaces an earlier wish. */
    void (*wake)(struct disk_host *, uint64_t time);
    void (*sleep)(struct disk_host *); /* no wish any more */
};

struct disk_unit {
    struct disk_backend *backend; /* owned */
    uint64_t written;             /* digest of all blocks written so far, in their order */
};

/* A request as it was when it was started. */
struct disk_request {
    uint64_t due;
    uint32_t address; /* of the guest's */
    uint32_t op, disk, block, buffer;
    int32_t error; /* what it will fail with; 0: it is sound */
};

struct disk_queue {
    struct disk_request pending[DISK_REQUESTS]; /* by `due`, those of one time in the order they were started */
    uint32_t done[DISK_REQUESTS];               /* addresses, a ring */
};

struct disk {
    struct device device;
    struct interrupt_line *line;    /* borrowed */
    struct guest_memory *memory;    /* borrowed */
    struct disk_host *host;         /* borrowed */
    struct disk_counters *counters; /* borrowed */
    struct disk_unit *units;        /* borrowed */
    struct disk_queue *queue;       /* owned; NULL while there is nothing in it */
    uint8_t unit_count;
    uint8_t pending, done, done_head;
};

/* The units' backends become the device's. Before it is used it gets `line` and `memory`, and whenever they change. */
void disk_init(struct disk *, struct disk_host *, struct disk_counters *, struct disk_unit *, uint32_t unit_count);
/* What is due by now is done, and DENALI_IRQ_DISK posted for each. */
void disk_complete(struct disk *, uint64_t now);
/* Is nothing outstanding, nor complete and not yet taken? */
bool disk_is_quiescent(const struct disk *);
