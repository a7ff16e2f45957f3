/* SPDX-License-Identifier: MIT
 *
 * A web server, or a client that fetches one page and prints it. The server answers GET and HEAD of / (a greeting) and
 * of /bytes/N (N bytes that count), and POST, with how many bytes came and their sum. Arguments: net=A/LEN
 * (10.0.2.15/16, as under --net user); machine i has the address A + i. port=N (80). get=ADDRESS:PORT/PATH makes it a
 * client; gateway=ADDRESS (10.0.2.2) is asked for what is not in the network.
 */
#include "guest.h"
#include "libc.h"
#include "network.h"
#include "tcp.h"

#define NS_PER_S    UINT64_C(1000000000)
#define REQUEST_MAX 1024
#define BYTES_MAX   (4u << 20)
#define ASKS_MAX    5

/* One request and its answer. */
struct exchange {
    char request[REQUEST_MAX];
    uint32_t request_length;
    bool has_head, answered;
    uint32_t body, body_sum, body_expected;
    char *response;
};

PROGRAM_WANTS_NETWORK;

static struct network network;
static struct tcp tcp;
static int client_status = -1; /* -1: it goes on */
static bool is_client;
static char client_request[REQUEST_MAX];

static void segment_out(struct tcp *t, const struct tcp_peer *peer, const uint8_t *segment, uint32_t length)
{
    (void)t;
    network_send(&network, peer->mac, peer->address, IPV4_TCP, segment, length);
}

static void segment_in(struct network *n, const uint8_t *mac, uint32_t source, const uint8_t *bytes, uint32_t length)
{
    struct tcp_peer peer = {.address = source};
    (void)n;
    memcpy(peer.mac, mac, MAC_SIZE);
    tcp.now = time_now();
    tcp_input(&tcp, &peer, bytes, length);
}

/* Server. */

/* Header and `length` bytes that follow it; NULL: no memory. *total is the length of both. */
static char *response_new(const char *status, uint32_t length, uint32_t *total)
{
    char *response = malloc(160 + length);
    if (response)
        *total = (uint32_t)snprintf(response, 160,
                                    "HTTP/1.0 %s\r\nServer: denali\r\nContent-Type: text/plain\r\n"
                                    "Content-Length: %u\r\nConnection: close\r\n\r\n",
                                    status, length) +
                 length;
    return response;
}

static void respond(struct tcp_connection *c, const char *status, const char *text, uint32_t length, bool head_only)
{
    struct exchange *e = c->owner;
    uint32_t total = 0;
    e->answered = true;
    e->response = response_new(status, length, &total);
    if (!e->response)
        total = 0;
    else if (text)
        memcpy(e->response + total - length, text, length);
    else
        for (uint32_t i = 0; i < length; i++)
            e->response[total - length + i] = (char)(i % 251);
    tcp_send(&tcp, c, (const uint8_t *)e->response, head_only ? total - length : total);
}

static void respond_text(struct tcp_connection *c, const char *status, const char *text)
{
    respond(c, status, text, strlen(text), false);
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static void answer_get(struct tcp_connection *c, const char *path, bool head_only)
{
    char text[64];
    if (starts_with(path, "/bytes/")) {
        char *end;
        unsigned long count = strtoul(path + 7, &end, 10);
        if (end != path + 7 && *end == ' ' && count <= BYTES_MAX) {
            respond(c, "200 OK", NULL, count, head_only);
            return;
        }
    } else if (starts_with(path, "/ ")) {
        snprintf(text, sizeof(text), "Hello from machine %u\n", registers.vm_id);
        respond(c, "200 OK", text, strlen(text), head_only);
        return;
    }
    respond_text(c, "404 Not Found", "There is / and /bytes/N.\n");
}

static void answer_post(struct tcp_connection *c)
{
    struct exchange *e = c->owner;
    char text[64];
    snprintf(text, sizeof(text), "%u bytes, sum %u\n", e->body, e->body_sum);
    respond_text(c, "200 OK", text);
}

/* The number after this header's name, 0 if it is not there. Names are compared as curl and browsers write them. */
static uint32_t header_number(const char *head, const char *name)
{
    for (const char *line = head; (line = strchr(line, '\n')) != NULL;)
        if (starts_with(++line, name))
            return strtoul(line + strlen(name), NULL, 10);
    return 0;
}

static void body_add(struct exchange *e, const uint8_t *bytes, uint32_t length)
{
    e->body += length;
    for (uint32_t i = 0; i < length; i++)
        e->body_sum += bytes[i];
}

/* The request's head is all there. */
static void head_read(struct tcp_connection *c)
{
    struct exchange *e = c->owner;
    e->has_head = true;
    if (starts_with(e->request, "GET "))
        answer_get(c, e->request + 4, false);
    else if (starts_with(e->request, "HEAD "))
        answer_get(c, e->request + 5, true);
    else if (starts_with(e->request, "POST ") || starts_with(e->request, "PUT "))
        e->body_expected = header_number(e->request, "Content-Length: ");
    else
        respond_text(c, "501 Not Implemented", "GET, HEAD, POST or PUT.\n");
}

/* Bytes that belong to the head; the rest is the body's. */
static uint32_t head_add(struct tcp_connection *c, const uint8_t *bytes, uint32_t length)
{
    struct exchange *e = c->owner;
    uint32_t taken = 0;
    while (taken < length && !e->has_head && e->request_length < REQUEST_MAX - 1) {
        e->request[e->request_length++] = (char)bytes[taken++];
        e->request[e->request_length] = '\0';
        if (e->request_length >= 4 && strcmp(e->request + e->request_length - 4, "\r\n\r\n") == 0)
            head_read(c);
    }
    if (!e->has_head && e->request_length == REQUEST_MAX - 1 && !e->answered)
        respond_text(c, "431 Request Header Fields Too Large", "The head is too long.\n");
    return taken;
}

static void serve(struct tcp_connection *c, const uint8_t *bytes, uint32_t length)
{
    struct exchange *e = c->owner;
    if (!e)
        return;
    if (length == 0 && !e->answered) {
        respond_text(c, "400 Bad Request", "That is no whole request.\n");
        return;
    }
    uint32_t head = e->has_head ? 0 : head_add(c, bytes, length);
    if (e->has_head && !e->answered) {
        body_add(e, bytes + head, length - head);
        if (e->body >= e->body_expected)
            answer_post(c);
    }
}

/* Both. */

static void opened(struct tcp *t, struct tcp_connection *c)
{
    (void)t;
    if (is_client) {
        tcp_send(t, c, (const uint8_t *)client_request, strlen(client_request));
        return;
    }
    c->owner = malloc(sizeof(struct exchange));
    if (c->owner)
        memset(c->owner, 0, sizeof(struct exchange));
}

static void received(struct tcp *t, struct tcp_connection *c, const uint8_t *bytes, uint32_t length)
{
    (void)t;
    if (!is_client)
        serve(c, bytes, length);
    else if (length > 0)
        console_write((const char *)bytes, length);
    else
        client_status = 0;
}

static void ended(struct tcp *t, struct tcp_connection *c, bool whole)
{
    struct exchange *e = c->owner;
    (void)t;
    if (is_client && client_status < 0) {
        printf("the connection ended%s\n", whole ? "" : ": nobody answers, or it was refused");
        client_status = 1;
    }
    if (e) {
        free(e->response);
        free(e);
    }
    c->owner = NULL;
}

/* Until something comes, or a timer of TCP is due, or so many ns have passed. */
static void wait_once(uint64_t most)
{
    network_input(&network);
    tcp.now = time_now();
    uint64_t until = tcp_timers(&tcp);
    interrupt_wait(until < most ? until : most);
    network_input(&network);
}

/* "ADDRESS:PORT/PATH" becomes the peer and the request. */
static bool target_parse(const char *text, struct tcp_peer *peer)
{
    char *end;
    if (!address_parse(&text, &peer->address) || *text != ':')
        return false;
    unsigned long port = strtoul(text + 1, &end, 10);
    if (end == text + 1 || port > 65535 || *end != '/')
        return false;
    peer->port = (uint16_t)port;
    return snprintf(client_request, sizeof(client_request), "GET %s HTTP/1.0\r\nConnection: close\r\n\r\n", end) <
           REQUEST_MAX;
}

static int fetch(const char *target)
{
    struct tcp_peer peer = {0};
    if (!target_parse(target, &peer)) {
        printf("get=%s: write ADDRESS:PORT/PATH\n", target);
        return 2;
    }
    for (int i = 0; i < ASKS_MAX && !network.answered; i++) {
        network_ask(&network, peer.address);
        uint64_t until = time_now() + NS_PER_S;
        while (!network.answered && time_now() < until)
            wait_once(until - time_now());
    }
    if (!network.answered) {
        printf("nobody has the address\n");
        return 1;
    }
    memcpy(peer.mac, network.answer, MAC_SIZE);
    tcp.now = time_now();
    tcp_connect(&tcp, &peer);
    while (client_status < 0)
        wait_once(NO_TIMEOUT);
    return client_status;
}

int main(int argc, char **argv)
{
    (void)argc;
    const char *net = argument(argv, "net"), *gateway = argument(argv, "gateway"), *get = argument(argv, "get");
    const char *default_gateway = "10.0.2.2";
    if (!network_parse(&network, net ? net : "10.0.2.15/16") ||
        !address_parse(gateway ? &gateway : &default_gateway, &network.gateway)) {
        printf("net=A.B.C.D/1-30 and gateway=A.B.C.D are addresses\n");
        return 2;
    }
    network.segment = segment_in;
    tcp.address = network.address;
    tcp.output = segment_out;
    tcp.opened = opened;
    tcp.received = received;
    tcp.ended = ended;
    is_client = get != NULL;
    if (is_client)
        return fetch(get);
    tcp.listening = (uint16_t)argument_number(argv, "port", 80);
    for (;;)
        wait_once(NO_TIMEOUT);
}
