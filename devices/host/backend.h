/* SPDX-License-Identifier: MIT
 *
 * A network outside: an interface of the host, a network made by this process, another emulator. Behind one table, so
 * that the switch and guests see no difference. Nothing here waits: whoever has nothing else to do waits for the
 * descriptors that watch() names.
 */
#pragma once
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../packet.h"

struct net_backend;

/* Descriptors to wait for, and for how long at most. */
struct net_watch {
    struct pollfd *descriptors; /* room for `room` of them; those that do not fit are only counted */
    size_t count, room;
    uint64_t timeout_ns; /* UINT64_MAX = however long */
};

struct net_backend_ops {
    /* A frame leaves. The backend takes a reference of its own if it needs the frame for longer. */
    void (*send)(struct net_backend *, struct packet *);
    /* What send() has gathered leaves now. NULL: it gathers nothing. */
    void (*flush)(struct net_backend *);
    /* The next frame that is there, of DENALI_FRAME_MIN to DENALI_FRAME_MAX bytes; its reference passes to the caller.
     * NULL: there is none now. `now_ns` is the simulation's time. */
    struct packet *(*receive)(struct net_backend *, uint64_t now_ns);
    /* Adds what can make receive() give a frame, or flush() go on. NULL: nothing ever does. */
    void (*watch)(struct net_backend *, struct net_watch *);
    /* Figures that are asked for now and then are brought up to date. NULL: they always are. */
    void (*count)(struct net_backend *);
    void (*free)(struct net_backend *);
};

/* Frames; what was refused or lost and why. */
struct net_counters {
    uint64_t in, out;     /* given to the switch, and taken from it */
    uint64_t out_lost;    /* taken, but the host did not take them */
    uint64_t unusable;    /* cut short, too long or too short for a NIC */
    uint64_t own;         /* came back: they bear the address of a machine as their source */
    uint64_t kernel_lost; /* the host lost them before we looked */
    uint64_t completed;   /* checksums that the sender had left to its hardware */
    uint64_t split;       /* frames longer than the MTU that became several */
};

/* Base of every backend. */
struct net_backend {
    const struct net_backend_ops *ops;
    char name[48];     /* "live:eth0": in captures, statistics and messages */
    char trouble[256]; /* why nothing comes or goes any more, "" while all is well */
    bool told;         /* the user has been told of it */
    struct net_counters counters;
};

/* Room for one more descriptor. */
static inline void net_watch_add(struct net_watch *watch, int descriptor, short events)
{
    if (watch->count < watch->room)
        watch->descriptors[watch->count] = (struct pollfd){.fd = descriptor, .events = events};
    watch->count++;
}
