/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: any bytes as a capture file. Whatever they are, the reader gives frames of lengths that the NIC
 * takes, at times that never go back, and comes to an end.
 */
#include <assert.h>
#include <stdio.h>

#include "../../devices/host/capture_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void read_all(struct capture_reader *reader)
{
    struct packet *packet;
    uint64_t time_ns, last_ns = 0;
    enum capture_next next;
    while ((next = capture_read(reader, &packet, &time_ns)) == CAPTURE_FRAME) {
        assert(packet->length >= DENALI_FRAME_MIN && packet->length <= DENALI_FRAME_MAX);
        assert(time_ns >= last_ns);
        last_ns = time_ns;
        packet_unref(packet);
    }
    assert((next == CAPTURE_BAD) == (capture_error(reader)[0] != '\0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char error[256] = "";
    FILE *stream = length ? fmemopen((void *)(uintptr_t)bytes, length, "rb") : NULL;
    if (!stream)
        return 0;
    struct capture_reader *reader = capture_open_stream(stream, "input", error, sizeof(error));
    if (!reader) {
        assert(error[0] != '\0');
        return 0;
    }
    read_all(reader);
    capture_close(reader);
    return 0;
}
