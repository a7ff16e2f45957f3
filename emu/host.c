/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <errno.h>
#include <unistd.h>

#include "../devices/container_of.h"
#include "switch.h"

static void flush_all(const struct network_switch *network)
{
    for (uint32_t i = 0; i < network->backend_count; i++)
        if (network->backends[i]->ops->flush)
            network->backends[i]->ops->flush(network->backends[i]);
}

/* Is it time to look? */
static bool is_time(const struct host *host, uint64_t turn)
{
    if (!pacer_is_on(host->pacer) || host->looked_ns == 0)
        return true;
    uint64_t wait = turn < host->served_turn ? host->patience_ns : 0;
    return host->pacer->now_ns - host->looked_ns >= (wait > HOST_LOOK_NS ? wait : HOST_LOOK_NS);
}

static void look_begin(struct host *host)
{
    flush_all(host->network);
    host->looking = true;
    host->backend = host->taken = 0;
}

/* A turn counts twice: when it begins and when it ends. */
static void look_end(struct host *host, uint64_t turn)
{
    host->looking = false;
    host->looked_ns = host->pacer->now_ns;
    host->patience_ns = (uint64_t)host->scheduler->queued * HOST_PATIENCE_NS;
    host->served_turn = turn + 2 * (uint64_t)host->scheduler->queued;
}

static struct packet *look_on(struct host *host, uint32_t *from)
{
    for (; host->backend < host->network->backend_count; host->backend++) {
        struct net_backend *backend = host->network->backends[host->backend];
        struct packet *packet = backend->ops->receive(backend, clock_elapsed_ns(host->clock));
        if (packet) {
            *from = host->backend;
            return packet;
        }
    }
    return NULL;
}

static struct packet *host_frame(struct input_source *source, const struct input_moment *now, uint32_t *from)
{
    struct host *host = container_of(source, struct host, source);
    if (!host->looking) {
        if (!is_time(host, now->turn))
            return NULL;
        look_begin(host);
    }
    struct packet *packet = host->taken++ < HOST_LOOK_FRAMES ? look_on(host, from) : NULL;
    if (!packet)
        look_end(host, now->turn);
    return packet;
}

static size_t host_keys(struct input_source *source, const struct input_moment *now, uint8_t *bytes, size_t room)
{
    struct host *host = container_of(source, struct host, source);
    struct pollfd poll_fd = {.fd = host->keyboard, .events = POLLIN};
    (void)now;
    if (host->keyboard < 0 || poll(&poll_fd, 1, 0) <= 0)
        return 0;
    ssize_t count = read(host->keyboard, bytes, room);
    if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN))
        host->keyboard = -1;
    return count > 0 ? (size_t)count : 0;
}

static uint64_t host_next(struct input_source *source, const struct input_moment *now)
{
    (void)source;
    (void)now;
    return UINT64_MAX;
}

static bool host_is_open(struct input_source *source, bool typing)
{
    const struct host *host = container_of(source, struct host, source);
    for (uint32_t i = 0; i < host->network->backend_count; i++)
        if (host->network->backends[i]->ops->watch)
            return true;
    return typing && host->keyboard >= 0;
}

static const struct input_source_ops host_ops = {
    .frame = host_frame,
    .keys = host_keys,
    .next = host_next,
    .is_open = host_is_open,
};

void host_init(struct host *host, const struct network_switch *network, const struct clock *clock,
               const struct pacer *pacer, const struct scheduler *scheduler, int keyboard)
{
    *host = (struct host){
        .source.ops = &host_ops,
        .network = network,
        .clock = clock,
        .pacer = pacer,
        .scheduler = scheduler,
        .keyboard = keyboard,
    };
}

void host_watch(struct host *host, struct net_watch *watch, bool typing)
{
    flush_all(host->network);
    host->looked_ns = 0;
    for (uint32_t i = 0; i < host->network->backend_count; i++)
        if (host->network->backends[i]->ops->watch)
            host->network->backends[i]->ops->watch(host->network->backends[i], watch);
    if (typing && host->keyboard >= 0)
        net_watch_add(watch, host->keyboard, POLLIN);
}
