/* SPDX-License-Identifier: MIT
 *
 * Files are put together here byte by byte, from the formats' definitions (pcap: draft-ietf-opsawg-pcap, pcapng:
 * draft-ietf-opsawg-pcapng), and the repository's real capture is counted against tshark.
 */
#include <criterion/criterion.h>

#include "../../devices/host/capture.h"
#include "temporary.h"

#define MAGIC_US 0xA1B2C3D4
#define MAGIC_NS 0xA1B23C4D

/* A file in the making. */
struct draft {
    uint8_t bytes[65536];
    size_t length;
};

static void add(struct draft *draft, const void *bytes, size_t length)
{
    memcpy(draft->bytes + draft->length, bytes, length);
    draft->length += length;
}

static void add16(struct draft *draft, uint16_t value)
{
    add(draft, &value, sizeof(value));
}

static void add32(struct draft *draft, uint32_t value)
{
    add(draft, &value, sizeof(value));
}

static void add_zeroes(struct draft *draft, size_t length)
{
    memset(draft->bytes + draft->length, 0, length);
    draft->length += length;
}

static struct draft pcap(uint32_t magic, uint32_t link)
{
    struct draft draft = {.length = 0};
    add32(&draft, magic);
    add16(&draft, 2);
    add16(&draft, 4);
    add_zeroes(&draft, 8);
    add32(&draft, 65535);
    add32(&draft, link);
    return draft;
}

static void add_record(struct draft *draft, uint32_t seconds, uint32_t fraction, uint32_t captured, uint32_t length)
{
    add32(draft, seconds);
    add32(draft, fraction);
    add32(draft, captured);
    add32(draft, length);
    memset(draft->bytes + draft->length, (int)seconds, captured);
    draft->length += captured;
}

static void add_interface(struct draft *draft, uint16_t link, uint8_t resolution)
{
    add32(draft, 1);
    add32(draft, 32);
    add16(draft, link);
    add16(draft, 0);
    add32(draft, 0);
    add16(draft, 9); /* if_tsresol */
    add16(draft, 1);
    add32(draft, resolution);
    add32(draft, 0);
    add32(draft, 32);
}

static void add_packet(struct draft *draft, uint32_t interface, uint64_t time, uint32_t length)
{
    uint32_t padded = (length + 3) & ~3u;
    add32(draft, 6);
    add32(draft, 32 + padded);
    add32(draft, interface);
    add32(draft, (uint32_t)(time >> 32));
    add32(draft, (uint32_t)time);
    add32(draft, length);
    add32(draft, length);
    add_zeroes(draft, padded);
    add32(draft, 32 + padded);
}

static struct draft pcapng(void)
{
    struct draft draft = {.length = 0};
    add32(&draft, 0x0A0D0D0A);
    add32(&draft, 28);
    add32(&draft, 0x1A2B3C4D);
    add16(&draft, 1);
    add16(&draft, 0);
    add32(&draft, UINT32_MAX);
    add32(&draft, UINT32_MAX);
    add32(&draft, 28);
    return draft;
}

struct bench {
    struct temporary temporary;
    char path[TEMPORARY_MAX];
    char error[512];
    struct capture_reader *reader;
};

static void bench_open(struct bench *bench, const struct draft *draft)
{
    *bench = (struct bench){.temporary = temporary_new()};
    temporary_path(&bench->temporary, "in", bench->path);
    file_set(bench->path, draft->bytes, draft->length);
    bench->reader = capture_open(bench->path, bench->error, sizeof(bench->error));
}

static void bench_close(struct bench *bench)
{
    if (bench->reader)
        capture_close(bench->reader);
    temporary_remove(&bench->temporary);
}

static void expect_frame(struct bench *bench, uint32_t length, uint64_t time_ns)
{
    struct packet *packet;
    uint64_t time;
    cr_assert_eq(capture_read(bench->reader, &packet, &time), CAPTURE_FRAME, "%s", capture_error(bench->reader));
    cr_assert_eq(packet->length, length);
    cr_assert_eq(time, time_ns, "time is %llu", (unsigned long long)time);
    cr_assert_eq(packet->references, 1);
    packet_unref(packet);
}

static void expect_next(struct bench *bench, enum capture_next next)
{
    struct packet *packet;
    uint64_t time;
    cr_assert_eq(capture_read(bench->reader, &packet, &time), next);
}

/* The error that opening gives must end so, with the file's name in front. */
static void expect_open_error(const struct draft *draft, const char *reason)
{
    struct bench bench;
    char expected[1024];
    bench_open(&bench, draft);
    cr_assert_null(bench.reader);
    snprintf(expected, sizeof(expected), "%s: %s", bench.path, reason);
    cr_assert_str_eq(bench.error, expected);
    bench_close(&bench);
}

static void expect_bad(struct bench *bench, const char *place)
{
    char expected[1024];
    expect_next(bench, CAPTURE_BAD);
    snprintf(expected, sizeof(expected), "%s: %s", bench->path, place);
    cr_assert_eq(strncmp(capture_error(bench->reader), expected, strlen(expected)), 0, "%s",
                 capture_error(bench->reader));
    expect_next(bench, CAPTURE_BAD);
}

Test(capture_reader, microsecond_stamps_become_ns_since_first_frame)
{
    struct bench bench;
    struct draft draft = pcap(MAGIC_US, 1);
    add_record(&draft, 1000, 999999, 60, 60);
    add_record(&draft, 1001, 1, 61, 61);
    bench_open(&bench, &draft);
    expect_frame(&bench, 60, 0);
    expect_frame(&bench, 61, 2000);
    expect_next(&bench, CAPTURE_END);
    bench_close(&bench);
}

Test(capture_reader, nanosecond_stamps_are_exact)
{
    struct bench bench;
    struct draft draft = pcap(MAGIC_NS, 1);
    add_record(&draft, 1000, 5, 60, 60);
    add_record(&draft, 1002, 4, 60, 60);
    bench_open(&bench, &draft);
    expect_frame(&bench, 60, 0);
    expect_frame(&bench, 60, 1999999999);
    bench_close(&bench);
}

Test(capture_reader, bytes_are_those_of_the_file)
{
    struct bench bench;
    struct packet *packet;
    uint64_t time;
    uint8_t expected[60];
    struct draft draft = pcap(MAGIC_US, 1);
    add_record(&draft, 77, 0, 60, 60);
    memset(expected, 77, sizeof(expected));
    bench_open(&bench, &draft);
    cr_assert_eq(capture_read(bench.reader, &packet, &time), CAPTURE_FRAME);
    cr_assert_arr_eq(packet->bytes, expected, sizeof(expected));
    packet_unref(packet);
    bench_close(&bench);
}

Test(capture_reader, stamp_older_than_predecessor_counts_as_its)
{
    struct bench bench;
    struct draft draft = pcap(MAGIC_US, 1);
    add_record(&draft, 1000, 500, 60, 60);
    add_record(&draft, 999, 0, 61, 61);
    add_record(&draft, 1000, 700, 62, 62);
    add_record(&draft, 1000, 600, 63, 63);
    bench_open(&bench, &draft);
    expect_frame(&bench, 60, 0);
    expect_frame(&bench, 61, 0);
    expect_frame(&bench, 62, 200000);
    expect_frame(&bench, 63, 200000);
    bench_close(&bench);
}

Test(capture_reader, frames_cut_short_or_of_bad_length_are_passed_over)
{
    struct bench bench;
    struct draft draft = pcap(MAGIC_US, 1);
    add_record(&draft, 1000, 0, 60, 100);
    add_record(&draft, 1000, 1, 13, 13);
    add_record(&draft, 1000, 2, 1515, 1515);
    add_record(&draft, 1000, 3, 14, 14);
    add_record(&draft, 1000, 4, 1514, 1514);
    add_record(&draft, 1000, 5, 0, 0);
    bench_open(&bench, &draft);
    expect_frame(&bench, 14, 3000);
    expect_frame(&bench, 1514, 4000);
    expect_next(&bench, CAPTURE_END);
    cr_assert_eq(capture_unusable(bench.reader), 4);
    bench_close(&bench);
}

Test(capture_reader, pcapng_of_several_interfaces_keeps_each_resolution)
{
    struct bench bench;
    struct draft draft = pcapng();
    add_interface(&draft, 1, 9);
    add_interface(&draft, 1, 3);
    add_packet(&draft, 0, 1000000000000, 60);
    add_packet(&draft, 1, 1000002, 61);
    add_packet(&draft, 0, 1000002000001, 63);
    bench_open(&bench, &draft);
    expect_frame(&bench, 60, 0);
    expect_frame(&bench, 61, 2000000);
    expect_frame(&bench, 63, 2000001);
    expect_next(&bench, CAPTURE_END);
    bench_close(&bench);
}

Test(capture_reader, capture_without_frames_ends_at_once)
{
    struct bench bench;
    struct draft draft = pcap(MAGIC_US, 1);
    bench_open(&bench, &draft);
    expect_next(&bench, CAPTURE_END);
    expect_next(&bench, CAPTURE_END);
    bench_close(&bench);
}

Test(capture_reader, other_link_type_is_named)
{
    struct draft draft = pcap(MAGIC_US, 105);
    expect_open_error(&draft, "frames of link type 105 (IEEE802_11), not Ethernet (EN10MB)");
}

Test(capture_reader, file_that_is_no_capture_is_refused)
{
    struct draft draft = {.bytes = "this is no capture at all", .length = 25};
    expect_open_error(&draft, "unknown file format");
}

Test(capture_reader, empty_file_is_refused)
{
    struct draft draft = {.length = 0};
    expect_open_error(&draft, "truncated dump file; tried to read 4 file header bytes, only got 0");
}

Test(capture_reader, missing_file_is_named)
{
    char error[256];
    cr_assert_null(capture_open("/nowhere/in.pcap", error, sizeof(error)));
    cr_assert_str_eq(error, "/nowhere/in.pcap: No such file or directory");
}

Test(capture_reader, file_cut_in_a_frame_tells_which)
{
    struct bench bench;
    struct draft draft = pcap(MAGIC_US, 1);
    add_record(&draft, 1000, 0, 60, 60);
    add_record(&draft, 1000, 0, 13, 13);
    add_record(&draft, 1000, 0, 60, 60);
    draft.length--;
    bench_open(&bench, &draft);
    expect_frame(&bench, 60, 0);
    expect_bad(&bench, "frame 3: ");
    bench_close(&bench);
}

Test(capture_reader, file_cut_in_a_frame_head_tells_which)
{
    struct bench bench;
    struct draft draft = pcap(MAGIC_US, 1);
    add_record(&draft, 1000, 0, 60, 60);
    add32(&draft, 1000);
    bench_open(&bench, &draft);
    expect_frame(&bench, 60, 0);
    expect_bad(&bench, "frame 2: ");
    bench_close(&bench);
}

Test(capture_reader, pcapng_cut_in_a_block_tells_which_frame)
{
    struct bench bench;
    struct draft draft = pcapng();
    add_interface(&draft, 1, 9);
    add_packet(&draft, 0, 0, 60);
    add_packet(&draft, 0, 0, 60);
    draft.length -= 30;
    bench_open(&bench, &draft);
    expect_frame(&bench, 60, 0);
    expect_bad(&bench, "frame 2: ");
    bench_close(&bench);
}

Test(capture_reader, length_beyond_reason_is_bad_not_allocated)
{
    struct bench bench;
    struct draft draft = pcap(MAGIC_US, 1);
    add_record(&draft, 1000, 0, 60, 60);
    add32(&draft, 1000);
    add32(&draft, 0);
    add32(&draft, 0xFFFFFFF0);
    add32(&draft, 0xFFFFFFF0);
    bench_open(&bench, &draft);
    expect_frame(&bench, 60, 0);
    expect_bad(&bench, "frame 2: ");
    bench_close(&bench);
}

Test(capture_reader, impossible_stamp_is_bad)
{
    struct bench bench;
    struct draft draft = pcap(MAGIC_US, 1);
    add_record(&draft, 1000, 0, 60, 60);
    add_record(&draft, 1000, 1000000, 60, 60);
    bench_open(&bench, &draft);
    expect_frame(&bench, 60, 0);
    expect_bad(&bench, "frame 2: impossible time stamp");
    bench_close(&bench);
}

Test(capture_reader, stamp_centuries_after_the_first_is_bad)
{
    struct bench bench;
    struct draft draft = pcapng();
    add_interface(&draft, 1, 0); /* whole seconds */
    add_packet(&draft, 0, 0, 60);
    add_packet(&draft, 0, 3155760000, 60);
    add_packet(&draft, 0, 3155760001, 60);
    bench_open(&bench, &draft);
    expect_frame(&bench, 60, 0);
    expect_frame(&bench, 60, 3155760000000000000);
    expect_bad(&bench, "frame 3: impossible time stamp");
    bench_close(&bench);
}

Test(capture_reader, stamp_centuries_before_the_first_counts_as_its)
{
    struct bench bench;
    struct draft draft = pcapng();
    add_interface(&draft, 1, 0);
    add_packet(&draft, 0, 12000000000, 60);
    add_packet(&draft, 0, 0, 60);
    bench_open(&bench, &draft);
    expect_frame(&bench, 60, 0);
    expect_frame(&bench, 60, 0);
    bench_close(&bench);
}

/* Frames and seconds as tshark and capinfos count them. */
Test(capture_reader, real_capture_is_read_to_its_end)
{
    char error[512];
    uint64_t time = 0, frames = 0, bytes = 0;
    struct packet *packet;
    struct capture_reader *reader = capture_open(TEST_DATA "/lan-100.pcap", error, sizeof(error));
    cr_assert_not_null(reader, "%s", error);
    enum capture_next next;
    while ((next = capture_read(reader, &packet, &time)) == CAPTURE_FRAME) {
        frames++;
        bytes += packet->length;
        packet_unref(packet);
    }
    cr_assert_eq(next, CAPTURE_END);
    cr_assert_eq(capture_unusable(reader), 0);
    cr_assert_eq(frames, 767);
    cr_assert_eq(bytes, 400929);
    cr_assert_eq(time, 8620440000);
    capture_close(reader);
}
