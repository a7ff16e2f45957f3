/* SPDX-License-Identifier: MIT
 *
 * The other end of the wire for bench/net.py, in frames, past the host's network stack.
 *
 *     net_load load INTERFACE MACHINES WINDOW SECONDS    UDP echo requests to so many machines, at most WINDOW without
 * an answer; prints: answers, seconds, lost, median round trip in ns net_load echo INTERFACE answers such requests
 * itself, as a native process, until killed
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH        64
#define FRAME        60 /* the smallest on Ethernet, without its checksum */
#define ROUND_TRIPS  100000
#define GIVE_UP_NS   200000000
#define FIRST        0x0A400001 /* 10.64.0.1 */
#define OURS         0x0A7FFFFE
#define BUFFER_BYTES (8 << 20)

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* A socket for the interface's frames that come in. */
static int wire_open(const char *interface)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    int descriptor = socket(AF_PACKET, SOCK_RAW, 0), yes = 1, size = BUFFER_BYTES;
    address.sll_ifindex = (int)if_nametoindex(interface);
    setsockopt(descriptor, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes));
    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&address, sizeof(address)) != 0) {
        fprintf(stderr, "net_load: %s: %s\n", interface, strerror(errno));
        exit(1);
    }
    return descriptor;
}

struct batch {
    uint8_t frames[BATCH][2048];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
};

static struct batch *batch_new(void)
{
    struct batch *batch = calloc(1, sizeof(*batch));
    for (int i = 0; i < BATCH; i++) {
        batch->parts[i].iov_base = batch->frames[i];
        batch->messages[i].msg_hdr.msg_iov = &batch->parts[i];
        batch->messages[i].msg_hdr.msg_iovlen = 1;
    }
    return batch;
}

/* How many came. */
static int batch_receive(struct batch *batch, int descriptor, int flags)
{
    for (int i = 0; i < BATCH; i++)
        batch->parts[i].iov_len = sizeof(batch->frames[i]);
    int count = recvmmsg(descriptor, batch->messages, BATCH, flags, NULL);
    return count > 0 ? count : 0;
}

static void batch_send(struct batch *batch, int descriptor, int count)
{
    for (int done = 0; done < count;) {
        int sent = sendmmsg(descriptor, batch->messages + done, (unsigned)(count - done), 0);
        done += sent > 0 ? sent : 1;
    }
}

static uint16_t checksum(const uint8_t *bytes, size_t length, uint32_t sum)
{
    for (size_t i = 0; i + 1 < length; i += 2)
        sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return htons((uint16_t)~sum);
}

static void put32(uint8_t *bytes, uint32_t value)
{
    value = htonl(value);
    memcpy(bytes, &value, sizeof(value));
}

/* A datagram of 18 bytes to port 7 of this machine. */
static void request_fill(uint8_t *frame, uint32_t machine)
{
    static const uint8_t head[] = {0x02, 0x44, 0x4E, 0,  0, 0, 0x02, 0, 0x5E, 0x10, 0, 1, 8, 0, /* Ethernet */
                                   0x45, 0,    0,    46, 0, 0, 0,    0, 64,   17};              /* IPv4 */
    memset(frame, 0, FRAME);
    memcpy(frame, head, sizeof(head));
    frame[3] = (uint8_t)(machine >> 16);
    frame[4] = (uint8_t)(machine >> 8);
    frame[5] = (uint8_t)machine;
    put32(frame + 26, OURS);
    put32(frame + 30, FIRST + machine);
    uint16_t sum = checksum(frame + 14, 20, 0);
    memcpy(frame + 24, &sum, 2);
    put32(frame + 34, 4000u << 16 | 7);
    put32(frame + 38, 26u << 16);
    sum = checksum(frame + 26, 34, 17 + 26); /* addresses, UDP */
    memcpy(frame + 40, &sum, 2);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

struct load {
    int descriptor;
    struct batch *out, *in;
    uint32_t machines, next, window, waiting;
    uint64_t answers, lost, begun, last_sent, last_answer;
    uint64_t times[ROUND_TRIPS];
    uint32_t time_count;
};

static void ask(struct load *load)
{
    uint32_t count = load->window - load->waiting < BATCH ? load->window - load->waiting : BATCH;
    for (uint32_t i = 0; i < count; i++) {
        request_fill(load->out->frames[i], load->next);
        load->out->parts[i].iov_len = FRAME;
        load->next = (load->next + 1) % load->machines;
    }
    load->last_sent = now_ns();
    batch_send(load->out, load->descriptor, (int)count);
    load->waiting += count;
}

static bool is_answer(const uint8_t *frame)
{
    return frame[6] == 0x02 && frame[7] == 0x44 && frame[8] == 0x4E && frame[23] == 17 && frame[35] == 7;
}

static void listen_for_answers(struct load *load)
{
    struct pollfd wait = {.fd = load->descriptor, .events = POLLIN};
    poll(&wait, 1, 1);
    int count = batch_receive(load->in, load->descriptor, MSG_DONTWAIT);
    for (int i = 0; i < count; i++) {
        if (!is_answer(load->in->frames[i]) || load->waiting == 0)
            continue;
        load->answers++;
        load->waiting--;
        load->last_answer = now_ns();
        if (load->window == 1 && load->time_count < ROUND_TRIPS)
            load->times[load->time_count++] = load->last_answer - load->last_sent;
    }
}

static void run_load(const char *interface, uint32_t machines, uint32_t window, double seconds)
{
    struct load *load = calloc(1, sizeof(*load));
    load->descriptor = wire_open(interface);
    load->out = batch_new();
    load->in = batch_new();
    load->machines = machines;
    load->window = window;
    load->begun = load->last_answer = now_ns();
    for (uint64_t end = load->begun + (uint64_t)(seconds * 1e9), now = load->begun; now < end; now = now_ns()) {
        if (load->waiting < window && (window < BATCH || window - load->waiting >= BATCH / 2 || load->waiting == 0))
            ask(load);
        listen_for_answers(load);
        if (load->waiting > 0 && now > load->last_answer + GIVE_UP_NS && now > load->last_sent + GIVE_UP_NS) {
            load->lost += load->waiting;
            load->waiting = 0;
        }
    }
    qsort(load->times, load->time_count, sizeof(load->times[0]), compare);
    printf("%llu %.6f %llu %llu\n", (unsigned long long)load->answers, (double)(now_ns() - load->begun) / 1e9,
           (unsigned long long)load->lost,
           load->time_count ? (unsigned long long)load->times[load->time_count / 2] : 0ull);
}

static void swap(uint8_t *a, uint8_t *b, size_t length)
{
    uint8_t kept[6];
    memcpy(kept, a, length);
    memcpy(a, b, length);
    memcpy(b, kept, length);
}

static void run_echo(const char *interface)
{
    int descriptor = wire_open(interface);
    struct batch *batch = batch_new();
    for (;;) {
        int count = batch_receive(batch, descriptor, MSG_WAITFORONE);
        for (int i = 0; i < count; i++) {
            uint8_t *frame = batch->frames[i];
            batch->parts[i].iov_len = batch->messages[i].msg_len;
            swap(frame, frame + 6, 6);
            swap(frame + 26, frame + 30, 4);
            swap(frame + 34, frame + 36, 2);
        }
        batch_send(batch, descriptor, count);
    }
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "load") == 0)
        run_load(argv[2], (uint32_t)atoi(argv[3]), (uint32_t)atoi(argv[4]), atof(argv[5]));
    else if (argc == 3 && strcmp(argv[1], "echo") == 0)
        run_echo(argv[2]);
    else
        return 2;
    return 0;
}
