/* SPDX-License-Identifier: MIT
 *
 * Physical frames: counting, reuse, the limit, and the dropping of decoded code (this file has its own code_drop()).
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../../cpu/cpu.h"
#include "../../emu/frame.h"

#define CHUNK 512 /* more frames than this need a second chunk */

static struct page *dropped;
static unsigned drops;

void code_drop(struct page *page)
{
    dropped = page;
    drops++;
    page->code = NULL;
}

static struct code *some_code(void)
{
    static char code;
    return (struct code *)&code;
}

static bool is_filled(const struct page *page, uint8_t value)
{
    return page->bytes[0] == value && memcmp(page->bytes, page->bytes + 1, PAGE_SIZE - 1) == 0;
}

Test(frame, new_one_is_zeroed_and_counted)
{
    struct frame_pool *pool = frame_pool_new(10);
    struct frame *frame = frame_new(pool);
    cr_assert_not_null(frame);
    cr_expect_eq((void *)frame, (void *)&frame->page);
    cr_expect(is_filled(&frame->page, 0));
    cr_expect_eq(frame->references, 1);
    cr_expect_null(frame->page.code);
    cr_expect_eq(frame_pool_used(pool), 1);
    frame_unref(pool, frame);
    cr_expect_eq(frame_pool_used(pool), 0);
    frame_pool_free(pool);
}

Test(frame, freed_one_is_reused_and_zeroed)
{
    struct frame_pool *pool = frame_pool_new(10);
    struct frame *frame = frame_new(pool);
    memset(frame->page.bytes, 0xAB, PAGE_SIZE);
    frame_unref(pool, frame);
    struct frame *again = frame_new(pool);
    cr_expect_eq(again, frame);
    cr_expect(is_filled(&again->page, 0));
    frame_unref(pool, again);
    frame_pool_free(pool);
}

Test(frame, freed_ones_are_all_reused)
{
    struct frame_pool *pool = frame_pool_new(CHUNK);
    struct frame *frames[CHUNK];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < CHUNK; i++)
            frames[i] = frame_new(pool);
        for (unsigned i = 0; i < CHUNK; i++)
            frame_unref(pool, frames[i]);
    }
    cr_expect_lt(frame_pool_bytes(pool), 2 * CHUNK * PAGE_SIZE, "a second chunk");
    frame_pool_free(pool);
}

Test(frame, copy_has_the_bytes_but_not_the_code)
{
    struct frame_pool *pool = frame_pool_new(10);
    struct frame *frame = frame_new(pool);
    memset(frame->page.bytes, 0x5A, PAGE_SIZE);
    frame->page.code = some_code();
    struct frame *copy = frame_copy(pool, frame);
    cr_assert_neq(copy, frame);
    cr_expect(is_filled(&copy->page, 0x5A));
    cr_expect_null(copy->page.code);
    copy->page.bytes[7] = 1;
    cr_expect_eq(frame->page.bytes[7], 0x5A);
    frame_unref(pool, copy);
    frame_unref(pool, frame);
    frame_pool_free(pool);
}

Test(frame, last_reference_drops_the_code)
{
    struct frame_pool *pool = frame_pool_new(10);
    struct frame *frame = frame_ref(frame_new(pool));
    frame->page.code = some_code();
    frame_unref(pool, frame);
    cr_expect_eq(drops, 0);
    cr_expect_eq(frame_pool_used(pool), 1);
    frame_unref(pool, frame);
    cr_expect_eq(drops, 1);
    cr_expect_eq(dropped, &frame->page);
    frame_unref(pool, frame_new(pool));
    cr_expect_eq(drops, 1, "a page without code was dropped");
    frame_pool_free(pool);
}

Test(frame, pool_free_drops_the_code_of_the_zero_page)
{
    struct frame_pool *pool = frame_pool_new(10);
    frame_pool_zero(pool)->code = some_code();
    frame_pool_free(pool);
    cr_expect_eq(drops, 1);
}

Test(frame, limit_reached_gives_none_until_one_is_free)
{
    enum { LIMIT = CHUNK + 3 };
    struct frame_pool *pool = frame_pool_new(LIMIT);
    struct frame *frames[LIMIT];
    for (unsigned i = 0; i < LIMIT; i++)
        cr_assert_not_null(frames[i] = frame_new(pool));
    cr_expect_null(frame_new(pool));
    cr_expect_null(frame_copy(pool, frames[0]));
    cr_expect_eq(frame_pool_used(pool), LIMIT);
    frame_unref(pool, frames[5]);
    cr_expect_not_null(frames[5] = frame_new(pool));
    cr_expect_null(frame_new(pool));
    for (unsigned i = 0; i < LIMIT; i++)
        frame_unref(pool, frames[i]);
    frame_pool_free(pool);
}

Test(frame, pool_without_frames_gives_none)
{
    struct frame_pool *pool = frame_pool_new(0);
    cr_expect_null(frame_new(pool));
    frame_pool_free(pool);
}

Test(frame, pages_of_several_chunks_do_not_overlap)
{
    enum { COUNT = 3 * CHUNK + 1 };
    struct frame_pool *pool = frame_pool_new(COUNT);
    static struct frame *frames[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        frames[i] = frame_new(pool);
        for (uint32_t at = 0; at < PAGE_SIZE; at += sizeof(i))
            memcpy(frames[i]->page.bytes + at, &i, sizeof(i));
    }
    for (unsigned i = 0; i < COUNT; i++) {
        cr_assert_eq(memcmp(frames[i]->page.bytes, &i, sizeof(i)), 0);
        cr_assert_eq(memcmp(frames[i]->page.bytes, frames[i]->page.bytes + sizeof(i), PAGE_SIZE - sizeof(i)), 0);
        frame_unref(pool, frames[i]);
    }
    frame_pool_free(pool);
}

Test(frame, host_bytes_are_those_of_the_peak)
{
    struct frame_pool *pool = frame_pool_new(CHUNK + 1);
    struct frame *frames[CHUNK + 1];
    frames[0] = frame_new(pool);
    uint64_t one = frame_pool_bytes(pool);
    for (unsigned i = 1; i < CHUNK; i++)
        frames[i] = frame_new(pool);
    uint64_t many = frame_pool_bytes(pool);
    cr_expect_eq(many - one, (CHUNK - 1) * (uint64_t)PAGE_SIZE);
    frames[CHUNK] = frame_new(pool);
    uint64_t two_chunks = frame_pool_bytes(pool);
    cr_expect_gt(two_chunks - many, PAGE_SIZE);
    cr_expect_eq(frame_pool_peak(pool), CHUNK + 1);
    for (unsigned i = 0; i <= CHUNK; i++)
        frame_unref(pool, frames[i]);
    cr_expect_eq(frame_pool_bytes(pool), two_chunks);
    cr_expect_eq(frame_pool_peak(pool), CHUNK + 1);
    frame_pool_free(pool);
}

Test(frame, zero_page_is_zero_and_costs_no_frame)
{
    struct frame_pool *pool = frame_pool_new(1);
    cr_expect(is_filled(frame_pool_zero(pool), 0));
    cr_expect_eq(frame_pool_zero(pool), frame_pool_zero(pool));
    cr_expect_eq(frame_pool_used(pool), 0);
    frame_pool_free(pool);
}

/* The kernel refuses to store where we could not. */
Test(frame, zero_page_cannot_be_written)
{
    struct frame_pool *pool = frame_pool_new(1);
    int source = open("/dev/zero", O_RDONLY);
    cr_assert_geq(source, 0);
    errno = 0;
    cr_expect_eq(read(source, frame_pool_zero(pool)->bytes, 1), -1);
    cr_expect_eq(errno, EFAULT);
    close(source);
    frame_pool_free(pool);
}

Test(frame, tags_are_never_repeated_nor_zero)
{
    struct frame_pool *pool = frame_pool_new(1);
    uint64_t last = 0;
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t tag = frame_pool_tag(pool);
        cr_assert_gt(tag, last);
        last = tag;
    }
    frame_pool_free(pool);
}
