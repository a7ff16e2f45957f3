/* SPDX-License-Identifier: MIT
 *
 * libslirp has no thread, no descriptor to wait for that stays the same, and no clock of its own: it is driven from
 * receive(), with the simulation's time. What it gives is queued, since it gives when it likes.
 */
#include "user.h"

#include <arpa/inet.h>
#include <errno.h>
#include <slirp/libslirp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "denali.h"

#include "../container_of.h"

#define NETWORK       0x0A000000 /* 10.0.0.0 */
#define NETMASK       0xFFFF0000
#define ROUTER        0x0A000202 /* 10.0.2.2 */
#define NAME_SERVER   0x0A000203
#define FIRST_MACHINE 0x0A00020F /* 10.0.2.15 */
#define LAST_ADDRESS  0x0A00FFFE
#define LOOPBACK      0x7F000001

#define QUEUE_MAX   4096 /* frames; a power of 2 */
#define NS_PER_MS   1000000
#define FORWARD_MAX 48 /* bytes of a forward's text */

struct timer {
    struct timer *next;
    SlirpTimerCb fire;
    void *opaque;
    int64_t due_ms; /* INT64_MAX: it does not run */
};

struct user {
    struct net_backend base;
    Slirp *slirp;
    struct timer *timers;
    uint64_t now_ns;
    struct packet *queue[QUEUE_MAX];
    uint32_t first, count;
    struct pollfd *descriptors; /* those of the last pump() */
    size_t descriptor_count, descriptor_room;
};

/* What libslirp calls. */

static ssize_t slirp_gives(const void *bytes, size_t length, void *opaque)
{
    struct user *user = opaque;
    bool fits = length >= DENALI_FRAME_MIN && length <= DENALI_FRAME_MAX;
    struct packet *packet = fits && user->count < QUEUE_MAX ? packet_new((uint32_t)length) : NULL;

    user->base.counters.unusable += !fits;
    user->base.counters.kernel_lost += fits && !packet;
    if (packet) {
        memcpy(packet->bytes, bytes, length);
        user->queue[(user->first + user->count++) % QUEUE_MAX] = packet;
    }
    return (ssize_t)length; /* what is lost is sent again by those who care */
}

static void slirp_complains(const char *message, void *opaque)
{
    (void)message;
    (void)opaque;
}

static int64_t slirp_asks_time(void *opaque)
{
    return (int64_t)((struct user *)opaque)->now_ns;
}

static void *timer_new(SlirpTimerCb fire, void *timer_opaque, void *opaque)
{
    struct user *user = opaque;
    struct timer *timer = calloc(1, sizeof(*timer));
    if (!timer)
        return NULL;
    *timer = (struct timer){user->timers, fire, timer_opaque, INT64_MAX};
    user->timers = timer;
    return timer;
}

static void timer_free(void *timer, void *opaque)
{
    struct timer **place = &((struct user *)opaque)->timers;
    while (*place && *place != timer)
        place = &(*place)->next;
    if (*place)
        *place = (*place)->next;
    free(timer);
}

static void timer_set(void *timer, int64_t due_ms, void *opaque)
{
    (void)opaque;
    if (timer)
        ((struct timer *)timer)->due_ms = due_ms;
}

static void slirp_names_descriptor(int descriptor, void *opaque)
{
    (void)descriptor;
    (void)opaque;
}

static void slirp_notifies(void *opaque)
{
    (void)opaque;
}

static const SlirpCb callbacks = {
    .send_packet = slirp_gives,
    .guest_error = slirp_complains,
    .clock_get_ns = slirp_asks_time,
    .timer_new = timer_new,
    .timer_free = timer_free,
    .timer_mod = timer_set,
    .register_poll_fd = slirp_names_descriptor,
    .unregister_poll_fd = slirp_names_descriptor,
    .notify = slirp_notifies,
};

/* Driving it. */

static const struct {
    int slirp;
    short poll;
} events[] = {{SLIRP_POLL_IN, POLLIN},
              {SLIRP_POLL_OUT, POLLOUT},
              {SLIRP_POLL_PRI, POLLPRI},
              {SLIRP_POLL_ERR, POLLERR},
              {SLIRP_POLL_HUP, POLLHUP}};
#define EVENTS (sizeof(events) / sizeof(events[0]))

static int add_descriptor(int descriptor, int wanted, void *opaque)
{
    struct user *user = opaque;
    if (user->descriptor_count == user->descriptor_room) {
        size_t room = user->descriptor_room * 2 + 16;
        struct pollfd *more = realloc(user->descriptors, room * sizeof(*more));
        if (!more)
            return -1;
        user->descriptors = more;
        user->descriptor_room = room;
    }
    struct pollfd *place = &user->descriptors[user->descriptor_count];
    *place = (struct pollfd){.fd = descriptor};
    for (size_t i = 0; i < EVENTS; i++)
        place->events |= wanted & events[i].slirp ? events[i].poll : 0;
    return (int)user->descriptor_count++;
}

static int descriptor_events(int index, void *opaque)
{
    const struct user *user = opaque;
    int happened = 0;
    for (size_t i = 0; i < EVENTS && index >= 0; i++)
        happened |= user->descriptors[index].revents & events[i].poll ? events[i].slirp : 0;
    return happened;
}

/* Asks for its descriptors; returns for how long they are good, in ms. */
static uint32_t fill(struct user *user)
{
    uint32_t timeout_ms = UINT32_MAX;
    user->descriptor_count = 0;
    slirp_pollfds_fill(user->slirp, &timeout_ms, add_descriptor, user);
    return timeout_ms;
}

static void run_timers(struct user *user)
{
    for (struct timer *timer = user->timers, *next; timer; timer = next) {
        next = timer->next;
        if (timer->due_ms <= (int64_t)(user->now_ns / NS_PER_MS)) {
            timer->due_ms = INT64_MAX;
            timer->fire(timer->opaque);
        }
    }
}

static void pump(struct user *user)
{
    run_timers(user);
    fill(user);
    int error = poll(user->descriptors, user->descriptor_count, 0) < 0;
    slirp_pollfds_poll(user->slirp, error, descriptor_events, user);
}

static struct packet *user_receive(struct net_backend *base, uint64_t now_ns)
{
    struct user *user = container_of(base, struct user, base);
    user->now_ns = now_ns;
    if (user->count == 0)
        pump(user);
    if (user->count == 0)
        return NULL;
    struct packet *packet = user->queue[user->first];
    user->first = (user->first + 1) % QUEUE_MAX;
    user->count--;
    return packet;
}

static void user_send(struct net_backend *base, struct packet *packet)
{
    slirp_input(container_of(base, struct user, base)->slirp, packet->bytes, (int)packet->length);
}

static void user_watch(struct net_backend *base, struct net_watch *watch)
{
    struct user *user = container_of(base, struct user, base);
    uint32_t timeout_ms = fill(user);
    int64_t now_ms = (int64_t)(user->now_ns / NS_PER_MS);
    for (const struct timer *timer = user->timers; timer; timer = timer->next)
        if (timer->due_ms - now_ms < (int64_t)timeout_ms)
            timeout_ms = timer->due_ms > now_ms ? (uint32_t)(timer->due_ms - now_ms) : 0;
    if (user->count > 0)
        timeout_ms = 0;
    if (timeout_ms != UINT32_MAX && timeout_ms * (uint64_t)NS_PER_MS < watch->timeout_ns)
        watch->timeout_ns = timeout_ms * (uint64_t)NS_PER_MS;
    for (size_t i = 0; i < user->descriptor_count; i++)
        net_watch_add(watch, user->descriptors[i].fd, user->descriptors[i].events);
}

static void user_free(struct net_backend *base)
{
    struct user *user = container_of(base, struct user, base);
    if (user->slirp)
        slirp_cleanup(user->slirp);
    for (; user->count > 0; user->count--, user->first = (user->first + 1) % QUEUE_MAX)
        packet_unref(user->queue[user->first]);
    while (user->timers)
        timer_free(user->timers, user);
    free(user->descriptors);
    free(user);
}

static const struct net_backend_ops user_ops = {
    .send = user_send,
    .receive = user_receive,
    .watch = user_watch,
    .free = user_free,
};

/* Parameters. */

struct forward {
    bool udp;
    struct in_addr host;
    uint32_t host_port, machine, port;
};

/* A number up to `most`; *text moves behind it and the character that must follow. */
static bool number_read(const char **text, uint32_t most, char follows, uint32_t *number)
{
    char *end;
    if (**text < '0' || **text > '9')
        return false;
    unsigned long value = strtoul(*text, &end, 10);
    if (value > most || *end != follows)
        return false;
    *text = follows ? end + 1 : end;
    *number = (uint32_t)value;
    return true;
}

/* An address and a colon, or nothing: then it is the loopback. */
static void host_read(const char **text, struct in_addr *host)
{
    char address[INET_ADDRSTRLEN] = "";
    size_t length = strcspn(*text, ":");
    host->s_addr = htonl(LOOPBACK);
    if (length < sizeof(address)) {
        memcpy(address, *text, length);
        if (strchr(address, '.') && inet_pton(AF_INET, address, host) == 1)
            *text += length + 1;
    }
}

/* "tcp:[HOST:]HOSTPORT:VM:PORT" */
static bool forward_parse(struct forward *forward, const char *text)
{
    *forward = (struct forward){.udp = strncmp(text, "udp:", 4) == 0};
    if (!forward->udp && strncmp(text, "tcp:", 4) != 0)
        return false;
    text += 4;
    host_read(&text, &forward->host);
    return number_read(&text, 65535, ':', &forward->host_port) &&
           number_read(&text, LAST_ADDRESS - FIRST_MACHINE, ':', &forward->machine) &&
           number_read(&text, 65535, '\0', &forward->port) && forward->host_port > 0 && forward->port > 0;
}

/* The next forward of the parameters, which move on. False: there is none, or (`bad` then holds it) it is malformed. */
static bool forward_next(const char **parameters, struct forward *forward, char bad[FORWARD_MAX])
{
    bad[0] = '\0';
    if (!**parameters)
        return false;
    size_t length = **parameters == ',' ? 1 + strcspn(*parameters + 1, ",") : strlen(*parameters);
    snprintf(bad, FORWARD_MAX, "%.*s", (int)length, *parameters);
    *parameters += length;
    if (length >= FORWARD_MAX || strncmp(bad, ",fwd=", 5) != 0 || !forward_parse(forward, bad + 5))
        return false;
    bad[0] = '\0';
    return true;
}

bool user_check(const char *parameters, char *error, size_t error_size)
{
    struct forward forward;
    char bad[FORWARD_MAX];
    while (forward_next(&parameters, &forward, bad))
        continue;
    if (!bad[0])
        return true;
    snprintf(error, error_size,
             "user: '%s' is no forward: write user,fwd=tcp:[HOST:]HOSTPORT:VM:PORT, or udp, with "
             "VM up to %d",
             bad[0] == ',' ? bad + 1 : bad, LAST_ADDRESS - FIRST_MACHINE);
    return false;
}

static struct in_addr address_of(uint32_t address)
{
    return (struct in_addr){htonl(address)};
}

static bool start(struct user *user)
{
    const SlirpConfig config = {
        .version = SLIRP_CONFIG_VERSION_MAX,
        .in_enabled = true,
        .vnetwork = address_of(NETWORK),
        .vnetmask = address_of(NETMASK),
        .vhost = address_of(ROUTER),
        .vdhcp_start = address_of(FIRST_MACHINE),
        .vnameserver = address_of(NAME_SERVER),
        .vhostname = "denali",
        .if_mtu = DENALI_NIC_MTU,
        .if_mru = DENALI_NIC_MTU,
    };
    user->slirp = slirp_new(&config, &callbacks, user);
    return user->slirp != NULL;
}

static bool add_forwards(struct user *user, const char *parameters, const struct net_setup *setup, char *error,
                         size_t error_size)
{
    struct forward forward;
    char bad[FORWARD_MAX];
    while (forward_next(&parameters, &forward, bad)) {
        if (forward.machine >= setup->machines) {
            snprintf(error, error_size, "user: fwd: there is no machine %u, the last is %u", forward.machine,
                     setup->machines - 1);
            return false;
        }
        if (slirp_add_hostfwd(user->slirp, forward.udp, forward.host, (int)forward.host_port,
                              address_of(FIRST_MACHINE + forward.machine), (int)forward.port) < 0) {
            snprintf(error, error_size, "user: fwd: %s port %u of the host: %s", forward.udp ? "udp" : "tcp",
                     forward.host_port, strerror(errno));
            return false;
        }
    }
    return true;
}

struct net_backend *user_open(const char *parameters, const struct net_setup *setup, char *error, size_t error_size)
{
    struct user *user = calloc(1, sizeof(*user));
    if (!user || !start(user)) {
        snprintf(error, error_size, "user: out of host memory");
        free(user);
        return NULL;
    }
    user->base.ops = &user_ops;
    snprintf(user->base.name, sizeof(user->base.name), "user");
    if (add_forwards(user, parameters, setup, error, error_size))
        return &user->base;
    user_free(&user->base);
    return NULL;
}
