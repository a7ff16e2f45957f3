/* SPDX-License-Identifier: MIT
 *
 * Files for one test, in a directory that goes away with it.
 */
#pragma once
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEMPORARY_MAX 384

struct temporary {
    char directory[64];
};

static inline struct temporary temporary_new(void)
{
    struct temporary temporary = {"/tmp/denali-test-XXXXXX"};
    cr_assert_not_null(mkdtemp(temporary.directory));
    return temporary;
}

static inline const char *temporary_path(const struct temporary *temporary, const char *name, char path[TEMPORARY_MAX])
{
    snprintf(path, TEMPORARY_MAX, "%s/%s", temporary->directory, name);
    return path;
}

static inline void temporary_remove(const struct temporary *temporary)
{
    char path[TEMPORARY_MAX];
    DIR *directory = opendir(temporary->directory);
    for (const struct dirent *entry; directory && (entry = readdir(directory));)
        if (entry->d_name[0] != '.')
            unlink(temporary_path(temporary, entry->d_name, path));
    closedir(directory);
    rmdir(temporary->directory);
}

/* The whole file, to be freed. */
static inline char *file_bytes(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s cannot be read", path);
    fseek(file, 0, SEEK_END);
    *length = (size_t)ftell(file);
    rewind(file);
    char *bytes = calloc(1, *length + 1);
    cr_assert_eq(fread(bytes, 1, *length, file), *length);
    fclose(file);
    return bytes;
}

static inline void file_set(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    cr_assert_eq(fwrite(bytes, 1, length, file), length);
    fclose(file);
}
