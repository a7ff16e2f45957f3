/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "../../devices/host/capture.h"
#include "temporary.h"

/* 2002-12-09T00:00:00.123456789Z */
#define START_NS 1039392000123456789

static void write_frame(struct capture_writer *writer, uint32_t interface, uint64_t time_ns, uint32_t length)
{
    struct packet *packet = packet_new(length);
    for (uint32_t i = 0; i < length; i++)
        packet->bytes[i] = (uint8_t)(i * 5 + length);
    capture_write(writer, interface, time_ns, packet);
    packet_unref(packet);
}

static void write_file(const char *path)
{
    char error[256];
    struct capture_writer *writer = capture_create(path, 3, error, sizeof(error));
    cr_assert_not_null(writer, "%s", error);
    for (uint32_t i = 0; i < 4; i++)
        write_frame(writer, i % 3, START_NS + i, 60 + i);
    write_frame(writer, 2, START_NS + 1000000000, 1514);
    cr_assert(capture_finish(writer, error, sizeof(error)), "%s", error);
}

Test(capture_writer, equal_calls_give_equal_files)
{
    struct temporary temporary = temporary_new();
    char path[2][TEMPORARY_MAX];
    char *bytes[2];
    size_t length[2];
    for (int i = 0; i < 2; i++) {
        write_file(temporary_path(&temporary, i ? "b" : "a", path[i]));
        bytes[i] = file_bytes(path[i], &length[i]);
    }
    cr_assert_eq(length[0], length[1]);
    cr_assert_arr_eq(bytes[0], bytes[1], length[0]);
    free(bytes[0]);
    free(bytes[1]);
    temporary_remove(&temporary);
}

/* The bytes that the draft asks for, written down by hand. */
Test(capture_writer, file_with_one_interface_and_frame_is_byte_exact)
{
    static const uint8_t expected[] = {
        0x0A, 0x0D, 0x0D, 0x0A, 44,   0,    0,    0,    0x4D, 0x3C, 0x2B, 0x1A, 1,   0,   0,   0, 0xFF, 0xFF, 0xFF,
        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 4,    0,    6,    0,    'd',  'e',  'n',  'a', 'l', 'i', 0, 0,    0,    0,
        0,    0,    44,   0,    0,    0,    1,    0,    0,    0,    40,   0,    0,   0,   1,   0, 0,    0,    0xEA,
        5,    0,    0,    2,    0,    4,    0,    'v',  'm',  ' ',  '0',  9,    0,   1,   0,   9, 0,    0,    0,
        0,    0,    0,    0,    40,   0,    0,    0,    6,    0,    0,    0,    48,  0,   0,   0, 0,    0,    0,
        0,    0x04, 0x03, 0x02, 0x01, 0x08, 0x07, 0x06, 0x05, 14,   0,    0,    0,   14,  0,   0, 0,    14,   19,
        24,   29,   34,   39,   44,   49,   54,   59,   64,   69,   74,   79,   0,   0,   48,  0, 0,    0,
    };
    struct temporary temporary = temporary_new();
    char path[TEMPORARY_MAX], error[256];
    size_t length;
    struct capture_writer *writer = capture_create(temporary_path(&temporary, "out", path), 1, error, sizeof(error));
    write_frame(writer, 0, 0x0102030405060708, 14);
    cr_assert(capture_finish(writer, error, sizeof(error)));
    char *bytes = file_bytes(path, &length);
    cr_assert_eq(length, sizeof(expected));
    cr_assert_arr_eq(bytes, expected, sizeof(expected));
    free(bytes);
    temporary_remove(&temporary);
}

/* What a command prints, to be freed. */
static char *output_of(const char *format, const char *path)
{
    char command[1024];
    char *text = calloc(1, 65536);
    snprintf(command, sizeof(command), format, path);
    FILE *pipe = popen(command, "r");
    size_t length = fread(text, 1, 65535, pipe);
    text[length] = '\0';
    cr_assert_eq(pclose(pipe), 0, "%s", text);
    return text;
}

Test(capture_writer, tshark_reads_what_was_written)
{
    if (system("tshark --version >/dev/null 2>&1") != 0)
        cr_skip_test("tshark is not installed");
    struct temporary temporary = temporary_new();
    char path[TEMPORARY_MAX];
    write_file(temporary_path(&temporary, "out.pcapng", path));
    char *text = output_of("tshark -r %s -T fields -e frame.interface_name -e frame.time_epoch -e frame.len "
                           "-e frame.cap_len 2>/dev/null",
                           path);
    cr_assert_str_eq(text, "vm 0\t1039392000.123456789\t60\t60\n"
                           "vm 1\t1039392000.123456790\t61\t61\n"
                           "vm 2\t1039392000.123456791\t62\t62\n"
                           "vm 0\t1039392000.123456792\t63\t63\n"
                           "vm 2\t1039392001.123456789\t1514\t1514\n");
    free(text);
    temporary_remove(&temporary);
}

Test(capture_writer, capinfos_finds_interfaces_and_application)
{
    if (system("capinfos --version >/dev/null 2>&1") != 0)
        cr_skip_test("capinfos is not installed");
    struct temporary temporary = temporary_new();
    char path[TEMPORARY_MAX];
    write_file(temporary_path(&temporary, "out.pcapng", path));
    char *text = output_of("capinfos %s 2>&1", path);
    const char *facts[] = {"Capture application: denali", "Number of packets:   5", "Number of interfaces in file: 3",
                           "Name = vm 2", "Time precision = nanoseconds (9)"};
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
        cr_assert_not_null(strstr(text, facts[i]), "%s is missing in: %s", facts[i], text);
    free(text);
    temporary_remove(&temporary);
}

Test(capture_writer, own_reader_gives_back_frames_and_times)
{
    struct temporary temporary = temporary_new();
    char path[TEMPORARY_MAX], error[256];
    struct packet *packet;
    uint64_t time;
    write_file(temporary_path(&temporary, "out.pcapng", path));
    struct capture_reader *reader = capture_open(path, error, sizeof(error));
    cr_assert_not_null(reader, "%s", error);
    for (uint32_t i = 0; i < 4; i++) {
        cr_assert_eq(capture_read(reader, &packet, &time), CAPTURE_FRAME);
        cr_assert_eq(time, i);
        cr_assert_eq(packet->length, 60 + i);
        cr_assert_eq(packet->bytes[59 + i], (uint8_t)((59 + i) * 5 + 60 + i));
        packet_unref(packet);
    }
    capture_close(reader);
    temporary_remove(&temporary);
}

Test(capture_writer, file_that_cannot_be_created_is_named)
{
    char error[256];
    cr_assert_null(capture_create("/nowhere/out.pcapng", 1, error, sizeof(error)));
    cr_assert_str_eq(error, "/nowhere/out.pcapng: No such file or directory");
}

Test(capture_writer, full_disk_is_reported_at_the_end)
{
    for (uint32_t frames = 0; frames <= 2000; frames += 2000) {
        char error[256] = "";
        struct capture_writer *writer = capture_create("/dev/full", 1, error, sizeof(error));
        cr_assert_not_null(writer);
        for (uint32_t i = 0; i < frames; i++)
            write_frame(writer, 0, i, 1514);
        cr_assert_not(capture_finish(writer, error, sizeof(error)));
        cr_assert_str_eq(error, "/dev/full: No space left on device");
    }
}
