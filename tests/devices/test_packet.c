/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "../../devices/packet.h"

Test(packet, new_has_one_reference_and_its_length)
{
    struct packet *packet = packet_new(60);
    cr_assert_eq(packet->references, 1);
    cr_assert_eq(packet->length, 60);
    memset(packet->bytes, 0xAA, 60);
    packet_unref(packet);
}

Test(packet, ref_returns_same_packet_that_survives_one_unref)
{
    struct packet *packet = packet_new(1);
    cr_assert_eq(packet_ref(packet), packet);
    packet_unref(packet);
    cr_assert_eq(packet->references, 1);
    packet_unref(packet);
}
