/* SPDX-License-Identifier: MIT
 *
 * Feeds files to a fuzz target, each once, without libFuzzer: `replay FOLDER...`. So that what fuzzing has found before
 * is a test with every compiler.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { INPUT_MAX = 1 << 20 };

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(INPUT_MAX);
    size_t size = file && bytes ? fread(bytes, 1, INPUT_MAX, file) : 0;
    uint8_t *exact = size ? realloc(bytes, size) : bytes; /* so that a sanitizer sees its end */

    if (file)
        fclose(file);
    printf("%s: %zu bytes\n", path, size);
    fflush(stdout); /* what follows may be the end */
    if (size)
        LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return size != 0;
}

static int replay_folder(const char *folder)
{
    int count = 0, found;
    char path[4096];
    struct dirent **names;

    found = scandir(folder, &names, NULL, alphasort);
    for (int i = 0; i < found; i++) {
        if (names[i]->d_name[0] != '.' && snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name) > 0)
            count += replay_file(path);
        free(names[i]);
    }
    if (found >= 0)
        free(names);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;

    for (int i = 1; i < argc; i++)
        count += replay_folder(argv[i]);
    printf("%d inputs\n", count);
    return count == 0;
}
