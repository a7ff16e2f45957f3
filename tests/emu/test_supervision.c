/* SPDX-License-Identifier: MIT
 *
 * A supervisor's requests, asked of the host behind its port, in a kernel of their own. Machine 0 idles.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../emu/supervision.h"
#include "kernel_bench.h"
#include "tiny_image.h"

enum { MEMORY = 64 << 10, FRAMES = 4096, MACHINES_MAX = 1100 };

/* or eax, -1; or edx, -1; 0F 3F 00; or ebx, eax; and dword [IRQ_PENDING], 0; jmp to the start */
static const uint8_t idles[] = {0x83, 0xC8, 0xFF, 0x83, 0xCA, 0xFF, 0x0F, 0x3F, 0x00, 0x09,
                                0xC3, 0x83, 0x25, 0x34, 0,    0,    0,    0,    0xEB, 0xEC};
/* mov al, 'h'; out 10h, al; mov al, 'i'; out 10h, al; mov eax, 7; 0F 3F 01 */
static const uint8_t writes[] = {0xB0, 'h', 0xE6, 0x10, 0xB0, 'i', 0xE6, 0x10, 0xB8, 7, 0, 0, 0, 0x0F, 0x3F, 0x01};
/* mov al, '.'; out 10h, al; jmp to the out */
static const uint8_t chatters[] = {0xB0, '.', 0xE6, 0x10, 0xEB, 0xFC};
/* in eax, 14h; or ebx, eax; and dword [IRQ_PENDING], 0; hlt; jmp to the start */
static const uint8_t listens[] = {0xE5, 0x14, 0x09, 0xC3, 0x83, 0x25, 0x34, 0, 0, 0, 0, 0xF4, 0xEB, 0xF2};
static const uint8_t crashes[] = {0x0F, 0x0B};

enum { SELF, WRITES, CHATTERS, LISTENS, CRASHES };

struct bench {
    struct kernel kernel;
    struct supervision supervision;
    struct machine_config first, others;
    struct supervisor_host *host;
    struct frame_pool *pool;
    struct image own;
    struct vm *supervisor;
    char error[256];
};

static void add_image(struct bench *b, const char *name, const uint8_t *program, size_t size)
{
    char path[] = "/tmp/denali-test-XXXXXX";
    uint8_t file[256];
    size = tiny_image(file, sizeof(file), program, size);
    int descriptor = mkstemp(path);
    cr_assert(descriptor >= 0 && write(descriptor, file, size) == (ssize_t)size);
    close(descriptor);
    cr_assert(image_cache_add(&b->supervision.images, name, path, MEMORY, b->error, sizeof(b->error)), "%s", b->error);
    unlink(path);
}

static enum denali_progress run(struct bench *b)
{
    return kernel_bench_run(&b->kernel, 10000);
}

static void bench_init(struct bench *b, uint64_t frames)
{
    struct kernel *k = &b->kernel;
    struct supervision *s = &b->supervision;
    uint8_t file[256];
    size_t size = tiny_image(file, sizeof(file), idles, sizeof(idles));

    *b = (struct bench){.pool = frame_pool_new(frames), .host = &s->host};
    cr_assert(image_load_bytes(&b->own, "own", file, size, b->pool, MEMORY, b->error, sizeof(b->error)));
    kernel_bench_init(k, gate_open_new());
    supervision_init(s, k, b->pool, NULL, &b->own);
    cr_assert(supervision_reserve(s, 1));
    add_image(b, "writes", writes, sizeof(writes));
    add_image(b, "chatters", chatters, sizeof(chatters));
    add_image(b, "listens", listens, sizeof(listens));
    add_image(b, "crashes", crashes, sizeof(crashes));
    s->machines_max = MACHINES_MAX;
    b->others =
        (struct machine_config){.host = &k->host, .queue_frames = 4, .wire = &k->network.wire, .console = &s->sink};
    s->config = &b->others;
    k->supervision = s;
    b->first = b->others;
    b->first.console = NULL;
    b->first.supervisor = &s->host;
    const struct machine_boot boot = {.arguments = ""};
    b->supervisor = kernel_create(k, &b->own, &b->first, &boot, b->error, sizeof(b->error));
    cr_assert(b->supervisor, "%s", b->error);
    kernel_start(k, b->supervisor);
    cr_assert_eq(run(b), DENALI_QUIET);
}

static void bench_drop(struct bench *b)
{
    struct kernel *k = &b->kernel;
    kernel_destroy_all(k);
    supervision_drop(&b->supervision);
    kernel_bench_drop(k);
    image_drop(&b->own);
    frame_pool_free(b->pool);
}

static int32_t try_create(struct bench *b, const struct supervisor_create *create, uint32_t *machine)
{
    return b->host->create(b->host, create, machine);
}

static uint32_t create(struct bench *b, uint32_t image)
{
    uint32_t machine = 0;
    cr_assert_eq(try_create(b, &(struct supervisor_create){.image = image, .arguments = ""}, &machine), 0);
    return machine;
}

static uint32_t create_started(struct bench *b, uint32_t image)
{
    uint32_t machine = create(b, image);
    cr_assert_eq(b->host->start(b->host, machine), 0);
    return machine;
}

static int32_t destroy(struct bench *b, uint32_t machine)
{
    return b->host->destroy(b->host, machine);
}

static struct supervisor_entry entry_of(struct bench *b, uint32_t machine)
{
    struct supervisor_entry entry;
    cr_assert(b->host->next(b->host, machine & DENALI_HANDLE_INDEX, &entry));
    cr_assert_eq(entry.machine, machine);
    return entry;
}

/* The interrupts of machine 0 since it was last asked for them. */
static uint32_t delivered(struct bench *b)
{
    uint32_t *collected = &b->supervisor->machine->state.regs[EBX], sources;
    run(b);
    sources = *collected;
    *collected = 0;
    return sources;
}

Test(supervision, machine_runs_to_its_end_and_is_described)
{
    struct bench b;
    uint8_t bytes[8];
    uint32_t lost;
    bench_init(&b, FRAMES);
    uint32_t machine = create(&b, WRITES);
    cr_expect_eq(machine, 0x01000001);
    cr_expect_eq(entry_of(&b, machine).state, DENALI_STATE_STOPPED);
    cr_expect_eq(b.host->start(b.host, machine), 0);
    cr_expect_eq(entry_of(&b, machine).state, DENALI_STATE_READY);
    for (unsigned i = 0; i < 3; i++)
        kernel_turn(&b.kernel);
    struct supervisor_entry entry = entry_of(&b, machine);
    cr_expect(entry.state == DENALI_STATE_TERMINATED && entry.exit_status == 7 && entry.memory == MEMORY);
    cr_expect(entry.instructions == 6 && entry.console == 2 && entry.lost == 0);
    cr_expect_eq(b.host->console_peek(b.host, machine, bytes, sizeof(bytes), &lost), 2);
    cr_expect_arr_eq(bytes, "hi", 2);
    b.host->console_take(b.host, machine, 2);
    cr_expect_eq(entry_of(&b, machine).console, 0);
    bench_drop(&b);
}

static uint32_t features_of(const struct vm *vm)
{
    uint32_t features = 0, fault;
    space_read(&vm->machine->space, DENALI_REG_FEATURES, &features, sizeof(features), &fault);
    return features;
}

Test(supervision, machines_created_are_no_supervisors)
{
    struct bench b;
    bench_init(&b, FRAMES);
    uint32_t machine = create(&b, SELF);
    cr_expect_eq(features_of(b.supervisor), DENALI_FEATURE_SUPERVISOR);
    cr_expect_eq(features_of(vm_table_at(&b.kernel.vms, machine & DENALI_HANDLE_INDEX)), 0);
    bench_drop(&b);
}

Test(supervision, failure_is_told_in_words)
{
    struct bench b;
    const char *text;
    bench_init(&b, FRAMES);
    uint32_t machine = create_started(&b, CRASHES);
    cr_expect_eq(b.host->reason(b.host, machine, &text), 0);
    cr_expect_str_eq(text, "");
    run(&b);
    cr_expect_eq(entry_of(&b, machine).state, DENALI_STATE_FAILED);
    cr_expect_eq(b.host->reason(b.host, machine, &text), 0);
    cr_expect_str_eq(text, "illegal instruction");
    cr_expect_eq(b.host->reason(b.host, machine + 1, &text), -DENALI_ESRCH);
    bench_drop(&b);
}

Test(supervision, handle_of_a_destroyed_machine_is_not_that_of_the_next)
{
    struct bench b;
    bench_init(&b, FRAMES);
    uint32_t first = create(&b, WRITES), machine = first;
    for (unsigned i = 0; i < 255; i++) {
        uint32_t old = machine;
        cr_assert_eq(destroy(&b, old), 0);
        cr_assert_eq(destroy(&b, old), -DENALI_ESRCH);
        machine = create(&b, WRITES);
        cr_assert_eq(machine & DENALI_HANDLE_INDEX, 1);
        cr_assert_neq(machine >> 24, 0);
        cr_assert_eq(b.host->start(b.host, old), -DENALI_ESRCH);
        cr_assert_eq(b.host->stop(b.host, old), -DENALI_ESRCH);
        cr_assert_eq(b.host->type(b.host, old, NULL, 0), -DENALI_ESRCH);
    }
    cr_expect_eq(machine, first, "after 255 machines");
    bench_drop(&b);
}

Test(supervision, supervisor_cannot_treat_itself)
{
    struct bench b;
    uint8_t byte;
    uint32_t lost;
    bench_init(&b, FRAMES);
    const uint32_t self = 0x01000000;
    entry_of(&b, self);
    cr_expect_eq(b.host->start(b.host, self), -DENALI_EPERM);
    cr_expect_eq(b.host->stop(b.host, self), -DENALI_EPERM);
    cr_expect_eq(destroy(&b, self), -DENALI_EPERM);
    cr_expect_eq(b.host->type(b.host, self, NULL, 0), -DENALI_EPERM);
    cr_expect_eq(b.host->console_peek(b.host, self, &byte, 1, &lost), -DENALI_EPERM);
    bench_drop(&b);
}

Test(supervision, what_has_ended_cannot_be_started_or_typed_to)
{
    struct bench b;
    uint32_t event = 'x';
    bench_init(&b, FRAMES);
    uint32_t machine = create_started(&b, WRITES);
    run(&b);
    cr_expect_eq(b.host->start(b.host, machine), -DENALI_EPIPE);
    cr_expect_eq(b.host->type(b.host, machine, &event, 1), -DENALI_EPIPE);
    cr_expect_eq(b.host->stop(b.host, machine), 0);
    cr_expect_eq(entry_of(&b, machine).state, DENALI_STATE_TERMINATED);
    bench_drop(&b);
}

Test(supervision, create_that_cannot_be_says_why_and_leaves_nothing)
{
    static const struct {
        struct supervisor_create create;
        int32_t error;
    } cases[] = {
        {{.image = CRASHES + 1, .arguments = ""}, -DENALI_ENOENT},
        {{.image = DENALI_IMAGE_DISK, .arguments = ""}, -DENALI_ENODEV},
        {{.arguments = "", .disk_count = 1}, -DENALI_ENODEV},
        {{.arguments = "", .memory = 4097}, -DENALI_EINVAL},
        {{.arguments = "", .memory = 4096}, -DENALI_EINVAL},
    };
    struct bench b;
    uint32_t machine = 99;
    bench_init(&b, FRAMES);
    uint64_t frames = frame_pool_used(b.pool);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_expect_eq(try_create(&b, &cases[i].create, &machine), cases[i].error, "case %zu", i);
        cr_expect_eq(machine, 99);
    }
    cr_expect_eq(frame_pool_used(b.pool), frames);
    cr_expect_eq(b.supervision.created, 0);
    bench_drop(&b);
}

Test(supervision, arguments_that_may_become_too_long_are_refused)
{
    struct bench b;
    char text[DENALI_ARGS_MAX + 1];
    uint32_t machine;
    bench_init(&b, FRAMES);
    memset(text, 'x', DENALI_ARGS_MAX);
    text[DENALI_ARGS_MAX] = '\0';
    memcpy(text + 100, "{vm}", 4);
    cr_expect_eq(try_create(&b, &(struct supervisor_create){.arguments = text}, &machine), -DENALI_E2BIG);
    text[DENALI_ARGS_MAX - 10] = '\0';
    cr_expect_eq(try_create(&b, &(struct supervisor_create){.arguments = text}, &machine), 0);
    bench_drop(&b);
}

Test(supervision, memory_is_chosen_for_each_machine)
{
    struct bench b;
    uint32_t machine;
    bench_init(&b, FRAMES);
    uint64_t frames = frame_pool_used(b.pool);
    for (uint32_t size = 2 * PAGE_SIZE; size < MEMORY; size += PAGE_SIZE) {
        cr_assert_eq(try_create(&b, &(struct supervisor_create){.memory = size, .arguments = ""}, &machine), 0);
        cr_assert_eq(entry_of(&b, machine).memory, size);
        cr_assert_eq(destroy(&b, machine), 0);
        cr_assert_eq(frame_pool_used(b.pool), frames, "the image for that size is gone too");
    }
    bench_drop(&b);
}

Test(supervision, limit_of_machines_counts_all)
{
    struct bench b;
    uint32_t machine;
    bench_init(&b, FRAMES);
    b.supervision.machines_max = 3;
    uint32_t one = create(&b, WRITES);
    create(&b, WRITES);
    const struct supervisor_create more = {.arguments = ""};
    cr_expect_eq(try_create(&b, &more, &machine), -DENALI_EAGAIN);
    destroy(&b, one);
    cr_expect_eq(try_create(&b, &more, &machine), 0);
    bench_drop(&b);
}

Test(supervision, want_of_frames_is_told_and_heals)
{
    struct bench b;
    uint32_t machine, last = 0, count = 0;
    const struct supervisor_create more = {.arguments = ""};
    bench_init(&b, 32);
    for (; try_create(&b, &more, &machine) == 0; count++)
        last = machine;
    cr_expect_gt(count, 10);
    cr_expect_eq(try_create(&b, &more, &machine), -DENALI_ENOMEM);
    destroy(&b, last);
    cr_expect_eq(try_create(&b, &more, &machine), 0);
    bench_drop(&b);
}

Test(supervision, news_come_once_in_order_with_one_interrupt_each)
{
    struct bench b;
    bench_init(&b, FRAMES);
    uint32_t one = create_started(&b, WRITES), two = create_started(&b, CRASHES), three = create_started(&b, SELF);
    uint64_t before = b.kernel.counters.interrupts_posted;
    cr_expect_eq(delivered(&b), DENALI_IRQ_SUPERVISOR);
    cr_expect_eq(b.kernel.counters.interrupts_posted, before + 2, "written twice and ended is one piece of news");
    cr_expect_eq(b.host->take_news(b.host), one);
    cr_expect_eq(b.host->take_news(b.host), two);
    cr_expect_eq(b.host->take_news(b.host), 0);
    destroy(&b, three);
    cr_expect_eq(b.host->take_news(b.host), 0, "who destroys it knows it");
    bench_drop(&b);
}

Test(supervision, news_of_a_destroyed_machine_are_none)
{
    struct bench b;
    uint32_t machines[5];
    bench_init(&b, FRAMES);
    for (unsigned i = 0; i < 5; i++)
        machines[i] = create_started(&b, WRITES);
    run(&b);
    destroy(&b, machines[0]);
    destroy(&b, machines[2]);
    destroy(&b, machines[4]);
    cr_expect_eq(b.host->take_news(b.host), machines[1]);
    cr_expect_eq(b.host->take_news(b.host), machines[3]);
    cr_expect_eq(b.host->take_news(b.host), 0);
    bench_drop(&b);
}

Test(supervision, console_keeps_the_end_and_counts_the_rest)
{
    struct bench b;
    uint8_t bytes[BYTE_RING_MAX];
    uint32_t lost;
    bench_init(&b, FRAMES);
    uint32_t machine = create_started(&b, CHATTERS);
    for (unsigned i = 0; i < 20; i++)
        kernel_turn(&b.kernel);
    cr_expect_eq(b.host->stop(b.host, machine), 0);
    struct supervisor_entry entry = entry_of(&b, machine);
    cr_expect_eq(entry.console, BYTE_RING_MAX);
    cr_expect_gt(entry.lost, 4000);
    cr_expect_eq(entry.lost + BYTE_RING_MAX, b.kernel.vms.vms[1]->machine->console.written);
    cr_expect_eq(b.host->console_peek(b.host, machine, bytes, sizeof(bytes), &lost), BYTE_RING_MAX);
    cr_expect_eq(lost, entry.lost);
    b.host->console_take(b.host, machine, BYTE_RING_MAX);
    cr_expect(entry_of(&b, machine).lost == 0 && entry_of(&b, machine).console == 0);
    bench_drop(&b);
}

Test(supervision, keys_reach_a_machine_as_far_as_there_is_room)
{
    struct bench b;
    uint32_t events[KEYBOARD_QUEUE + 1];
    bench_init(&b, FRAMES);
    uint32_t machine = create_started(&b, LISTENS);
    run(&b);
    for (uint32_t i = 0; i <= KEYBOARD_QUEUE; i++)
        events[i] = DENALI_KEY_PRESSED | ('a' + i);
    cr_expect_eq(b.host->type(b.host, machine, events, KEYBOARD_QUEUE + 1), KEYBOARD_QUEUE);
    cr_expect_eq(b.host->type(b.host, machine, events, 1), 0);
    struct machine *m = b.kernel.vms.vms[1]->machine;
    cr_expect_eq(m->keyboard.dropped, 0);
    run(&b);
    cr_expect_eq(m->state.regs[EBX], events[0]);
    bench_drop(&b);
}

Test(supervision, stopped_machine_goes_on_where_it_was)
{
    struct bench b;
    bench_init(&b, FRAMES);
    uint32_t machine = create_started(&b, CHATTERS);
    kernel_turn(&b.kernel);
    b.host->stop(b.host, machine);
    uint64_t instructions = entry_of(&b, machine).instructions;
    cr_expect_eq(entry_of(&b, machine).state, DENALI_STATE_STOPPED);
    cr_expect_eq(run(&b), DENALI_QUIET);
    cr_expect_eq(entry_of(&b, machine).instructions, instructions);
    b.host->start(b.host, machine);
    kernel_turn(&b.kernel);
    cr_expect_gt(entry_of(&b, machine).instructions, instructions);
    bench_drop(&b);
}

Test(supervision, nobody_is_told_when_the_supervisor_has_ended)
{
    struct bench b;
    bench_init(&b, FRAMES);
    create_started(&b, WRITES);
    kernel_end_failed(&b.kernel, b.supervisor, "for a test");
    cr_expect_eq(run(&b), DENALI_ENDED);
    bench_drop(&b);
}

/* Frames, events and host memory after a thousand are what they were before; so are they after the next thousand. */
Test(supervision, thousand_machines_come_run_and_go_and_leave_nothing)
{
    enum { COUNT = 1000 };
    static uint32_t machines[COUNT];
    struct bench b;
    uint64_t bytes = 0;
    bench_init(&b, FRAMES);
    uint64_t frames = frame_pool_used(b.pool), events = b.kernel.events.reserved;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < COUNT; i++)
            machines[i] = create_started(&b, i % 2 ? WRITES : CRASHES);
        cr_assert_eq(run(&b), DENALI_QUIET);
        for (unsigned i = 0; i < COUNT; i++) {
            struct supervisor_entry entry = entry_of(&b, machines[i]);
            cr_assert_eq(entry.state, i % 2 ? DENALI_STATE_TERMINATED : DENALI_STATE_FAILED);
            cr_assert_eq(entry.console, i % 2 ? 2 : 0);
        }
        for (unsigned i = 0; i < COUNT; i++)
            cr_assert_eq(destroy(&b, machines[i * 7 % COUNT]), 0);
        cr_expect_eq(frame_pool_used(b.pool), frames);
        cr_expect_eq(b.kernel.events.reserved, events);
        cr_expect(b.kernel.counters.alive == 1 && b.kernel.counters.failed == 0);
        cr_expect_eq(b.supervision.first_news, UINT32_MAX);
        cr_expect(round == 0 || supervision_bytes(&b.supervision) == bytes);
        bytes = supervision_bytes(&b.supervision);
    }
    cr_expect(b.supervision.created == 3 * COUNT && b.supervision.destroyed == 3 * COUNT);
    bench_drop(&b);
}
