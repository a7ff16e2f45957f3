/* SPDX-License-Identifier: MIT
 *
 * The supervisor: the port over which one machine looks after the others. The device reads requests out of its
 * machine's memory, checks what can be checked without knowing any other machine, and hands them to its host, which
 * knows them all. A request is complete when the OUT is.
 */
#pragma once
#include "device.h"

#define SUPERVISOR_DISKS 16 /* that a machine can get */

/* A machine to be. */
struct supervisor_create {
    uint32_t image;        /* number, or DENALI_IMAGE_DISK */
    uint32_t disk, block;  /* with the latter */
    uint32_t memory;       /* bytes; 0: the host chooses */
    const char *arguments; /* at most DENALI_ARGS_MAX bytes */
    uint32_t disks[SUPERVISOR_DISKS], disk_count;
};

/* As LIST gives it to the guest: DENALI_ENTRY_*. */
struct supervisor_entry {
    uint32_t machine, state, exit_status, memory;
    uint64_t instructions;
    uint32_t console, lost;
};

/* The machines, as those that supervise them may see and treat them. Results are 0 or more, or minus a DENALI_E*. */
struct supervisor_host {
    int32_t (*create)(struct supervisor_host *, const struct supervisor_create *, uint32_t *machine);
    int32_t (*start)(struct supervisor_host *, uint32_t machine);
    int32_t (*stop)(struct supervisor_host *, uint32_t machine);
    int32_t (*destroy)(struct supervisor_host *, uint32_t machine);
    /* The machine with the lowest index from this one up. False: there is none. */
    bool (*next)(struct supervisor_host *, uint32_t index, struct supervisor_entry *);
    /* Borrowed text; "" unless it has failed. */
    int32_t (*reason)(struct supervisor_host *, uint32_t machine, const char **text);
    /* Copies the oldest bytes of its console, at most `room`, and tells how many were lost before them. They stay. */
    int32_t (*console_peek)(struct supervisor_host *, uint32_t machine, void *to, uint32_t room, uint32_t *lost);
    /* These bytes are done with, and so are those lost. */
    void (*console_take)(struct supervisor_host *, uint32_t machine, uint32_t bytes);
    /* Returns how many of the key events its keyboard took: the first ones. */
    int32_t (*type)(struct supervisor_host *, uint32_t machine, const uint32_t *events, uint32_t count);
    /* NULL: there is no such image. */
    const char *(*image_name)(struct supervisor_host *, uint32_t image);
    /* The machine that has had news for longest; it has none then. 0: no machine has. */
    uint32_t (*take_news)(struct supervisor_host *);
    /* Everything that the above would tell. */
    void (*state)(const struct supervisor_host *, struct state_visitor *);
};

struct supervisor {
    struct device device;
    struct interrupt_line *line;  /* borrowed */
    struct guest_memory *memory;  /* borrowed */
    struct supervisor_host *host; /* borrowed; NULL: this machine is no supervisor, and the device is not there */
};

void supervisor_init(struct supervisor *, struct interrupt_line *, struct guest_memory *, struct supervisor_host *);
/* A machine has news: it ended, or wrote to its console. Posts DENALI_IRQ_SUPERVISOR. */
void supervisor_notify(struct supervisor *);
