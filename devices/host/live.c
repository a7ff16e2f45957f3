/* SPDX-License-Identifier: MIT
 *
 * libpcap gives frames in batches, from memory shared with the kernel, so looking at an interface where nothing has
 * come costs one system call. Frames to send are gathered and leave in batches too. Nothing of the host has finished
 * the frames that its own programs send to a virtual interface: offload.h does.
 */
#include "live.h"

#include <net/if.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "denali.h"

#include "../container_of.h"
#include "bulk.h"
#include "link_state.h"
#include "offload.h"

#define SNAPSHOT     (262144 - 1) /* the longest frame of any offload */
#define BUFFER_BYTES (64 << 20)   /* of the kernel, for frames we have not looked at */
#define BATCH_IN     32           /* frames asked for at once */
#define SEGMENTS_MAX 192          /* of one frame */
#define BATCH_BULK   4
#define QUEUE        ((BATCH_IN + BATCH_BULK) * SEGMENTS_MAX)
#define BATCH_OUT    64

_Static_assert(DENALI_FRAME_MAX + 1 == 1515, "BULK_FRAMES says from which length on frames are too long for a NIC");

#define GONE "the interface is gone"

/* What the machines may want: their addresses, 02:44:4E and 24 bits, and groups. */
#define FILTER "(ether[0:4] & 0xffffff00 = 0x02444e00 or ether[0] & 1 != 0)"

struct live {
    struct net_backend base;
    pcap_t *pcap;   /* NULL: the interface is gone */
    int descriptor; /* the handle's */
    struct link_monitor monitor;
    struct bulk bulk;
    bool is_down;
    uint64_t lost_before;  /* by handles that are closed */
    struct packet **queue; /* frames that have come */
    uint32_t first, count;
    struct packet *out[BATCH_OUT];
    uint32_t out_count;
};

static void report(struct live *live, const char *what)
{
    snprintf(live->base.trouble, sizeof(live->base.trouble), "%s: %s", live->base.name, what);
    live->base.told = false;
}

/* No more of this interface. */
static void give_up(struct live *live, const char *why)
{
    char what[128];
    live->base.ops->count(&live->base);
    live->lost_before = live->base.counters.kernel_lost;
    snprintf(what, sizeof(what), "%.80s; machines go on without it", why);
    report(live, what);
    pcap_close(live->pcap);
    live->pcap = NULL;
    link_monitor_close(&live->monitor);
    bulk_close(&live->bulk);
}

static void note_link(struct live *live, enum link_state state)
{
    bool is_down = state == LINK_DOWN;
    if (state == LINK_GONE)
        give_up(live, GONE);
    else if (live->is_down != is_down)
        report(live, is_down ? "the link is down; what machines send is lost until it is up" : "the link is up again");
    live->is_down = is_down;
}

/* Going out. */

/* Hands over what it can from this frame on. Returns how many, 0 if the host does not take the first. */
static uint32_t hand_over(struct live *live, uint32_t from)
{
    struct mmsghdr messages[BATCH_OUT];
    struct iovec parts[BATCH_OUT];
    uint32_t count = live->out_count - from;

    for (uint32_t i = 0; i < count; i++) {
        struct packet *packet = live->out[from + i];
        parts[i] = (struct iovec){packet->bytes, packet->length};
        messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
    }
    int sent = sendmmsg(live->descriptor, messages, count, MSG_DONTWAIT);
    return sent > 0 ? (uint32_t)sent : 0;
}

static void live_flush(struct net_backend *base)
{
    struct live *live = container_of(base, struct live, base);
    uint32_t done = 0;

    while (done < live->out_count) {
        uint32_t sent = live->pcap ? hand_over(live, done) : 0;
        base->counters.out_lost += sent == 0;
        done += sent ? sent : 1;
    }
    for (uint32_t i = 0; i < live->out_count; i++)
        packet_unref(live->out[i]);
    live->out_count = 0;
}

static void live_send(struct net_backend *base, struct packet *packet)
{
    struct live *live = container_of(base, struct live, base);

    live->out[live->out_count++] = packet_ref(packet);
    if (live->out_count == BATCH_OUT)
        live_flush(base);
}

/* Coming in. */

static bool is_machines(const uint8_t mac[6])
{
    return mac[0] == 0x02 && mac[1] == 0x44 && mac[2] == 0x4E;
}

/* The filter says the same, but the kernel has it only after the handle is open. */
static bool is_wanted(const uint8_t *bytes)
{
    return is_machines(bytes) || (bytes[0] & 1);
}

static void take(struct live *live, const uint8_t *bytes, uint32_t length, uint32_t datagram)
{
    struct net_counters *counters = &live->base.counters;
    struct offload offload;

    if ((datagram > 0 && length / datagram >= SEGMENTS_MAX) || !offload_begin(&offload, bytes, length, datagram)) {
        counters->unusable++;
        return;
    }
    counters->completed += offload.unfinished;
    counters->split += offload_splits(&offload);
    for (struct packet *packet; live->count < QUEUE && (packet = offload_next(&offload));)
        live->queue[live->count++] = packet;
}

static void captured(u_char *user, const struct pcap_pkthdr *record, const u_char *bytes)
{
    struct live *live = (struct live *)(void *)user;

    if (record->caplen < DENALI_FRAME_MIN || record->caplen != record->len)
        live->base.counters.unusable++;
    else if (is_machines(bytes + 6))
        live->base.counters.own++;
    else if (is_wanted(bytes))
        take(live, bytes, record->len, 0);
}

static void take_bulk(struct live *live)
{
    struct bulk_frame frame;
    for (int i = 0; i < BATCH_BULK && bulk_next(&live->bulk, &frame); i++) {
        if (is_machines(frame.bytes + 6))
            live->base.counters.own++;
        else
            take(live, frame.bytes, frame.length, frame.datagram);
    }
}

static struct packet *live_receive(struct net_backend *base, uint64_t now_ns)
{
    struct live *live = container_of(base, struct live, base);
    (void)now_ns;

    if (live->first == live->count && live->pcap) {
        live->first = live->count = 0;
        if (link_monitor_changed(&live->monitor))
            note_link(live, link_monitor_state(&live->monitor));
        if (live->pcap && pcap_dispatch(live->pcap, BATCH_IN, captured, (u_char *)live) < 0)
            give_up(live, link_monitor_state(&live->monitor) == LINK_GONE ? GONE : pcap_geterr(live->pcap));
        take_bulk(live);
    }
    return live->first < live->count ? live->queue[live->first++] : NULL;
}

static void live_watch(struct net_backend *base, struct net_watch *watch)
{
    const struct live *live = container_of(base, struct live, base);
    if (!live->pcap)
        return;
    net_watch_add(watch, live->descriptor, POLLIN);
    if (live->monitor.descriptor >= 0)
        net_watch_add(watch, live->monitor.descriptor, POLLIN);
    if (live->bulk.descriptor >= 0)
        net_watch_add(watch, live->bulk.descriptor, POLLIN);
}

static void live_count(struct net_backend *base)
{
    struct live *live = container_of(base, struct live, base);
    struct pcap_stat stat;
    bulk_count(&live->bulk);
    if (live->pcap && pcap_stats(live->pcap, &stat) == 0)
        base->counters.kernel_lost = live->lost_before + stat.ps_drop + live->bulk.lost;
}

static void live_free(struct net_backend *base)
{
    struct live *live = container_of(base, struct live, base);

    live_flush(base);
    for (; live->first < live->count; live->first++)
        packet_unref(live->queue[live->first]);
    if (live->pcap)
        pcap_close(live->pcap);
    link_monitor_close(&live->monitor);
    bulk_close(&live->bulk);
    free(live->queue);
    free(live);
}

static const struct net_backend_ops live_ops = {
    .send = live_send,
    .flush = live_flush,
    .receive = live_receive,
    .watch = live_watch,
    .count = live_count,
    .free = live_free,
};

/* Opening. */

bool live_check(const char *interface, char *error, size_t error_size)
{
    size_t length = strlen(interface);
    if (length > 0 && length < IF_NAMESIZE)
        return true;
    snprintf(error, error_size, "live:%s: write live:IFACE, an interface of 1 to %d bytes", interface, IF_NAMESIZE - 1);
    return false;
}

/* What a user can do about it. */
static const char *advice(int status)
{
    switch (status) {
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
        return "; give denali the right to (sudo setcap cap_net_raw+ep PATH-OF-DENALI), or use --net user";
    case PCAP_ERROR_IFACE_NOT_UP:
        return "; sudo ip link set IFACE up";
    case PCAP_ERROR_NO_SUCH_DEVICE:
        return "; 'denali doctor' lists those there are";
    default:
        return "";
    }
}

static bool refuse(const char *interface, const char *what, const char *more, char *error, size_t error_size)
{
    snprintf(error, error_size, "live:%s: %s%s", interface, what, more);
    return false;
}

/* All settings that must be there before the handle is active, and it is made active. */
static int activate(pcap_t *pcap)
{
    pcap_set_snaplen(pcap, SNAPSHOT);
    pcap_set_promisc(pcap, 1);
    pcap_set_immediate_mode(pcap, 1);
    pcap_set_timeout(pcap, 1);
    pcap_set_buffer_size(pcap, BUFFER_BYTES);
    return pcap_activate(pcap);
}

/* Each frame is to come one way. */
static bool set_filter(pcap_t *pcap, bool without_bulk)
{
    struct bpf_program program;
    if (pcap_compile(pcap, &program, without_bulk ? FILTER " and not " BULK_FRAMES : FILTER, 1, PCAP_NETMASK_UNKNOWN) !=
        0)
        return false;
    bool set = pcap_setfilter(pcap, &program) == 0;
    pcap_freecode(&program);
    return set;
}

static bool live_start(struct live *live, const char *interface, char *error, size_t error_size)
{
    char reason[PCAP_ERRBUF_SIZE] = "";
    live->pcap = pcap_create(interface, reason);
    if (!live->pcap)
        return refuse(interface, reason, "", error, error_size);
    int status = activate(live->pcap);
    if (status < 0)
        return refuse(interface, pcap_statustostr(status), advice(status), error, error_size);
    if (pcap_datalink(live->pcap) != DLT_EN10MB)
        return refuse(interface, "it does not carry Ethernet frames", "", error, error_size);
    live->descriptor = pcap_get_selectable_fd(live->pcap);
    bool bulk = bulk_open(&live->bulk, live->monitor.index, live->pcap, FILTER " and " BULK_FRAMES);
    if (!set_filter(live->pcap, bulk) || pcap_setdirection(live->pcap, PCAP_D_IN) != 0 ||
        pcap_setnonblock(live->pcap, 1, reason) != 0 || live->descriptor < 0)
        return refuse(interface, pcap_geterr(live->pcap), reason, error, error_size);
    note_link(live, link_monitor_state(&live->monitor));
    return true;
}

struct net_backend *live_open(const char *interface, const struct net_setup *setup, char *error, size_t error_size)
{
    struct live *live = calloc(1, sizeof(*live));
    (void)setup;
    if (live)
        live->queue = malloc(QUEUE * sizeof(*live->queue));
    if (!live || !live->queue) {
        snprintf(error, error_size, "live:%s: out of host memory", interface);
        free(live);
        return NULL;
    }
    live->base.ops = &live_ops;
    live->bulk.descriptor = -1;
    snprintf(live->base.name, sizeof(live->base.name), "live:%s", interface);
    link_monitor_open(&live->monitor, interface);
    if (live_start(live, interface, error, error_size))
        return &live->base;
    live_free(&live->base);
    return NULL;
}
