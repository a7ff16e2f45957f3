/* SPDX-License-Identifier: MIT */
#include "input.h"

static void tell(struct input *input, const struct input_item *item)
{
    if (input->recorder)
        input->recorder->entered(input->recorder, item);
}

struct packet *input_frame(struct input *input, uint64_t cycles, uint32_t *backend)
{
    const struct input_moment now = {input->turn, cycles};
    struct packet *packet = input->source ? input->source->ops->frame(input->source, &now, backend) : NULL;

    if (packet)
        tell(input, &(struct input_item){now, INPUT_FRAME, *backend, packet->bytes, packet->length});
    return packet;
}

bool input_type(struct input *input, uint64_t cycles, uint32_t machine, struct keyboard *keyboard)
{
    const struct input_moment now = {input->turn, cycles};
    uint8_t bytes[INPUT_KEYS_MAX];
    size_t room = typist_room(keyboard), length;

    if (!input->source || !keyboard->wanted || room == 0)
        return false;
    length = input->source->ops->keys(input->source, &now, bytes, room < sizeof(bytes) ? room : sizeof(bytes));
    if (length == 0)
        return false;
    tell(input, &(struct input_item){now, INPUT_KEYS, machine, bytes, (uint32_t)length});
    for (size_t i = 0; i < length; i++)
        typist_byte(&input->typist, bytes[i], keyboard);
    return true;
}

bool input_is_open(const struct input *input, bool typing)
{
    return input->source && input->source->ops->is_open(input->source, typing);
}
