/* SPDX-License-Identifier: MIT
 *
 * The kernel's part of swapping: what happens to machines that are swapped out as a whole or wait for a page, and to
 * those whose memory is lost; the others go on and nothing is left over.
 */
#include "fake_store.h"
#include "kernel_bench.h"
#include "tiny_image.h"

enum { MEMORY = (1 << 20) + (256 << 10), BLOCK_PAGES = 1, FRAMES = SPACE_PINS + 1 };

struct bench {
    struct kernel kernel;
    struct frame_pool *pool;
    struct fake_store store;
    struct image image;
    struct machine_config config;
    char error[256];
};

static struct bench *bench_new(const uint8_t *program, size_t size, bool fifo)
{
    struct bench *b = calloc(1, sizeof(*b));
    struct kernel *k = &b->kernel;
    uint8_t file[512];

    size = tiny_image(file, sizeof(file), program, size);
    cr_assert_gt(size, 0);
    b->pool = frame_pool_new(FRAMES + 1);
    cr_assert(image_load_bytes(&b->image, "tiny", file, size, b->pool, MEMORY, b->error, sizeof(b->error)));
    cr_assert_eq(frame_pool_left(b->pool), FRAMES);
    kernel_bench_init(k, fifo ? gate_fifo_new(FRAMES) : gate_open_new());
    kernel_swapping_init(k);
    k->pager = pager_new(b->pool, swap_new(fake_store_init(&b->store, BLOCK_PAGES * PAGE_SIZE, 1)), &k->pager_host,
                         &k->costs, &k->clock);
    k->pager->policy = wsclock_new(&k->pager->replacement_host, 10000);
    b->config =
        (struct machine_config){.host = &k->host, .queue_frames = 4, .wire = &k->network.wire, .pager = k->pager};
    return b;
}

static void bench_free(struct bench *b)
{
    struct kernel *k = &b->kernel;
    kernel_destroy_all(k);
    cr_expect_eq(b->store.stored, 0, "blocks are left in the store");
    cr_expect_eq(k->pager->counters.swapped, 0);
    kernel_bench_drop(k);
    pager_free(k->pager);
    image_drop(&b->image);
    cr_expect_eq(frame_pool_used(b->pool), 0);
    frame_pool_free(b->pool);
    free(b);
}

static struct vm *create(struct bench *b)
{
    const struct machine_boot boot = {.arguments = ""};
    struct vm *vm = kernel_create(&b->kernel, &b->image, &b->config, &boot, b->error, sizeof(b->error));
    cr_assert(vm, "%s", b->error);
    kernel_start(&b->kernel, vm);
    return vm;
}

static enum denali_progress run(struct bench *b)
{
    return kernel_bench_run(&b->kernel, 5000);
}

static void push_out(struct bench *b)
{
    while (pager_make_room(b->kernel.pager, frame_pool_left(b->pool) + 1))
        continue;
    kernel_settle(&b->kernel);
}

/* Machines that wait, and are swapped out as a whole. */
static void put_to_sleep(struct bench *b, struct vm *vms[], unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        vms[i] = create(b);
    enum denali_progress progress;
    do {
        progress = kernel_turn(&b->kernel);
        bool idle = true;
        for (unsigned i = 0; i < count; i++)
            idle = idle && vms[i]->state == MACHINE_IDLE;
        if (idle)
            break;
    } while (progress == DENALI_RUNNING);
    push_out(b);
    for (unsigned i = 0; i < count; i++) {
        cr_assert_eq(vms[i]->state, MACHINE_IDLE);
        cr_assert_null(vms[i]->machine, "machine %u is not asleep", i);
    }
}

static uint32_t register_of(struct bench *b, struct vm *vm, enum cpu_register number)
{
    if (!vm->machine)
        cr_assert(kernel_fetch(&b->kernel, vm));
    return vm->machine->state.regs[number];
}

static void send(struct bench *b, const uint8_t mac[6])
{
    struct packet *packet = packet_new(60);
    memset(packet->bytes, 0, 60);
    memcpy(packet->bytes, mac, 6);
    switch_receive(&b->kernel.network, 0, packet);
    packet_unref(packet);
}

static void send_to(struct bench *b, uint32_t id)
{
    send(b, (const uint8_t[]){0x02, 0x44, 0x4E, (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id});
}

/* L: or eax, -1; or edx, -1; 0F 3F 00; inc ebx; mov dword [IRQ_PENDING], 0; jmp L: counts how often it was woken. */
static const uint8_t idles[] = {0x83,
                                0xC8,
                                0xFF,
                                0x83,
                                0xCA,
                                0xFF,
                                0x0F,
                                0x3F,
                                0x00,
                                0x43,
                                0xC7,
                                0x05,
                                DENALI_REG_IRQ_PENDING & 0xFF,
                                DENALI_REG_IRQ_PENDING >> 8,
                                0,
                                0,
                                0,
                                0,
                                0,
                                0,
                                0xEB,
                                0xEA};
/* mov eax, 100000; xor edx, edx; 0F 3F 00; inc ebx; jmp: wakes after 100 us each time. */
static const uint8_t naps[] = {0xB8, 0xA0, 0x86, 1, 0, 0x31, 0xD2, 0x0F, 0x3F, 0x00, 0x43, 0xEB, 0xF3};
/* The same with a time of 0: gives up its turn. */
static const uint8_t yields[] = {0x31, 0xC0, 0x31, 0xD2, 0x0F, 0x3F, 0x00, 0x43, 0xEB, 0xF7};
/* Writes to each of 16 pages from 110000h on, over and over, and counts the rounds:
 * L: mov edi, 110000h; mov ecx, 16; P: mov [edi], ebx; add edi, 1000h; loop P; inc ebx; jmp L */
static const uint8_t writes[] = {0xBF, 0,    0, 0x11, 0, 0xB9, 16,   0,    0,    0,    0x89, 0x1F,
                                 0x81, 0xC7, 0, 0x10, 0, 0,    0xE2, 0xF6, 0x43, 0xEB, 0xE9};

Test(swapping, idle_machines_without_memory_are_swapped_out_as_a_whole)
{
    struct bench *b = bench_new(idles, sizeof(idles), true);
    struct vm *vms[40];
    put_to_sleep(b, vms, 40);
    cr_expect_eq(frame_pool_used(b->pool), 1, "that of the image");
    cr_expect_geq(b->kernel.counters.hibernated, 40);
    cr_expect_eq(run(b), DENALI_QUIET);
    bench_free(b);
}

Test(swapping, frame_wakes_the_machine_it_is_for_and_no_other)
{
    struct bench *b = bench_new(idles, sizeof(idles), true);
    struct vm *vms[5];
    put_to_sleep(b, vms, 5);
    send_to(b, 3);
    cr_expect_eq(b->kernel.network.counters.delivered, 1);
    for (unsigned i = 0; i < 5; i++)
        cr_expect_eq(vms[i]->machine != NULL, i == 3);
    cr_expect_eq(run(b), DENALI_QUIET);
    cr_expect_eq(register_of(b, vms[3], EBX), 1);
    cr_expect_eq(vms[3]->machine->nic.receive.count, 1);
    cr_expect_eq(register_of(b, vms[2], EBX), 0);
    bench_free(b);
}

Test(swapping, broadcast_wakes_all)
{
    struct bench *b = bench_new(idles, sizeof(idles), true);
    struct vm *vms[30];
    put_to_sleep(b, vms, 30);
    send(b, (const uint8_t[]){0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF});
    cr_expect_eq(b->kernel.network.counters.delivered, 30);
    cr_expect_eq(run(b), DENALI_QUIET);
    for (unsigned i = 0; i < 30; i++)
        cr_expect_eq(register_of(b, vms[i], EBX), 1, "machine %u", i);
    bench_free(b);
}

Test(swapping, idle_timeout_wakes_a_sleeper)
{
    struct bench *b = bench_new(naps, sizeof(naps), true);
    struct vm *vms[20];
    put_to_sleep(b, vms, 20);
    for (unsigned i = 0; i < 20; i++)
        cr_assert(event_is_queued(&vms[i]->timeout_event));
    b->kernel.end_cycles = b->kernel.clock.cycles + 1050000;
    cr_expect_eq(run(b), DENALI_LIMIT);
    for (unsigned i = 0; i < 20; i++)
        cr_expect_geq(register_of(b, vms[i], EBX), 10, "machine %u", i);
    bench_free(b);
}

Test(swapping, timer_of_a_sleeper_fires)
{
    struct bench *b = bench_new(idles, sizeof(idles), true);
    struct vm *vm = create(b);
    run(b);
    vm->machine->timer.armed = true; /* as the guest does through the port */
    vm->machine->timer.deadline = CLOCK_EPOCH_NS + 5000000;
    vm->machine->timer.host->arm(vm->machine->timer.host, vm->machine->timer.deadline);
    push_out(b);
    cr_assert_null(vm->machine);
    cr_expect_eq(run(b), DENALI_QUIET);
    cr_expect_geq(b->kernel.clock.cycles, 5000000);
    cr_expect_eq(register_of(b, vm, EBX), 1);
    cr_expect(!vm->machine->timer.armed);
    cr_expect_eq(vm->state, MACHINE_IDLE);
    bench_free(b);
}

Test(swapping, sleeper_can_be_stopped_and_started)
{
    struct bench *b = bench_new(naps, sizeof(naps), true);
    struct vm *vm;
    put_to_sleep(b, &vm, 1);
    kernel_stop(&b->kernel, vm);
    cr_expect_eq(run(b), DENALI_QUIET);
    cr_expect_null(vm->machine);
    kernel_start(&b->kernel, vm);
    b->kernel.end_cycles = b->kernel.clock.cycles + 150000;
    cr_expect_eq(run(b), DENALI_LIMIT);
    cr_expect_geq(register_of(b, vm, EBX), 2);
    bench_free(b);
}

Test(swapping, stopped_machine_is_swapped_out_as_a_whole_and_goes_on)
{
    struct bench *b = bench_new(writes, sizeof(writes), false);
    struct vm *vm = create(b);
    for (unsigned i = 0; i < 4; i++)
        kernel_turn(&b->kernel);
    uint64_t instructions = vm->machine->instructions;
    kernel_stop(&b->kernel, vm);
    push_out(b);
    cr_assert_null(vm->machine);
    kernel_start(&b->kernel, vm);
    for (unsigned i = 0; i < 4; i++)
        kernel_turn(&b->kernel);
    cr_expect_gt(vm->machine->instructions, instructions);
    bench_free(b);
}

Test(swapping, machine_stopped_after_its_memory_has_left_is_swapped_out_too)
{
    struct bench *b = bench_new(writes, sizeof(writes), false);
    struct vm *vm = create(b);
    kernel_turn(&b->kernel);
    push_out(b);
    cr_assert_not_null(vm->machine, "it waits for its turn");
    kernel_stop(&b->kernel, vm);
    kernel_settle(&b->kernel);
    cr_expect_null(vm->machine);
    bench_free(b);
}

Test(swapping, sleepers_destroyed_leave_nothing)
{
    struct bench *b = bench_new(naps, sizeof(naps), true);
    struct vm *vms[10];
    put_to_sleep(b, vms, 10);
    cr_expect_gt(b->store.stored, 0);
    for (unsigned i = 0; i < 10; i++)
        kernel_destroy(&b->kernel, vms[i]);
    cr_expect_eq(b->store.stored, 0);
    cr_expect_eq(b->kernel.events.count, 0);
    cr_expect_eq(b->kernel.counters.alive, 0);
    cr_expect_eq(run(b), DENALI_ENDED);
    bench_free(b);
}

Test(swapping, machines_destroyed_whatever_they_wait_for_leave_nothing)
{
    struct bench *b = bench_new(writes, sizeof(writes), true);
    b->kernel.costs.disk_seek = 5000;
    struct vm *vms[8];
    unsigned paging = 0;
    for (unsigned i = 0; i < 8; i++)
        vms[i] = create(b);
    for (unsigned i = 0; i < 300; i++) {
        kernel_turn(&b->kernel);
        unsigned which = (i * 5) % 8;
        if (i % 7 == 0) {
            paging += vms[which]->state == MACHINE_PAGING;
            kernel_destroy(&b->kernel, vms[which]);
            vms[which] = create(b);
        } else if (i % 3 == 0) {
            kernel_stop(&b->kernel, vms[which]);
            kernel_start(&b->kernel, vms[which]);
        }
    }
    cr_expect_gt(paging, 0);
    for (unsigned i = 0; i < 8; i++)
        kernel_destroy(&b->kernel, vms[i]);
    cr_expect_eq(b->store.stored, 0);
    cr_expect_eq(frame_pool_used(b->pool), 1);
    cr_expect_eq(b->kernel.events.count, 0);
    bench_free(b);
}

Test(swapping, machine_that_waits_for_a_page_is_out_of_the_scheduler_until_it_is_there)
{
    struct bench *b = bench_new(writes, sizeof(writes), true);
    b->kernel.costs.disk_seek = 100000;
    struct vm *vms[2] = {create(b), create(b)};
    while (vms[0]->state != MACHINE_PAGING && vms[1]->state != MACHINE_PAGING)
        cr_assert_eq(kernel_turn(&b->kernel), DENALI_RUNNING);
    struct vm *vm = vms[vms[1]->state == MACHINE_PAGING];
    cr_expect(!vm->sched.queued && vm->gate.admitted);
    cr_expect_eq(vm->timeout_event.time, vm->machine->space.ready);
    kernel_stop(&b->kernel, vm);
    cr_expect(!event_is_queued(&vm->timeout_event) && !vm->gate.admitted);
    kernel_start(&b->kernel, vm);
    for (unsigned i = 0; i < 500; i++)
        kernel_turn(&b->kernel);
    for (unsigned i = 0; i < 2; i++)
        cr_expect_gt(register_of(b, vms[i], EBX), 0, "machine %u", i);
    bench_free(b);
}

/* Failures. */

Test(swapping, machine_whose_page_cannot_be_written_fails_with_a_report_and_others_go_on)
{
    struct bench *b = bench_new(writes, sizeof(writes), false);
    struct vm *vms[3];
    for (unsigned i = 0; i < 3; i++)
        vms[i] = create(b);
    while (b->store.writes < 20)
        kernel_turn(&b->kernel);
    b->store.fail_writes = 1;
    while (b->kernel.counters.failed == 0)
        cr_assert_eq(kernel_turn(&b->kernel), DENALI_RUNNING);
    unsigned failed = 0;
    for (unsigned i = 0; i < 3; i++) {
        if (vms[i]->state != MACHINE_FAILED)
            continue;
        failed++;
        cr_assert_not_null(vms[i]->machine->failure);
        cr_expect_not_null(strstr(vms[i]->machine->failure->reason, "cannot be written"));
        cr_expect(!vms[i]->sched.queued && !vms[i]->gate.admitted && !event_is_queued(&vms[i]->timeout_event));
    }
    cr_expect_eq(failed, 1);
    cr_expect_eq(b->kernel.counters.alive, 2);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t before = vms[i]->machine->instructions; /* the gate is open: none is asleep */
        for (unsigned turns = 0; turns < 20; turns++)
            kernel_turn(&b->kernel);
        cr_expect_eq(vms[i]->machine->instructions > before, vms[i]->state != MACHINE_FAILED);
    }
    bench_free(b);
}

Test(swapping, machine_whose_page_cannot_be_read_fails_with_a_report_and_others_go_on)
{
    struct bench *b = bench_new(writes, sizeof(writes), false);
    for (unsigned i = 0; i < 3; i++)
        create(b);
    while (b->store.reads < 20)
        kernel_turn(&b->kernel);
    b->store.fail_reads = 1;
    while (b->kernel.counters.failed == 0)
        cr_assert_eq(kernel_turn(&b->kernel), DENALI_RUNNING);
    for (unsigned turns = 0; turns < 50; turns++)
        cr_assert_eq(kernel_turn(&b->kernel), DENALI_RUNNING);
    cr_expect_eq(b->kernel.counters.failed, 1);
    FOR_EACH_VM(&b->kernel.vms, vm)
    if (vm->state == MACHINE_FAILED)
        cr_expect_not_null(strstr(vm->machine->failure->reason, "cannot be read"));
    bench_free(b);
}

Test(swapping, sleeper_whose_record_cannot_be_read_fails_when_it_is_wanted)
{
    struct bench *b = bench_new(naps, sizeof(naps), true);
    struct vm *vms[3];
    put_to_sleep(b, vms, 3);
    b->store.fail_reads = 1;
    b->kernel.end_cycles = b->kernel.clock.cycles + 250000;
    run(b);
    cr_expect_eq(b->kernel.counters.failed, 1);
    cr_expect_eq(b->kernel.counters.alive, 2);
    unsigned failed = 0;
    for (unsigned i = 0; i < 3; i++) {
        failed += vms[i]->state == MACHINE_FAILED;
        cr_expect(vms[i]->state != MACHINE_FAILED || strstr(vms[i]->machine->failure->reason, "cannot be read"));
        cr_expect(vms[i]->state == MACHINE_FAILED || register_of(b, vms[i], EBX) >= 2);
    }
    cr_expect_eq(failed, 1);
    bench_free(b);
}

Test(swapping, machine_whose_record_cannot_be_written_fails)
{
    struct bench *b = bench_new(idles, sizeof(idles), true);
    struct vm *vm = create(b);
    run(b);
    while (pager_make_room(b->kernel.pager, frame_pool_left(b->pool) + 1))
        continue;
    b->store.fail_writes = 1;
    kernel_settle(&b->kernel);
    cr_expect_eq(vm->state, MACHINE_FAILED);
    cr_expect_not_null(strstr(vm->machine->failure->reason, "cannot be written"));
    cr_expect_eq(run(b), DENALI_ENDED);
    bench_free(b);
}

/* Machine 0 sends three frames to machine 1 in one turn; that sleeps and cannot be read. */
static struct packet *frame_to(uint8_t id)
{
    struct packet *packet = packet_new(60);
    memset(packet->bytes, 0, 60);
    memcpy(packet->bytes, (const uint8_t[]){0x02, 0x44, 0x4E, 0, 0, id}, 6);
    return packet;
}

static void transmit(struct bench *b, struct nic *nic, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        nic->transmit.ring = nic->transmit.ring ? nic->transmit.ring : malloc(nic->transmit.capacity * sizeof(void *));
        nic->transmit.ring[(nic->transmit.head + nic->transmit.count++) % nic->transmit.capacity] = frame_to(1);
        if (nic->transmit.count == 1)
            b->kernel.network.wire.ready(&b->kernel.network.wire, nic);
    }
}

Test(swapping, sleeper_that_fails_while_frames_are_delivered_holds_up_no_frame)
{
    struct bench *b = bench_new(idles, sizeof(idles), true);
    struct vm *vms[3];
    put_to_sleep(b, vms, 3);
    cr_assert(kernel_fetch(&b->kernel, vms[0]) && kernel_fetch(&b->kernel, vms[2]));
    transmit(b, &vms[0]->machine->nic, 3);
    transmit(b, &vms[2]->machine->nic, 2);
    b->store.fail_reads = 1;
    switch_drain(&b->kernel.network);
    cr_expect_eq(vms[1]->state, MACHINE_FAILED);
    cr_expect_eq(b->kernel.network.counters.out, 5);
    cr_expect_eq(b->kernel.network.counters.unclaimed, 5);
    cr_expect_eq(run(b), DENALI_QUIET);
    bench_free(b);
}

/* At the gate. */

Test(swapping, machines_that_give_up_their_turns_make_way_at_the_gate)
{
    struct bench *b = bench_new(yields, sizeof(yields), true);
    struct vm *vms[20];
    for (unsigned i = 0; i < 20; i++)
        vms[i] = create(b);
    for (unsigned i = 0; i < 20 * 2 * (GATE_QUANTA + 1); i++)
        kernel_turn(&b->kernel);
    for (unsigned i = 0; i < 20; i++)
        cr_expect_gt(register_of(b, vms[i], EBX), 0, "machine %u", i);
    bench_free(b);
}

Test(swapping, only_so_many_machines_are_admitted_as_have_room_before_any_has_run)
{
    struct bench *b = bench_new(writes, sizeof(writes), true);
    unsigned admitted = 0;
    for (unsigned i = 0; i < 40; i++)
        admitted += create(b)->gate.admitted;
    cr_expect_eq(admitted, FRAMES / 4);
    bench_free(b);
}
