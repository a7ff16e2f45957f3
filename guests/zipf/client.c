/* SPDX-License-Identifier: MIT
 *
 * First every server is asked for all that it has in use, so that whatever finds room in memory is there; then come
 * requests that only warm up, then those that count. There are `window` requests under way all the time.
 */
#include "draw.h"
#include "libc.h"
#include "roles.h"

#define NS_PER_US   1000
#define PATIENCE_NS UINT64_C(3600000000000) /* without any frame: something was lost */

/* A request under way. Its serial number is its place in the window, and how often that was used before. */
struct request {
    uint32_t server, serial, draw;
    uint32_t parts; /* how many have come */
};

struct client {
    const struct settings *settings;
    struct zipf zipf;
    uint64_t random;
    uint32_t servers, window, warm, count;
    struct request *requests;
    uint32_t first;           /* requests before chance begins */
    uint32_t asked, answered; /* of first + warm + count */
    uint32_t wrong;           /* frames that are not what they should be */
    uint64_t began, bytes;    /* of those that count */
    union {
        struct message message;
        uint8_t bytes[MESSAGE_FRAME_MAX];
    } input, output;
};

static uint32_t total(const struct client *c)
{
    return c->first + c->warm + c->count;
}

/* Whom to ask next, and which lot: each server in turn, from one part to the next; then as chance has it. */
static void request_choose(struct client *c, struct request *r)
{
    bool by_lot = c->asked >= c->first;
    r->server = 1 + (by_lot ? zipf_draw(&c->zipf, &c->random) : c->asked % c->servers);
    r->draw = by_lot ? (uint32_t)(random_next(&c->random) >> 40) : c->asked / c->servers * parts_of(c->settings);
}

static void request_send(struct client *c, struct request *r)
{
    struct message *message = &c->output.message;
    request_choose(c, r);
    r->serial += c->window;
    r->parts = 0;
    c->asked++;
    message_address(message, r->server, PORT_SERVER, 0);
    message->serial = r->serial;
    message->draw = r->draw;
    message->part = 0;
    nic_send(message, sizeof(*message));
}

/* Parts come in order, and every byte is known. */
static bool part_is_right(const struct client *c, const struct request *r, uint32_t from, uint32_t length)
{
    const struct message *m = &c->input.message;
    if (from != r->server || m->serial != r->serial || m->draw != r->draw || m->part != r->parts ||
        length != part_length(c->settings, r->parts))
        return false;
    uint32_t place = part_place(c->settings, r->draw, r->parts), words = length / 4, rest = length % 4;
    for (uint32_t i = 0; i < words; i++) {
        if (m->words[i] != word_at(r->server, place + i))
            return false;
    }
    uint32_t last = word_at(r->server, place + words);
    return memcmp(&m->words[words], &last, rest) == 0;
}

static void frame_input(struct client *c, uint32_t from, uint32_t length)
{
    struct request *r = &c->requests[c->input.message.serial % c->window];
    if (!part_is_right(c, r, from, length)) {
        c->wrong++;
        return;
    }
    c->bytes += length;
    if (++r->parts < parts_of(c->settings))
        return;
    if (++c->answered == c->first + c->warm) {
        c->began = time_now();
        c->bytes = 0;
    }
    if (c->asked < total(c))
        request_send(c, r);
}

static void frames_input(struct client *c)
{
    for (uint32_t frame, from, length; (frame = nic_receive(&c->input, sizeof(c->input))) != 0;) {
        if (message_check(&c->input.message, frame, PORT_CLIENT, &from, &length))
            frame_input(c, from, length);
        else
            c->wrong++;
    }
}

static bool client_init(struct client *c, char **argv)
{
    c->servers = argument_number(argv, "servers", 1);
    c->window = argument_number(argv, "window", 16);
    c->warm = argument_number(argv, "warm", 0);
    c->count = argument_number(argv, "requests", 1000);
    c->random = argument_number(argv, "seed", 1);
    uint32_t parts = parts_of(c->settings);
    uint64_t first = (uint64_t)c->servers * ((pages_in_use(c->settings) + parts - 1) / parts);
    if (c->servers == 0 || c->window == 0 || c->count == 0 || first + c->warm + c->count > UINT32_MAX) {
        printf("servers, window and requests: at least 1, and no more than 32 bits hold\n");
        return false;
    }
    c->first = (uint32_t)first;
    c->requests = malloc(c->window * sizeof(*c->requests));
    if (c->requests == NULL || !zipf_init(&c->zipf, c->servers, argument_number(argv, "alpha", 100))) {
        printf("window=%u servers=%u: need more memory than this machine has\n", c->window, c->servers);
        return false;
    }
    for (uint32_t i = 0; i < c->window; i++)
        c->requests[i] = (struct request){.serial = i};
    return true;
}

int client_run(const struct settings *settings, char **argv)
{
    static struct client client;
    struct client *c = &client;
    c->settings = settings;
    if (!client_init(c, argv))
        return 2;
    for (uint32_t i = 0; i < c->window && c->asked < total(c); i++)
        request_send(c, &c->requests[i]);
    while (c->answered < total(c) && c->wrong == 0) {
        if (interrupt_wait(PATIENCE_NS) == 0)
            break;
        frames_input(c);
    }
    if (c->answered < total(c) || c->wrong != 0) {
        printf("%u requests without an answer, %u wrong frames\n", total(c) - c->answered, c->wrong);
        return 1;
    }
    printf("%u answers, %llu bytes in %llu us\n", c->count, c->bytes, (time_now() - c->began) / NS_PER_US);
    return 0;
}
