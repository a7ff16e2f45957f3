/* SPDX-License-Identifier: MIT
 *
 * TCP (RFC 9293) for a guest that serves or asks: both ways of opening and closing, retransmission with a measured
 * timeout (RFC 6298), slow start, congestion avoidance and fast retransmit (RFC 5681), zero windows. Data that come too
 * early are kept until what is missing has come. There is no IP here and no waiting: segments go in and out through
 * functions, and time is handed in.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet.h"

#define TCP_CONNECTIONS 32
#define TCP_MSS         1460
#define TCP_WINDOW      32768 /* bytes we take at once; they are consumed when they come */
#define TCP_EARLY_MAX   8     /* stretches of data that came too early, of one connection */
#define TCP_SEGMENT_MAX (sizeof(struct tcp_header) + 4 + TCP_MSS)

enum tcp_state {
    TCP_CLOSED,
    TCP_SYN_SENT,
    TCP_SYN_RECEIVED,
    TCP_ESTABLISHED,
    TCP_FIN_WAIT_1,
    TCP_FIN_WAIT_2,
    TCP_CLOSING,
    TCP_TIME_WAIT,
    TCP_CLOSE_WAIT,
    TCP_LAST_ACK,
};

/* The other end. */
struct tcp_peer {
    uint8_t mac[MAC_SIZE];
    uint32_t address;
    uint16_t port;
};

/* Sequence numbers of a stretch of the stream. */
struct tcp_stretch {
    uint32_t from, to;
};

struct tcp_connection {
    enum tcp_state state;
    struct tcp_peer peer;
    uint16_t local_port;
    uint16_t mss; /* bytes of data in a segment that the peer takes */

    /* Sending. Sequence numbers as in RFC 9293, 3.3.1. */
    const uint8_t *data; /* borrowed until the connection has ended */
    uint32_t length;
    uint32_t first;       /* sequence number of data[0] */
    uint32_t acked, next; /* SND.UNA, SND.NXT */
    uint32_t sent_most;   /* the highest SND.NXT so far */
    uint32_t window;      /* SND.WND */
    bool closing;         /* FIN follows the data */
    uint32_t congestion, threshold, duplicates;
    bool recovering;

    /* Receiving. */
    uint32_t expected;                       /* RCV.NXT */
    uint32_t told;                           /* the last RCV.NXT that was sent */
    struct tcp_stretch early[TCP_EARLY_MAX]; /* that came too early; apart from each other */
    uint32_t early_count;
    bool has_end; /* a FIN has come, maybe too early, */
    uint32_t end; /* with this sequence number */

    /* Time, in ns. */
    uint64_t deadline; /* 0: none */
    uint64_t timeout, smoothed, variance;
    uint32_t timed;    /* this sequence number's acknowledgment is measured, */
    uint64_t timed_at; /* sent at this time; 0: none is */
    uint32_t retries;

    void *owner; /* of those who use the connection */
};

struct tcp {
    struct tcp_connection connections[TCP_CONNECTIONS];
    uint32_t address;   /* ours */
    uint16_t listening; /* port; 0: none */
    uint16_t last_port; /* given to a connection of our own */
    uint64_t now;       /* ns; set by the user before each call */
    uint8_t segment[TCP_SEGMENT_MAX];
    /* Of each connection: the bytes that came too early, at their sequence number modulo the window. */
    uint8_t early[TCP_CONNECTIONS][TCP_WINDOW];

    /* The user's. */
    void (*output)(struct tcp *, const struct tcp_peer *, const uint8_t *segment, uint32_t length);
    void (*opened)(struct tcp *, struct tcp_connection *);
    /* In order, once. Length 0: the peer sends no more. */
    void (*received)(struct tcp *, struct tcp_connection *, const uint8_t *bytes, uint32_t length);
    /* The connection is gone; `whole`: all that was sent was received, and the peer has closed. */
    void (*ended)(struct tcp *, struct tcp_connection *, bool whole);
};

/* A segment has come, with a right IP header. */
void tcp_input(struct tcp *, const struct tcp_peer *, const uint8_t *segment, uint32_t length);
/* NULL: there are TCP_CONNECTIONS. */
struct tcp_connection *tcp_connect(struct tcp *, const struct tcp_peer *);
/* All that will be sent on this connection, once it is open; then it is closed from our side. */
void tcp_send(struct tcp *, struct tcp_connection *, const uint8_t *data, uint32_t length);
/* What is due is done. Returns the ns until something will be, UINT64_MAX if nothing will. */
uint64_t tcp_timers(struct tcp *);
