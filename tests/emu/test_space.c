/* SPDX-License-Identifier: MIT
 *
 * Address spaces: absence, copy-on-write, tags, limits, and random use against plain arrays. code_drop() and
 * code_written() are this file's own.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../../cpu/cpu.h"
#include "../../emu/space.h"

#define MB              ((uint32_t)1 << 20)
#define LARGEST         ((uint32_t)-PAGE_SIZE) /* 4 GB - PAGE_SIZE */
#define ADDRESS(number) ((uint32_t)(number) << PAGE_SHIFT)

static struct {
    unsigned drops;
    unsigned writes;
    struct page *page;
    uint32_t offset, length;
    uint8_t before; /* the first byte, when code_written() was called */
} code;

void code_drop(struct page *page)
{
    code.drops++;
    page->code = NULL;
}

void code_written(struct page *page, uint32_t offset, uint32_t length)
{
    code.writes++;
    code.page = page;
    code.offset = offset;
    code.length = length;
    code.before = page->bytes[offset];
}

static struct page *page_read(struct space *space, uint32_t number)
{
    return space->memory.ops->read(&space->memory, number);
}

static struct page *page_write(struct space *space, uint32_t number)
{
    return space->memory.ops->write(&space->memory, number);
}

static uint32_t get(struct space *space, uint32_t address)
{
    uint32_t value = 0, fault;
    cr_assert(space_read(space, address, &value, sizeof(value), &fault), "fault at %x", fault);
    return value;
}

static void put(struct space *space, uint32_t address, uint32_t value)
{
    uint32_t fault;
    cr_assert(space_write(space, address, &value, sizeof(value), &fault), "fault at %x", fault);
}

static void expect_counts(const struct space *space, uint64_t private_frames, uint64_t shared_frames)
{
    uint64_t private, shared;
    space_count(space, &private, &shared);
    cr_expect_eq(private, private_frames, "%lu private, not %lu", private, private_frames);
    cr_expect_eq(shared, shared_frames, "%lu shared, not %lu", shared, shared_frames);
}

Test(space, absent_page_reads_as_the_zero_page)
{
    struct frame_pool *pool = frame_pool_new(4);
    struct space space;
    space_init(&space, pool, 16 * MB);
    uint64_t tag = space.memory.tag;
    cr_expect_eq(page_read(&space, 0), frame_pool_zero(pool));
    cr_expect_eq(page_read(&space, 4095), frame_pool_zero(pool));
    cr_expect_eq(get(&space, 0x1234), 0);
    cr_expect_eq(frame_pool_used(pool), 0);
    cr_expect_eq(space_bytes(&space), 0);
    cr_expect_eq(space.memory.tag, tag);
    space_drop(&space);
    frame_pool_free(pool);
}

Test(space, beyond_the_size_there_is_no_page)
{
    static const uint32_t sizes[] = {0, PAGE_SIZE, 16 * PAGE_SIZE, 17 * PAGE_SIZE, 16 * MB, LARGEST};
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct frame_pool *pool = frame_pool_new(4);
        struct space space;
        space_init(&space, pool, sizes[i]);
        uint32_t pages = sizes[i] >> PAGE_SHIFT;
        cr_expect_null(page_read(&space, pages));
        cr_expect_null(page_write(&space, pages));
        cr_expect_null(page_read(&space, UINT32_MAX));
        cr_expect_null(page_write(&space, UINT32_MAX));
        cr_expect(!space.memory.away);
        if (pages > 0) {
            cr_expect_eq(page_write(&space, pages - 1), page_read(&space, pages - 1));
            cr_expect_neq(page_read(&space, pages - 1), frame_pool_zero(pool));
            cr_expect_eq(frame_pool_used(pool), 1);
        }
        space_drop(&space);
        frame_pool_free(pool);
    }
}

Test(space, levels_are_as_many_as_the_size_needs)
{
    static const struct {
        uint32_t size;
        unsigned levels;
    } cases[] = {{PAGE_SIZE, 1}, {16 * PAGE_SIZE, 1}, {17 * PAGE_SIZE, 2},       {MB, 2},
                 {16 * MB, 3},   {256 * MB, 4},       {256 * MB + PAGE_SIZE, 5}, {LARGEST, 5}};
    struct frame_pool *pool = frame_pool_new(1);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct space space;
        space_init(&space, pool, cases[i].size);
        cr_expect_eq(space.levels, cases[i].levels, "size %x: %u levels", cases[i].size, space.levels);
        space_drop(&space);
    }
    frame_pool_free(pool);
}

Test(space, first_write_of_a_page_gives_a_frame_and_a_tag)
{
    struct frame_pool *pool = frame_pool_new(4);
    struct space space;
    space_init(&space, pool, 16 * MB);
    uint64_t tag = space.memory.tag;
    struct page *page = page_write(&space, 3);
    cr_assert_not_null(page);
    cr_expect_eq(page_read(&space, 3), page);
    cr_expect_gt(space.memory.tag, tag);
    tag = space.memory.tag;
    cr_expect_eq(page_write(&space, 3), page);
    cr_expect_eq(space.memory.tag, tag, "nothing changed");
    cr_expect_eq(page_read(&space, 2), frame_pool_zero(pool));
    expect_counts(&space, 1, 0);
    space_drop(&space);
    cr_expect_eq(frame_pool_used(pool), 0);
    frame_pool_free(pool);
}

Test(space, clone_shares_everything_until_written)
{
    struct frame_pool *pool = frame_pool_new(4);
    struct space a, b;
    space_init(&a, pool, 16 * MB);
    put(&a, 0x1000, 11);
    put(&a, 0xFFF000, 22);
    uint64_t tag = a.memory.tag;
    space_clone(&b, &a);
    cr_expect_gt(a.memory.tag, tag);
    cr_expect_gt(b.memory.tag, tag);
    cr_expect_neq(a.memory.tag, b.memory.tag);
    cr_expect_eq(b.memory.size, a.memory.size);
    cr_expect_eq(frame_pool_used(pool), 2);
    cr_expect_eq(page_read(&a, 1), page_read(&b, 1));
    cr_expect_eq(space_bytes(&b), 0);
    expect_counts(&a, 0, 2);

    tag = a.memory.tag;
    uint64_t other = b.memory.tag;
    put(&a, 0x1004, 33);
    cr_expect_gt(a.memory.tag, tag);
    cr_expect_eq(b.memory.tag, other, "its pages are the same");
    cr_expect_eq(get(&b, 0x1004), 0);
    cr_expect_eq(get(&a, 0x1000), 11);
    expect_counts(&a, 1, 1);
    expect_counts(&b, 1, 1);
    put(&b, 0x1000, 44);
    cr_expect_eq(get(&a, 0x1000), 11);
    cr_expect_eq(frame_pool_used(pool), 3, "the last user of a frame writes it in place");
    space_drop(&a);
    cr_expect_eq(get(&b, 0x1000), 44);
    cr_expect_eq(get(&b, 0xFFF000), 22);
    expect_counts(&b, 2, 0);
    space_drop(&b);
    frame_pool_free(pool);
}

Test(space, clone_of_an_empty_space_is_empty)
{
    struct frame_pool *pool = frame_pool_new(1);
    struct space a, b;
    space_init(&a, pool, MB);
    a.memory.away = true;
    space_clone(&b, &a);
    cr_expect(!b.memory.away);
    put(&b, 0, 1);
    cr_expect_eq(get(&a, 0), 0);
    space_drop(&a);
    space_drop(&b);
    frame_pool_free(pool);
}

Test(space, frames_exhausted_write_fails_and_changes_nothing)
{
    struct frame_pool *pool = frame_pool_new(1);
    struct space a, b;
    space_init(&a, pool, 16 * MB);
    put(&a, 0x1000, 11);
    space_clone(&b, &a);
    uint64_t tag = b.memory.tag;
    cr_expect_null(page_write(&b, 1), "a copy");
    cr_expect(b.memory.away);
    b.memory.away = false;
    cr_expect_null(page_write(&b, 9), "an absent page");
    cr_expect(b.memory.away);
    cr_expect_eq(b.memory.tag, tag);
    cr_expect_eq(page_read(&b, 1), page_read(&a, 1));
    cr_expect_eq(page_read(&b, 9), frame_pool_zero(pool));
    cr_expect_eq(space_bytes(&b), 0);
    cr_expect(!a.memory.away);
    space_drop(&a);
    cr_expect_not_null(page_write(&b, 1), "its own now");
    space_drop(&b);
    frame_pool_free(pool);
}

Test(space, read_and_write_cross_pages)
{
    struct frame_pool *pool = frame_pool_new(8);
    struct space space;
    uint32_t fault;
    static uint8_t out[3 * 4096], in[3 * 4096];
    space_init(&space, pool, 16 * MB);
    for (unsigned i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)(i * 7 + i / 256);
    cr_assert(space_write(&space, 0x10FF1, out, sizeof(out), &fault));
    cr_expect_eq(frame_pool_used(pool), 4);
    cr_assert(space_read(&space, 0x10FF1, in, sizeof(in), &fault));
    cr_expect_eq(memcmp(in, out, sizeof(in)), 0);
    cr_expect_eq(get(&space, 0x10FED) >> 24, 0, "nothing before");
    cr_expect_eq(page_read(&space, 0x10)->bytes[0xFF1], out[0]);
    cr_expect_eq(page_read(&space, 0x13)->bytes[0xFF1], 0, "nothing behind");
    space_drop(&space);
    frame_pool_free(pool);
}

Test(space, access_past_the_end_faults_there_and_does_nothing)
{
    static const struct {
        uint32_t size, address, length, fault;
    } cases[] = {
        {MB, MB - 4, 5, MB},
        {MB, MB, 1, MB},
        {MB, MB + 77, 4, MB + 77},
        {MB, 0, MB + 1, MB},
        {MB, 4, UINT32_MAX, MB},
        {MB, UINT32_MAX, 2, UINT32_MAX},
        {LARGEST, LARGEST - 1, 2, LARGEST},
        {0, 0, 1, 0},
    };
    struct frame_pool *pool = frame_pool_new(1000);
    static uint8_t buffer[MB + 1];
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct space space;
        uint32_t fault = 1;
        space_init(&space, pool, cases[i].size);
        cr_expect(!space_write(&space, cases[i].address, buffer, cases[i].length, &fault), "case %u", i);
        cr_expect_eq(fault, cases[i].fault, "case %u: %x", i, fault);
        fault = 1;
        cr_expect(!space_read(&space, cases[i].address, buffer, cases[i].length, &fault), "case %u", i);
        cr_expect_eq(fault, cases[i].fault, "case %u: %x", i, fault);
        cr_expect_eq(frame_pool_used(pool), 0);
        cr_expect(!space.memory.away);
        space_drop(&space);
    }
    frame_pool_free(pool);
}

Test(space, access_up_to_the_very_end_succeeds)
{
    struct frame_pool *pool = frame_pool_new(2);
    struct space space;
    space_init(&space, pool, LARGEST);
    put(&space, LARGEST - 4, 0x12345678);
    cr_expect_eq(get(&space, LARGEST - 4), 0x12345678);
    put(&space, LARGEST - PAGE_SIZE - 2, 0x9ABCDEF0);
    cr_expect_eq(get(&space, LARGEST - PAGE_SIZE - 2), 0x9ABCDEF0);
    space_drop(&space);
    frame_pool_free(pool);
}

Test(space, access_of_nothing_succeeds_anywhere)
{
    struct frame_pool *pool = frame_pool_new(1);
    struct space space;
    uint32_t fault;
    space_init(&space, pool, MB);
    cr_expect(space_read(&space, UINT32_MAX, NULL, 0, &fault));
    cr_expect(space_write(&space, MB, NULL, 0, &fault));
    cr_expect_eq(frame_pool_used(pool), 0);
    space_drop(&space);
    frame_pool_free(pool);
}

Test(space, write_without_enough_frames_writes_nothing)
{
    struct frame_pool *pool = frame_pool_new(2);
    struct space space;
    uint32_t fault = 0;
    static uint8_t buffer[3 * 4096];
    memset(buffer, 0xEE, sizeof(buffer));
    space_init(&space, pool, MB);
    put(&space, 0x5000, 0x12345678);
    cr_expect(!space_write(&space, 0x5000, buffer, sizeof(buffer), &fault));
    cr_expect_eq(fault, 0x7000, "%x", fault);
    cr_expect_str_eq(space.trouble, "no physical frame left");
    cr_expect_eq(get(&space, 0x5000), 0x12345678);
    cr_expect_eq(get(&space, 0x6000), 0);
    space_drop(&space);
    frame_pool_free(pool);
}

Test(space, write_tells_decoded_code_before_the_bytes_change)
{
    struct frame_pool *pool = frame_pool_new(4);
    struct space a, b;
    space_init(&a, pool, MB);
    put(&a, 0x2FFE, 0x04030201);
    put(&a, 0x4000, 1);
    cr_expect_eq(code.writes, 0, "no page has code");
    static char some;
    page_read(&a, 3)->code = (struct code *)&some;
    put(&a, 0x2FFF, 0x0D0C0B0A);
    cr_expect_eq(code.writes, 1);
    cr_expect_eq(code.page, page_read(&a, 3));
    cr_expect_eq(code.offset, 0);
    cr_expect_eq(code.length, 3);
    cr_expect_eq(code.before, 3);
    page_read(&a, 4)->code = (struct code *)&some;
    put(&a, 0x3FFD, 0);
    cr_expect_eq(code.writes, 3, "both pages have code");
    cr_expect_eq(code.length, 1);
    page_read(&a, 4)->code = NULL;
    put(&a, 0x3FFE, 0);
    cr_expect_eq(code.writes, 4);
    cr_expect_eq(code.offset, 0xFFE);
    cr_expect_eq(code.length, 2);
    space_clone(&b, &a);
    put(&b, 0x3000, 0);
    cr_expect_eq(code.writes, 4, "the copy has no code");
    cr_expect_not_null(page_read(&a, 3)->code, "the original keeps it");
    cr_expect_eq(code.drops, 0);
    space_drop(&b);
    cr_expect_eq(code.drops, 0);
    space_drop(&a);
    cr_expect_eq(code.drops, 1);
    frame_pool_free(pool);
}

struct visits {
    struct space *space;
    uint32_t numbers[16];
    unsigned count;
};

static void note_visit(void *owner, uint32_t number, const uint8_t *bytes)
{
    struct visits *visits = owner;
    cr_assert_lt(visits->count, 16);
    cr_expect_eq(page_read(visits->space, number)->bytes, bytes);
    visits->numbers[visits->count++] = number;
}

Test(space, visit_sees_the_present_pages_in_order)
{
    static const uint32_t order[] = {0, 1, 15, 16, 17, 0x100, 0xFFF, 0x1000, 0x12345, 0xFFFF0, 0xFFFFE};
    enum { COUNT = sizeof(order) / sizeof(order[0]) };
    struct frame_pool *pool = frame_pool_new(COUNT);
    struct space space;
    space_init(&space, pool, LARGEST);
    struct visits visits = {.space = &space};
    space_visit(&space, note_visit, &visits);
    cr_expect_eq(visits.count, 0);
    for (unsigned i = 0; i < COUNT; i++)
        put(&space, ADDRESS(order[i * 7 % COUNT]), i);
    space_visit(&space, note_visit, &visits);
    cr_assert_eq(visits.count, COUNT);
    for (unsigned i = 0; i < COUNT; i++)
        cr_expect_eq(visits.numbers[i], order[i]);
    space_drop(&space);
    frame_pool_free(pool);
}

/* Each of ten thousand clones writes its register page and a page of stack. */
Test(space, ten_thousand_clones_cost_only_what_they_write)
{
    enum { CLONES = 10000, IMAGE_PAGES = 50 };
    struct frame_pool *pool = frame_pool_new(IMAGE_PAGES + 2 * CLONES);
    struct space image;
    struct space *clones = calloc(CLONES, sizeof(*clones));
    space_init(&image, pool, 16 * MB);
    for (uint32_t i = 0; i < IMAGE_PAGES; i++)
        put(&image, 0x100000 + ADDRESS(i), i);
    for (uint32_t i = 0; i < CLONES; i++) {
        space_clone(&clones[i], &image);
        put(&clones[i], 0, i);
        put(&clones[i], 0xFFFFF0, i);
        cr_assert_eq(space_bytes(&clones[i]), space_bytes(&clones[0]));
    }
    cr_expect_eq(frame_pool_used(pool), IMAGE_PAGES + 2 * CLONES);
    cr_expect_leq(space_bytes(&clones[0]), 5 * 144);
    expect_counts(&clones[17], 2, IMAGE_PAGES);
    space_drop(&image);
    for (uint32_t i = 0; i < CLONES; i++) {
        cr_assert_eq(get(&clones[i], 0), i);
        cr_assert_eq(get(&clones[i], 0x100000 + ADDRESS(49)), 49);
        space_drop(&clones[i]);
    }
    cr_expect_eq(frame_pool_used(pool), 0);
    free(clones);
    frame_pool_free(pool);
}

/* The model: plain arrays of page contents (one number for each page). Spaces are cloned, written, read and dropped at
 * random, with too few frames for all; what the CPU might remember under a tag must stay true as long as the tag. */
enum { SPACES = 8, PAGES = 300 };

struct remembered {
    uint64_t tag; /* 0: nothing */
    struct page *page;
    bool written; /* remembered as private */
};

struct model {
    struct frame_pool *pool;
    struct space spaces[SPACES];
    uint32_t contents[SPACES][PAGES];
    struct remembered tlb[SPACES][PAGES];
    unsigned failures;
};

static void model_remember(struct model *model, unsigned s, uint32_t number, struct page *page, bool written)
{
    model->tlb[s][number] = (struct remembered){model->spaces[s].memory.tag, page, written};
}

static void model_write(struct model *model, unsigned s, uint32_t number)
{
    struct space *space = &model->spaces[s];
    uint64_t used = frame_pool_used(model->pool), tag = space->memory.tag;
    struct page *page = page_write(space, number);
    if (!page) {
        cr_assert(space->memory.away);
        cr_assert_eq(frame_pool_used(model->pool), used);
        cr_assert_eq(space->memory.tag, tag);
        space->memory.away = false;
        model->failures++;
        return;
    }
    for (unsigned other = 0; other < SPACES; other++)
        cr_assert(other == s || page_read(&model->spaces[other], number) != page, "still shared");
    uint32_t value = (uint32_t)rand();
    memcpy(page->bytes + number, &value, sizeof(value));
    model->contents[s][number] = value;
    model_remember(model, s, number, page, true);
}

static void model_replace(struct model *model, unsigned s, unsigned from)
{
    space_drop(&model->spaces[s]);
    memset(model->tlb[s], 0, sizeof(model->tlb[s]));
    if (s == from) {
        space_init(&model->spaces[s], model->pool, ADDRESS(PAGES));
        memset(model->contents[s], 0, sizeof(model->contents[s]));
    } else {
        space_clone(&model->spaces[s], &model->spaces[from]);
        memcpy(model->contents[s], model->contents[from], sizeof(model->contents[s]));
    }
}

static void model_check(struct model *model, unsigned s, uint32_t number)
{
    struct space *space = &model->spaces[s];
    struct page *page = page_read(space, number);
    uint32_t value;
    memcpy(&value, page->bytes + number, sizeof(value));
    cr_assert_eq(value, model->contents[s][number]);
    const struct remembered *remembered = &model->tlb[s][number];
    if (remembered->tag == space->memory.tag) {
        cr_assert_eq(remembered->page, page, "another page under the same tag");
        cr_assert(!remembered->written || page_write(space, number) == page);
    }
    model_remember(model, s, number, page, remembered->tag == space->memory.tag && remembered->written);
}

static void count_visit(void *owner, uint32_t number, const uint8_t *bytes)
{
    (void)number;
    cr_assert_not_null(bytes);
    ++*(uint64_t *)owner;
}

static void model_check_counts(const struct model *model)
{
    uint64_t private_total = 0;
    for (unsigned s = 0; s < SPACES; s++) {
        uint64_t private, shared, visited = 0;
        space_count(&model->spaces[s], &private, &shared);
        space_visit(&model->spaces[s], count_visit, &visited);
        cr_assert_eq(visited, private + shared);
        private_total += private;
    }
    cr_assert_leq(private_total, frame_pool_used(model->pool));
}

static void expect_flat(struct space *space)
{
    cr_assert_not_null(space->memory.flat);
    for (uint32_t number = 0; number < space->memory.size >> PAGE_SHIFT; number++)
        cr_assert_arr_eq(space->memory.flat + ADDRESS(number), page_read(space, number)->bytes, PAGE_SIZE, "page %u",
                         number);
}

Test(space, flat_memory_shows_what_pages_show)
{
    struct frame_pool *pool = frame_pool_new(64);
    struct space space, other;
    space_init(&space, pool, MB);
    put(&space, 0x5000, 1);
    space_clone(&other, &space);
    put(&space, 0x7000, 2); /* its own; page 5 is shared */
    uint64_t tag = space.memory.tag;
    cr_assert(space_flatten(&space));
    cr_expect_neq(space.memory.tag, tag, "what was known of its pages is wrong now");
    expect_flat(&space);
    put(&space, 0x7004, 3);
    put(&space, 0x5004, 4); /* copied */
    put(&space, 0x9000, 5); /* new */
    expect_flat(&space);
    cr_expect_eq(get(&other, 0x5004), 0);

    struct space third;
    space_clone(&third, &space); /* ends it */
    cr_expect_null(space.memory.flat);
    cr_expect_eq(get(&third, 0x5004), 4);
    cr_expect_eq(get(&space, 0x9000), 5);
    cr_assert(space_flatten(&space));
    space_drop(&third); /* what was shared is its own now */
    put(&space, 0x9004, 6);
    expect_flat(&space);
    cr_expect_eq(get(&space, 0x9000), 5);
    space_drop(&space);
    space_drop(&other);
    frame_pool_free(pool);
}

Test(space, random_use_reads_as_plain_arrays_would)
{
    static struct model model;
    srand(3);
    model.pool = frame_pool_new(SPACES * PAGES / 3);
    for (unsigned s = 0; s < SPACES; s++)
        space_init(&model.spaces[s], model.pool, ADDRESS(PAGES));
    for (unsigned i = 0; i < 300000; i++) {
        unsigned s = (unsigned)rand() % SPACES;
        uint32_t number = (uint32_t)rand() % PAGES;
        if (rand() % 500 == 0)
            model_replace(&model, s, (unsigned)rand() % SPACES);
        else if (rand() % 2)
            model_write(&model, s, number);
        model_check(&model, s, number);
        if (i % 1000 == 0)
            model_check_counts(&model);
    }
    cr_expect_gt(model.failures, 0, "the limit was never reached");
    for (unsigned s = 0; s < SPACES; s++)
        space_drop(&model.spaces[s]);
    cr_expect_eq(frame_pool_used(model.pool), 0);
    frame_pool_free(model.pool);
}

/* Code that spaces of one origin have in common. */

static struct page *page_execute(struct space *space, uint32_t number)
{
    return space->memory.ops->execute(&space->memory, number);
}

enum { ORIGIN = 2, SIBLINGS };

/* Two clones of a space with pages 1 and 2, which stays. */
static void siblings_init(struct space siblings[SIBLINGS], struct frame_pool *pool)
{
    struct space *origin = &siblings[ORIGIN];
    space_init(origin, pool, 16 * MB);
    put(origin, ADDRESS(1), 1);
    put(origin, ADDRESS(2), 2);
    space_clone(&siblings[0], origin);
    space_clone(&siblings[1], origin);
    cr_expect_neq(siblings[0].memory.code_tag, 0);
    cr_expect_eq(origin->memory.code_tag, siblings[0].memory.code_tag);
    cr_expect_eq(siblings[1].memory.code_tag, siblings[0].memory.code_tag);
}

static void siblings_drop(struct space siblings[SIBLINGS], struct frame_pool *pool)
{
    for (unsigned i = 0; i < SIBLINGS; i++)
        space_drop(&siblings[i]);
    frame_pool_free(pool);
}

Test(space, clones_have_one_code_tag_and_execute_shared_pages_under_it)
{
    struct frame_pool *pool = frame_pool_new(8);
    struct space siblings[SIBLINGS];
    siblings_init(siblings, pool);
    const uint64_t common = siblings[0].memory.code_tag;
    cr_expect_neq(siblings[0].memory.tag, siblings[1].memory.tag);
    cr_expect_eq(page_execute(&siblings[0], 1), page_execute(&siblings[1], 1));
    cr_expect_eq(page_execute(&siblings[0], 7), page_execute(&siblings[1], 7), "absent in both");
    page_write(&siblings[0], 2);
    cr_expect_eq(siblings[0].memory.code_tag, common, "a page without code is its own");
    cr_expect_eq(page_execute(&siblings[0], 1), page_execute(&siblings[1], 1));
    cr_expect_eq(siblings[0].memory.code_tag, common);
    siblings_drop(siblings, pool);
}

Test(space, neither_executes_under_the_common_tag_where_they_differ)
{
    struct frame_pool *pool = frame_pool_new(8);
    struct space siblings[SIBLINGS];
    siblings_init(siblings, pool);
    page_write(&siblings[0], 2);
    cr_expect_neq(page_execute(&siblings[0], 2), page_execute(&siblings[1], 2));
    cr_expect_eq(siblings[0].memory.code_tag, 0);
    cr_expect_eq(siblings[1].memory.code_tag, 0);
    siblings_drop(siblings, pool);
}

Test(space, a_page_that_only_one_has_is_executed_under_its_own_tag)
{
    struct frame_pool *pool = frame_pool_new(8);
    struct space siblings[SIBLINGS];
    siblings_init(siblings, pool);
    page_write(&siblings[0], 1);
    page_write(&siblings[ORIGIN], 1);
    page_execute(&siblings[1], 1);
    cr_expect_eq(siblings[1].memory.code_tag, 0);
    siblings_drop(siblings, pool);
}

Test(space, whoever_replaces_a_page_with_code_has_its_own_code_tag)
{
    struct frame_pool *pool = frame_pool_new(8);
    struct space siblings[SIBLINGS];
    siblings_init(siblings, pool);
    const uint64_t common = siblings[0].memory.code_tag;
    struct page *page = page_execute(&siblings[0], 1), *zero = page_execute(&siblings[0], 7);
    page->code = zero->code = (struct code *)(void *)page; /* there is some: which, nobody asks */
    page_write(&siblings[0], 1);
    cr_expect_eq(siblings[0].memory.code_tag, 0);
    cr_expect_eq(siblings[1].memory.code_tag, common);
    cr_expect_eq(page_execute(&siblings[1], 1), page);
    cr_expect_eq(siblings[1].memory.code_tag, common);
    page_write(&siblings[1], 7); /* absent, so far: the page of zeroes */
    cr_expect_eq(siblings[1].memory.code_tag, 0);
    siblings_drop(siblings, pool);
}
