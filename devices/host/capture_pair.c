/* SPDX-License-Identifier: MIT */
#include "capture_pair.h"

#include <stdlib.h>

#include "../container_of.h"

struct capture_pair {
    struct net_backend base;
    const struct capture_reader *reader; /* borrowed */
};

static void pair_send(struct net_backend *base, struct packet *packet)
{
    (void)base;
    (void)packet;
}

static struct packet *pair_receive(struct net_backend *base, uint64_t now_ns)
{
    (void)base;
    (void)now_ns;
    return NULL;
}

static void pair_count(struct net_backend *base)
{
    const struct capture_pair *pair = container_of(base, struct capture_pair, base);
    base->counters.unusable = pair->reader ? capture_unusable(pair->reader) : 0;
}

static void pair_free(struct net_backend *base)
{
    free(container_of(base, struct capture_pair, base));
}

static const struct net_backend_ops pair_ops = {
    .send = pair_send,
    .receive = pair_receive,
    .count = pair_count,
    .free = pair_free,
};

struct net_backend *capture_pair_new(const struct capture_reader *reader)
{
    struct capture_pair *pair = calloc(1, sizeof(*pair));
    if (!pair)
        return NULL;
    *pair = (struct capture_pair){.base = {.ops = &pair_ops, .name = "pcap"}, .reader = reader};
    return &pair->base;
}
