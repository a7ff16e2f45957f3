/* SPDX-License-Identifier: MIT */
#include "dgram.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "denali.h"

#include "../container_of.h"

struct dgram {
    struct net_backend base;
    int descriptor;
    bool fixed; /* the remote address was given */
    struct sockaddr_un local, remote;
    socklen_t remote_length; /* 0: not known yet */
};

static void dgram_send(struct net_backend *base, struct packet *packet)
{
    struct dgram *dgram = container_of(base, struct dgram, base);
    if (dgram->remote_length == 0 ||
        sendto(dgram->descriptor, packet->bytes, packet->length, MSG_DONTWAIT | MSG_NOSIGNAL,
               (const struct sockaddr *)&dgram->remote, dgram->remote_length) != (ssize_t)packet->length)
        base->counters.out_lost++;
}

/* The length of the datagram, which may be longer than the buffer; -1: there is none. */
static ssize_t take(struct dgram *dgram, uint8_t *bytes, size_t size)
{
    struct sockaddr_un from;
    socklen_t from_length = sizeof(from);
    ssize_t length =
        recvfrom(dgram->descriptor, bytes, size, MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from, &from_length);
    if (length >= 0 && !dgram->fixed && from_length > offsetof(struct sockaddr_un, sun_path)) {
        dgram->remote = from;
        dgram->remote_length = from_length;
    }
    return length;
}

static struct packet *dgram_receive(struct net_backend *base, uint64_t now_ns)
{
    struct dgram *dgram = container_of(base, struct dgram, base);
    uint8_t bytes[DENALI_FRAME_MAX];
    (void)now_ns;
    for (ssize_t length; (length = take(dgram, bytes, sizeof(bytes))) >= 0;) {
        struct packet *packet =
            length >= DENALI_FRAME_MIN && length <= DENALI_FRAME_MAX ? packet_new((uint32_t)length) : NULL;
        if (packet) {
            memcpy(packet->bytes, bytes, (size_t)length);
            return packet;
        }
        base->counters.unusable++;
    }
    return NULL;
}

static void dgram_watch(struct net_backend *base, struct net_watch *watch)
{
    net_watch_add(watch, container_of(base, struct dgram, base)->descriptor, POLLIN);
}

static void dgram_free(struct net_backend *base)
{
    struct dgram *dgram = container_of(base, struct dgram, base);
    if (dgram->descriptor >= 0) {
        close(dgram->descriptor);
        unlink(dgram->local.sun_path);
    }
    free(dgram);
}

static const struct net_backend_ops dgram_ops = {
    .send = dgram_send,
    .receive = dgram_receive,
    .watch = dgram_watch,
    .free = dgram_free,
};

/* One path of `length` bytes. False: none, or too long. */
static bool path_set(struct sockaddr_un *address, const char *path, size_t length)
{
    if (length == 0 || length >= sizeof(address->sun_path))
        return false;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, path, length);
    return true;
}

static bool parse(struct dgram *dgram, const char *parameters)
{
    size_t length = strcspn(parameters, ",");
    if (!path_set(&dgram->local, parameters, length))
        return false;
    if (!parameters[length])
        return true;
    dgram->fixed = true;
    dgram->remote_length = sizeof(dgram->remote);
    return path_set(&dgram->remote, parameters + length + 1, strlen(parameters + length + 1));
}

bool dgram_check(const char *parameters, char *error, size_t error_size)
{
    struct dgram dgram = {.descriptor = -1};
    if (parse(&dgram, parameters))
        return true;
    snprintf(error, error_size, "dgram:%s: write dgram:LOCAL[,REMOTE], paths of up to %zu bytes", parameters,
             sizeof(dgram.local.sun_path) - 1);
    return false;
}

static bool bind_local(struct dgram *dgram)
{
    dgram->descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (dgram->descriptor < 0)
        return false;
    if (bind(dgram->descriptor, (const struct sockaddr *)&dgram->local, sizeof(dgram->local)) == 0)
        return true;
    int error = errno; /* what is there already is not ours to remove */
    close(dgram->descriptor);
    dgram->descriptor = -1;
    errno = error;
    return false;
}

struct net_backend *dgram_open(const char *parameters, const struct net_setup *setup, char *error, size_t error_size)
{
    struct dgram *dgram = calloc(1, sizeof(*dgram));
    (void)setup;
    if (!dgram) {
        snprintf(error, error_size, "out of host memory");
        return NULL;
    }
    dgram->base.ops = &dgram_ops;
    dgram->descriptor = -1;
    parse(dgram, parameters);
    snprintf(dgram->base.name, sizeof(dgram->base.name), "dgram:%.40s", dgram->local.sun_path);
    if (bind_local(dgram))
        return &dgram->base;
    snprintf(error, error_size, "dgram:%s: %s", dgram->local.sun_path, strerror(errno));
    dgram_free(&dgram->base);
    return NULL;
}
