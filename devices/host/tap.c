/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "denali.h"

#include "../container_of.h"

struct tap {
    struct net_backend base;
    int descriptor; /* -1: the interface is gone */
};

static void fail(struct tap *tap)
{
    snprintf(tap->base.trouble, sizeof(tap->base.trouble), "%s: %s; machines go on without it", tap->base.name,
             strerror(errno));
    close(tap->descriptor);
    tap->descriptor = -1;
}

/* Is it for good? */
static bool is_fatal(int error)
{
    return error == EBADFD || error == ENODEV || error == ENXIO || error == EBADF;
}

static void tap_send(struct net_backend *base, struct packet *packet)
{
    struct tap *tap = container_of(base, struct tap, base);
    if (tap->descriptor >= 0 && write(tap->descriptor, packet->bytes, packet->length) == (ssize_t)packet->length)
        return;
    base->counters.out_lost++;
    if (tap->descriptor >= 0 && is_fatal(errno))
        fail(tap);
}

static struct packet *tap_receive(struct net_backend *base, uint64_t now_ns)
{
    struct tap *tap = container_of(base, struct tap, base);
    uint8_t bytes[DENALI_FRAME_MAX + 1];
    ssize_t length = -1;
    (void)now_ns;
    while (tap->descriptor >= 0 && (length = read(tap->descriptor, bytes, sizeof(bytes))) > 0) {
        struct packet *packet =
            length >= DENALI_FRAME_MIN && length <= DENALI_FRAME_MAX ? packet_new((uint32_t)length) : NULL;
        if (packet) {
            memcpy(packet->bytes, bytes, (size_t)length);
            return packet;
        }
        base->counters.unusable++;
    }
    if (tap->descriptor >= 0 && length < 0 && is_fatal(errno))
        fail(tap);
    return NULL;
}

static void tap_watch(struct net_backend *base, struct net_watch *watch)
{
    const struct tap *tap = container_of(base, struct tap, base);
    if (tap->descriptor >= 0)
        net_watch_add(watch, tap->descriptor, POLLIN);
}

static void tap_free(struct net_backend *base)
{
    struct tap *tap = container_of(base, struct tap, base);
    if (tap->descriptor >= 0)
        close(tap->descriptor);
    free(tap);
}

static const struct net_backend_ops tap_ops = {
    .send = tap_send,
    .receive = tap_receive,
    .watch = tap_watch,
    .free = tap_free,
};

bool tap_check(const char *name, char *error, size_t error_size)
{
    size_t length = strlen(name);
    if (length > 0 && length < IFNAMSIZ && !strpbrk(name, "/%"))
        return true;
    snprintf(error, error_size, "tap:%s: write tap:NAME, a name of 1 to %d bytes", name, IFNAMSIZ - 1);
    return false;
}

/* Without segmentation and checksum offload, so the host finishes its frames before they come here. */
static int open_interface(const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    memcpy(request.ifr_name, name, strlen(name) + 1);
    int descriptor = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0 || ioctl(descriptor, TUNSETIFF, &request) == 0)
        return descriptor;
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

/* What a user can do about it. */
static const char *advice(int error)
{
    return error == EPERM
               ? "; make it beforehand: sudo ip tuntap add NAME mode tap user $USER; sudo ip link set NAME up"
           : error == EBUSY  ? "; somebody else has it open"
           : error == ENOENT ? "; the host has no /dev/net/tun: sudo modprobe tun"
                             : "";
}

struct net_backend *tap_open(const char *name, const struct net_setup *setup, char *error, size_t error_size)
{
    struct tap *tap = calloc(1, sizeof(*tap));
    (void)setup;
    if (!tap) {
        snprintf(error, error_size, "out of host memory");
        return NULL;
    }
    tap->base.ops = &tap_ops;
    snprintf(tap->base.name, sizeof(tap->base.name), "tap:%s", name);
    tap->descriptor = open_interface(name);
    if (tap->descriptor >= 0)
        return &tap->base;
    snprintf(error, error_size, "tap:%s: %s%s", name, strerror(errno), advice(errno));
    free(tap);
    return NULL;
}
