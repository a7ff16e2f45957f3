/* SPDX-License-Identifier: MIT
 *
 * pcapng as in draft-ietf-opsawg-pcapng: a Section Header Block (4.1), an Interface Description Block (4.2) for each
 * interface, an Enhanced Packet Block (4.3) for each frame. Little-endian on every host, and nothing in it but what
 * capture_create() and capture_write() are told, so that equal runs give equal files.
 */
#include "capture.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_SIZE (1 << 20) /* bytes of a system call */

#define BLOCK_SECTION               0x0A0D0D0A
#define BLOCK_INTERFACE             1
#define BLOCK_PACKET                6
#define SECTION_MAGIC               0x1A2B3C4D
#define OPTION_SECTION_APPLICATION  4
#define OPTION_INTERFACE_NAME       2
#define OPTION_INTERFACE_RESOLUTION 9
#define OPTION_PACKET_FLAGS         2
#define OPTION_COMMENT              1
#define RESOLUTION_NS               9 /* stamps count 10^-9 s */
#define LINK_ETHERNET               1
#define HEAD_MAX                    192 /* bytes of a block's part before or behind a frame, or of one without a frame */
#define TEXT_MAX                    120 /* bytes of a name or a comment */

struct capture_writer {
    FILE *stream;
    char *name;
    char *buffer;               /* the stream's */
    int error;                  /* errno of the first failure, 0 = none */
    uint32_t interfaces, named; /* in all, and those with a name of their own */
};

/* A block while it is put together. It starts with its type and length and ends with its length. */
struct block {
    uint8_t bytes[HEAD_MAX];
    uint32_t length;
};

static void block_add(struct block *block, const void *bytes, uint32_t length)
{
    memcpy(block->bytes + block->length, bytes, length);
    block->length += length;
}

static void block_add16(struct block *block, uint16_t value)
{
    value = htole16(value);
    block_add(block, &value, sizeof(value));
}

static void block_add32(struct block *block, uint32_t value)
{
    value = htole32(value);
    block_add(block, &value, sizeof(value));
}

static struct block block_start(uint32_t type)
{
    struct block block = {.length = 0};
    block_add32(&block, type);
    block_add32(&block, 0); /* the length: block_set_length() */
    return block;
}

/* Zero bytes that make a length a multiple of four. */
static uint32_t padding(uint32_t length)
{
    return -length & 3;
}

static void block_add_option(struct block *block, uint16_t code, const void *value, uint16_t length)
{
    block_add16(block, code);
    block_add16(block, length);
    block_add(block, value, length);
    block->length += padding(length);
}

/* Sets the length of a block of which `body` bytes and the last field, the length again, are not in it. */
static void block_set_length(struct block *block, uint32_t body)
{
    uint32_t length = htole32(block->length + body + sizeof(uint32_t));
    memcpy(block->bytes + sizeof(uint32_t), &length, sizeof(length));
}

static void writer_put(struct capture_writer *writer, const void *bytes, size_t length)
{
    if (writer->error == 0 && fwrite(bytes, 1, length, writer->stream) != length)
        writer->error = errno;
}

/* A block without a body, whose last option has been added. */
static void writer_put_block(struct capture_writer *writer, struct block *block)
{
    block_add32(block, 0); /* end of options */
    block_set_length(block, 0);
    block_add(block, block->bytes + sizeof(uint32_t), sizeof(uint32_t));
    writer_put(writer, block->bytes, block->length);
}

static void writer_put_section(struct capture_writer *writer)
{
    const char application[] = "denali";
    struct block block = block_start(BLOCK_SECTION);
    block_add32(&block, SECTION_MAGIC);
    block_add16(&block, 1); /* version 1.0 */
    block_add16(&block, 0);
    block_add32(&block, UINT32_MAX); /* length of the section: not told */
    block_add32(&block, UINT32_MAX);
    block_add_option(&block, OPTION_SECTION_APPLICATION, application, sizeof(application) - 1);
    writer_put_block(writer, &block);
}

static void writer_put_interface(struct capture_writer *writer, const char *name)
{
    uint8_t resolution = RESOLUTION_NS;
    struct block block = block_start(BLOCK_INTERFACE);
    block_add16(&block, LINK_ETHERNET);
    block_add16(&block, 0);
    block_add32(&block, DENALI_FRAME_MAX); /* snapshot length: frames are never longer */
    block_add_option(&block, OPTION_INTERFACE_NAME, name, (uint16_t)strnlen(name, TEXT_MAX));
    block_add_option(&block, OPTION_INTERFACE_RESOLUTION, &resolution, sizeof(resolution));
    writer_put_block(writer, &block);
}

static void writer_put_interfaces(struct capture_writer *writer, uint32_t count)
{
    for (; writer->interfaces < count; writer->interfaces++) {
        char name[16];
        snprintf(name, sizeof(name), "vm %u", writer->interfaces - writer->named);
        writer_put_interface(writer, name);
    }
}

void capture_name(struct capture_writer *writer, const char *name)
{
    assert(writer->named == writer->interfaces);
    writer_put_interface(writer, name);
    writer->interfaces = ++writer->named;
}

static void writer_close(struct capture_writer *writer)
{
    if (fclose(writer->stream) != 0 && writer->error == 0)
        writer->error = errno;
}

static void writer_free(struct capture_writer *writer)
{
    free(writer->buffer);
    free(writer->name);
    free(writer);
}

static bool writer_open(struct capture_writer *writer, const char *path)
{
    writer->name = strdup(path);
    writer->buffer = malloc(BUFFER_SIZE);
    if (!writer->name || !writer->buffer)
        return false;
    writer->stream = fopen(path, "wbe");
    if (writer->stream)
        setvbuf(writer->stream, writer->buffer, _IOFBF, BUFFER_SIZE);
    return writer->stream != NULL;
}

struct capture_writer *capture_create(const char *path, uint32_t interfaces, char *error, size_t error_size)
{
    struct capture_writer *writer = calloc(1, sizeof(*writer));
    if (!writer || !writer_open(writer, path)) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        if (writer)
            writer_free(writer);
        return NULL;
    }
    writer_put_section(writer);
    writer_put_interfaces(writer, interfaces);
    return writer;
}

/* A packet block whose options are `tail`; it gets what is missing in it: padding before, the end and the length. */
static void writer_put_packet(struct capture_writer *writer, uint32_t interface, uint64_t time_ns,
                              const struct packet *packet, struct block *tail)
{
    static const uint8_t zeroes[4];
    writer_put_interfaces(writer, interface + 1);
    if (tail->length > 0)
        block_add32(tail, 0); /* end of options */
    struct block block = block_start(BLOCK_PACKET);
    block_add32(&block, interface);
    block_add32(&block, (uint32_t)(time_ns >> 32));
    block_add32(&block, (uint32_t)time_ns);
    block_add32(&block, packet->length); /* captured, and on the wire */
    block_add32(&block, packet->length);
    block_set_length(&block, packet->length + padding(packet->length) + tail->length);
    block_add(tail, block.bytes + sizeof(uint32_t), sizeof(uint32_t));
    writer_put(writer, block.bytes, block.length);
    writer_put(writer, packet->bytes, packet->length);
    writer_put(writer, zeroes, padding(packet->length));
    writer_put(writer, tail->bytes, tail->length);
}

void capture_write(struct capture_writer *writer, uint32_t interface, uint64_t time_ns, const struct packet *packet)
{
    struct block tail = {.length = 0};
    writer_put_packet(writer, interface, time_ns, packet, &tail);
}

void capture_write_noted(struct capture_writer *writer, uint32_t interface, uint64_t time_ns,
                         const struct packet *packet, enum capture_direction direction, const char *comment)
{
    struct block tail = {.length = 0};
    uint32_t flags = htole32(direction);
    block_add_option(&tail, OPTION_PACKET_FLAGS, &flags, sizeof(flags));
    if (comment)
        block_add_option(&tail, OPTION_COMMENT, comment, (uint16_t)strnlen(comment, TEXT_MAX));
    writer_put_packet(writer, interface, time_ns, packet, &tail);
}

bool capture_finish(struct capture_writer *writer, char *error, size_t error_size)
{
    writer_close(writer);
    bool whole = writer->error == 0;
    if (!whole)
        snprintf(error, error_size, "%s: %s", writer->name, strerror(writer->error));
    writer_free(writer);
    return whole;
}
