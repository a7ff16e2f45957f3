/* SPDX-License-Identifier: MIT
 *
 * For a machine with the supervisor feature: one function for each request (docs/architecture.md, section 10). All are
 * complete when they return. Results are 0 or more, or minus a DENALI_E*; supervisor_error() has words for the latter.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "denali.h"

struct supervisor_create {
    uint32_t image;        /* number, or DENALI_IMAGE_DISK */
    uint32_t disk, block;  /* with the latter: where the image begins */
    uint32_t memory;       /* bytes; 0 = as much as this machine has */
    const char *arguments; /* at most DENALI_ARGS_MAX bytes; "{vm}" becomes the index */
    const uint32_t *disks; /* numbers of those it gets */
    uint32_t disk_count;
};

struct supervisor_entry {
    uint32_t machine; /* handle */
    uint32_t state;   /* DENALI_STATE_* */
    uint32_t exit_status, memory;
    uint64_t instructions;
    uint32_t console, lost; /* bytes it wrote that were not read, and lost before them */
};

/* Has this machine the feature? */
bool supervisor_present(void);
/* The new machine is stopped; *machine is its handle. */
int32_t supervisor_create(const struct supervisor_create *, uint32_t *machine);
int32_t supervisor_start(uint32_t machine);
int32_t supervisor_stop(uint32_t machine);
int32_t supervisor_destroy(uint32_t machine);
/* The machines from this index up, at most `count` of them. Returns how many. */
int32_t supervisor_list(uint32_t index, struct supervisor_entry *entries, uint32_t count);
/* Why it failed, "" if it has not; cut to the room, which is not 0, and ended by NUL. */
int32_t supervisor_reason(uint32_t machine, char *text, size_t size);
/* What it wrote, oldest first. Returns how many bytes. */
int32_t supervisor_read(uint32_t machine, void *buffer, size_t size, uint32_t *lost);
/* Key events for its keyboard. Returns how many were taken. */
int32_t supervisor_type(uint32_t machine, const uint32_t *events, uint32_t count);
/* The name of an image, as supervisor_reason(). */
int32_t supervisor_image_name(uint32_t image, char *text, size_t size);
/* A machine that ended or wrote something since it was last returned here; 0 = none. */
uint32_t supervisor_news(void);
/* "no such machine" */
const char *supervisor_error(int32_t status);
