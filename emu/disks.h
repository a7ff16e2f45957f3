/* SPDX-License-Identifier: MIT
 *
 * The disks of a simulation: which files its machines have as disks, and what each machine has of them. A file that
 * several machines share stands for one disk, which does one thing after the other; so does each machine's own file.
 */
#pragma once
#include "../devices/disk.h"
#include "../devices/host/image_file.h"
#include "../devices/host/overlay.h"
#include "cost.h"
#include "event.h"
#include "frame.h"

/* One --disk. */
struct disk_source {
    char *file; /* owned */
    bool read_only, copy_on_write;
    uint32_t errors; /* in a million operations */
    uint64_t seed;
    struct image_file *shared; /* one reference; NULL: each machine has a file of its own, with its index in the name */
    bool taken;                /* the shared one is written by the machine that has it */
    struct disk_clock clock;   /* of the shared one */
};

struct pager;

struct disks {
    struct overlay_memory memory; /* embedded: overlays take frames */
    struct frame_pool *frames;    /* borrowed */
    struct pager *pager;          /* borrowed; may make room for frames; NULL: it cannot */
    struct clock *now;            /* borrowed */
    struct cost_model costs;
    struct image_files *files; /* owned */
    struct disk_source sources[DENALI_DISKS];
    uint32_t count;
    uint64_t overlay_frames; /* frames that overlays have now */
    struct disk_counters counters;
    char error[512]; /* why the last disks_attach() failed */
};

/* The configuration's disks; opens those that machines share. False: `error` says why; disks_drop() in any case. */
bool disks_init(struct disks *, const struct denali_config *, struct frame_pool *, struct clock *, char *error,
                size_t error_size);
/* No machine has any disk left. */
void disks_drop(struct disks *);
/* Is this the name of an image on a disk, "disk:N"? */
bool disks_is_image(const char *name, uint32_t *which);
/* Reads an image that lies raw on a disk from that block on: the bytes that belong to it, to be freed. 0, or minus a
 * DENALI_E*. */
int32_t disks_read_image(struct disks *, uint32_t which, uint32_t block, uint8_t **bytes, size_t *size);
/* The image that lies raw on disk number `which` from block 0 on: the bytes that belong to it, to be freed. NULL: see
 * `error`. */
uint8_t *disks_image(struct disks *, uint32_t which, size_t *size, char *error, size_t error_size);

/* Which of them a machine has, in the order in which it sees them; none twice. */
struct disk_choice {
    uint32_t numbers[DENALI_DISKS];
    uint32_t count;
};

/* All of them, or all but those that only one machine may have. */
struct disk_choice disks_choose(const struct disks *, bool but_written);
/* Can a machine have these? 0, or minus a DENALI_E*. */
int32_t disks_check(const struct disks *, const struct disk_choice *);

/* The disks of one machine, in one piece. */
struct machine_disks {
    struct disk disk; /* the device */
    struct disk_host host;
    struct event event;         /* the next completion */
    struct event_queue *events; /* borrowed */
    struct disks *disks;        /* borrowed */
    struct disk_choice choice;
    struct disk_clock *clocks; /* by unit, of machines' own files; behind the units */
    struct disk_unit units[];
};

/* They stay while the machine is swapped out. NULL: `disks->error` says why. */
struct machine_disks *disks_attach(struct disks *, const struct disk_choice *, uint32_t vm, struct event_queue *);
/* What the machine has now for the device. */
void disks_connect(struct machine_disks *, struct interrupt_line *, struct guest_memory *);
/* Host bytes that these take, beside the frames of overlays. */
size_t disks_bytes(const struct machine_disks *);
/* The device is dropped and all given back. NULL: nothing happens. */
void disks_detach(struct machine_disks *);
