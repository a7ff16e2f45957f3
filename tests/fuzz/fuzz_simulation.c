/* SPDX-License-Identifier: MIT
 *
 * libFuzzer: the input is the program of an image that three machines boot: frames shared copy-on-write, devices,
 * interrupts, scheduling, swapping, with or without the MMU. Both engines, and unlike quanta of the block engine's own,
 * must leave the same digest.
 *
 * A machine boots with no state but ours, so the image begins with code that loads the state of the input.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../emu/libdenali.h"
#include "../emu/tiny_image.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum {
    MACHINES = 3,
    DISK_BLOCKS = 4,
    MACHINES_MAX = 7,
    INSTRUCTIONS = 4000,
    FX_IMAGE = 2 * DENALI_PAGE_SIZE - 512, /* FXRSTOR's operand, and the stack grows from there */
    REQUEST = FX_IMAGE - 512,              /* a request to the supervisor's port, which the program may change */
    PROGRAM = 2 * DENALI_PAGE_SIZE,        /* and up; before it, in the first page of the image, is our code */
};

static void check(bool holds)
{
    if (!holds)
        __builtin_trap();
}

/* What lies in memory from DENALI_IMAGE_BASE on. */
struct image {
    uint8_t bytes[INPUT_MEMORY - DENALI_IMAGE_BASE];
    size_t code; /* bytes of our code so far */
    size_t size;
};

static uint8_t *image_at(struct image *image, uint32_t address)
{
    return image->bytes + (address - DENALI_IMAGE_BASE);
}

static void emit(struct image *image, uint64_t value, size_t bytes)
{
    memcpy(image->bytes + image->code, &value, bytes);
    image->code += bytes;
}

static void emit_register(struct image *image, enum cpu_register number, uint32_t value)
{
    emit(image, 0xB8 + number, 1); /* MOV r32, imm32 */
    emit(image, value, 4);
}

static void emit_push(struct image *image, uint32_t value)
{
    emit(image, 0x68, 1); /* PUSH imm32 */
    emit(image, value, 4);
}

static void emit_store(struct image *image, uint32_t address, uint32_t value)
{
    emit(image, 0x05C7, 2); /* MOV m32, imm32 */
    emit(image, address, 4);
    emit(image, value, 4);
}

static void emit_out(struct image *image, uint8_t port, uint32_t value)
{
    emit_register(image, EAX, value);
    emit(image, 0xE7 | port << 8, 2); /* OUT imm8, EAX */
}

/* FXRSTOR of the x87 and SSE registers (Intel SDM vol. 1, table 10-2). */
static void emit_fpu(struct image *image, const struct input *input)
{
    uint8_t *fx = image_at(image, FX_IMAGE);

    memcpy(fx, &input->x87_control, 2);
    memcpy(fx + 2, &input->x87_status, 2);
    memcpy(fx + 4, &input->x87_full, 1);
    memcpy(fx + 24, &(uint32_t){input->mxcsr & 0xFFFF}, 4);
    for (unsigned i = 0; i < 8; i++)
        memcpy(fx + 32 + 16 * (size_t)i, &input->st[i], sizeof(input->st[i]));
    memcpy(fx + 160, input->xmm, sizeof(input->xmm));
    emit(image, 0x0DAE0F, 3);
    emit(image, FX_IMAGE, 4);
}

static void emit_mmu(struct image *image, const struct input *input)
{
    for (uint32_t i = 0; i < INPUT_PAGES; i++) {
        struct mmu_entry entry = input_mapping(input, i);
        emit_out(image, DENALI_PORT_MMU_PAGE, entry.page);
        emit_out(image, DENALI_PORT_MMU_FRAME, entry.frame);
    }
    emit_out(image, DENALI_PORT_MMU_CONTROL, DENALI_MMU_ON);
}

/* A machine more, which runs. In a machine that is no supervisor nothing happens. */
static void emit_requests(struct image *image)
{
    emit_store(image, REQUEST + DENALI_REQUEST_OP, DENALI_SUPERVISOR_CREATE);
    emit_out(image, DENALI_PORT_SUPERVISOR, REQUEST);
    emit_store(image, REQUEST + DENALI_REQUEST_OP, DENALI_SUPERVISOR_START);
    emit_out(image, DENALI_PORT_SUPERVISOR, REQUEST);
}

static void emit_registers(struct image *image, const struct input *input)
{
    for (enum cpu_register i = EAX; i <= EDI; i++)
        if (i != ESP)
            emit_register(image, i, input->regs[i]);
}

/* To the program: by IRET to user mode, or with POPF and a jump. */
static void emit_start(struct image *image, const struct input *input, uint32_t program)
{
    bool user = input->variant & INPUT_MMU && input->variant & INPUT_USER;
    uint32_t eflags = (input->eflags & ~(uint32_t)FLAG_IF) | (input->irq_enabled & 1 ? FLAG_IF : 0);

    if (user) {
        emit_push(image, DENALI_SS_USER);
        emit_push(image, input->regs[ESP]);
    }
    emit_push(image, eflags);
    if (user) {
        emit_push(image, DENALI_CS_USER);
        emit_push(image, program);
        emit_registers(image, input);
        emit(image, 0xCF, 1);
        return;
    }
    emit(image, 0x9D, 1);
    emit_registers(image, input);
    emit_register(image, ESP, input->regs[ESP]);
    emit(image, 0xE9, 1);
    emit(image, program - (DENALI_IMAGE_BASE + (uint32_t)image->code + 4), 4);
}

static void image_make(struct image *image, const struct input *input, const uint8_t *program, size_t size)
{
    uint32_t entry = input_entry(input) < PROGRAM ? PROGRAM : input_entry(input);

    *image = (struct image){.code = 0};
    emit_store(image, DENALI_REG_IRQ_HANDLER, input->irq_handler);
    emit_store(image, DENALI_REG_EXC_HANDLER, input->exc_handler);
    emit_store(image, DENALI_REG_KERNEL_STACK, DENALI_MMU_BYPASS + INPUT_MEMORY);
    emit_fpu(image, input);
    emit_register(image, ESP, FX_IMAGE);
    if (input->variant & INPUT_SUPERVISOR)
        emit_requests(image);
    if (input->variant & INPUT_MMU)
        emit_mmu(image, input);
    emit_start(image, input, entry);
    check(image->code <= REQUEST - DENALI_IMAGE_BASE);
    if (size > INPUT_MEMORY - entry)
        size = INPUT_MEMORY - entry;
    memcpy(image_at(image, entry), program, size);
    image->size = entry + size - DENALI_IMAGE_BASE;
}

static void image_write(const struct image *image, int descriptor)
{
    uint8_t file[sizeof(image->bytes) + 256];
    size_t length = tiny_image(file, sizeof(file), image->bytes, image->size);

    check(length > 0 && write(descriptor, file, length) == (ssize_t)length);
}

#define FRAMES_LEAST 17 /* that a run with swap must have beside its image, with blocks of a page */

static void configure_swap(struct denali_config *config, const struct input *input, size_t image_size)
{
    config->frames = (image_size + 2 * DENALI_PAGE_SIZE - 1) / DENALI_PAGE_SIZE * DENALI_PAGE_SIZE +
                     (FRAMES_LEAST - 1) * DENALI_PAGE_SIZE;
    config->swap_memory = 1 << 20;
    config->swap_block = DENALI_PAGE_SIZE;
    config->seed = input->quanta;
    config->replacement = input->quanta & 1 ? DENALI_REPLACEMENT_LRU : DENALI_REPLACEMENT_WSCLOCK;
    config->admission = input->quanta & 2 ? DENALI_ADMISSION_OPEN : DENALI_ADMISSION_FIFO;
    config->scheduler = input->quanta & 4 ? DENALI_SCHEDULER_LOTTERY : DENALI_SCHEDULER_ROUND_ROBIN;
    if (input->variant & INPUT_COSTS) {
        config->costs.page_in = 6;
        config->costs.page_out = 7;
        config->costs.disk_seek = 200;
        config->costs.disk_transfer = 30;
    }
}

static uint64_t run(const char *path, size_t image_size, const char *disk, const struct input *input,
                    enum denali_engine engine, uint64_t quanta_at_once)
{
    char error[256];
    struct denali_config config;
    const struct denali_image again = {.name = "again", .path = path};

    denali_config_init(&config);
    config.image = path;
    config.machines = MACHINES;
    config.memory = INPUT_MEMORY;
    config.frames = INPUT_MEMORY * (input->variant & INPUT_FEW_FRAMES ? 2 : 5); /* 2: less than they may ask for */
    config.quantum_ns = 20 + (uint64_t)input->quanta;
    config.instructions = INSTRUCTIONS;
    config.until_ns = 1000000000;
    config.mmu = input->variant & INPUT_MMU;
    config.interrupts = input->variant & INPUT_IMMEDIATE ? DENALI_INTERRUPTS_IMMEDIATE : DENALI_INTERRUPTS_BATCHED;
    if (input->variant & INPUT_COSTS)
        config.costs = (struct denali_costs){
            .vm_switch = 9, .crossing = 3, .port = 4, .interrupt = 5, .disk_seek = 50, .disk_transfer = 20};
    if (input_swaps(input))
        configure_swap(&config, input, image_size);
    if (input->variant & INPUT_DISKS) {
        config.disk_count = 2;
        config.disks[0] = (struct denali_disk){.file = disk, .copy_on_write = true, .errors = 100000};
        config.disks[1] = (struct denali_disk){.file = disk, .read_only = true};
    }
    if (input->variant & INPUT_SUPERVISOR) {
        config.supervisor = true;
        config.machines_max = MACHINES_MAX;
        config.frames += INPUT_MEMORY; /* for the image, again */
        config.images = &again;
        config.image_count = 1;
    }
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

static int memory_file(char path[64], size_t size)
{
    int descriptor = memfd_create("fuzz", 0);

    check(descriptor >= 0 && ftruncate(descriptor, (off_t)size) == 0);
    snprintf(path, 64, "/proc/self/fd/%d", descriptor);
    return descriptor;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input;
    struct image image;
    const uint8_t *program;
    char path[64], disk_path[64];

    if (!input_read(&input, bytes, size, &program, &size))
        return 0;
    int descriptor = memory_file(path, 0), disk = memory_file(disk_path, DISK_BLOCKS * DENALI_DISK_BLOCK);
    image_make(&image, &input, program, size);
    image_write(&image, descriptor);
    uint64_t digest = run(path, image.size, disk_path, &input, DENALI_ENGINE_STEP, 1);
    check(run(path, image.size, disk_path, &input, DENALI_ENGINE_BLOCKS, 7) == digest);
    close(descriptor);
    close(disk);
    return 0;
}
