/* SPDX-License-Identifier: MIT
 *
 * Capture files: frames in from pcap or pcapng (through libpcap), frames out to pcapng (our own writer, because
 * libpcap writes none). Times are nanoseconds.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "denali.h"

#include "../packet.h"

struct capture_reader;
struct capture_writer;

enum capture_next {
    CAPTURE_FRAME,
    CAPTURE_END,
    CAPTURE_BAD, /* the file is damaged here: the reader's error tells where; nothing more comes */
};

/* Opens a capture of Ethernet frames. NULL: why is in `error` ("FILE: reason"). */
struct capture_reader *capture_open(const char *path, char *error, size_t error_size);
void capture_close(struct capture_reader *);
/* The next frame, whole and of a length the NIC takes, in file order; the caller gets the reference. *time_ns is ns
 * since the file's first frame; a stamp older than its predecessor's counts as its predecessor's. Frames cut short by
 * the capture's snapshot length, shorter than DENALI_FRAME_MIN or longer than DENALI_FRAME_MAX are passed over and
 * counted (capture_unusable). A stamp that cannot be, or a hundred years after the first, is CAPTURE_BAD. */
enum capture_next capture_read(struct capture_reader *, struct packet **, uint64_t *time_ns);
uint64_t capture_unusable(const struct capture_reader *);
/* "FILE: frame N: reason" after CAPTURE_BAD. */
const char *capture_error(const struct capture_reader *);

/* Creates (truncates) a pcapng file with `interfaces` interfaces named "vm 0", "vm 1"…, nanosecond stamps. NULL: see
 * `error`. */
struct capture_writer *capture_create(const char *path, uint32_t interfaces, char *error, size_t error_size);
/* One frame sent by `interface` at `time_ns` since 1970. Errors are kept for capture_finish(). */
void capture_write(struct capture_writer *, uint32_t interface, uint64_t time_ns, const struct packet *);
/* A further interface, with a name of its own, as long as there is none of the "vm N". Those then come after it, so
 * that the interface of machine N has the number of named ones plus N. */
void capture_name(struct capture_writer *, const char *name);
enum capture_direction { CAPTURE_IN = 1, CAPTURE_OUT = 2 }; /* as the machine or the network behind it sees it */
/* The same as capture_write(), with what else is known of the frame; `comment` may be NULL. */
void capture_write_noted(struct capture_writer *, uint32_t interface, uint64_t time_ns, const struct packet *,
                         enum capture_direction, const char *comment);
/* Flush and close. False: something was not written; why is in `error`. */
bool capture_finish(struct capture_writer *, char *error, size_t error_size);
