/* SPDX-License-Identifier: MIT
 *
 * A machine swapped out as a whole: its record has all there is of it, and a record that cannot be read harms no other.
 */
#include <stdint.h>

#include "../../devices/container_of.h"
#include "../../emu/hibernate.h"
#include "../../emu/pager.h"
#include "fake_store.h"
#include "tiny_image.h"

enum { MEMORY = 64 << 10, BLOCK = PAGE_SIZE };

struct bench {
    struct machine_host host;
    struct pager_host pager_host;
    struct event_queue events;
    struct clock clock;
    struct cost_model costs;
    struct frame_pool *pool;
    struct fake_store store;
    struct pager *pager;
    struct image image;
    struct machine_config config;
    struct vm vm;
};

static void ignore_post(struct machine_host *host, struct vm *vm)
{
    (void)host;
    (void)vm;
}

static void ignore_lost(struct pager_host *host, struct space *space, const char *why)
{
    (void)host;
    (void)space;
    (void)why;
}

static void ignore_emptied(struct pager_host *host, struct space *space)
{
    (void)host;
    (void)space;
}

static struct bench *bench_new(bool mmu)
{
    static const uint8_t program[] = {0xF4};
    struct bench *b = calloc(1, sizeof(*b));
    uint8_t file[256];
    char error[256];

    b->clock = (struct clock){.khz = 1000000};
    b->host = (struct machine_host){.posted = ignore_post, .events = &b->events, .clock = &b->clock};
    b->pager_host = (struct pager_host){.lost = ignore_lost, .emptied = ignore_emptied};
    b->pool = frame_pool_new(200);
    event_queue_init(&b->events);
    cr_assert(event_reserve(&b->events, 4));
    size_t size = tiny_image(file, sizeof(file), program, sizeof(program));
    cr_assert(image_load_bytes(&b->image, "tiny", file, size, b->pool, 2 << 20, error, sizeof(error)), "%s", error);
    b->pager = pager_new(b->pool, swap_new(fake_store_init(&b->store, BLOCK, 1)), &b->pager_host, &b->costs, &b->clock);
    b->pager->policy = lru_new(&b->pager->replacement_host);
    b->config = (struct machine_config){.host = &b->host, .queue_frames = 4, .mmu = mmu, .pager = b->pager};
    vm_init(&b->vm, 3, &b->image, &b->config);
    b->vm.machine = malloc(sizeof(*b->vm.machine));
    cr_assert(machine_init(b->vm.machine, &b->vm, &(struct machine_boot){.arguments = ""}));
    return b;
}

static void bench_free(struct bench *b)
{
    if (b->vm.machine)
        machine_drop(b->vm.machine);
    else
        pager_forget_sleeper(b->pager, &b->vm.region, b->vm.pages_out);
    free(b->vm.machine);
    image_drop(&b->image);
    cr_expect_eq(frame_pool_used(b->pool), 0);
    cr_expect_eq(b->store.stored, 0);
    cr_expect_eq(b->pager->counters.swapped, 0);
    pager_free(b->pager);
    event_queue_drop(&b->events);
    frame_pool_free(b->pool);
    free(b);
}

static void push_out(struct bench *b)
{
    while (pager_make_room(b->pager, frame_pool_left(b->pool) + 1))
        continue;
}

static void sleep_now(struct bench *b)
{
    bool lost;
    push_out(b);
    cr_assert(hibernate(&b->vm, b->pager, &lost));
    cr_assert(!lost && !b->vm.machine);
}

static struct machine *wake_now(struct bench *b)
{
    bool whole = false;
    cr_assert_not_null(hibernate_wake(&b->vm, b->pager, &whole));
    cr_assert(whole, "%s", b->pager->error);
    return b->vm.machine;
}

/* Gives every field a number of its own (cut to the field's width), or checks that each has one. */
struct filler {
    struct state_visitor visitor;
    uint64_t next;
    bool check;
};

static uint64_t fill_number(struct state_visitor *visitor, const char *name, uint64_t value)
{
    struct filler *filler = container_of(visitor, struct filler, visitor);
    bool queue = strcmp(name, "events") == 0 || strcmp(name, "receive") == 0 || strcmp(name, "transmit") == 0;
    filler->next = filler->next * 6364136223846793005 + 1442695040888963407;
    if (!filler->check)
        return filler->next >> 20;
    cr_expect(queue || value != 0, "%s was not filled", name);
    return value;
}

static void fill_bytes(struct state_visitor *visitor, const char *name, const void *bytes, size_t length)
{
    (void)visitor;
    (void)bytes;
    cr_assert_eq(length, 0, "%s", name);
}

static void fill(struct machine *m, bool check)
{
    struct filler filler = {.visitor = {.number = fill_number, .bytes = fill_bytes}, .next = 1, .check = check};
    machine_show(m, &filler.visitor);
}

/* What is not saved: it only makes the next run faster, or tells where the machine is. */
static void expect_same_processor(const struct cpu_state *a, const struct cpu_state *b)
{
    cr_expect_arr_eq(a->regs, b->regs, sizeof(a->regs));
    cr_expect_eq(a->eip, b->eip);
    cr_expect_eq(a->control, b->control);
    cr_expect_eq(cpu_state_eflags(a), cpu_state_eflags(b));
    cr_expect_eq(a->user, b->user);
    cr_expect_eq(a->undelivered.waits, b->undelivered.waits);
    cr_expect_eq(a->undelivered.exception.number, b->undelivered.exception.number);
    cr_expect_eq(a->undelivered.exception.error, b->undelivered.exception.error);
    cr_expect_eq(a->undelivered.exception.address, b->undelivered.exception.address);
    for (unsigned i = 0; i < 8; i++) {
        cr_expect_eq(a->fpu.registers[i].significand, b->fpu.registers[i].significand);
        cr_expect_eq(a->fpu.registers[i].sign_exponent, b->fpu.registers[i].sign_exponent);
    }
    cr_expect_arr_eq(a->fpu.xmm, b->fpu.xmm, sizeof(a->fpu.xmm));
    cr_expect(a->fpu.control == b->fpu.control && a->fpu.status == b->fpu.status && a->fpu.full == b->fpu.full);
    cr_expect(a->fpu.opcode == b->fpu.opcode && a->fpu.instruction == b->fpu.instruction);
    cr_expect(a->fpu.operand == b->fpu.operand && a->fpu.mxcsr == b->fpu.mxcsr);
    cr_expect_eq(a->mmu.present, b->mmu.present);
    cr_expect(a->mmu.on == b->mmu.on && a->mmu.asid == b->mmu.asid && a->mmu.index == b->mmu.index);
    cr_expect(a->mmu.probed == b->mmu.probed && a->mmu.page == b->mmu.page);
    cr_expect_arr_eq(a->mmu.entries, b->mmu.entries, sizeof(a->mmu.entries));
}

static void expect_same_machine(const struct machine *a, const struct machine *b)
{
    expect_same_processor(&a->state, &b->state);
    cr_expect(a->posted == b->posted && a->posted_count == b->posted_count);
    cr_expect_eq(a->idle_answer, b->idle_answer);
    cr_expect_eq(a->quantum_left, b->quantum_left);
    cr_expect_eq(a->instructions, b->instructions);
    cr_expect_eq(a->space.owner.time, b->space.owner.time);
    cr_expect(a->console.written == b->console.written && a->console.digest == b->console.digest);
    cr_expect(a->debug.written == b->debug.written && a->debug.digest == b->debug.digest);
    cr_expect_eq(a->keyboard.dropped, b->keyboard.dropped);
    cr_expect(a->timer.armed == b->timer.armed && a->timer.deadline == b->timer.deadline);
    cr_expect(a->nic.sent == b->nic.sent && a->nic.received == b->nic.received);
    cr_expect(a->nic.receive_dropped == b->nic.receive_dropped);
    cr_expect(a->nic.transmit_was_full == b->nic.transmit_was_full);
    cr_expect_eq(a->nic.transmit_refused, b->nic.transmit_refused);
}

static void round_trip(bool mmu)
{
    struct bench *b = bench_new(mmu);
    struct machine before;
    uint32_t fault, value = 0xCAFE;
    fill(b->vm.machine, false);
    for (uint32_t address = 0x2000; address < (1 << 20) + 0x3000; address += 0x7000)
        cr_assert(space_write(&b->vm.machine->space, address, &value, 4, &fault));
    before = *b->vm.machine;
    uint64_t digest = machine_digest(b->vm.machine);
    sleep_now(b);
    expect_same_machine(&before, wake_now(b));
    fill(b->vm.machine, true);
    cr_expect_eq(machine_digest(b->vm.machine), digest);
    b->vm.machine->timer.armed = false;
    bench_free(b);
}

Test(hibernate, machine_wakes_as_it_was)
{
    round_trip(false);
}

Test(hibernate, machine_with_an_mmu_wakes_as_it_was)
{
    round_trip(true);
}

static uint8_t *record_copy(const struct bench *b, size_t *length)
{
    const uint8_t *block = b->store.blocks[b->vm.region.first + (2 << 20) / BLOCK];
    uint64_t head;
    cr_assert_not_null(block);
    memcpy(&head, block, sizeof(head));
    cr_assert_leq(head, BLOCK - sizeof(head));
    uint8_t *copy = malloc(BLOCK);
    memcpy(copy, block, BLOCK);
    *length = head;
    return copy;
}

Test(hibernate, record_of_a_machine_that_woke_and_sleeps_again_is_the_same)
{
    struct bench *b = bench_new(false);
    size_t length, again_length;
    fill(b->vm.machine, false);
    sleep_now(b);
    uint8_t *record = record_copy(b, &length);
    wake_now(b);
    sleep_now(b);
    uint8_t *again = record_copy(b, &again_length);
    cr_expect_eq(length, again_length);
    cr_expect_eq(memcmp(record, again, BLOCK), 0);
    free(record);
    free(again);
    bench_free(b);
}

static void note_digest(const struct machine *m, void *owner)
{
    *(uint64_t *)owner = machine_digest(m);
}

Test(hibernate, sleeper_that_is_looked_at_sleeps_on)
{
    struct bench *b = bench_new(false);
    uint64_t digest = machine_digest(b->vm.machine), seen = 0;
    sleep_now(b);
    struct pager_counters counters = b->pager->counters;
    for (unsigned i = 0; i < 3; i++) {
        cr_assert(hibernate_look(&b->vm, b->pager, note_digest, &seen));
        cr_expect_eq(seen, digest);
    }
    cr_expect_null(b->vm.machine);
    cr_expect_eq(memcmp(&counters, &b->pager->counters, sizeof(counters)), 0);
    cr_expect_eq(machine_digest(wake_now(b)), digest);
    bench_free(b);
}

Test(hibernate, sleeper_takes_no_frames_and_is_forgotten_without_waking)
{
    struct bench *b = bench_new(false);
    uint64_t image = frame_pool_used(b->pool) - b->vm.machine->space.owner.frames;
    sleep_now(b);
    cr_expect_eq(frame_pool_used(b->pool), image);
    cr_expect_eq(b->vm.pages_out, 1);
    cr_expect_eq(b->pager->counters.swapped, 1);
    bench_free(b);
}

static void expect_refusal(struct bench *b)
{
    bool lost = true;
    uint64_t digest = machine_digest(b->vm.machine);
    push_out(b);
    cr_expect(!hibernate(&b->vm, b->pager, &lost));
    cr_expect(!lost);
    cr_assert_not_null(b->vm.machine);
    cr_expect_eq(machine_digest(b->vm.machine), digest);
}

Test(hibernate, machine_with_a_frame_to_receive_is_not_quiet)
{
    struct bench *b = bench_new(false);
    struct packet *packet = packet_new(60);
    cr_assert(nic_receive(&b->vm.machine->nic, packet));
    packet_unref(packet);
    expect_refusal(b);
    bench_free(b);
}

Test(hibernate, machine_that_looks_for_keys_or_has_one_is_not_quiet)
{
    struct bench *b = bench_new(false);
    b->vm.machine->keyboard.wanted = true;
    expect_refusal(b);
    b->vm.machine->keyboard.wanted = false;
    cr_assert(keyboard_event(&b->vm.machine->keyboard, 'x'));
    expect_refusal(b);
    bench_free(b);
}

Test(hibernate, machine_whose_record_cannot_be_written_stays_and_is_lost)
{
    struct bench *b = bench_new(false);
    bool lost = false;
    push_out(b);
    b->store.fail_writes = 1;
    cr_expect(!hibernate(&b->vm, b->pager, &lost));
    cr_expect(lost);
    cr_expect_not_null(b->vm.machine);
    cr_expect_not_null(strstr(b->pager->error, "cannot be written"));
    bench_free(b);
}

Test(hibernate, machine_whose_record_cannot_be_read_wakes_blank_with_an_error)
{
    struct bench *b = bench_new(false);
    bool whole = true;
    fill(b->vm.machine, false);
    b->vm.machine->timer.armed = false;
    sleep_now(b);
    uint64_t unseen = 0;
    b->store.fail_reads = 2;
    cr_expect(!hibernate_look(&b->vm, b->pager, note_digest, &unseen));
    cr_expect_eq(unseen, 0);
    const struct machine *m = hibernate_wake(&b->vm, b->pager, &whole);
    cr_assert_not_null(m);
    cr_expect(!whole);
    cr_expect_not_null(strstr(b->pager->error, "cannot be read"));
    cr_expect_eq(m->state.eip, DENALI_IMAGE_BASE);
    cr_expect_eq(m->instructions, 0);
    cr_expect_eq(b->pager->counters.swapped, 0, "its pages are in swap no more");
    bench_free(b);
}
