/* SPDX-License-Identifier: MIT */
#include "../../devices/host/image_file.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

#include "temporary.h"

struct bench {
    struct temporary temporary;
    struct image_files *files;
    char error[512];
    char path[TEMPORARY_MAX];
};

static void bench_init(struct bench *b)
{
    b->temporary = temporary_new();
    b->files = image_files_new();
    cr_assert_not_null(b->files);
}

static void bench_drop(struct bench *b)
{
    image_files_free(b->files);
    temporary_remove(&b->temporary);
}

/* A file of so many blocks, each full of its number. */
static const char *make(struct bench *b, const char *name, uint32_t blocks)
{
    uint8_t *bytes = malloc((size_t)blocks * DISK_BLOCK);
    for (size_t i = 0; i < (size_t)blocks * DISK_BLOCK; i++)
        bytes[i] = (uint8_t)(i / DISK_BLOCK);
    file_set(temporary_path(&b->temporary, name, b->path), bytes, (size_t)blocks * DISK_BLOCK);
    free(bytes);
    return b->path;
}

static struct disk_backend *open_disk(struct bench *b, const char *path, bool read_only)
{
    struct image_file *file = image_file_open(b->files, path, read_only, b->error, sizeof(b->error));
    cr_assert_not_null(file, "%s", b->error);
    struct disk_backend *disk = image_file_disk(file);
    image_file_unref(file);
    cr_assert(disk && disk->read_only == read_only);
    return disk;
}

static int byte_at(struct disk_backend *disk, uint32_t block)
{
    uint8_t bytes[DISK_BLOCK];
    int result = disk->ops->read(disk, block, bytes);
    return result ? result : bytes[DISK_BLOCK - 1];
}

static int fill(struct disk_backend *disk, uint32_t block, uint8_t byte)
{
    uint8_t bytes[DISK_BLOCK];
    memset(bytes, byte, sizeof(bytes));
    return disk->ops->write(disk, block, bytes);
}

static unsigned descriptors(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

Test(image_file, blocks_are_where_they_lie_in_the_file)
{
    struct bench b;
    size_t length;
    bench_init(&b);
    struct disk_backend *disk = open_disk(&b, make(&b, "a", 5), false);
    cr_assert_eq(disk->blocks, 5);
    cr_assert_eq(byte_at(disk, 4), 4);
    cr_assert_eq(fill(disk, 2, 'x'), 0);
    cr_assert_eq(disk->ops->flush(disk), 0);
    cr_assert_eq(byte_at(disk, 2), 'x');
    disk->ops->free(disk);
    char *bytes = file_bytes(b.path, &length);
    cr_assert_eq(length, 5 * DISK_BLOCK);
    for (size_t i = 0; i < length; i++)
        cr_assert_eq(bytes[i], i / DISK_BLOCK == 2 ? 'x' : (char)(i / DISK_BLOCK));
    free(bytes);
    cr_assert_str_eq(image_files_trouble(b.files), "");
    bench_drop(&b);
}

Test(image_file, files_that_are_no_disks_are_refused_by_name)
{
    struct bench b;
    bench_init(&b);
    cr_assert_null(image_file_open(b.files, "/nowhere/a", true, b.error, sizeof(b.error)));
    cr_assert_str_eq(b.error, "/nowhere/a: No such file or directory");
    cr_assert_null(image_file_open(b.files, "/dev/null", true, b.error, sizeof(b.error)));
    cr_assert_str_eq(b.error, "/dev/null: not a regular file");
    file_set(temporary_path(&b.temporary, "odd", b.path), "12345", 5);
    cr_assert_null(image_file_open(b.files, b.path, true, b.error, sizeof(b.error)));
    cr_assert_not_null(strstr(b.error, "/odd: 5 bytes are no whole blocks"));
    file_set(b.path, "", 0);
    cr_assert_null(image_file_open(b.files, b.path, true, b.error, sizeof(b.error)));
    bench_drop(&b);
}

Test(image_file, more_files_than_descriptors_all_work)
{
    enum { FILES = 3 * IMAGE_FILES_OPEN };
    struct bench b;
    struct disk_backend *disks[FILES];
    char name[16];
    bench_init(&b);
    unsigned before = descriptors();
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        disks[i] = open_disk(&b, make(&b, name, 2), false);
    }
    cr_assert_eq(descriptors(), before, "none is open until it is used");
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < FILES; i++) {
            cr_assert_eq(fill(disks[i], 1, (uint8_t)(i + round)), 0);
            cr_assert_leq(descriptors(), before + IMAGE_FILES_OPEN);
        }
    for (int i = 0; i < FILES; i++) {
        cr_assert_eq(byte_at(disks[i], 1), i + 1);
        cr_assert_eq(disks[i]->ops->flush(disks[i]), 0);
        disks[i]->ops->free(disks[i]);
    }
    cr_assert_eq(descriptors(), before);
    bench_drop(&b);
}

Test(image_file, file_that_was_cut_is_an_error_of_the_disk)
{
    struct bench b;
    bench_init(&b);
    struct disk_backend *disk = open_disk(&b, make(&b, "a", 5), true);
    cr_assert_eq(truncate(b.path, 3 * DISK_BLOCK + 100), 0);
    cr_assert_eq(byte_at(disk, 2), 2);
    cr_assert_eq(byte_at(disk, 3), -DENALI_EIO);
    cr_assert_eq(byte_at(disk, 4), -DENALI_EIO);
    cr_assert_not_null(strstr(image_files_trouble(b.files), "/a: Input/output error"));
    disk->ops->free(disk);
    bench_drop(&b);
}

/* A descriptor that was closed is opened again by name: it must be the same file. */
Test(image_file, another_file_in_its_place_is_not_touched)
{
    struct bench b;
    char place[TEMPORARY_MAX];
    bench_init(&b);
    struct disk_backend *disk = open_disk(&b, make(&b, "a", 5), false);
    temporary_path(&b.temporary, "a", place);
    cr_assert_eq(rename(make(&b, "b", 5), place), 0);
    cr_assert_eq(fill(disk, 1, 'x'), -DENALI_EIO);
    cr_assert_eq(byte_at(disk, 1), -DENALI_EIO);
    cr_assert_not_null(strstr(image_files_trouble(b.files), "Stale file handle"));
    disk->ops->free(disk);
    disk = open_disk(&b, place, true);
    cr_assert_eq(byte_at(disk, 1), 1);
    disk->ops->free(disk);
    bench_drop(&b);
}

Test(image_file, host_without_room_says_so_to_the_guest)
{
    struct bench b;
    bench_init(&b);
    struct disk_backend *disk = open_disk(&b, make(&b, "a", 5), false);
    const struct rlimit limit = {2 * DISK_BLOCK, 2 * DISK_BLOCK};
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(fill(disk, 1, 'x'), 0);
    cr_assert_eq(fill(disk, 3, 'x'), -DENALI_ENOSPC);
    cr_assert_not_null(strstr(image_files_trouble(b.files), "/a: File too large"));
    cr_assert_eq(fill(disk, 0, 'x'), 0, "and goes on");
    disk->ops->free(disk);
    bench_drop(&b);
}

Test(image_file, read_only_file_serves_a_disk_that_is)
{
    struct bench b;
    bench_init(&b);
    struct disk_backend *disk = open_disk(&b, make(&b, "a", 5), true);
    cr_assert_eq(byte_at(disk, 1), 1);
    cr_assert_eq(disk->ops->flush(disk), 0);
    disk->ops->free(disk);
    bench_drop(&b);
}
