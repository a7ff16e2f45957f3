/* SPDX-License-Identifier: MIT
 *
 * Guest images: ELF32, EM_386, ET_EXEC, statically linked, loaded by physical address from DENALI_IMAGE_BASE up. An
 * image is loaded once into a space that machines then clone, so its frames are shared by all of them.
 */
#pragma once
#include "space.h"

struct image_function; /* private to image.c */

struct image {
    struct space space; /* the prototype: image bytes in place, page 0 and the rest absent */
    uint32_t entry;     /* EIP at boot */
    uint32_t end;       /* first free byte after the image (including its .bss) */
    uint64_t hash;      /* of the file */
    bool wants_network; /* the program is of use only with a network outside: it says so (DENALI_NOTE_NETWORK) */
    uint8_t *file;      /* the file's bytes, owned: symbols are looked up in it */
    size_t file_size;
    struct image_function *functions; /* by address, owned; none in a file without a (sound) symbol table */
    size_t function_count;
    const struct image *original; /* whose file and functions these are; NULL: its own */
};

/* Load `path` (or bytes that are already in memory) for machines of `memory_size` bytes. False: `error` says what is
 * wrong with which part of the file ("FILE: program header 2: …"); nothing needs to be dropped then, and `end` is 0
 * unless the image is sound and only the memory for it was wanting. */
bool image_load(struct image *, const char *path, struct frame_pool *, uint32_t memory_size, char *error,
                size_t error_size);
bool image_load_bytes(struct image *, const char *name, const void *bytes, size_t size, struct frame_pool *,
                      uint32_t memory_size, char *error, size_t error_size);
/* How many bytes of a file that begins with these must be read for its image, as far as they tell; at most `size` if
 * that is all. So a file that has no end of its own is read by asking again with more, until no more is asked for. */
uint64_t image_extent(const void *bytes, size_t size);
/* The same file for machines of another memory size. It shares what it can with the original, which outlives it. */
bool image_load_variant(struct image *, const struct image *original, struct frame_pool *, uint32_t memory_size,
                        char *error, size_t error_size);
void image_drop(struct image *);
/* The function symbol at or before `address`, NULL if there is none or the address is behind the image; *offset is the
 * distance. Points into the image. */
const char *image_symbol(const struct image *, uint32_t address, uint32_t *offset);
