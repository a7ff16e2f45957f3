/* SPDX-License-Identifier: MIT */
#include "../../guests/echo/reassembly.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "guest_libc.h"

static int allocated;
static bool out_of_memory;

void *guest_malloc(size_t size)
{
    allocated += !out_of_memory;
    return out_of_memory ? NULL : malloc(size);
}

void guest_free(void *block)
{
    allocated -= block != NULL;
    free(block);
}

static uint8_t content[65536];

static void content_fill(void)
{
    for (size_t i = 0; i < sizeof(content); i++)
        content[i] = (uint8_t)(i * 7 + i / 256);
}

static struct datagram *add_at(struct reassembly *r, uint16_t id, uint32_t offset, uint32_t length, bool more,
                               uint64_t now)
{
    struct fragment fragment = {{1, id, 17}, offset, more, content + offset, length};
    return reassembly_add(r, &fragment, now);
}

static struct datagram *add(struct reassembly *r, uint32_t offset, uint32_t length, bool more)
{
    return add_at(r, 1, offset, length, more, 0);
}

static void datagram_check(struct datagram *d, uint32_t length)
{
    cr_assert_not_null(d);
    cr_assert_eq(d->length, length);
    cr_assert_eq(memcmp(datagram_bytes(d), content, length), 0);
    datagram_drop(d);
    cr_assert_eq(allocated, 0);
}

Test(reassembly, fragments_in_any_order_become_the_datagram, .init = content_fill)
{
    srand(1);
    for (int run = 0; run < 200; run++) {
        struct reassembly r = {0};
        uint32_t length = (uint32_t)rand() % DATAGRAM_MAX + 1, step = 8 * ((uint32_t)rand() % 185 + 185);
        uint32_t count = (length + step - 1) / step, order[64];
        for (uint32_t i = 0; i < count; i++) {
            uint32_t other = (uint32_t)rand() % (i + 1);
            order[i] = order[other];
            order[other] = i;
        }
        struct datagram *d = NULL;
        for (uint32_t i = 0; i < count; i++) {
            cr_assert_null(d);
            uint32_t offset = order[i] * step;
            bool more = offset + step < length;
            d = add(&r, offset, more ? step : length - offset, more);
        }
        datagram_check(d, length);
    }
}

Test(reassembly, duplicate_changes_nothing, .init = content_fill)
{
    struct reassembly r = {0};
    cr_assert_null(add(&r, 0, 16, true));
    cr_assert_null(add(&r, 0, 16, true));
    datagram_check(add(&r, 16, 5, false), 21);
}

Test(reassembly, overlap_makes_datagram_forgotten, .init = content_fill)
{
    struct reassembly r = {0};
    cr_assert_null(add(&r, 0, 16, true));
    cr_assert_null(add(&r, 8, 16, true));
    cr_assert_eq(allocated, 0);
    cr_assert_null(add(&r, 24, 8, false));
}

Test(reassembly, end_before_what_is_there_makes_datagram_forgotten, .init = content_fill)
{
    struct reassembly r = {0};
    cr_assert_null(add(&r, 16, 8, true));
    cr_assert_null(add(&r, 8, 8, false));
    cr_assert_eq(allocated, 0);
}

Test(reassembly, two_different_ends_make_datagram_forgotten, .init = content_fill)
{
    struct reassembly r = {0};
    cr_assert_null(add(&r, 16, 8, false));
    cr_assert_null(add(&r, 32, 8, false));
    cr_assert_eq(allocated, 0);
    cr_assert_null(add(&r, 16, 8, false));
    cr_assert_null(add(&r, 24, 8, true));
    cr_assert_eq(allocated, 0);
}

Test(reassembly, impossible_fragments_are_ignored, .init = content_fill)
{
    struct reassembly r = {0};
    cr_assert_null(add(&r, 0, 0, false));
    cr_assert_null(add(&r, 0, 12, true));
    cr_assert_null(add(&r, 65512, 8, false));
    cr_assert_null(add(&r, 65528, 1, false));
    cr_assert_eq(allocated, 0);
}

Test(reassembly, largest_datagram_fits, .init = content_fill)
{
    struct reassembly r = {0};
    cr_assert_null(add(&r, 65512, 3, false));
    datagram_check(add(&r, 0, 65512, true), DATAGRAM_MAX);
}

Test(reassembly, datagrams_with_other_key_are_kept_apart, .init = content_fill)
{
    struct reassembly r = {0};
    struct fragment first = {{1, 1, 17}, 0, true, content, 8}, last = {{2, 1, 17}, 8, false, content, 8};
    cr_assert_null(reassembly_add(&r, &first, 0));
    cr_assert_null(reassembly_add(&r, &last, 0));
    last.key = (struct datagram_key){1, 1, 1};
    cr_assert_null(reassembly_add(&r, &last, 0));
    last.key = (struct datagram_key){1, 2, 17};
    cr_assert_null(reassembly_add(&r, &last, 0));
    last.key = first.key;
    cr_assert_not_null(reassembly_add(&r, &last, 0));
}

Test(reassembly, incomplete_after_a_minute_is_forgotten, .init = content_fill)
{
    struct reassembly r = {0};
    cr_assert_null(add_at(&r, 1, 0, 8, true, 5));
    cr_assert_null(add_at(&r, 2, 0, 8, true, 6));
    cr_assert_null(add_at(&r, 1, 8, 8, false, 5 + REASSEMBLY_TIMEOUT_NS));
    cr_assert_not_null(add_at(&r, 2, 8, 8, false, 5 + REASSEMBLY_TIMEOUT_NS));
}

Test(reassembly, one_too_many_replaces_the_oldest, .init = content_fill)
{
    struct reassembly r = {0};
    for (uint16_t id = 0; id <= REASSEMBLY_DATAGRAMS; id++)
        cr_assert_null(add_at(&r, id, 0, 8, true, 100 + id));
    cr_assert_eq(allocated, REASSEMBLY_DATAGRAMS);
    for (uint16_t id = REASSEMBLY_DATAGRAMS; id > 0; id--) {
        struct datagram *d = add_at(&r, id, 8, 8, false, 200);
        cr_assert_not_null(d);
        datagram_drop(d);
    }
    cr_assert_null(add_at(&r, 0, 8, 8, false, 200));
}

Test(reassembly, without_memory_fragment_is_lost_and_later_ones_work, .init = content_fill)
{
    struct reassembly r = {0};
    out_of_memory = true;
    cr_assert_null(add(&r, 0, 8, true));
    out_of_memory = false;
    cr_assert_null(add(&r, 0, 8, true));
    datagram_check(add(&r, 8, 8, false), 16);
}
