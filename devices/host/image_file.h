/* SPDX-License-Identifier: MIT
 *
 * Disk images: raw files of whole blocks. Any number of them can be in use; of their descriptors at most
 * IMAGE_FILES_OPEN are, and one that was closed is opened again when it is needed.
 */
#pragma once
#include "../disk.h"

#define IMAGE_FILES_OPEN 32

struct image_files;
struct image_file;

struct image_files *image_files_new(void); /* NULL: no memory */
/* No image is left in use. */
void image_files_free(struct image_files *);
/* "FILE: No space left on device": the first thing the host refused; "" if there was none. */
const char *image_files_trouble(const struct image_files *);

/* An image with one reference; NULL: `error` says why ("FILE: …"). */
struct image_file *image_file_open(struct image_files *, const char *path, bool read_only, char *error,
                                   size_t error_size);
struct image_file *image_file_ref(struct image_file *);
void image_file_unref(struct image_file *);
uint32_t image_file_blocks(const struct image_file *);
/* 0 or a negative DENALI_E*. */
int image_file_read(struct image_file *, uint32_t block, void *to);

/* A disk with these blocks, and a reference of its own. NULL: no memory. */
struct disk_backend *image_file_disk(struct image_file *);
