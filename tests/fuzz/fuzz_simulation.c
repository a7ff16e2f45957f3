/* SPDX-License-Identifier: MIT
 *
 * libFuzzer: the input is the program of an image that three machines boot: frames shared copy-on-write, devices,
 * interrupts, scheduling. Both engines, and unlike quanta of the block engine's own, must leave the same digest.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../emu/libdenali.h"
#include "../emu/tiny_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { MACHINES = 3, INSTRUCTIONS = 3000, PROGRAM_MAX = 3 * DENALI_PAGE_SIZE, MEMORY = 64 << 10 };

static void check(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static void write_image(int descriptor, const uint8_t *program, size_t size)
{
    uint8_t file[PROGRAM_MAX + 256];
    size_t length = tiny_image(file, sizeof(file), program, size);
    check(length > 0 && write(descriptor, file, length) == (ssize_t)length);
}

static uint64_t run(const char *image, enum denali_engine engine, uint64_t quanta_at_once)
{
    char error[256];
    struct denali_config config;

    denali_config_init(&config);
    config.image = image;
    config.machines = MACHINES;
    config.memory = MEMORY;
    config.frames = MEMORY * 2; /* less than they may ask for */
    config.quantum_ns = 177;
    config.instructions = INSTRUCTIONS;
    config.until_ns = 1000000000;
    config.engine = engine;
    config.console = DENALI_CONSOLE_NONE;
    struct denali *d = denali_new(&config, error, sizeof(error));
    check(d);
    while (denali_run(d, quanta_at_once) == DENALI_RUNNING)
        continue;
    uint64_t digest = denali_digest(d);
    check(denali_free(d, error, sizeof(error)));
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > PROGRAM_MAX)
        return 0;
    char path[64];
    int descriptor = memfd_create("image", 0);
    check(descriptor >= 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
    write_image(descriptor, data, size);
    uint64_t digest = run(path, DENALI_ENGINE_STEP, 1);
    check(run(path, DENALI_ENGINE_BLOCKS, 7) == digest);
    close(descriptor);
    return 0;
}
