/* SPDX-License-Identifier: MIT */
#include "capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "capture_file.h"

#define NS_PER_S 1000000000

/* A frame so long after the first has a damaged stamp. In seconds: a hundred years. */
#define SPAN_MAX_S (100 * INT64_C(31557600))

struct capture_reader {
    pcap_t *pcap;
    char *name;
    uint64_t frames; /* records read, whether usable or not */
    uint64_t unusable;
    struct timeval first; /* tv_usec in ns, as in all of this reader's stamps */
    uint64_t last_ns;     /* of the frame before, since the first */
    char error[512];
};

struct capture_reader *capture_open(const char *path, char *error, size_t error_size)
{
    FILE *stream = fopen(path, "rbe");
    if (!stream) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        return NULL;
    }
    return capture_open_stream(stream, path, error, error_size);
}

static bool link_is_ethernet(struct capture_reader *reader, char *error, size_t error_size)
{
    int link = pcap_datalink(reader->pcap);
    if (link == DLT_EN10MB)
        return true;
    const char *name = pcap_datalink_val_to_name(link);
    snprintf(error, error_size, "%s: frames of link type %d (%s), not Ethernet (EN10MB)", reader->name, link,
             name ? name : "unknown");
    return false;
}

/* Takes over the stream in any case. */
static bool reader_open(struct capture_reader *reader, FILE *stream, char *error, size_t error_size)
{
    char reason[PCAP_ERRBUF_SIZE] = "";
    reader->pcap = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, reason);
    if (!reader->pcap) {
        snprintf(error, error_size, "%s: %s", reader->name, reason);
        fclose(stream);
        return false;
    }
    return link_is_ethernet(reader, error, error_size);
}

struct capture_reader *capture_open_stream(FILE *stream, const char *name, char *error, size_t error_size)
{
    struct capture_reader *reader = calloc(1, sizeof(*reader));
    if (reader)
        reader->name = strdup(name);
    if (!reader || !reader->name) {
        snprintf(error, error_size, "%s: out of memory", name);
        fclose(stream);
        free(reader);
        return NULL;
    }
    if (reader_open(reader, stream, error, error_size))
        return reader;
    capture_close(reader);
    return NULL;
}

void capture_close(struct capture_reader *reader)
{
    if (reader->pcap)
        pcap_close(reader->pcap);
    free(reader->name);
    free(reader);
}

static enum capture_next reader_fail(struct capture_reader *reader, const char *reason)
{
    snprintf(reader->error, sizeof(reader->error), "%s: frame %llu: %s", reader->name,
             (unsigned long long)reader->frames, reason);
    return CAPTURE_BAD;
}

/* Stores ns since the first frame, never less than before. False: the stamp makes no sense. */
static bool reader_stamp(struct capture_reader *reader, const struct timeval *stamp)
{
    int64_t seconds;
    if (stamp->tv_usec < 0 || stamp->tv_usec >= NS_PER_S)
        return false;
    if (reader->frames == 1)
        reader->first = *stamp;
    if (__builtin_sub_overflow(stamp->tv_sec, reader->first.tv_sec, &seconds) || seconds > SPAN_MAX_S)
        return false;
    if (seconds < 0)
        return true;
    int64_t ns = seconds * NS_PER_S + stamp->tv_usec - reader->first.tv_usec;
    if (ns > 0 && (uint64_t)ns > reader->last_ns)
        reader->last_ns = (uint64_t)ns;
    return true;
}

static bool record_is_usable(const struct pcap_pkthdr *record)
{
    return record->caplen == record->len && record->len >= DENALI_FRAME_MIN && record->len <= DENALI_FRAME_MAX;
}

/* The next record that holds a usable frame. */
static enum capture_next reader_next(struct capture_reader *reader, struct pcap_pkthdr **record, const uint8_t **bytes)
{
    for (;; reader->unusable++) {
        int outcome = pcap_next_ex(reader->pcap, record, bytes);
        if (outcome == PCAP_ERROR_BREAK)
            return CAPTURE_END;
        reader->frames++;
        if (outcome != 1)
            return reader_fail(reader, pcap_geterr(reader->pcap));
        if (!reader_stamp(reader, &(*record)->ts))
            return reader_fail(reader, "impossible time stamp");
        if (record_is_usable(*record))
            return CAPTURE_FRAME;
    }
}

enum capture_next capture_read(struct capture_reader *reader, struct packet **packet, uint64_t *time_ns)
{
    struct pcap_pkthdr *record;
    const uint8_t *bytes;
    if (reader->error[0])
        return CAPTURE_BAD;
    enum capture_next next = reader_next(reader, &record, &bytes);
    if (next != CAPTURE_FRAME)
        return next;
    *packet = packet_new(record->len);
    if (!*packet)
        return reader_fail(reader, "out of memory");
    memcpy((*packet)->bytes, bytes, record->len);
    *time_ns = reader->last_ns;
    return CAPTURE_FRAME;
}

uint64_t capture_unusable(const struct capture_reader *reader)
{
    return reader->unusable;
}

const char *capture_error(const struct capture_reader *reader)
{
    return reader->error;
}
