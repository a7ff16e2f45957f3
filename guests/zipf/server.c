/* SPDX-License-Identifier: MIT */
#include "libc.h"
#include "roles.h"

struct server {
    const struct settings *settings;
    uint32_t *memory; /* settings.pages */
    union {
        struct message message;
        uint8_t bytes[MESSAGE_FRAME_MAX];
    } input, output;
};

/* The first word of a page in malloc()'s memory, which begins anywhere. */
static uint32_t *pages_new(uint32_t pages)
{
    uint8_t *memory = malloc((pages + 1) * PAGE_BYTES);
    return memory != NULL ? (uint32_t *)(((uintptr_t)memory + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES) : NULL;
}

static void memory_fill(struct server *s)
{
    for (uint32_t place = 0; place < s->settings->pages * PAGE_WORDS; place++)
        s->memory[place] = word_at(registers.vm_id, place);
}

static void request_answer(struct server *s, uint32_t client)
{
    const struct message *request = &s->input.message;
    struct message *answer = &s->output.message;
    for (uint32_t part = 0; part < parts_of(s->settings); part++) {
        uint32_t length = part_length(s->settings, part);
        message_address(answer, client, PORT_CLIENT, length);
        answer->serial = request->serial;
        answer->draw = request->draw;
        answer->part = part;
        memcpy(answer->words, s->memory + part_place(s->settings, request->draw, part), length);
        nic_send(answer, sizeof(*answer) + length);
    }
}

int server_run(const struct settings *settings)
{
    static struct server server;
    server.settings = settings;
    server.memory = pages_new(settings->pages);
    if (server.memory == NULL) {
        printf("pages=%u: more than this machine's memory\n", settings->pages);
        return 2;
    }
    memory_fill(&server);
    for (;;) {
        for (uint32_t frame, client, length; (frame = nic_receive(&server.input, sizeof(server.input))) != 0;)
            if (message_check(&server.input.message, frame, PORT_SERVER, &client, &length))
                request_answer(&server, client);
        interrupt_wait(NO_TIMEOUT);
    }
}
