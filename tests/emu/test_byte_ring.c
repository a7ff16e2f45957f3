/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <string.h>

#include "../../emu/byte_ring.h"

static void put_text(struct byte_ring *ring, const char *text)
{
    byte_ring_put(ring, (const uint8_t *)text, strlen(text));
}

Test(byte_ring, empty_holds_no_memory)
{
    struct byte_ring ring = {0};
    uint8_t byte;
    cr_expect_eq(byte_ring_peek(&ring, &byte, 1), 0);
    byte_ring_put(&ring, &byte, 0);
    put_text(&ring, "x");
    byte_ring_take(&ring, 1);
    cr_expect_null(ring.bytes);
}

Test(byte_ring, bytes_stay_until_they_are_taken)
{
    struct byte_ring ring = {0};
    uint8_t bytes[8];
    put_text(&ring, "abc");
    put_text(&ring, "de");
    cr_expect_eq(byte_ring_peek(&ring, bytes, 4), 4);
    cr_expect_arr_eq(bytes, "abcd", 4);
    byte_ring_take(&ring, 2);
    cr_expect_eq(byte_ring_peek(&ring, bytes, sizeof(bytes)), 3);
    cr_expect_arr_eq(bytes, "cde", 3);
    byte_ring_drop(&ring);
}

Test(byte_ring, full_gives_up_the_oldest_and_counts_them)
{
    struct byte_ring ring = {0};
    uint8_t bytes[BYTE_RING_MAX], all[3 * BYTE_RING_MAX];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (uint8_t)(i * 7 + i / 256);
    for (size_t done = 0, step = 1; done < sizeof(all); done += step, step = step * 3 % 1009) {
        if (step > sizeof(all) - done)
            step = sizeof(all) - done;
        byte_ring_put(&ring, all + done, step);
        size_t total = done + step, kept = total < BYTE_RING_MAX ? total : BYTE_RING_MAX;
        cr_assert_eq(ring.lost, total - kept);
        cr_assert_eq(byte_ring_peek(&ring, bytes, sizeof(bytes)), kept);
        cr_assert_arr_eq(bytes, all + total - kept, kept);
    }
    byte_ring_take(&ring, 1);
    cr_expect_eq(ring.lost, 0);
    byte_ring_drop(&ring);
}

Test(byte_ring, more_than_fits_at_once_leaves_its_end)
{
    struct byte_ring ring = {0};
    uint8_t bytes[BYTE_RING_MAX], all[BYTE_RING_MAX + 10];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (uint8_t)(i % 251);
    put_text(&ring, "abc");
    byte_ring_put(&ring, all, sizeof(all));
    cr_expect_eq(ring.lost, 13);
    cr_expect_eq(byte_ring_peek(&ring, bytes, sizeof(bytes)), BYTE_RING_MAX);
    cr_expect_arr_eq(bytes, all + 10, BYTE_RING_MAX);
    byte_ring_drop(&ring);
}

Test(byte_ring, lost_does_not_overflow)
{
    struct byte_ring ring = {.lost = UINT32_MAX - 3};
    uint8_t bytes[BYTE_RING_MAX + 2] = {0};
    byte_ring_put(&ring, bytes, sizeof(bytes));
    cr_expect_eq(ring.lost, UINT32_MAX - 1);
    byte_ring_put(&ring, bytes, sizeof(bytes));
    cr_expect_eq(ring.lost, UINT32_MAX);
    byte_ring_drop(&ring);
}
