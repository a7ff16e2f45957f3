/* SPDX-License-Identifier: MIT
 *
 * The device alone: a host that remembers what it was asked and answers what it was told to.
 */
#include <criterion/criterion.h>

#include "../../devices/supervisor.h"
#include "fakes.h"

enum { REQUEST = 0x1000, BUFFER = 0x2000, DISKS = 0x3000, MACHINES = 5 };

struct bench {
    struct supervisor_host host;
    struct fake_line line;
    struct fake_memory memory;
    struct supervisor supervisor;

    char asked[64]; /* what was called, with the machine */
    int32_t answer;
    struct supervisor_create create;
    char arguments[DENALI_ARGS_MAX + 1];
    const char *console;
    uint32_t lost, taken;
    uint32_t events[256], event_count, room;
    uint32_t news;
};

static struct bench *bench_of(struct supervisor_host *host)
{
    return container_of(host, struct bench, host);
}

static int32_t asked(struct supervisor_host *host, const char *what, uint32_t machine)
{
    struct bench *b = bench_of(host);
    snprintf(b->asked, sizeof(b->asked), "%s %u", what, machine);
    return b->answer;
}

static int32_t fake_create(struct supervisor_host *host, const struct supervisor_create *create, uint32_t *machine)
{
    struct bench *b = bench_of(host);
    b->create = *create;
    snprintf(b->arguments, sizeof(b->arguments), "%s", create->arguments);
    if (b->answer == 0)
        *machine = 77;
    return asked(host, "create", create->image);
}

static int32_t fake_start(struct supervisor_host *host, uint32_t machine)
{
    return asked(host, "start", machine);
}

static int32_t fake_stop(struct supervisor_host *host, uint32_t machine)
{
    return asked(host, "stop", machine);
}

static int32_t fake_destroy(struct supervisor_host *host, uint32_t machine)
{
    return asked(host, "destroy", machine);
}

static bool fake_next(struct supervisor_host *host, uint32_t index, struct supervisor_entry *entry)
{
    asked(host, "next", index);
    if (index >= MACHINES)
        return false;
    *entry = (struct supervisor_entry){
        .machine = 0x05000000 | index, .state = index, .instructions = 0x100000000 + index, .lost = 9};
    return true;
}

static int32_t fake_reason(struct supervisor_host *host, uint32_t machine, const char **text)
{
    *text = "out of luck";
    return asked(host, "reason", machine);
}

static int32_t fake_console_peek(struct supervisor_host *host, uint32_t machine, void *to, uint32_t room,
                                 uint32_t *lost)
{
    struct bench *b = bench_of(host);
    uint32_t length = (uint32_t)strlen(b->console + b->taken);
    if (asked(host, "peek", machine) < 0)
        return b->answer;
    *lost = b->lost;
    length = length < room ? length : room;
    memcpy(to, b->console + b->taken, length);
    return (int32_t)length;
}

static void fake_console_take(struct supervisor_host *host, uint32_t machine, uint32_t bytes)
{
    struct bench *b = bench_of(host);
    (void)machine;
    b->taken += bytes;
    b->lost = 0;
}

static int32_t fake_type(struct supervisor_host *host, uint32_t machine, const uint32_t *events, uint32_t count)
{
    struct bench *b = bench_of(host);
    if (asked(host, "type", machine) < 0)
        return b->answer;
    count = count < b->room ? count : b->room;
    memcpy(b->events + b->event_count, events, count * sizeof(*events));
    b->event_count += count;
    b->room -= count;
    return (int32_t)count;
}

static const char *fake_image_name(struct supervisor_host *host, uint32_t image)
{
    asked(host, "image", image);
    return image == 1 ? "hello" : NULL;
}

static uint32_t fake_take_news(struct supervisor_host *host)
{
    struct bench *b = bench_of(host);
    uint32_t news = b->news;
    b->news = 0;
    return news;
}

static void fake_state(const struct supervisor_host *host, struct state_visitor *visitor)
{
    visitor->number(visitor, "news", container_of_const(host, struct bench, host)->news);
}

static void bench_init(struct bench *b)
{
    *b = (struct bench){
        .host = {fake_create, fake_start, fake_stop, fake_destroy, fake_next, fake_reason, fake_console_peek,
                 fake_console_take, fake_type, fake_image_name, fake_take_news, fake_state},
        .line = FAKE_LINE,
        .memory = FAKE_MEMORY,
        .console = "",
    };
    supervisor_init(&b->supervisor, &b->line.line, &b->memory.memory, &b->host);
}

static uint32_t word(const struct bench *b, uint32_t address)
{
    uint32_t value;
    memcpy(&value, b->memory.bytes + address, sizeof(value));
    return value;
}

static void set(struct bench *b, uint32_t address, uint32_t value)
{
    memcpy(b->memory.bytes + address, &value, sizeof(value));
}

static void out(struct bench *b, uint32_t address)
{
    b->supervisor.device.ops->out(&b->supervisor.device, DENALI_PORT_SUPERVISOR, address);
}

static int32_t status(const struct bench *b)
{
    return (int32_t)word(b, REQUEST + DENALI_REQUEST_STATUS);
}

/* A request about `machine` with a buffer of so many bytes. */
static int32_t request(struct bench *b, uint32_t op, uint32_t machine, uint32_t length)
{
    set(b, REQUEST + DENALI_REQUEST_OP, op);
    set(b, REQUEST + DENALI_REQUEST_STATUS, 12345);
    set(b, REQUEST + DENALI_REQUEST_MACHINE, machine);
    set(b, REQUEST + DENALI_REQUEST_BUFFER, BUFFER);
    set(b, REQUEST + DENALI_REQUEST_LENGTH, length);
    out(b, REQUEST);
    return status(b);
}

Test(supervisor, machine_without_the_feature_has_no_port)
{
    struct supervisor supervisor;
    struct fake_visitor visitor;
    supervisor_init(&supervisor, NULL, NULL, NULL);
    cr_expect_eq(supervisor.device.ops->ports[0].forms, 0);
    state_text(&supervisor.device, &visitor);
    cr_expect_eq(visitor.length, 0);
}

Test(supervisor, port_is_that_of_the_architecture)
{
    struct bench b;
    bench_init(&b);
    const struct device_port *port = b.supervisor.device.ops->ports;
    cr_expect(port[0].port == 0x40 && port[0].forms == (PORT_IN32 | PORT_OUT32) && port[1].forms == 0);
}

Test(supervisor, start_stop_destroy_reach_the_host_and_its_answer_the_guest)
{
    static const char *const names[] = {[DENALI_SUPERVISOR_START] = "start 7",
                                        [DENALI_SUPERVISOR_STOP] = "stop 7",
                                        [DENALI_SUPERVISOR_DESTROY] = "destroy 7"};
    struct bench b;
    bench_init(&b);
    for (uint32_t op = DENALI_SUPERVISOR_START; op <= DENALI_SUPERVISOR_DESTROY; op++) {
        for (b.answer = -DENALI_EPERM; b.answer <= 0; b.answer++) {
            cr_expect_eq(request(&b, op, 7, 0), b.answer);
            cr_expect_str_eq(b.asked, names[op]);
        }
        b.answer = 0;
    }
    cr_expect_eq(b.line.posts, 0, "a request is complete at once");
}

Test(supervisor, operation_unknown_asks_nobody)
{
    struct bench b;
    const uint32_t unknown[] = {0, DENALI_SUPERVISOR_IMAGE + 1, UINT32_MAX};
    bench_init(&b);
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(request(&b, unknown[i], 7, 0), -DENALI_ENOSYS);
    cr_expect_str_eq(b.asked, "");
}

Test(supervisor, request_out_of_memory_does_nothing)
{
    struct bench b;
    bench_init(&b);
    out(&b, UINT32_MAX - 3);
    out(&b, FAKE_MEMORY_SIZE - DENALI_REQUEST_SIZE + 1);
    cr_expect_str_eq(b.asked, "");
    set(&b, FAKE_MEMORY_SIZE - DENALI_REQUEST_SIZE, DENALI_SUPERVISOR_START);
    out(&b, FAKE_MEMORY_SIZE - DENALI_REQUEST_SIZE);
    cr_expect_str_eq(b.asked, "start 0");
}

static bool refuse_write(struct guest_memory *memory, uint32_t address, const void *from, uint32_t length,
                         uint32_t *fault)
{
    (void)memory, (void)from, (void)length;
    *fault = address;
    return false;
}

Test(supervisor, request_that_cannot_be_answered_is_not_carried_out)
{
    struct bench b;
    bench_init(&b);
    b.memory.memory.write = refuse_write;
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_DESTROY, 7, 0), 12345);
    cr_expect_str_eq(b.asked, "");
}

Test(supervisor, create_hands_everything_on)
{
    struct bench b;
    bench_init(&b);
    memcpy(b.memory.bytes + BUFFER, "a b c{vm}", 9);
    set(&b, REQUEST + DENALI_REQUEST_IMAGE, DENALI_IMAGE_DISK);
    set(&b, REQUEST + DENALI_REQUEST_DISK, 3);
    set(&b, REQUEST + DENALI_REQUEST_BLOCK, 44);
    set(&b, REQUEST + DENALI_REQUEST_MEMORY, 1 << 20);
    set(&b, REQUEST + DENALI_REQUEST_DISKS, DISKS);
    set(&b, REQUEST + DENALI_REQUEST_DISK_COUNT, 2);
    set(&b, DISKS, 5);
    set(&b, DISKS + 4, 1);
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_CREATE, 0, 5), 0);
    cr_expect_eq(word(&b, REQUEST + DENALI_REQUEST_MACHINE), 77);
    cr_expect_str_eq(b.arguments, "a b c");
    cr_expect(b.create.image == DENALI_IMAGE_DISK && b.create.disk == 3 && b.create.block == 44);
    cr_expect(b.create.memory == 1 << 20 && b.create.disk_count == 2);
    cr_expect(b.create.disks[0] == 5 && b.create.disks[1] == 1);
}

Test(supervisor, create_checks_what_it_can)
{
    struct bench b;
    bench_init(&b);
    memset(b.memory.bytes + BUFFER, 'x', DENALI_ARGS_MAX + 1);
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_CREATE, 0, DENALI_ARGS_MAX), 0);
    cr_expect_eq(strlen(b.arguments), DENALI_ARGS_MAX);
    b.asked[0] = '\0';
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_CREATE, 0, DENALI_ARGS_MAX + 1), -DENALI_E2BIG);
    set(&b, REQUEST + DENALI_REQUEST_DISK_COUNT, SUPERVISOR_DISKS + 1);
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_CREATE, 0, 0), -DENALI_EINVAL);
    set(&b, REQUEST + DENALI_REQUEST_DISK_COUNT, 1);
    set(&b, REQUEST + DENALI_REQUEST_DISKS, FAKE_MEMORY_SIZE - 3);
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_CREATE, 0, 0), -DENALI_EFAULT);
    cr_expect_str_eq(b.asked, "");
    cr_expect_eq(word(&b, REQUEST + DENALI_REQUEST_MACHINE), 0);
}

Test(supervisor, list_fills_whole_entries_from_an_index_up)
{
    struct bench b;
    bench_init(&b);
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_LIST, 0, 2 * DENALI_ENTRY_SIZE + 31), 2);
    cr_expect_eq(word(&b, BUFFER + DENALI_ENTRY_SIZE + DENALI_ENTRY_MACHINE), 0x05000001);
    cr_expect_eq(word(&b, BUFFER + DENALI_ENTRY_SIZE + DENALI_ENTRY_INSTRUCTIONS), 1);
    cr_expect_eq(word(&b, BUFFER + DENALI_ENTRY_SIZE + DENALI_ENTRY_INSTRUCTIONS + 4), 1);
    cr_expect_eq(word(&b, BUFFER + DENALI_ENTRY_SIZE + DENALI_ENTRY_LOST), 9);
    cr_expect_eq(word(&b, BUFFER + 2 * DENALI_ENTRY_SIZE), 0);
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_LIST, 0xFF000003, 0x1000), 2, "a handle will do");
    cr_expect_eq(word(&b, BUFFER + DENALI_ENTRY_STATE), 3);
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_LIST, MACHINES, 0x1000), 0);
    b.memory.hole = BUFFER + 3 * DENALI_ENTRY_SIZE;
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_LIST, 0, 0x1000), -DENALI_EFAULT);
}

Test(supervisor, texts_are_cut_to_the_room_and_their_length_is_told)
{
    struct bench b;
    bench_init(&b);
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_REASON, 8, 3), 11);
    cr_expect_str_eq(b.asked, "reason 8");
    cr_expect_arr_eq(b.memory.bytes + BUFFER, "out\0", 4);
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_REASON, 8, 100), 11);
    cr_expect_arr_eq(b.memory.bytes + BUFFER, "out of luck\0", 12);
    b.answer = -DENALI_ESRCH;
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_REASON, 8, 100), -DENALI_ESRCH);
    set(&b, REQUEST + DENALI_REQUEST_IMAGE, 1);
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_IMAGE, 0, 100), 5);
    cr_expect_arr_eq(b.memory.bytes + BUFFER, "hello", 5);
    set(&b, REQUEST + DENALI_REQUEST_IMAGE, 2);
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_IMAGE, 0, 100), -DENALI_ENOENT);
}

Test(supervisor, read_takes_only_what_has_arrived)
{
    struct bench b;
    bench_init(&b);
    b.console = "spoken";
    b.lost = 5;
    b.memory.hole = BUFFER + 2;
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_READ, 3, 4), -DENALI_EFAULT);
    cr_expect_eq(b.taken, 0);
    cr_expect_eq(word(&b, REQUEST + DENALI_REQUEST_LOST), 0);
    b.memory.hole = 0;
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_READ, 3, 4), 4);
    cr_expect_eq(word(&b, REQUEST + DENALI_REQUEST_LOST), 5);
    cr_expect_arr_eq(b.memory.bytes + BUFFER, "spok\0", 5);
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_READ, 3, UINT32_MAX), 2);
    cr_expect_eq(word(&b, REQUEST + DENALI_REQUEST_LOST), 0);
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_READ, 3, 4), 0);
    b.answer = -DENALI_EPERM;
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_READ, 3, 4), -DENALI_EPERM);
}

Test(supervisor, type_tells_how_many_events_were_taken)
{
    struct bench b;
    bench_init(&b);
    for (uint32_t i = 0; i < 200; i++)
        set(&b, BUFFER + 4 * i, i + 1);
    b.room = 150;
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_TYPE, 3, 4 * 130), 130);
    cr_expect_eq(b.events[129], 130);
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_TYPE, 3, 4 * 130), 20);
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_TYPE, 3, 4), 0);
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_TYPE, 3, 5), -DENALI_EINVAL);
    b.memory.hole = BUFFER + 100;
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_TYPE, 3, 4 * 130), -DENALI_EFAULT);
    b.answer = -DENALI_EPIPE;
    cr_expect_eq(request(&b, DENALI_SUPERVISOR_TYPE, 3, 0), -DENALI_EPIPE);
}

Test(supervisor, news_post_their_interrupt_and_come_by_the_port)
{
    struct bench b;
    struct fake_visitor visitor;
    bench_init(&b);
    b.news = 0x01000005;
    supervisor_notify(&b.supervisor);
    cr_expect_eq(b.line.sources, DENALI_IRQ_SUPERVISOR);
    state_text(&b.supervisor.device, &visitor);
    cr_expect_str_eq(visitor.text, "news=16777221 ");
    cr_expect_eq(b.supervisor.device.ops->in(&b.supervisor.device, DENALI_PORT_SUPERVISOR), 0x01000005);
    cr_expect_eq(b.supervisor.device.ops->in(&b.supervisor.device, DENALI_PORT_SUPERVISOR), 0);
}

Test(supervisor, random_requests_trip_nothing)
{
    struct bench b;
    uint64_t seed = 5, answered = 0;
    bench_init(&b);
    b.console = "something";
    for (unsigned i = 0; i < 100000; i++) {
        for (uint32_t offset = 0; offset < DENALI_REQUEST_SIZE; offset += 4) {
            uint64_t number = random_next(&seed);
            set(&b, REQUEST + offset, number & 1 ? (uint32_t)(number >> 32) : (uint32_t)(number >> 8) % 20);
        }
        b.memory.hole = random_next(&seed) % 4 == 0 ? (uint32_t)(random_next(&seed) >> 16) % FAKE_MEMORY_SIZE : 0;
        b.room = 100;
        b.taken = b.event_count = 0;
        out(&b, random_next(&seed) % 8 ? REQUEST : (uint32_t)random_next(&seed));
        answered += status(&b) >= 0;
    }
    cr_expect_gt(answered, 1000);
}
