/* SPDX-License-Identifier: MIT */
#include "image_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../container_of.h"

struct open_place {
    struct image_file *file; /* NULL: free */
    uint64_t used;           /* when, counted in uses */
};

struct image_files {
    struct open_place places[IMAGE_FILES_OPEN];
    uint64_t uses;
    uint32_t images; /* in use */
    char trouble[512];
};

struct image_file {
    struct image_files *files; /* borrowed */
    uint32_t references;
    uint32_t blocks;
    bool read_only;
    bool lost;      /* a flush has failed: what was written before it may be gone, so none after it may vouch for it */
    int descriptor; /* -1: it is closed now */
    uint32_t place; /* while it is open */
    dev_t device;   /* which file it was when it was first opened */
    ino_t inode;
    char path[];
};

struct image_disk {
    struct disk_backend backend;
    struct image_file *file; /* one reference */
};

struct image_files *image_files_new(void)
{
    return calloc(1, sizeof(struct image_files));
}

void image_files_free(struct image_files *files)
{
    assert(!files || files->images == 0);
    free(files);
}

const char *image_files_trouble(const struct image_files *files)
{
    return files->trouble;
}

/* What the guest is told: the errors that are part of the architecture, and EIO for every other. */
static int host_error(struct image_file *file, int error)
{
    if (!file->files->trouble[0])
        snprintf(file->files->trouble, sizeof(file->files->trouble), "%s: %s", file->path, strerror(error));
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return -DENALI_ENOSPC;
    case EROFS:
        return -DENALI_EROFS;
    default:
        return -DENALI_EIO;
    }
}

static void close_place(struct open_place *place)
{
    if (!place->file)
        return;
    close(place->file->descriptor);
    place->file->descriptor = -1;
    place->file = NULL;
}

/* A free place, or that of the file unused for longest, which is closed. */
static struct open_place *find_place(struct image_files *files)
{
    struct open_place *oldest = &files->places[0];

    for (struct open_place *place = files->places; place < files->places + IMAGE_FILES_OPEN; place++)
        if ((place->file ? place->used : 0) < (oldest->file ? oldest->used : 0))
            oldest = place;
    close_place(oldest);
    return oldest;
}

static int open_path(const struct image_file *file)
{
    /* Not blocking: opening a FIFO would wait for its other end. */
    return open(file->path, (file->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
}

/* Is it still the file it was? Somebody may have put another one in its place while it was closed. */
static bool is_same(const struct image_file *file, int descriptor)
{
    struct stat status;
    return fstat(descriptor, &status) == 0 && status.st_dev == file->device && status.st_ino == file->inode;
}

/* The descriptor, opened if it is closed. Negative: an error for the guest. */
static int descriptor_of(struct image_file *file)
{
    struct image_files *files = file->files;

    if (file->descriptor < 0) {
        struct open_place *place = find_place(files);
        int descriptor = open_path(file);
        if (descriptor < 0)
            return host_error(file, errno);
        if (!is_same(file, descriptor)) {
            close(descriptor);
            return host_error(file, ESTALE);
        }
        file->descriptor = descriptor;
        file->place = (uint32_t)(place - files->places);
        place->file = file;
    }
    files->places[file->place].used = ++files->uses;
    return file->descriptor;
}

static bool check_file(struct image_file *file, int descriptor, char *error, size_t error_size)
{
    struct stat status;

    if (fstat(descriptor, &status) != 0) {
        snprintf(error, error_size, "%s: %s", file->path, strerror(errno));
        return false;
    }
    uint64_t size = (uint64_t)status.st_size;
    if (!S_ISREG(status.st_mode))
        snprintf(error, error_size, "%s: not a regular file", file->path);
    else if (size == 0 || size % DISK_BLOCK)
        snprintf(error, error_size,
                 "%s: %" PRIu64 " bytes are no whole blocks of 4096 (truncate -s %%4096 adds what is missing)",
                 file->path, size);
    else if (size / DISK_BLOCK > UINT32_MAX)
        snprintf(error, error_size, "%s: too large, a disk has at most 4294967295 blocks", file->path);
    else {
        file->blocks = (uint32_t)(size / DISK_BLOCK);
        file->device = status.st_dev;
        file->inode = status.st_ino;
        return true;
    }
    return false;
}

struct image_file *image_file_open(struct image_files *files, const char *path, bool read_only, char *error,
                                   size_t error_size)
{
    size_t size = strlen(path) + 1;
    struct image_file *file = calloc(1, sizeof(*file) + size);

    if (!file) {
        snprintf(error, error_size, "out of host memory");
        return NULL;
    }
    *file = (struct image_file){.files = files, .references = 1, .read_only = read_only, .descriptor = -1};
    memcpy(file->path, path, size);
    int descriptor = open_path(file);
    if (descriptor < 0)
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
    bool sound = descriptor >= 0 && check_file(file, descriptor, error, error_size);
    if (descriptor >= 0)
        close(descriptor);
    if (!sound) {
        free(file);
        return NULL;
    }
    files->images++;
    return file;
}

struct image_file *image_file_ref(struct image_file *file)
{
    file->references++;
    return file;
}

void image_file_unref(struct image_file *file)
{
    if (--file->references > 0)
        return;
    if (file->descriptor >= 0)
        close_place(&file->files->places[file->place]);
    file->files->images--;
    free(file);
}

uint32_t image_file_blocks(const struct image_file *file)
{
    return file->blocks;
}

int image_file_read(struct image_file *file, uint32_t block, void *to)
{
    int descriptor = descriptor_of(file);

    if (descriptor < 0)
        return descriptor;
    for (size_t done = 0; done < DISK_BLOCK;) {
        off_t at = (off_t)block * DISK_BLOCK + (off_t)done;
        ssize_t got = pread(descriptor, (uint8_t *)to + done, DISK_BLOCK - done, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) /* 0: somebody has cut the file */
            return host_error(file, got < 0 ? errno : EIO);
        done += (size_t)got;
    }
    return 0;
}

static int image_file_write(struct image_file *file, uint32_t block, const void *from)
{
    int descriptor = descriptor_of(file);

    if (descriptor < 0)
        return descriptor;
    for (size_t done = 0; done < DISK_BLOCK;) {
        off_t at = (off_t)block * DISK_BLOCK + (off_t)done;
        ssize_t put = pwrite(descriptor, (const uint8_t *)from + done, DISK_BLOCK - done, at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return host_error(file, put < 0 ? errno : EIO);
        done += (size_t)put;
    }
    return 0;
}

static int disk_read(struct disk_backend *backend, uint32_t block, void *to)
{
    return image_file_read(container_of(backend, struct image_disk, backend)->file, block, to);
}

static int disk_write(struct disk_backend *backend, uint32_t block, const void *from)
{
    return image_file_write(container_of(backend, struct image_disk, backend)->file, block, from);
}

static int disk_flush(struct disk_backend *backend)
{
    struct image_file *file = container_of(backend, struct image_disk, backend)->file;

    if (file->read_only)
        return 0;
    int descriptor = descriptor_of(file);
    if (descriptor < 0)
        return descriptor;
    if (file->lost)
        return -DENALI_EIO;
    file->lost = fdatasync(descriptor) != 0;
    return file->lost ? host_error(file, errno) : 0;
}

static void disk_free(struct disk_backend *backend)
{
    struct image_disk *disk = container_of(backend, struct image_disk, backend);
    image_file_unref(disk->file);
    free(disk);
}

static const struct disk_backend_ops image_disk_ops = {
    .read = disk_read, .write = disk_write, .flush = disk_flush, .free = disk_free};

struct disk_backend *image_file_disk(struct image_file *file)
{
    struct image_disk *disk = malloc(sizeof(*disk));

    if (!disk)
        return NULL;
    *disk =
        (struct image_disk){.backend = {.ops = &image_disk_ops, .blocks = file->blocks, .read_only = file->read_only},
                            .file = image_file_ref(file)};
    return &disk->backend;
}
