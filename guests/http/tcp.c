/* SPDX-License-Identifier: MIT */
#include "tcp.h"

#include "libc.h"

#define NS_PER_MS       UINT64_C(1000000)
#define TIMEOUT_FIRST   (1000 * NS_PER_MS) /* RFC 6298, 2.1 */
#define TIMEOUT_MIN     (200 * NS_PER_MS)
#define TIMEOUT_MAX     (60000 * NS_PER_MS)
#define TIME_WAIT_TIME  (1000 * NS_PER_MS) /* short: ports of a machine are its own, and its table is small */
#define RETRIES_MAX     8
#define DUPLICATES_FAST 3   /* RFC 5681, 3.2 */
#define MSS_DEFAULT     536 /* RFC 9293, 3.7.1 */
#define OPTION_MSS      2
#define EPHEMERAL_FIRST 49152

/* Sequence numbers wrap; they are compared by their distance. */
static bool before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Output. */

static uint32_t segment_checksum(const struct tcp *t, const struct tcp_peer *peer, const uint8_t *segment,
                                 uint32_t length)
{
    struct {
        be32 source, destination;
        be16 protocol, length;
    } pseudo = {be32_of(t->address), be32_of(peer->address), be16_of(IPV4_TCP), be16_of(length)};
    return checksum_finish(checksum_add(checksum_add(0, &pseudo, sizeof(pseudo)), segment, length));
}

static void emit(struct tcp *t, const struct tcp_peer *peer, const struct tcp_header *header, const uint8_t *data,
                 uint32_t length)
{
    struct tcp_header *out = (struct tcp_header *)t->segment;
    uint32_t size = (header->words >> 4) * 4u;
    *out = *header;
    if (header->flags & TCP_SYN) {
        uint8_t option[4] = {OPTION_MSS, 4, TCP_MSS >> 8, TCP_MSS & 0xFF};
        memcpy(t->segment + sizeof(*out), option, sizeof(option));
    }
    if (length > 0)
        memcpy(t->segment + size, data, length);
    out->checksum = be16_of(segment_checksum(t, peer, t->segment, size + length));
    t->output(t, peer, t->segment, size + length);
}

static void send_segment(struct tcp *t, struct tcp_connection *c, uint32_t sequence, uint8_t flags, const uint8_t *data,
                         uint32_t length)
{
    uint32_t size = sizeof(struct tcp_header) + (flags & TCP_SYN ? 4 : 0);
    const struct tcp_header header = {
        .source = be16_of(c->local_port),
        .destination = be16_of(c->peer.port),
        .sequence = be32_of(sequence),
        .acknowledgment = be32_of(flags & TCP_ACK ? c->expected : 0),
        .words = (uint8_t)(size / 4 << 4),
        .flags = flags,
        .window = be16_of(TCP_WINDOW),
    };
    c->told = c->expected;
    emit(t, &c->peer, &header, data, length);
}

static void send_ack(struct tcp *t, struct tcp_connection *c)
{
    send_segment(t, c, c->next, TCP_ACK, NULL, 0);
}

/* The answer to a segment that belongs to no connection (RFC 9293, 3.10.7.1). */
static void send_reset(struct tcp *t, const struct tcp_peer *peer, const struct tcp_header *in, uint32_t length)
{
    bool has_ack = in->flags & TCP_ACK;
    const struct tcp_header header = {
        .source = in->destination,
        .destination = in->source,
        .sequence = has_ack ? in->acknowledgment : be32_of(0),
        .acknowledgment = be32_of(has_ack ? 0 : be32_get(in->sequence) + length),
        .words = sizeof(header) / 4 << 4,
        .flags = has_ack ? TCP_RST : TCP_RST | TCP_ACK,
    };
    emit(t, peer, &header, NULL, 0);
}

/* Sending data. */

static void timer_start(struct tcp *t, struct tcp_connection *c)
{
    c->deadline = t->now + c->timeout;
}

static bool is_open(const struct tcp_connection *c)
{
    return c->state >= TCP_ESTABLISHED && c->state != TCP_TIME_WAIT;
}

/* Behind data and FIN. */
static uint32_t end_of_stream(const struct tcp_connection *c)
{
    return c->first + c->length + c->closing;
}

/* One segment from this sequence number on; `limit` is where the peer's window ends. Returns the number behind it. */
static uint32_t send_piece(struct tcp *t, struct tcp_connection *c, uint32_t from, uint32_t limit)
{
    uint32_t offset = from - c->first, rest = offset < c->length ? c->length - offset : 0;
    uint32_t piece = smaller(smaller(rest, limit - from), c->mss);
    bool last = c->closing && piece == rest && before(from + piece, limit);
    uint8_t flags = TCP_ACK | (piece > 0 && piece == rest ? TCP_PSH : 0) | (last ? TCP_FIN : 0);
    send_segment(t, c, from, flags, c->data + offset, piece);
    return from + piece + last;
}

/* Is there room for a whole segment, or all that is left? If not, it is worth sending only when nothing is on its way
 * (RFC 9293, 3.8.6.2.1). */
static bool is_worth_it(const struct tcp_connection *c, uint32_t end, uint32_t limit)
{
    uint32_t room = limit - c->next;
    return room >= c->mss || room >= end - c->next || c->next == c->acked;
}

/* As much as the windows allow. */
static void push(struct tcp *t, struct tcp_connection *c)
{
    uint32_t end = end_of_stream(c);
    uint32_t limit = c->acked + smaller(c->window, c->congestion);
    while (is_open(c) && before(c->next, end) && before(c->next, limit) && is_worth_it(c, end, limit)) {
        uint32_t upto = send_piece(t, c, c->next, limit);
        if (c->timed_at == 0 && !before(c->next, c->sent_most)) {
            c->timed = upto;
            c->timed_at = t->now;
        }
        c->next = upto;
        if (before(c->sent_most, upto))
            c->sent_most = upto;
    }
    if (before(c->acked, end) && is_open(c) && c->deadline == 0)
        timer_start(t, c); /* for what is on its way, or for a window that is shut */
}

static void enter_closing(struct tcp_connection *c)
{
    if (c->state == TCP_ESTABLISHED)
        c->state = TCP_FIN_WAIT_1;
    else if (c->state == TCP_CLOSE_WAIT)
        c->state = TCP_LAST_ACK;
}

void tcp_send(struct tcp *t, struct tcp_connection *c, const uint8_t *data, uint32_t length)
{
    c->data = data;
    c->length = length;
    c->closing = true;
    enter_closing(c);
    push(t, c);
}

/* Connections. */

static void finish(struct tcp *t, struct tcp_connection *c, bool whole)
{
    c->state = TCP_CLOSED;
    t->ended(t, c, whole);
}

static struct tcp_connection *find(struct tcp *t, const struct tcp_peer *peer, uint16_t local_port)
{
    for (struct tcp_connection *c = t->connections; c < t->connections + TCP_CONNECTIONS; c++)
        if (c->state != TCP_CLOSED && c->peer.address == peer->address && c->peer.port == peer->port &&
            c->local_port == local_port)
            return c;
    return NULL;
}

/* A free place, or that of a connection that only waits for stray segments. */
static struct tcp_connection *place(struct tcp *t)
{
    struct tcp_connection *waiting = NULL;
    for (struct tcp_connection *c = t->connections; c < t->connections + TCP_CONNECTIONS; c++) {
        if (c->state == TCP_CLOSED)
            return c;
        if (c->state == TCP_TIME_WAIT && (!waiting || c->deadline < waiting->deadline))
            waiting = c;
    }
    if (waiting)
        finish(t, waiting, true);
    return waiting;
}

static struct tcp_connection *connection_start(struct tcp *t, const struct tcp_peer *peer, uint16_t local_port)
{
    struct tcp_connection *c = place(t);
    if (!c)
        return NULL;
    /* RFC 9293, 3.4.1: it grows with time, and differs among peers. */
    uint32_t initial = (uint32_t)(t->now / 4096) + peer->address * 2654435761u + peer->port * 40503u;
    *c = (struct tcp_connection){
        .peer = *peer,
        .local_port = local_port,
        .mss = MSS_DEFAULT,
        .acked = initial,
        .next = initial + 1, /* SYN */
        .sent_most = initial + 1,
        .first = initial + 1,
        .threshold = UINT32_MAX,
        .timeout = TIMEOUT_FIRST,
    };
    timer_start(t, c);
    return c;
}

static void send_syn(struct tcp *t, struct tcp_connection *c)
{
    send_segment(t, c, c->acked, c->state == TCP_SYN_SENT ? TCP_SYN : TCP_SYN | TCP_ACK, NULL, 0);
}

struct tcp_connection *tcp_connect(struct tcp *t, const struct tcp_peer *peer)
{
    t->last_port = t->last_port < EPHEMERAL_FIRST || t->last_port == UINT16_MAX ? EPHEMERAL_FIRST : t->last_port + 1;
    struct tcp_connection *c = connection_start(t, peer, t->last_port);
    if (c) {
        c->state = TCP_SYN_SENT;
        send_syn(t, c);
    }
    return c;
}

/* The peer's MSS option, if there is one. */
static void read_options(struct tcp_connection *c, const uint8_t *segment, uint32_t end)
{
    for (uint32_t at = sizeof(struct tcp_header); at + 1 < end && segment[at] != 0;) {
        uint32_t size = segment[at] == 1 ? 1 : segment[at + 1];
        if (size == 0 || (segment[at] != 1 && size < 2) || at + size > end)
            return;
        if (segment[at] == OPTION_MSS && size == 4) {
            uint32_t mss = (uint32_t)segment[at + 2] << 8 | segment[at + 3];
            c->mss = (uint16_t)(mss < 64 ? 64 : smaller(mss, TCP_MSS));
        }
        at += size;
    }
}

/* RFC 5681, 3.1. */
static void established(struct tcp *t, struct tcp_connection *c, uint32_t window)
{
    c->state = TCP_ESTABLISHED;
    c->acked = c->first;
    c->window = window;
    c->congestion = 4u * c->mss;
    c->deadline = 0;
    c->retries = 0;
    c->timeout = TIMEOUT_FIRST;
    if (c->closing)
        enter_closing(c);
    t->opened(t, c);
}

/* Input. */

struct segment {
    const struct tcp_header *header;
    uint32_t sequence, acknowledgment, window;
    const uint8_t *data;
    uint32_t length, header_length;
    uint8_t flags;
};

/* How many sequence numbers it takes. */
static uint32_t extent(const struct segment *s)
{
    return s->length + (s->flags & TCP_SYN ? 1 : 0) + (s->flags & TCP_FIN ? 1 : 0);
}

static void accept_syn(struct tcp *t, const struct tcp_peer *peer, const struct segment *s, const uint8_t *bytes)
{
    struct tcp_connection *c = connection_start(t, peer, (uint16_t)be16_get(s->header->destination));
    if (!c)
        return; /* the peer will try again */
    c->state = TCP_SYN_RECEIVED;
    c->expected = s->sequence + 1;
    read_options(c, bytes, s->header_length);
    send_syn(t, c);
}

/* RFC 9293, 3.10.7.3. */
static void input_syn_sent(struct tcp *t, struct tcp_connection *c, const struct segment *s, const uint8_t *bytes)
{
    bool answers = (s->flags & TCP_ACK) && s->acknowledgment == c->first;
    if (s->flags & TCP_RST) {
        if (answers)
            finish(t, c, false);
    } else if ((s->flags & TCP_SYN) && answers) {
        c->expected = s->sequence + 1;
        read_options(c, bytes, s->header_length);
        established(t, c, s->window);
        if (c->state != TCP_CLOSED && c->told != c->expected)
            send_ack(t, c);
        push(t, c);
    }
}

/* RFC 6298, 2. */
static void measure(struct tcp *t, struct tcp_connection *c)
{
    uint64_t took = t->now - c->timed_at;
    if (c->smoothed == 0) {
        c->smoothed = took;
        c->variance = took / 2;
    } else {
        uint64_t difference = took > c->smoothed ? took - c->smoothed : c->smoothed - took;
        c->variance = (3 * c->variance + difference) / 4;
        c->smoothed = (7 * c->smoothed + took) / 8;
    }
    c->timed_at = 0;
}

/* As measured; what retransmissions have made of it is over. */
static void set_timeout(struct tcp_connection *c)
{
    uint64_t timeout = c->smoothed ? c->smoothed + 4 * c->variance : TIMEOUT_FIRST;
    c->timeout = timeout < TIMEOUT_MIN ? TIMEOUT_MIN : timeout > TIMEOUT_MAX ? TIMEOUT_MAX : timeout;
}

static void grow_congestion(struct tcp_connection *c, uint32_t acked)
{
    if (c->recovering) {
        c->recovering = false;
        c->congestion = c->threshold;
    } else if (c->congestion < c->threshold) {
        c->congestion += smaller(acked, c->mss);
    } else {
        uint32_t step = (uint32_t)c->mss * c->mss / c->congestion;
        c->congestion += step ? step : 1;
    }
}

static void new_ack(struct tcp *t, struct tcp_connection *c, uint32_t acknowledgment)
{
    grow_congestion(c, acknowledgment - c->acked);
    c->acked = acknowledgment;
    if (before(c->next, c->acked))
        c->next = c->acked; /* it had come after all, before it was sent again */
    c->duplicates = 0;
    c->retries = 0;
    if (c->timed_at != 0 && !before(acknowledgment, c->timed))
        measure(t, c);
    set_timeout(c);
    c->deadline = 0;
    if (before(c->acked, c->sent_most))
        timer_start(t, c);
}

static void halve(struct tcp_connection *c)
{
    uint32_t flight = c->sent_most - c->acked;
    c->threshold = flight / 2 > 2u * c->mss ? flight / 2 : 2u * c->mss;
}

static void duplicate_ack(struct tcp *t, struct tcp_connection *c)
{
    c->duplicates++;
    if (c->duplicates < DUPLICATES_FAST || !before(c->acked, c->sent_most))
        return;
    if (c->duplicates == DUPLICATES_FAST) {
        halve(c);
        c->recovering = true;
        c->timed_at = 0;
        c->congestion = c->threshold + DUPLICATES_FAST * c->mss;
        send_piece(t, c, c->acked, c->acked + c->window);
    } else {
        c->congestion += c->mss;
    }
}

static void enter_time_wait(struct tcp *t, struct tcp_connection *c)
{
    c->state = TCP_TIME_WAIT;
    c->deadline = t->now + TIME_WAIT_TIME;
}

/* Our FIN has arrived. False: the connection is gone. */
static bool fin_acked(struct tcp *t, struct tcp_connection *c)
{
    if (c->state == TCP_FIN_WAIT_1) {
        c->state = TCP_FIN_WAIT_2;
    } else if (c->state == TCP_CLOSING) {
        enter_time_wait(t, c);
    } else if (c->state == TCP_LAST_ACK) {
        finish(t, c, true);
        return false;
    }
    return true;
}

/* False: nothing more is to be done with the segment. */
static bool input_ack(struct tcp *t, struct tcp_connection *c, const struct segment *s)
{
    if (c->state == TCP_SYN_RECEIVED) {
        if (s->acknowledgment != c->first) {
            send_reset(t, &c->peer, s->header, extent(s));
            return false;
        }
        established(t, c, s->window);
    }
    if (before(c->sent_most, s->acknowledgment)) {
        send_ack(t, c);
        return false;
    }
    bool shut = c->window == 0, same_window = c->window == s->window;
    if (before(c->acked, s->acknowledgment))
        new_ack(t, c, s->acknowledgment);
    else if (s->acknowledgment == c->acked && s->length == 0 && same_window && !(s->flags & TCP_FIN))
        duplicate_ack(t, c);
    if (!before(s->acknowledgment, c->acked))
        c->window = s->window;
    if (shut && c->window > 0)
        c->next = c->acked; /* probes may have been refused */
    if (c->closing && c->acked == end_of_stream(c) && !fin_acked(t, c))
        return false;
    push(t, c);
    if (c->state == TCP_FIN_WAIT_2)
        c->deadline = t->now + TIMEOUT_MAX; /* a peer that falls silent is not waited for */
    return true;
}

static void input_fin(struct tcp *t, struct tcp_connection *c)
{
    c->expected++;
    if (c->state == TCP_ESTABLISHED)
        c->state = TCP_CLOSE_WAIT;
    else if (c->state == TCP_FIN_WAIT_1)
        c->state = TCP_CLOSING;
    else if (c->state == TCP_FIN_WAIT_2)
        enter_time_wait(t, c);
    t->received(t, c, NULL, 0);
}

static void deliver(struct tcp *t, struct tcp_connection *c, const uint8_t *bytes, uint32_t length)
{
    c->expected += length;
    t->received(t, c, bytes, length);
}

/* Bytes of this connection that came too early, from a sequence number on; how many of them lie in one piece. */
static uint8_t *early_bytes(struct tcp *t, const struct tcp_connection *c, struct tcp_stretch stretch, uint32_t *length)
{
    uint32_t at = stretch.from % TCP_WINDOW;
    *length = smaller(stretch.to - stretch.from, TCP_WINDOW - at);
    return t->early[c - t->connections] + at;
}

/* Those that touch the new one become one with it. False: there are too many already. */
static bool note_early(struct tcp_connection *c, struct tcp_stretch new)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->early_count; i++) {
        struct tcp_stretch old = c->early[i];
        if (before(new.to, old.from) || before(old.to, new.from)) {
            c->early[kept++] = old;
            continue;
        }
        new.from = before(old.from, new.from) ? old.from : new.from;
        new.to = before(old.to, new.to) ? new.to : old.to;
    }
    if (kept == TCP_EARLY_MAX)
        return false;
    c->early[kept] = new;
    c->early_count = kept + 1;
    return true;
}

/* Keeps what lies within the window. */
static void keep_early(struct tcp *t, struct tcp_connection *c, const struct segment *s)
{
    uint32_t ahead = s->sequence - c->expected;
    uint32_t length = ahead < TCP_WINDOW ? smaller(s->length, TCP_WINDOW - ahead) : 0, piece;
    if (length == 0 || !note_early(c, (struct tcp_stretch){s->sequence, s->sequence + length}))
        return;
    for (uint32_t done = 0; done < length; done += piece) {
        const struct tcp_stretch rest = {s->sequence + done, s->sequence + length};
        uint8_t *bytes = early_bytes(t, c, rest, &piece);
        memcpy(bytes, s->data + done, piece);
    }
}

/* A stretch to which the stream has come is taken out of the list; an empty one: there is none. */
static struct tcp_stretch take_early(struct tcp_connection *c)
{
    for (uint32_t i = 0; i < c->early_count; i++) {
        struct tcp_stretch stretch = c->early[i];
        if (before(c->expected, stretch.from))
            continue;
        c->early[i] = c->early[--c->early_count];
        return stretch;
    }
    return (struct tcp_stretch){c->expected, c->expected};
}

/* What came too early, and whose turn it is now. */
static void deliver_early(struct tcp *t, struct tcp_connection *c)
{
    uint32_t piece;
    for (uint32_t count = c->early_count; count > 0; count--) {
        struct tcp_stretch stretch = take_early(c);
        while (c->state != TCP_CLOSED && before(c->expected, stretch.to)) {
            const uint8_t *bytes = early_bytes(t, c, (struct tcp_stretch){c->expected, stretch.to}, &piece);
            deliver(t, c, bytes, piece);
        }
    }
}

/* Data and FIN that are not there yet. */
static void input_data(struct tcp *t, struct tcp_connection *c, const struct segment *s)
{
    uint32_t known = c->expected - s->sequence; /* bytes of it that we have */
    bool takes = c->state == TCP_ESTABLISHED || c->state == TCP_FIN_WAIT_1 || c->state == TCP_FIN_WAIT_2;
    if (extent(s) == 0)
        return;
    c->told = c->expected - 1; /* whatever it is, it is answered */
    if (!takes)
        return;
    if ((s->flags & TCP_FIN) && s->sequence + s->length - c->expected < TCP_WINDOW) {
        c->has_end = true;
        c->end = s->sequence + s->length;
    }
    if (before(c->expected, s->sequence)) {
        keep_early(t, c, s);
        return;
    }
    if (known < s->length) {
        deliver(t, c, s->data + known, s->length - known);
        deliver_early(t, c);
    }
    if (c->has_end && c->expected == c->end && c->state != TCP_CLOSED)
        input_fin(t, c);
}

/* RFC 9293, 3.10.7.4, with the challenges of RFC 5961. */
static void input_known(struct tcp *t, struct tcp_connection *c, const struct segment *s)
{
    bool in_window = s->sequence - c->expected < TCP_WINDOW;
    if (s->flags & TCP_RST) {
        if (s->sequence == c->expected)
            finish(t, c, false);
        else if (in_window)
            send_ack(t, c);
        return;
    }
    if (s->flags & TCP_SYN) {
        if (c->state == TCP_SYN_RECEIVED && s->sequence + 1 == c->expected)
            send_syn(t, c);
        else
            send_ack(t, c);
        return;
    }
    if (!(s->flags & TCP_ACK) || !input_ack(t, c, s))
        return;
    input_data(t, c, s);
    if (c->state != TCP_CLOSED && c->told != c->expected)
        send_ack(t, c);
}

/* False: it is not all there, or damaged. */
static bool segment_read(const struct tcp *t, const struct tcp_peer *peer, struct segment *s, const uint8_t *bytes,
                         uint32_t length)
{
    const struct tcp_header *header = (const struct tcp_header *)bytes;
    if (length < sizeof(*header))
        return false;
    uint32_t header_length = (header->words >> 4) * 4u;
    if (header_length < sizeof(*header) || header_length > length || segment_checksum(t, peer, bytes, length) != 0)
        return false;
    *s = (struct segment){
        .header = header,
        .sequence = be32_get(header->sequence),
        .acknowledgment = be32_get(header->acknowledgment),
        .window = be16_get(header->window),
        .data = bytes + header_length,
        .length = length - header_length,
        .header_length = header_length,
        .flags = header->flags,
    };
    return true;
}

void tcp_input(struct tcp *t, const struct tcp_peer *peer, const uint8_t *bytes, uint32_t length)
{
    struct segment s;
    struct tcp_peer from = *peer;
    if (!segment_read(t, peer, &s, bytes, length))
        return;
    from.port = (uint16_t)be16_get(s.header->source);
    uint16_t local_port = (uint16_t)be16_get(s.header->destination);
    struct tcp_connection *c = find(t, &from, local_port);
    if (c && c->state == TCP_SYN_SENT)
        input_syn_sent(t, c, &s, bytes);
    else if (c)
        input_known(t, c, &s);
    else if ((s.flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN && local_port == t->listening)
        accept_syn(t, &from, &s, bytes);
    else if (!(s.flags & TCP_RST))
        send_reset(t, &from, s.header, extent(&s));
}

/* Time. */

/* From what is not acknowledged on, again; one byte into a window that is shut (RFC 9293, 3.8.6.1). */
static void retransmit(struct tcp *t, struct tcp_connection *c)
{
    if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED) {
        send_syn(t, c);
        return;
    }
    if (c->retries == 1)
        halve(c);
    c->congestion = c->mss;
    c->recovering = false;
    c->duplicates = 0;
    c->timed_at = 0;
    c->next = c->acked;
    if (c->window == 0) {
        c->next = send_piece(t, c, c->acked, c->acked + 1);
        if (before(c->sent_most, c->next))
            c->sent_most = c->next;
    }
    c->deadline = 0;
    push(t, c);
}

static void expire(struct tcp *t, struct tcp_connection *c)
{
    if (c->state == TCP_TIME_WAIT) {
        finish(t, c, true);
        return;
    }
    if (c->state == TCP_FIN_WAIT_2 || ++c->retries > RETRIES_MAX) {
        finish(t, c, false);
        return;
    }
    c->timeout = c->timeout * 2 > TIMEOUT_MAX ? TIMEOUT_MAX : c->timeout * 2;
    retransmit(t, c);
    timer_start(t, c);
}

uint64_t tcp_timers(struct tcp *t)
{
    uint64_t soonest = UINT64_MAX;
    for (struct tcp_connection *c = t->connections; c < t->connections + TCP_CONNECTIONS; c++) {
        if (c->state != TCP_CLOSED && c->deadline != 0 && c->deadline <= t->now)
            expire(t, c);
        if (c->state != TCP_CLOSED && c->deadline != 0 && c->deadline - t->now < soonest)
            soonest = c->deadline - t->now;
    }
    return soonest;
}
