/* SPDX-License-Identifier: MIT
 *
 * Swap in files: what is written comes back, or an error that names the file and the block.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../../emu/swap.h"
#include "../devices/temporary.h"
#include <string.h>

enum { BLOCK = 8192, STORED = BLOCK + 8 /* with its checksum */ };

struct bench {
    struct temporary temporary;
    char paths[3][TEMPORARY_MAX];
    char all[3 * TEMPORARY_MAX];
    struct swap_store *store;
    char error[256];
};

static void bench_init(struct bench *b, unsigned files)
{
    *b = (struct bench){.temporary = temporary_new()};
    for (unsigned i = 0; i < files; i++) {
        char name[] = "swap-0";
        name[5] = (char)('0' + i);
        temporary_path(&b->temporary, name, b->paths[i]);
        strcat(strcat(b->all, i > 0 ? "," : ""), b->paths[i]);
    }
    b->store = swap_files_new(b->all, BLOCK, b->error, sizeof(b->error));
    cr_assert(b->store, "%s", b->error);
}

static void bench_drop(struct bench *b)
{
    b->store->ops->free(b->store);
    temporary_remove(&b->temporary);
}

static void fill(uint8_t bytes[BLOCK], uint64_t block)
{
    for (unsigned i = 0; i < BLOCK; i++)
        bytes[i] = (uint8_t)(i * 7 + block * 13 + i / 256);
}

static bool put(struct bench *b, uint64_t block)
{
    uint8_t bytes[BLOCK];
    fill(bytes, block);
    return b->store->ops->write(b->store, block, bytes, b->error, sizeof(b->error));
}

static bool get(struct bench *b, uint64_t block)
{
    uint8_t bytes[BLOCK], expected[BLOCK];
    fill(expected, block);
    bool got = b->store->ops->read(b->store, block, bytes, b->error, sizeof(b->error));
    cr_assert(!got || memcmp(bytes, expected, BLOCK) == 0, "block %u has other bytes", (unsigned)block);
    return got;
}

static void expect_error(const struct bench *b, const char *path, const char *rest)
{
    char text[TEMPORARY_MAX + 128];
    snprintf(text, sizeof(text), "swap: %s: %s", path, rest);
    cr_expect_str_eq(b->error, text);
}

static off_t size_of(const char *path)
{
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    return status.st_size;
}

static uint64_t bytes_used(const char *path)
{
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    return (uint64_t)status.st_blocks * 512;
}

Test(swap_files, blocks_come_back_in_any_order)
{
    for (unsigned files = 1; files <= 3; files++) {
        struct bench b;
        bench_init(&b, files);
        cr_expect_eq(b.store->disks, files);
        for (uint64_t i = 0; i < 50; i++)
            cr_assert(put(&b, i * 37 % 50), "%s", b.error);
        for (uint64_t i = 0; i < 50; i++)
            cr_assert(get(&b, i * 23 % 50), "%s", b.error);
        bench_drop(&b);
    }
}

Test(swap_files, blocks_are_striped_over_the_files)
{
    struct bench b;
    bench_init(&b, 3);
    for (uint64_t i = 0; i < 7; i++)
        cr_assert(put(&b, i));
    cr_expect_eq(size_of(b.paths[0]), 3 * STORED);
    cr_expect_eq(size_of(b.paths[1]), 2 * STORED);
    cr_expect_eq(size_of(b.paths[2]), 2 * STORED);
    bench_drop(&b);
}

Test(swap_files, far_block_leaves_a_hole)
{
    struct bench b;
    bench_init(&b, 1);
    cr_assert(put(&b, 1000000));
    cr_assert(get(&b, 1000000));
    cr_expect_geq(size_of(b.paths[0]), (off_t)1000000 * BLOCK);
    cr_expect_lt(bytes_used(b.paths[0]), 1 << 20);
    bench_drop(&b);
}

Test(swap_files, file_is_emptied_at_the_start_and_at_the_end)
{
    struct bench b;
    bench_init(&b, 1);
    b.store->ops->free(b.store);
    file_set(b.paths[0], "something", 9);
    b.store = swap_files_new(b.paths[0], BLOCK, b.error, sizeof(b.error));
    cr_assert_not_null(b.store);
    cr_expect_eq(size_of(b.paths[0]), 0);
    cr_assert(put(&b, 3));
    b.store->ops->free(b.store);
    cr_expect_eq(size_of(b.paths[0]), 0);
    temporary_remove(&b.temporary);
}

static void damage(const char *path, off_t offset)
{
    uint8_t byte;
    int file = open(path, O_RDWR);
    cr_assert_eq(pread(file, &byte, 1, offset), 1);
    byte ^= 0x10;
    cr_assert_eq(pwrite(file, &byte, 1, offset), 1);
    close(file);
}

Test(swap_files, damaged_byte_is_noticed_wherever_it_is)
{
    static const off_t places[] = {0, 1, BLOCK / 2, BLOCK - 1, BLOCK, STORED - 1};
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct bench b;
        bench_init(&b, 2);
        for (uint64_t block = 0; block < 6; block++)
            cr_assert(put(&b, block));
        damage(b.paths[1], STORED + places[i]); /* block 3: the second of that file */
        cr_assert(!get(&b, 3), "place %u", i);
        expect_error(&b, b.paths[1], "block 1: it is damaged: its checksum is wrong");
        for (uint64_t block = 0; block < 6; block++)
            cr_assert(block == 3 || get(&b, block), "block %u", (unsigned)block);
        bench_drop(&b);
    }
}

Test(swap_files, block_in_the_place_of_another_is_noticed)
{
    struct bench b;
    bench_init(&b, 1);
    cr_assert(put(&b, 0) && put(&b, 1));
    size_t length;
    char *bytes = file_bytes(b.paths[0], &length);
    int file = open(b.paths[0], O_WRONLY);
    cr_assert_eq(pwrite(file, bytes, STORED, STORED), STORED);
    close(file);
    free(bytes);
    cr_expect(get(&b, 0));
    cr_expect(!get(&b, 1));
    bench_drop(&b);
}

Test(swap_files, file_cut_short_is_noticed)
{
    struct bench b;
    bench_init(&b, 1);
    cr_assert(put(&b, 0) && put(&b, 1));
    cr_assert_eq(truncate(b.paths[0], 2 * STORED - 1), 0);
    cr_expect(get(&b, 0));
    cr_expect(!get(&b, 1));
    expect_error(&b, b.paths[0], "block 1: the file ends before it");
    cr_expect(!get(&b, 5), "never written");
    bench_drop(&b);
}

Test(swap_files, full_device_is_an_error_of_each_write)
{
    struct bench b = {0};
    b.store = swap_files_new("/dev/full", BLOCK, b.error, sizeof(b.error));
    cr_assert(b.store, "%s", b.error);
    cr_expect(!put(&b, 0));
    expect_error(&b, "/dev/full", "block 0: No space left on device");
    cr_expect(!get(&b, 0));
    b.store->ops->discard(b.store, 0, 10);
    b.store->ops->free(b.store);
}

Test(swap_files, limit_on_the_size_of_files_is_an_error_and_what_was_there_stays)
{
    struct bench b;
    const struct rlimit limit = {.rlim_cur = 2 * STORED + 100, .rlim_max = RLIM_INFINITY};
    bench_init(&b, 1);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_expect(put(&b, 0) && put(&b, 1));
    cr_expect(!put(&b, 2));
    expect_error(&b, b.paths[0], "block 2: only a part of it could be written");
    cr_expect(!put(&b, 3));
    expect_error(&b, b.paths[0], "block 3: File too large");
    cr_expect(get(&b, 0) && get(&b, 1));
    cr_expect(!get(&b, 2));
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    bench_drop(&b);
}

Test(swap_files, file_that_cannot_be_made_is_named_and_none_is_left_open)
{
    struct temporary temporary = temporary_new();
    char error[256], good[TEMPORARY_MAX], paths[2 * TEMPORARY_MAX];
    snprintf(paths, sizeof(paths), "%s,/nowhere/at/all", temporary_path(&temporary, "good", good));
    cr_expect_null(swap_files_new(paths, BLOCK, error, sizeof(error)));
    cr_expect_str_eq(error, "/nowhere/at/all: No such file or directory");
    cr_expect_null(swap_files_new("/tmp", BLOCK, error, sizeof(error)));
    cr_expect_str_eq(error, "/tmp: Is a directory");
    int descriptor = open("/dev/null", O_RDONLY), again = open("/dev/null", O_RDONLY);
    cr_expect_eq(again, descriptor + 1);
    close(descriptor);
    close(again);
    temporary_remove(&temporary);
}

Test(swap_files, more_files_than_there_may_be_are_refused)
{
    char error[256], paths[(SWAP_FILES_MAX + 1) * 10 + 1] = "";
    for (unsigned i = 0; i < SWAP_FILES_MAX; i++)
        strcat(paths, "/dev/null,");
    strcat(paths, "/dev/full");
    cr_expect_null(swap_files_new(paths, BLOCK, error, sizeof(error)));
    cr_expect_str_eq(error, "/dev/full: swap has at most 16 files");
}

/* Where the file system punches no holes there is nothing to see. */
static bool holes_work(const struct bench *b)
{
    int file = open(b->paths[0], O_RDWR);
    bool work = fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1) == 0;
    close(file);
    return work;
}

Test(swap_files, discarded_blocks_take_no_room_and_their_neighbours_stay)
{
    for (unsigned files = 1; files <= 3; files++) {
        struct bench b;
        bench_init(&b, files);
        for (uint64_t i = 0; i < 300; i++)
            cr_assert(put(&b, i));
        uint64_t before = bytes_used(b.paths[0]);
        b.store->ops->discard(b.store, 10, 280);
        for (uint64_t i = 0; i < 10; i++)
            cr_assert(get(&b, i) && get(&b, 290 + i), "%s", b.error);
        if (holes_work(&b)) {
            cr_expect_lt(bytes_used(b.paths[0]), before / 4);
            for (uint64_t i = 10; i < 290; i++)
                cr_assert(!get(&b, i), "block %u", (unsigned)i);
        }
        bench_drop(&b);
    }
}

Test(swap_files, discard_of_fewer_blocks_than_files_touches_no_other)
{
    struct bench b;
    bench_init(&b, 3);
    for (uint64_t i = 0; i < 9; i++)
        cr_assert(put(&b, i));
    b.store->ops->discard(b.store, 4, 2);
    b.store->ops->discard(b.store, 0, 0);
    for (uint64_t i = 0; i < 9; i++)
        cr_expect(i == 4 || i == 5 || get(&b, i), "block %u", (unsigned)i);
    bench_drop(&b);
}
