/* SPDX-License-Identifier: MIT
 *
 * A machine without a kernel: boot registers, crossings, port instructions.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../../emu/machine.h"
#include "../devices/temporary.h"
#include "tiny_image.h"

enum { MEMORY = 64 << 10 };

struct bench {
    struct machine_host host;
    struct event_queue events;
    struct clock clock;
    struct frame_pool *pool;
    struct image image;
    struct machine_config config;
    struct vm vm;
    struct machine machine;
    struct nic_wire wire;
    unsigned posts;
};

static void count_post(struct machine_host *host, struct vm *vm)
{
    (void)vm;
    ((struct bench *)host)->posts++;
}

static void ignore_ready(struct nic_wire *wire, struct nic *nic)
{
    (void)wire;
    (void)nic;
}

static void bench_boot(struct bench *b, uint32_t id, const struct machine_config *config,
                       const struct machine_boot *boot)
{
    static const uint8_t program[] = {0xF4};
    uint8_t file[256];
    char error[256];

    *b = (struct bench){.clock = {.khz = 2000000}, .pool = frame_pool_new(100), .wire.ready = ignore_ready};
    b->host = (struct machine_host){.posted = count_post, .events = &b->events, .clock = &b->clock};
    event_queue_init(&b->events);
    cr_assert(event_reserve(&b->events, 4));
    size_t size = tiny_image(file, sizeof(file), program, sizeof(program));
    cr_assert(image_load_bytes(&b->image, "tiny", file, size, b->pool, MEMORY, error, sizeof(error)), "%s", error);
    b->config = *config;
    b->config.host = &b->host;
    vm_init(&b->vm, id, &b->image, &b->config);
    b->vm.machine = &b->machine;
    cr_assert(machine_init(&b->machine, &b->vm, boot));
}

static void bench_init(struct bench *b, uint32_t id, const char *arguments)
{
    bench_boot(b, id, &(struct machine_config){.queue_frames = 4}, &(struct machine_boot){.arguments = arguments});
}

/* With the MMU on: two pages next to each other that are two frames far apart, the second one read-only. */
static void bench_init_mmu(struct bench *b)
{
    bench_boot(b, 0, &(struct machine_config){.queue_frames = 4, .mmu = true, .wire = &b->wire},
               &(struct machine_boot){.arguments = ""});
    struct mmu_state *mmu = &b->machine.state.mmu;
    mmu->on = true;
    mmu->entries[0] = (struct mmu_entry){0x40000000, 0x6000 | DENALI_MMU_VALID | DENALI_MMU_WRITABLE};
    mmu->entries[1] = (struct mmu_entry){0x40001000, 0x3000 | DENALI_MMU_VALID};
}

static void bench_drop(struct bench *b)
{
    machine_drop(&b->machine);
    image_drop(&b->image);
    event_queue_drop(&b->events);
    frame_pool_free(b->pool);
}

static void get(struct bench *b, uint32_t address, void *to, uint32_t length)
{
    uint32_t fault;
    cr_assert(space_read(&b->machine.space, address, to, length, &fault));
}

static void put(struct bench *b, uint32_t address, const void *from, uint32_t length)
{
    uint32_t fault;
    cr_assert(space_write(&b->machine.space, address, from, length, &fault));
}

static uint32_t get32(struct bench *b, uint32_t address)
{
    uint32_t value;
    get(b, address, &value, sizeof(value));
    return value;
}

Test(machine, boots_with_the_documented_registers)
{
    struct bench b;
    uint8_t mac[6];
    char arguments[32];
    bench_init(&b, 0x012345, "net={vm} again {vm}{v}");
    cr_assert_eq(b.machine.state.eip, DENALI_IMAGE_BASE);
    cr_assert_eq(b.machine.state.regs[ESP], MEMORY);
    cr_assert_eq(cpu_state_eflags(&b.machine.state), FLAG_ONE);
    cr_assert_eq(get32(&b, DENALI_REG_MAGIC), DENALI_MAGIC);
    cr_assert_eq(get32(&b, DENALI_REG_ABI_VERSION), DENALI_ABI_VERSION);
    cr_assert_eq(get32(&b, DENALI_REG_VM_ID), 0x012345);
    cr_assert_eq(get32(&b, DENALI_REG_CPU_KHZ), 2000000);
    cr_assert_eq(get32(&b, DENALI_REG_MEMORY_SIZE), MEMORY);
    cr_assert_eq(get32(&b, DENALI_REG_IMAGE_END), DENALI_IMAGE_BASE + 1);
    get(&b, DENALI_REG_NIC_MAC, mac, sizeof(mac));
    cr_assert_arr_eq(mac, ((const uint8_t[]){0x02, 0x44, 0x4E, 0x01, 0x23, 0x45}), sizeof(mac));
    get(&b, get32(&b, DENALI_REG_ARGS), arguments, sizeof(arguments));
    cr_assert_str_eq(arguments, "net=74565 again 74565{v}");
    bench_drop(&b);
}

Test(machine, disks_stand_in_the_register_page_and_have_ports)
{
    struct bench b;
    struct disks disks;
    struct denali_config config;
    struct temporary temporary = temporary_new();
    struct cpu_exception exception;
    const struct cpu_io done = {.port = DENALI_PORT_DISK_DONE, .bytes = 4, .in = true, .length = 1, .count = 1};
    char path[TEMPORARY_MAX], error[512];
    const uint8_t blocks[3 * DENALI_DISK_BLOCK] = {0};
    file_set(temporary_path(&temporary, "disk", path), blocks, sizeof(blocks));
    denali_config_init(&config);
    config.disks[0] = (struct denali_disk){.file = path, .copy_on_write = true};
    config.disks[1] = (struct denali_disk){.file = path, .read_only = true};
    config.disk_count = 2;
    b.clock = (struct clock){.khz = 1};
    struct frame_pool *pool = frame_pool_new(1);
    cr_assert(disks_init(&disks, &config, pool, &b.clock, error, sizeof(error)), "%s", error);
    bench_boot(&b, 0, &(struct machine_config){.queue_frames = 4, .disks = &disks},
               &(struct machine_boot){.arguments = "", .disks = disks_choose(&disks, false)});
    cr_assert_eq(get32(&b, DENALI_REG_DISK_COUNT), 2);
    cr_assert(get32(&b, DENALI_REG_DISKS) == 3 && get32(&b, DENALI_REG_DISKS + 4) == 0);
    cr_assert(get32(&b, DENALI_REG_DISKS + 8) == 3 && get32(&b, DENALI_REG_DISKS + 12) == DENALI_DISK_READ_ONLY);
    cr_assert(machine_io(&b.machine, &done, &exception));
    cr_assert_eq(b.machine.state.regs[EAX], 0);
    bench_drop(&b);
    disks_drop(&disks);
    frame_pool_free(pool);
    temporary_remove(&temporary);
}

Test(machine, arguments_that_do_not_fit_are_refused)
{
    char text[DENALI_ARGS_MAX + 8];
    memset(text, 'x', sizeof(text));
    strcpy(text + DENALI_ARGS_MAX - 4, "{vm}");
    cr_assert_eq(machine_arguments(NULL, 0, text, 1234), DENALI_ARGS_MAX);
    cr_assert_eq(machine_arguments(NULL, 0, text, 12345), DENALI_ARGS_MAX + 1);
}

Test(machine, interrupts_gather_until_a_crossing)
{
    struct bench b;
    bench_init(&b, 0, "");
    keyboard_event(&b.machine.keyboard, 'a');
    keyboard_event(&b.machine.keyboard, 'b');
    b.machine.line.post(&b.machine.line, DENALI_IRQ_TIMER);
    cr_assert_eq(b.posts, 3);
    cr_assert_eq(get32(&b, DENALI_REG_IRQ_PENDING), 0);
    cr_assert(machine_has_interrupts(&b.machine));
    cr_assert_eq(machine_cross(&b.machine), 3);
    cr_assert_eq(get32(&b, DENALI_REG_IRQ_PENDING), DENALI_IRQ_KEYBOARD | DENALI_IRQ_TIMER);
    cr_assert_eq(machine_cross(&b.machine), 0);
    cr_assert_eq(get32(&b, DENALI_REG_IRQ_PENDING), DENALI_IRQ_KEYBOARD | DENALI_IRQ_TIMER);
    bench_drop(&b);
}

Test(machine, crossing_brings_the_time_up_to_date)
{
    struct bench b;
    uint64_t time_ns, tsc;
    bench_init(&b, 0, "");
    b.clock.cycles = 5000000001;
    machine_cross(&b.machine);
    get(&b, DENALI_REG_TIME_NS, &time_ns, sizeof(time_ns));
    get(&b, DENALI_REG_TIME_TSC, &tsc, sizeof(tsc));
    cr_assert_eq(time_ns, CLOCK_EPOCH_NS + 2500000000);
    cr_assert_eq(tsc, 5000000001);
    bench_drop(&b);
}

Test(machine, timer_is_armed_with_the_deadline_in_the_page)
{
    struct bench b;
    struct cpu_exception exception;
    const uint64_t deadline = CLOCK_EPOCH_NS + 3;
    const struct cpu_io arm = {.port = DENALI_PORT_TIMER, .bytes = 4, .length = 1, .value = 1, .count = 1};
    bench_init(&b, 0, "");
    put(&b, DENALI_REG_TIMER_DEADLINE, &deadline, sizeof(deadline));
    cr_assert(machine_io(&b.machine, &arm, &exception));
    cr_assert_eq(event_next_time(&b.events), 6);
    event_run(&b.events, 5);
    cr_assert_eq(b.posts, 0);
    event_run(&b.events, 6);
    cr_assert_eq(b.posts, 1);
    bench_drop(&b);
}

Test(machine, deadline_in_the_past_is_due_at_once)
{
    struct bench b;
    struct cpu_exception exception;
    const struct cpu_io arm = {.port = DENALI_PORT_TIMER, .bytes = 4, .length = 1, .value = 1, .count = 1};
    bench_init(&b, 0, "");
    b.clock.cycles = 77;
    cr_assert(machine_io(&b.machine, &arm, &exception));
    cr_assert_eq(event_next_time(&b.events), 77);
    bench_drop(&b);
}

Test(machine, unassigned_ports_and_forms_read_ones)
{
    struct bench b;
    struct cpu_exception exception;
    const struct cpu_io cases[] = {
        {.port = 0x999, .bytes = 4, .in = true, .length = 1, .count = 1},
        {.port = DENALI_PORT_DISK_DONE, .bytes = 4, .in = true, .length = 1, .count = 1},
        {.port = DENALI_PORT_KEYBOARD, .bytes = 2, .in = true, .length = 1, .count = 1},
        {.port = DENALI_PORT_CONSOLE, .bytes = 1, .in = true, .length = 1, .count = 1},
    };
    bench_init(&b, 0, "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        b.machine.state.regs[EAX] = 0;
        cr_assert(machine_io(&b.machine, &cases[i], &exception));
        cr_assert_eq(b.machine.state.regs[EAX], cases[i].bytes == 4 ? 0xFFFFFFFF : (1u << (8 * cases[i].bytes)) - 1);
    }
    bench_drop(&b);
}

Test(machine, backward_port_string_does_nothing)
{
    struct bench b;
    struct cpu_exception exception;
    const struct cpu_io write = {
        .port = DENALI_PORT_CONSOLE, .bytes = 1, .string = true, .repeated = true, .length = 2, .count = 5};
    bench_init(&b, 0, "");
    b.machine.state.regs[ECX] = 5;
    b.machine.state.control = FLAG_DF;
    cr_assert(machine_io(&b.machine, &write, &exception));
    cr_assert_eq(b.machine.console.written, 0);
    cr_assert_eq(b.machine.state.regs[ECX], 5);
    b.machine.state.control = 0;
    cr_assert(machine_io(&b.machine, &write, &exception));
    cr_assert_eq(b.machine.console.written, 5);
    cr_assert_eq(b.machine.state.regs[ECX], 0);
    bench_drop(&b);
}

Test(machine, port_string_that_faults_leaves_all_as_it_was)
{
    struct bench b;
    struct cpu_exception exception;
    const struct cpu_io write = {.port = DENALI_PORT_CONSOLE,
                                 .bytes = 1,
                                 .string = true,
                                 .repeated = true,
                                 .length = 2,
                                 .address = MEMORY - 3,
                                 .count = 5};
    bench_init(&b, 0, "");
    b.machine.state.regs[ECX] = 5;
    const struct cpu_state before = b.machine.state;
    cr_assert(!machine_io(&b.machine, &write, &exception));
    cr_assert_eq(exception.number, DENALI_EXC_MEMORY);
    cr_assert_eq(exception.address, MEMORY);
    cr_assert_arr_eq(&b.machine.state, &before, sizeof(before));
    cr_assert_eq(b.machine.console.written, 0);
    bench_drop(&b);
}

Test(machine, feature_bit_tells_of_the_mmu)
{
    struct bench b;
    bench_init(&b, 0, "");
    cr_assert_eq(get32(&b, DENALI_REG_FEATURES), 0);
    cr_assert(!b.machine.state.mmu.present);
    bench_drop(&b);
    bench_init_mmu(&b);
    cr_assert_eq(get32(&b, DENALI_REG_FEATURES), DENALI_FEATURE_MMU);
    cr_assert(b.machine.state.mmu.present);
    bench_drop(&b);
}

Test(machine, port_string_reads_and_writes_through_the_mmu)
{
    struct bench b;
    struct cpu_exception exception;
    struct cpu_io send = {.port = DENALI_PORT_NIC,
                          .bytes = 1,
                          .string = true,
                          .repeated = true,
                          .length = 2,
                          .address = 0x40000FF8,
                          .count = DENALI_FRAME_MIN};
    bench_init_mmu(&b);
    put(&b, 0x6FF8, "\2DN\0\0\0\2D", 8);
    put(&b, 0x3000, "N\0\0\0\b\1", 6);
    cr_assert(machine_io(&b.machine, &send, &exception));
    cr_assert_eq(b.machine.state.regs[ECX], 0, "the frame is in the queue");

    struct packet *packet = nic_transmit(&b.machine.nic);
    cr_assert_arr_eq(packet->bytes, "\2DN\0\0\0\2DN\0\0\0\b\1", DENALI_FRAME_MIN);
    nic_receive(&b.machine.nic, packet);
    packet_unref(packet);
    struct cpu_io receive = send;
    receive.in = true;
    cr_assert(!machine_io(&b.machine, &receive, &exception));
    cr_assert_eq(exception.number, DENALI_EXC_TLB_PROTECTION);
    cr_assert_eq(exception.error, DENALI_FAULT_PRESENT | DENALI_FAULT_WRITE);
    cr_assert_eq(exception.address, 0x40001000);
    b.machine.state.mmu.entries[1].frame |= DENALI_MMU_WRITABLE;
    put(&b, 0x6FF8, "        ", 8);
    cr_assert(machine_io(&b.machine, &receive, &exception));
    cr_assert_eq(b.machine.state.regs[EAX], DENALI_FRAME_MIN);
    cr_assert_eq(get32(&b, 0x6FF8), 0x004E4402);
    cr_assert_eq(get32(&b, 0x3002), 0x01080000);
    bench_drop(&b);
}

Test(machine, port_string_that_misses_raises_what_the_instruction_would)
{
    struct bench b;
    struct cpu_exception exception;
    const struct cpu_io write = {.port = DENALI_PORT_CONSOLE,
                                 .bytes = 1,
                                 .string = true,
                                 .repeated = true,
                                 .length = 2,
                                 .address = 0x40001FFE,
                                 .count = 5};
    bench_init_mmu(&b);
    cr_assert(!machine_io(&b.machine, &write, &exception));
    cr_assert_eq(exception.number, DENALI_EXC_TLB_MISS);
    cr_assert_eq(exception.error, 0);
    cr_assert_eq(exception.address, 0x40002000);
    cr_assert_eq(b.machine.console.written, 0);
    b.machine.state.mmu.entries[1].frame = MEMORY | DENALI_MMU_VALID;
    cr_assert(!machine_io(&b.machine, &write, &exception));
    cr_assert_eq(exception.number, DENALI_EXC_MEMORY);
    cr_assert_eq(exception.address, 0x40001FFE);
    bench_drop(&b);
}

Test(machine, digest_covers_the_mmu_and_the_mode)
{
    struct bench b;
    bench_init_mmu(&b);
    struct cpu_state *state = &b.machine.state;
    uint64_t digest = machine_digest(&b.machine);
    state->mmu.entries[63].frame ^= DENALI_MMU_USER;
    cr_assert_neq(machine_digest(&b.machine), digest);
    state->mmu.entries[63].frame ^= DENALI_MMU_USER;
    state->mmu.asid ^= 1;
    cr_assert_neq(machine_digest(&b.machine), digest);
    state->mmu.asid ^= 1;
    state->user = true;
    cr_assert_neq(machine_digest(&b.machine), digest);
    state->user = false;
    cr_assert_eq(machine_digest(&b.machine), digest);
    bench_drop(&b);
}

Test(machine, digest_covers_registers_memory_and_devices_but_not_time)
{
    struct bench b;
    bench_init(&b, 0, "");
    machine_cross(&b.machine);
    uint64_t digest = machine_digest(&b.machine);
    b.clock.cycles = 1000;
    machine_cross(&b.machine);
    cr_assert_eq(machine_digest(&b.machine), digest);

    b.machine.state.regs[EDI] ^= 1;
    cr_assert_neq(machine_digest(&b.machine), digest);
    b.machine.state.regs[EDI] ^= 1;
    put(&b, 0x5000, "x", 1);
    cr_assert_neq(machine_digest(&b.machine), digest);
    put(&b, 0x5000, "", 1);
    cr_assert_eq(machine_digest(&b.machine), digest, "a page of zeroes is as no page");
    keyboard_event(&b.machine.keyboard, 'a');
    cr_assert_neq(machine_digest(&b.machine), digest);
    bench_drop(&b);
}

Test(machine, ended_machine_keeps_its_digest_and_gives_its_frames_back)
{
    struct bench b;
    bench_init(&b, 0, "");
    put(&b, 0x5000, "x", 1);
    uint64_t digest = machine_digest(&b.machine), frames = frame_pool_used(b.pool);
    machine_end(&b.machine, MACHINE_TERMINATED);
    cr_assert_lt(frame_pool_used(b.pool), frames);
    cr_assert_eq(machine_digest(&b.machine), digest);
    bench_drop(&b);
}
