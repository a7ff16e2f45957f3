/* SPDX-License-Identifier: MIT */
#include "networks.h"

#include <stdio.h>
#include <stdlib.h>

#include "../devices/host/capture.h"
#include "../devices/host/capture_pair.h"
#include "../devices/host/networks.h"
#include "simulation.h"

/* Takes over the backend, which may be NULL: then why is in `error` already. */
static bool attach(struct networks *networks, struct kernel *k, struct net_backend *backend, char *error,
                   size_t error_size)
{
    if (!backend)
        return false;
    if (!switch_attach(&k->network, backend)) {
        snprintf(error, error_size, "there are more than %d networks", SWITCH_BACKENDS);
        backend->ops->free(backend);
        return false;
    }
    networks->backends[networks->count++] = backend;
    return true;
}

static bool open_captures(struct networks *networks, const struct denali_config *config, struct kernel *k, char *error,
                          size_t error_size)
{
    if (!config->net_in && !config->net_out)
        return true;
    if (config->net_in && !(networks->capture = capture_open(config->net_in, error, error_size)))
        return false;
    struct net_backend *pair = capture_pair_new(networks->capture);
    if (!pair)
        snprintf(error, error_size, "out of host memory");
    return attach(networks, k, pair, error, error_size);
}

static bool open_nets(struct networks *networks, const struct denali_config *config, struct kernel *k, char *error,
                      size_t error_size)
{
    const struct net_setup setup = {.machines = config->machines};

    if (config->net_count > 0 && config->clock != DENALI_CLOCK_HOST) {
        snprintf(error, error_size, "%s: networks outside need the host's clock", config->nets[0]);
        return false;
    }
    for (uint32_t i = 0; i < config->net_count; i++)
        if (!attach(networks, k, net_open(config->nets[i], &setup, error, error_size), error, error_size))
            return false;
    return true;
}

static bool read_links(struct networks *networks, const struct denali_config *config, struct kernel *k, char *error,
                       size_t error_size)
{
    if (config->link_count == 0)
        return true;
    networks->links = calloc(config->link_count, sizeof(*networks->links));
    if (!networks->links) {
        snprintf(error, error_size, "out of host memory");
        return false;
    }
    for (uint32_t i = 0; i < config->link_count; i++)
        if (!link_spec_parse(&networks->links[i], config->links[i], error, error_size))
            return false;
    switch_shape(&k->network, networks->links, config->link_count, config->seed, &k->events, &k->clock);
    return true;
}

bool networks_open(struct networks *networks, const struct denali_config *config, struct kernel *k, char *error,
                   size_t error_size)
{
    host_init(&networks->host, &k->network, &k->clock, &k->pacer, k->scheduler, config->keyboard);
    return open_captures(networks, config, k, error, error_size) && open_nets(networks, config, k, error, error_size) &&
           read_links(networks, config, k, error, error_size);
}

void networks_start(struct networks *networks, const struct denali_config *config, struct kernel *k)
{
    pacer_init(&k->pacer, k->pacer.host_ns);
    if (networks->capture)
        kernel_start_capture(k, networks->capture, 0);
    if (config->net_count > 0 || config->keyboard >= 0)
        k->input.source = &networks->host.source;
}

void networks_close(struct networks *networks)
{
    for (uint32_t i = 0; i < networks->count; i++)
        networks->backends[i]->ops->free(networks->backends[i]);
    if (networks->capture)
        capture_close(networks->capture);
    free(networks->links);
}

static void bring_up_to_date(struct net_backend *backend)
{
    if (backend->ops->count)
        backend->ops->count(backend);
}

void networks_count(const struct networks *networks, const struct kernel *k, struct denali_stats *stats)
{
    const struct switch_counters *counters = &k->network.counters;

    stats->frames.in = counters->in;
    stats->frames.out = counters->out;
    stats->frames.copies = counters->copies;
    stats->frames.delivered = counters->delivered;
    stats->frames.outside = counters->outside;
    stats->frames.unclaimed = counters->unclaimed;
    stats->frames.rx_dropped = counters->rx_dropped;
    stats->frames.link_dropped = counters->link_dropped;
    stats->frames.held = switch_held(&k->network);
    stats->frames.tx_dropped = counters->tx_dropped;
    stats->clock_lost_ns = k->pacer.lost_ns;
    for (uint32_t i = 0; i < networks->count; i++) {
        bring_up_to_date(networks->backends[i]);
        stats->frames.unusable += networks->backends[i]->counters.unusable;
    }
}

bool denali_get_net(const struct denali *d, uint32_t index, struct denali_net *net)
{
    if (index >= d->networks.count)
        return false;
    struct net_backend *backend = d->networks.backends[index];
    bring_up_to_date(backend);
    const struct net_counters *counters = &backend->counters;
    *net = (struct denali_net){
        .name = backend->name,
        .in = counters->in,
        .out = counters->out,
        .out_lost = counters->out_lost,
        .unusable = counters->unusable,
        .own = counters->own,
        .kernel_lost = counters->kernel_lost,
        .completed = counters->completed,
        .split = counters->split,
    };
    return true;
}

const char *denali_notice(struct denali *d)
{
    for (uint32_t i = 0; i < d->networks.count; i++) {
        struct net_backend *backend = d->networks.backends[i];
        if (backend->trouble[0] && !backend->told) {
            backend->told = true;
            return backend->trouble;
        }
    }
    return NULL;
}
