/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "../../devices/console.h"
#include "fakes.h"

struct fake_sink {
    struct console_sink sink;
    uint32_t id;
    size_t length;
    uint8_t bytes[FAKE_MEMORY_SIZE];
};

static void sink_write(struct console_sink *sink, uint32_t id, const uint8_t *bytes, size_t length)
{
    struct fake_sink *fake = container_of(sink, struct fake_sink, sink);
    fake->id = id;
    memcpy(fake->bytes + fake->length, bytes, length);
    fake->length += length;
}

static enum port_result string_out(struct console *console, struct fake_memory *memory, struct port_string *string)
{
    return console->device.ops->string_out(&console->device, &memory->memory, string);
}

static void put(struct console *console, const char *text)
{
    for (; *text; text++)
        console->device.ops->out(&console->device, DENALI_PORT_CONSOLE, (uint8_t)*text);
}

Test(console, out_byte_reaches_sink_with_id)
{
    struct fake_sink sink = {.sink = {sink_write}};
    struct console console;
    console_init(&console, 7, &sink.sink);
    console.device.ops->out(&console.device, DENALI_PORT_CONSOLE, 0x12345641);
    cr_assert_eq(sink.id, 7);
    cr_assert_eq(sink.length, 1);
    cr_assert_eq(sink.bytes[0], 'A');
}

Test(console, string_longer_than_a_piece_arrives_whole)
{
    struct fake_sink sink = {.sink = {sink_write}};
    struct fake_memory memory = FAKE_MEMORY;
    struct console console;
    console_init(&console, 0, &sink.sink);
    for (uint32_t i = 0; i < FAKE_MEMORY_SIZE; i++)
        memory.bytes[i] = (uint8_t)(i * 7 + i / 251);
    struct port_string string = {.address = 3, .count = 20001};
    cr_assert_eq(string_out(&console, &memory, &string), PORT_DONE);
    cr_assert_eq(string.count, 0);
    cr_assert_eq(sink.length, 20001);
    cr_assert_arr_eq(sink.bytes, memory.bytes + 3, 20001);
    cr_assert_eq(console.written, 20001);
}

Test(console, fault_in_last_piece_writes_nothing)
{
    struct fake_sink sink = {.sink = {sink_write}};
    struct fake_memory memory = {.memory = {fake_read, fake_write}, .hole = 15000};
    struct console console;
    struct fake_visitor before, after;
    console_init(&console, 0, &sink.sink);
    state_text(&console.device, &before);
    struct port_string string = {.address = 3, .count = 15000};
    cr_assert_eq(string_out(&console, &memory, &string), PORT_FAULT);
    cr_assert_eq(string.fault, 15000);
    cr_assert_eq(string.count, 15000);
    cr_assert_eq(sink.length, 0);
    state_text(&console.device, &after);
    cr_assert_str_eq(before.text, after.text);
}

Test(console, string_of_no_bytes_is_done_wherever_it_is)
{
    struct fake_memory memory = FAKE_MEMORY;
    struct console console;
    console_init(&console, 0, NULL);
    struct port_string string = {.address = 0xFFFFFFF0, .count = 0};
    cr_assert_eq(string_out(&console, &memory, &string), PORT_DONE);
    cr_assert_eq(console.written, 0);
}

/* 64-bit FNV-1a of "foobar" is a published test vector (draft-eastlake-fnv, appendix C). */
Test(console, digest_is_fnv_1a_of_all_bytes_however_cut)
{
    struct fake_memory memory = FAKE_MEMORY;
    struct console bytewise, mixed;
    console_init(&bytewise, 0, NULL);
    console_init(&mixed, 0, NULL);
    put(&bytewise, "foobar");
    memcpy(memory.bytes, "foob", 4);
    struct port_string string = {.address = 0, .count = 4};
    string_out(&mixed, &memory, &string);
    put(&mixed, "ar");
    cr_assert_eq(bytewise.digest, 0x85944171F73967E8);
    cr_assert_eq(mixed.digest, bytewise.digest);
}

Test(console, debug_port_takes_bytes_at_its_own_port_only)
{
    struct fake_sink sink = {.sink = {sink_write}};
    struct console debug;
    debug_port_init(&debug, 0, &sink.sink);
    const struct device_port *port = debug.device.ops->ports;
    cr_assert(port[0].port == DENALI_PORT_DEBUG && port[0].forms == PORT_OUT8 && port[1].forms == 0);
    debug.device.ops->out(&debug.device, DENALI_PORT_DEBUG, 'x');
    cr_assert(sink.length == 1 && sink.bytes[0] == 'x');
}

Test(console, ports_are_those_of_the_architecture)
{
    struct console console;
    console_init(&console, 0, NULL);
    const struct device_port *port = console.device.ops->ports;
    cr_assert(port[0].port == 0x10 && port[0].forms == (PORT_OUT8 | PORT_STRING_OUT8) && port[1].forms == 0);
}
