/* SPDX-License-Identifier: MIT
 *
 * Swap in files. A block lies at its place, followed by 8 bytes: the XXH3 hash of its bytes, seeded with its number, so
 * that a block that is damaged, or another one, is noticed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xxhash.h>

#include "swap.h"

struct swap_file {
    int descriptor;
    char *path; /* owned */
};

struct swap_files {
    struct swap_store base;
    struct swap_file files[SWAP_FILES_MAX];
};

static const struct swap_file *file_of(const struct swap_files *files, uint64_t block)
{
    return &files->files[block % files->base.disks];
}

static uint64_t place_of(const struct swap_files *files, uint64_t block)
{
    return block / files->base.disks * (files->base.block_bytes + sizeof(XXH64_hash_t));
}

static bool complain(const struct swap_files *files, uint64_t block, const char *what, char *error, size_t error_size)
{
    snprintf(error, error_size, "swap: %s: block %" PRIu64 ": %s", file_of(files, block)->path,
             block / files->base.disks, what);
    return false;
}

static bool files_write(struct swap_store *base, uint64_t block, const void *bytes, char *error, size_t error_size)
{
    struct swap_files *files = (struct swap_files *)base;
    XXH64_hash_t hash = XXH3_64bits_withSeed(bytes, base->block_bytes, block);
    const struct iovec parts[] = {{(void *)(uintptr_t)bytes, base->block_bytes}, {&hash, sizeof(hash)}};
    ssize_t written = pwritev(file_of(files, block)->descriptor, parts, 2, (off_t)place_of(files, block));

    if (written < 0)
        return complain(files, block, strerror(errno), error, error_size);
    if ((size_t)written != base->block_bytes + sizeof(hash))
        return complain(files, block, "only a part of it could be written", error, error_size);
    return true;
}

static bool files_read(struct swap_store *base, uint64_t block, void *bytes, char *error, size_t error_size)
{
    struct swap_files *files = (struct swap_files *)base;
    XXH64_hash_t hash;
    const struct iovec parts[] = {{bytes, base->block_bytes}, {&hash, sizeof(hash)}};
    ssize_t got = preadv(file_of(files, block)->descriptor, parts, 2, (off_t)place_of(files, block));

    if (got < 0)
        return complain(files, block, strerror(errno), error, error_size);
    if ((size_t)got != base->block_bytes + sizeof(hash))
        return complain(files, block, "the file ends before it", error, error_size);
    if (hash != XXH3_64bits_withSeed(bytes, base->block_bytes, block))
        return complain(files, block, "it is damaged: its checksum is wrong", error, error_size);
    return true;
}

/* Gives the room back to the file system, where that can do so; else nothing is lost but room. */
static void files_discard(struct swap_store *base, uint64_t first, uint64_t count)
{
    struct swap_files *files = (struct swap_files *)base;

    for (uint64_t block = first; block < first + count && block < first + base->disks; block++) {
        uint64_t last = block + (first + count - 1 - block) / base->disks * base->disks;
        uint64_t from = place_of(files, block), to = place_of(files, last + base->disks);
        (void)fallocate(file_of(files, block)->descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
                        (off_t)(to - from));
    }
}

static void files_free(struct swap_store *base)
{
    struct swap_files *files = (struct swap_files *)base;

    for (uint32_t i = 0; i < base->disks; i++) {
        (void)!ftruncate(files->files[i].descriptor, 0);
        close(files->files[i].descriptor);
        free(files->files[i].path);
    }
    free(files);
}

static const struct swap_store_ops files_ops = {
    .write = files_write, .read = files_read, .discard = files_discard, .free = files_free};

/* NULL: it is open; else why it is not. */
static const char *files_open(struct swap_files *files, const char *path, size_t length)
{
    _Static_assert(SWAP_FILES_MAX == 16, "what is said");
    if (files->base.disks == SWAP_FILES_MAX)
        return "swap has at most 16 files";
    struct swap_file *file = &files->files[files->base.disks];
    file->path = strndup(path, length);
    file->descriptor = file->path ? open(file->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (file->descriptor < 0) {
        const char *why = strerror(errno);
        free(file->path);
        return why;
    }
    files->base.disks++;
    return NULL;
}

struct swap_store *swap_files_new(const char *paths, uint32_t block_bytes, char *error, size_t error_size)
{
    struct swap_files *files = calloc(1, sizeof(*files));
    if (!files) {
        snprintf(error, error_size, "out of host memory");
        return NULL;
    }
    files->base = (struct swap_store){.ops = &files_ops, .block_bytes = block_bytes};
    for (const char *path = paths;; path++) {
        size_t length = strcspn(path, ",");
        const char *why = files_open(files, path, length);
        if (why) {
            snprintf(error, error_size, "%.*s: %s", (int)length, path, why);
            files_free(&files->base);
            return NULL;
        }
        path += length;
        if (!*path)
            return &files->base;
    }
}
