/* SPDX-License-Identifier: MIT
 *
 * Demand paging, with a store that fails on demand: every byte comes back, or the space concerned is lost and no other;
 * frames, blocks and counters are accounted for exactly.
 */
#include <stdint.h>

#include "../../devices/container_of.h"
#include "../../emu/pager.h"
#include "fake_store.h"

enum { PAGES = 100, MEMORY = PAGES * PAGE_SIZE, SPACES_MAX = 8 };

struct bench {
    struct pager_host host;
    struct frame_pool *pool;
    struct fake_store store;
    struct pager *pager;
    struct cost_model costs;
    struct clock clock;
    unsigned lost, emptied;
    const struct space *last_lost;
    char why[160];
};

static void note_lost(struct pager_host *host, struct space *space, const char *why)
{
    struct bench *b = container_of(host, struct bench, host);
    b->lost++;
    b->last_lost = space;
    snprintf(b->why, sizeof(b->why), "%s", why);
}

static void note_emptied(struct pager_host *host, struct space *space)
{
    cr_assert_eq(space->owner.blocks, 0);
    cr_assert_eq(space->owner.frames, 0);
    container_of(host, struct bench, host)->emptied++;
}

static struct bench *bench_new(uint64_t frames, uint32_t block_pages, bool lru)
{
    struct bench *b = calloc(1, sizeof(*b));
    b->host = (struct pager_host){.lost = note_lost, .emptied = note_emptied};
    b->pool = frame_pool_new(frames);
    struct swap *swap = swap_new(fake_store_init(&b->store, block_pages * PAGE_SIZE, 2));
    b->pager = pager_new(b->pool, swap, &b->host, &b->costs, &b->clock);
    cr_assert_not_null(b->pager);
    const struct replacement_host *host = &b->pager->replacement_host;
    b->pager->policy = lru ? lru_new(host) : wsclock_new(host, 100);
    return b;
}

/* With nothing left of all spaces. */
static void bench_free(struct bench *b)
{
    cr_expect_eq(frame_pool_used(b->pool), 0);
    cr_expect_eq(b->pager->counters.swapped, 0);
    cr_expect_eq(b->store.stored, 0, "%u blocks are left in the store", b->store.stored);
    pager_free(b->pager);
    cr_expect(b->store.freed);
    frame_pool_free(b->pool);
    free(b);
}

static void space_new(struct bench *b, struct space *space)
{
    space_init(space, b->pool, MEMORY);
    cr_assert(space_attach(space, b->pager));
    replacement_set_active(b->pager->policy, &space->owner, true);
}

static bool put(struct space *space, uint32_t address, uint32_t value)
{
    uint32_t fault;
    bool done = space_write(space, address, &value, sizeof(value), &fault);
    space_progress(space);
    return done;
}

static bool get(struct space *space, uint32_t address, uint32_t *value)
{
    uint32_t fault;
    bool done = space_read(space, address, value, sizeof(*value), &fault);
    space_progress(space);
    return done;
}

static void expect(struct space *space, uint32_t address, uint32_t value)
{
    uint32_t got;
    cr_assert(get(space, address, &got), "%s", space->trouble);
    cr_assert_eq(got, value, "at %#x: %#x, not %#x", address, got, value);
}

/* Every block of all spaces leaves memory. */
static void push_out(struct bench *b)
{
    while (pager_make_room(b->pager, frame_pool_left(b->pool) + 1))
        continue;
}

Test(pager, page_that_left_comes_back)
{
    struct bench *b = bench_new(100, 4, false);
    struct space space;
    space_new(b, &space);
    cr_assert(put(&space, 0x5004, 77));
    push_out(b);
    cr_expect_eq(frame_pool_used(b->pool), 0);
    cr_expect_eq(b->pager->counters.swapped, 1);
    cr_expect_eq(b->pager->counters.out, 1);
    cr_expect_eq(b->emptied, 1);
    expect(&space, 0x5004, 77);
    cr_expect_eq(b->pager->counters.in, 1);
    cr_expect_eq(b->pager->counters.swapped, 0);
    cr_expect_eq(space.owner.frames, 1);
    space_drop(&space);
    bench_free(b);
}

Test(pager, block_comes_back_as_a_whole)
{
    struct bench *b = bench_new(100, 4, false);
    struct space space;
    space_new(b, &space);
    for (uint32_t page = 4; page < 8; page++)
        cr_assert(put(&space, page * PAGE_SIZE, page));
    push_out(b);
    for (uint32_t page = 4; page < 8; page++)
        expect(&space, page * PAGE_SIZE, page);
    cr_expect_eq(b->store.reads, 1);
    cr_expect_eq(b->store.writes, 1);
    cr_expect_eq(space.owner.blocks, 1);
    space_drop(&space);
    bench_free(b);
}

Test(pager, block_that_was_only_read_leaves_without_being_written)
{
    struct bench *b = bench_new(100, 4, false);
    struct space space;
    space_new(b, &space);
    cr_assert(put(&space, 0x5000, 1));
    push_out(b);
    expect(&space, 0x5000, 1);
    push_out(b);
    cr_expect_eq(b->pager->counters.dropped, 1);
    cr_expect_eq(b->store.writes, 1);
    cr_assert(put(&space, 0x5000, 2));
    push_out(b);
    cr_expect_eq(b->store.writes, 2);
    expect(&space, 0x5000, 2);
    cr_assert(put(&space, 0x6000, 3)); /* a new page in a block that was clean */
    push_out(b);
    cr_expect_eq(b->store.writes, 3);
    expect(&space, 0x6000, 3);
    expect(&space, 0x5000, 2);
    space_drop(&space);
    bench_free(b);
}

Test(pager, untouched_page_beside_a_swapped_one_reads_as_zero_without_the_store)
{
    struct bench *b = bench_new(100, 4, false);
    struct space space;
    space_new(b, &space);
    cr_assert(put(&space, 0x5000, 1));
    push_out(b);
    expect(&space, 0x6000, 0);
    expect(&space, 0x50000, 0);
    cr_expect_eq(b->store.reads, 0);
    space_drop(&space);
    bench_free(b);
}

static void attach_clone(struct bench *b, struct space *space, struct space *image)
{
    space_clone(space, image);
    cr_assert(space_attach(space, b->pager));
}

Test(pager, pages_shared_with_the_image_never_leave)
{
    struct bench *b = bench_new(100, 4, false);
    struct space image, spaces[2];
    space_init(&image, b->pool, MEMORY);
    for (uint32_t page = 0; page < 8; page++)
        cr_assert(put(&image, page * PAGE_SIZE, 100 + page));
    for (unsigned s = 0; s < 2; s++) {
        attach_clone(b, &spaces[s], &image);
        cr_assert(put(&spaces[s], 0x2000, s));
    }
    cr_expect_eq(frame_pool_used(b->pool), 10);
    push_out(b);
    cr_expect_eq(frame_pool_used(b->pool), 8);
    for (unsigned s = 0; s < 2; s++) {
        expect(&spaces[s], 0x1000, 101);
        cr_expect_eq(b->store.reads, s, "not for a page of the image");
        expect(&spaces[s], 0x2000, s);
        cr_assert(put(&spaces[s], 0x3000, 200 + s));
    }
    push_out(b);
    for (unsigned s = 0; s < 2; s++) {
        expect(&spaces[s], 0x2000, s);
        expect(&spaces[s], 0x3000, 200 + s);
        expect(&spaces[s], 0x0000, 100);
    }
    expect(&image, 0x2000, 102);
    for (unsigned s = 0; s < 2; s++)
        space_drop(&spaces[s]);
    space_drop(&image);
    bench_free(b);
}

/* Pins. */

Test(pager, what_was_asked_for_stays_until_the_instruction_is_done)
{
    struct bench *b = bench_new(4, 1, false);
    struct space space;
    uint32_t fault, value = 1;
    space_new(b, &space);
    for (uint32_t page = 0; page < 8; page++)
        cr_assert(put(&space, page * PAGE_SIZE, page));
    pager_run(b->pager, &space);
    for (uint32_t page = 1; page < 4; page++)
        cr_assert(space_read(&space, page * PAGE_SIZE, &value, 4, &fault));
    unsigned reads = b->store.reads;
    for (uint32_t page = 1; page < 4; page++)
        cr_assert(space_read(&space, page * PAGE_SIZE, &value, 4, &fault));
    cr_expect_eq(b->store.reads, reads);
    space_progress(&space);
    pager_run(b->pager, NULL);
    space_drop(&space);
    bench_free(b);
}

Test(pager, page_0_of_the_running_machine_stays)
{
    struct bench *b = bench_new(3, 1, true);
    struct space space;
    space_new(b, &space);
    cr_assert(put(&space, 0, 5));
    pager_run(b->pager, &space);
    unsigned reads = b->store.reads;
    for (uint32_t page = 1; page < 50; page++)
        cr_assert(put(&space, page * PAGE_SIZE, page));
    expect(&space, 0, 5);
    cr_expect_eq(b->store.reads, reads);
    pager_run(b->pager, NULL);
    space_drop(&space);
    bench_free(b);
}

Test(pager, what_an_active_machine_waits_for_goes_last)
{
    struct bench *b = bench_new(4, 1, false);
    struct space spaces[2];
    uint32_t fault, value;
    for (unsigned s = 0; s < 2; s++) {
        space_new(b, &spaces[s]);
        for (uint32_t page = 0; page < 6; page++)
            cr_assert(put(&spaces[s], page * PAGE_SIZE, page));
    }
    for (uint32_t page = 0; page < 2; page++) /* waits */
        cr_assert(space_read(&spaces[0], page * PAGE_SIZE, &value, 4, &fault));
    pager_run(b->pager, &spaces[1]);
    for (uint32_t page = 0; page < 6; page++)
        expect(&spaces[1], page * PAGE_SIZE, page);
    unsigned reads = b->store.reads;
    for (uint32_t page = 0; page < 2; page++)
        cr_assert(space_read(&spaces[0], page * PAGE_SIZE, &value, 4, &fault));
    cr_expect_eq(b->store.reads, reads, "still there");
    for (uint32_t page = 0; page < 3; page++) /* of one instruction: there is no other way */
        cr_assert(space_read(&spaces[1], page * PAGE_SIZE, &value, 4, &fault), "%s", spaces[1].trouble);
    pager_run(b->pager, NULL);
    for (unsigned s = 0; s < 2; s++)
        space_drop(&spaces[s]);
    bench_free(b);
}

/* Whose turn it is to be favoured must not depend on where the host's allocator puts things. */
Test(pager, new_space_where_a_favoured_one_was_is_favoured_as_any_other)
{
    struct bench *b = bench_new(100, 4, false);
    struct space space;
    for (unsigned i = 0; i < 2; i++) {
        space_new(b, &space);
        cr_assert(put(&space, 0x5004, 77));
        push_out(b);
        expect(&space, 0x5004, 77);
        cr_expect_eq(b->pager->favoured, &space, "space %u", i);
        space_drop(&space);
    }
    bench_free(b);
}

/* As a device does that writes into the memory of a machine which idles. */
static void write_beside_what_left(bool lru)
{
    struct bench *b = bench_new(4, 4, lru);
    struct space idle, waiting;
    space_new(b, &idle);
    space_new(b, &waiting);
    cr_assert(put(&idle, 4 * PAGE_SIZE, 4));
    push_out(b);
    replacement_set_active(b->pager->policy, &idle.owner, false);
    for (uint32_t page = 0; page < 12; page += 4)
        cr_assert(space_page(&waiting, page, true));
    cr_assert(put(&idle, 5 * PAGE_SIZE, 5), "%s", idle.trouble);
    expect(&idle, 4 * PAGE_SIZE, 4);
    expect(&idle, 5 * PAGE_SIZE, 5);
    space_drop(&idle);
    space_drop(&waiting);
    bench_free(b);
}

Test(pager, page_is_written_beside_one_that_left_though_all_else_is_waited_for, .timeout = 20)
{
    write_beside_what_left(false);
    write_beside_what_left(true);
}

/* Of the most blocks that can be pinned, and that of page 0, there is room for all; no access then fails. */
Test(pager, buffer_longer_than_memory_can_be_read_and_written)
{
    enum { FRAMES = SPACE_PINS + 1 };
    static uint8_t buffer[40 * PAGE_SIZE], back[40 * PAGE_SIZE];
    struct bench *b = bench_new(FRAMES, 1, false);
    struct space space;
    uint32_t fault;
    space_new(b, &space);
    for (unsigned i = 0; i < sizeof(buffer); i++)
        buffer[i] = (uint8_t)(i * 11 + i / 4096);
    cr_assert(put(&space, 0, 9));
    pager_run(b->pager, &space);
    cr_assert(space_write(&space, 0x3001, buffer, sizeof(buffer), &fault), "%s", space.trouble);
    cr_assert(space_read(&space, 0x3001, back, sizeof(back), &fault), "%s", space.trouble);
    cr_expect_eq(memcmp(buffer, back, sizeof(buffer)), 0);
    expect(&space, 0, 9);
    pager_run(b->pager, NULL);
    space_drop(&space);
    bench_free(b);
}

/* Failures. */

Test(pager, space_whose_block_cannot_be_written_is_lost_and_no_other)
{
    struct bench *b = bench_new(100, 4, false);
    struct space spaces[2];
    for (unsigned s = 0; s < 2; s++) {
        space_new(b, &spaces[s]);
        for (uint32_t page = 0; page < 20; page++)
            cr_assert(put(&spaces[s], page * PAGE_SIZE, page));
    }
    b->store.fail_writes = 1;
    push_out(b);
    cr_expect_eq(b->lost, 1);
    cr_expect_eq(b->pager->counters.lost, 1);
    cr_expect_not_null(strstr(b->why, "cannot be written"), "%s", b->why);
    struct space *lost = b->last_lost == &spaces[0] ? &spaces[0] : &spaces[1];
    struct space *other = lost == &spaces[0] ? &spaces[1] : &spaces[0];
    uint32_t value;
    cr_expect_not_null(lost->trouble);
    cr_expect_eq(lost->owner.frames + lost->owner.blocks, 0);
    for (uint32_t page = 0; page < 20; page++)
        expect(other, page * PAGE_SIZE, page);
    cr_expect(get(lost, 0, &value) && value == 0, "what it had is gone");
    for (unsigned s = 0; s < 2; s++)
        space_drop(&spaces[s]);
    bench_free(b);
}

Test(pager, space_whose_block_cannot_be_read_has_trouble_and_its_other_pages_stay)
{
    struct bench *b = bench_new(100, 1, false);
    struct space space;
    uint32_t value;
    space_new(b, &space);
    for (uint32_t page = 0; page < 3; page++)
        cr_assert(put(&space, page * PAGE_SIZE, 1 + page));
    push_out(b);
    expect(&space, 0, 1);
    b->store.fail_reads = 1;
    cr_expect(!get(&space, 0x1000, &value));
    cr_expect_not_null(strstr(space.trouble, "cannot be read"));
    cr_expect_eq(b->lost, 0, "it is whoever asked that knows");
    cr_expect(!get(&space, 0x2000, &value), "no page comes any more");
    cr_expect(get(&space, 0, &value) && value == 1);
    cr_expect_eq(space.owner.frames, 1);
    cr_expect_eq(b->pager->counters.swapped, 2);
    space_drop(&space);
    bench_free(b);
}

Test(pager, space_that_makes_room_for_itself_and_cannot_be_written_is_lost)
{
    struct bench *b = bench_new(4, 1, false);
    struct space space;
    space_new(b, &space);
    for (uint32_t page = 0; page < 4; page++)
        cr_assert(put(&space, page * PAGE_SIZE, page));
    pager_run(b->pager, &space);
    b->store.fail_writes = 1;
    cr_expect(!put(&space, 0x5000, 5));
    cr_expect_eq(b->lost, 1);
    cr_expect_not_null(space.trouble);
    cr_expect_eq(frame_pool_used(b->pool), 0);
    pager_run(b->pager, NULL);
    space_drop(&space);
    bench_free(b);
}

static void count_unreadable(void *owner, uint32_t number, const uint8_t *bytes)
{
    (void)number;
    *(unsigned *)owner += !bytes;
}

Test(pager, visit_sees_swapped_pages_where_they_are_and_moves_nothing)
{
    struct bench *b = bench_new(100, 4, false);
    struct space space;
    unsigned unreadable = 0;
    space_new(b, &space);
    for (uint32_t page = 0; page < 40; page += 3)
        cr_assert(put(&space, page * PAGE_SIZE, page));
    push_out(b);
    expect(&space, 0x3000, 3);
    struct pager_counters before = b->pager->counters;
    space_visit(&space, count_unreadable, &unreadable);
    cr_expect_eq(unreadable, 0);
    b->store.fail_reads = UINT32_MAX;
    space_visit(&space, count_unreadable, &unreadable);
    cr_expect_eq(unreadable, 12, "all but the two that are in memory");
    cr_expect_eq(memcmp(&before, &b->pager->counters, sizeof(before)), 0);
    cr_expect_null(space.trouble);
    space_drop(&space);
    bench_free(b);
}

/* Random use. The model: plain arrays, a number for each page. */

struct model {
    struct bench *b;
    struct space image, spaces[SPACES_MAX];
    uint32_t contents[SPACES_MAX][PAGES];
    bool there[SPACES_MAX];
    unsigned spaces_used, lost;
};

#define IMAGE_PAGES 30

static uint32_t place(uint32_t page)
{
    return page * PAGE_SIZE + page * 4;
}

static void model_create(struct model *m, unsigned s)
{
    attach_clone(m->b, &m->spaces[s], &m->image);
    replacement_set_active(m->b->pager->policy, &m->spaces[s].owner, rand() % 2);
    m->there[s] = true;
    for (uint32_t page = 0; page < PAGES; page++)
        m->contents[s][page] = page < IMAGE_PAGES ? 1000 + page : 0;
}

static void model_init(struct model *m, uint32_t block_pages, bool lru, unsigned spaces)
{
    *m = (struct model){.b = bench_new(IMAGE_PAGES + block_pages * (SPACE_PINS + 1), block_pages, lru),
                        .spaces_used = spaces};
    space_init(&m->image, m->b->pool, MEMORY);
    for (uint32_t page = 0; page < IMAGE_PAGES; page++)
        cr_assert(put(&m->image, place(page), 1000 + page));
    for (unsigned s = 0; s < spaces; s++)
        model_create(m, s);
}

static void model_drop_space(struct model *m, unsigned s)
{
    space_drop(&m->spaces[s]);
    m->there[s] = false;
}

static void model_free(struct model *m)
{
    for (unsigned s = 0; s < m->spaces_used; s++)
        model_drop_space(m, s);
    space_drop(&m->image);
    bench_free(m->b);
}

static uint64_t popcount_swapped(const struct space *space)
{
    uint8_t bits[64] = {0};
    uint64_t count = 0;
    cr_assert_leq(space_map_bytes(space), sizeof(bits));
    space_swapped(space, bits);
    for (unsigned i = 0; i < sizeof(bits); i++)
        count += (uint64_t)__builtin_popcount(bits[i]);
    return count;
}

/* Frames, blocks and counters are what the trees say. */
static void model_account(const struct model *m)
{
    uint64_t frames = IMAGE_PAGES, swapped = 0;
    for (unsigned s = 0; s < m->spaces_used; s++) {
        const struct space *space = &m->spaces[s];
        uint64_t own, shared;
        space_count(space, &own, &shared);
        cr_assert_eq(own, space->owner.frames, "space %u: %u frames, not %u", s, space->owner.frames, (unsigned)own);
        cr_assert_leq(space->owner.blocks, own);
        cr_assert_eq(space->owner.blocks == 0, own == 0);
        frames += own;
        swapped += popcount_swapped(space);
    }
    cr_assert_eq(frame_pool_used(m->b->pool), frames);
    cr_assert_eq(m->b->pager->counters.swapped, swapped);
    cr_assert_eq(m->b->pager->counters.in, m->b->store.reads);
}

/* One machine runs: a few instructions, each with a few pages. */
static void model_run(struct model *m, unsigned s)
{
    struct space *space = &m->spaces[s];
    pager_run(m->b->pager, space);
    for (unsigned i = (unsigned)rand() % 10; i > 0; i--) {
        uint32_t page = (uint32_t)rand() % PAGES, fault, value = (uint32_t)rand();
        if (rand() % 2 && space_write(space, place(page), &value, 4, &fault))
            m->contents[s][page] = value;
        else if (space_read(space, place(page), &value, 4, &fault))
            cr_assert(space->trouble || value == m->contents[s][page], "space %u, page %u", s, page);
        space->owner.time += (uint64_t)rand() % 50;
        if (rand() % 3 == 0)
            space_progress(space);
        if (space->trouble)
            break;
    }
    pager_run(m->b->pager, NULL);
    replacement_set_active(m->b->pager->policy, &space->owner, rand() % 2);
}

/* Those that have lost their memory end, and others take their places. */
static void model_settle(struct model *m)
{
    for (unsigned s = 0; s < m->spaces_used; s++) {
        if (!m->spaces[s].trouble && rand() % 200)
            continue;
        m->lost += m->spaces[s].trouble != NULL;
        model_drop_space(m, s);
        model_create(m, s);
    }
}

static void model_check_all(struct model *m)
{
    for (unsigned s = 0; s < m->spaces_used; s++)
        for (uint32_t page = 0; page < PAGES; page++)
            expect(&m->spaces[s], place(page), m->contents[s][page]);
    for (uint32_t page = 0; page < IMAGE_PAGES; page++)
        expect(&m->image, place(page), 1000 + page);
}

static void random_use(uint32_t block_pages, bool lru, bool failures)
{
    static struct model m;
    srand(block_pages + lru);
    model_init(&m, block_pages, lru, SPACES_MAX);
    for (unsigned i = 0; i < 4000; i++) {
        if (failures && rand() % 20 == 0)
            *(rand() % 2 ? &m.b->store.fail_reads : &m.b->store.fail_writes) = 1;
        model_run(&m, (unsigned)rand() % m.spaces_used);
        if (!failures)
            model_account(&m);
        model_settle(&m);
    }
    cr_expect_eq(m.lost > 0, failures, "%u lost", m.lost);
    m.b->store.fail_reads = m.b->store.fail_writes = 0;
    cr_expect(m.b->pager->counters.out > 0 && m.b->pager->counters.in > 0);
    cr_expect(failures || m.b->pager->counters.dropped > 0);
    model_check_all(&m);
    model_free(&m);
}

Test(pager, random_use_reads_as_plain_arrays_would)
{
    for (uint32_t block_pages = 1; block_pages <= SWAP_BLOCK_PAGES_MAX; block_pages *= 2) {
        random_use(block_pages, false, false);
        random_use(block_pages, true, false);
    }
}

Test(pager, random_failures_lose_the_spaces_concerned_and_nothing_of_others)
{
    for (uint32_t block_pages = 1; block_pages <= SWAP_BLOCK_PAGES_MAX; block_pages *= 2) {
        random_use(block_pages, false, true);
        random_use(block_pages, true, true);
    }
}

/* Spaces that are swapped out as a whole. */

Test(pager, space_that_leaves_returns_with_its_pages)
{
    struct bench *b = bench_new(100, 4, false);
    struct space image, space;
    uint8_t bits[64] = {0};
    space_init(&image, b->pool, MEMORY);
    cr_assert(put(&image, 0x1000, 1) && put(&image, 0x8000, 8));
    attach_clone(b, &space, &image);
    cr_assert(put(&space, 0x1000, 2) && put(&space, 0x63000, 3));
    push_out(b);
    space_swapped(&space, bits);
    struct swap_region region = space_leave(&space);
    cr_expect_eq(b->pager->counters.swapped, 2);
    cr_expect_eq(b->store.stored, 2);
    cr_expect_eq(frame_pool_used(b->pool), 2);
    space_clone(&space, &image);
    space_return(&space, b->pager, region);
    cr_assert(space_set_swapped(&space, bits));
    expect(&space, 0x1000, 2);
    expect(&space, 0x63000, 3);
    expect(&space, 0x8000, 8);
    cr_expect_eq(b->pager->counters.swapped, 0);
    space_drop(&space);
    space_drop(&image);
    bench_free(b);
}

Test(pager, sleeper_that_is_forgotten_leaves_nothing)
{
    struct bench *b = bench_new(100, 4, false);
    struct space space;
    space_new(b, &space);
    cr_assert(put(&space, 0x1000, 2) && put(&space, 0x63000, 3));
    push_out(b);
    struct swap_region region = space_leave(&space);
    pager_forget_sleeper(b->pager, &region, 2);
    bench_free(b);
}

Test(pager, state_of_any_length_up_to_the_room_comes_back)
{
    struct bench *b = bench_new(100, 1, false);
    struct space space;
    space_new(b, &space);
    size_t room = pager_state_room(b->pager, &space), length;
    uint8_t *bytes = malloc(room), *back = malloc(room);
    cr_assert_geq(room, 8192);
    for (size_t i = 0; i < room; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    cr_assert(put(&space, MEMORY - 4, 0x12345678));
    push_out(b);
    for (size_t tried = 1; tried <= room; tried += tried < room - 200 && tried > 100 ? 97 : 1) {
        cr_assert(pager_state_write(b->pager, &space, bytes, tried));
        memset(back, 0, room);
        cr_assert(pager_state_read(b->pager, &space, back, room, &length, false));
        cr_assert_eq(length, tried);
        cr_assert_eq(memcmp(back, bytes, length), 0);
    }
    cr_expect(!pager_state_read(b->pager, &space, back, room - 1, &length, false), "longer than the room");
    expect(&space, MEMORY - 4, 0x12345678);
    free(bytes);
    free(back);
    space_drop(&space);
    bench_free(b);
}

/* Costs. */

Test(pager, each_page_moved_is_work_for_the_kernel)
{
    struct bench *b = bench_new(100, 4, false);
    struct space space;
    b->costs.page_in = 7;
    b->costs.page_out = 1000;
    space_new(b, &space);
    for (uint32_t page = 4; page < 7; page++)
        cr_assert(put(&space, page * PAGE_SIZE, 1));
    cr_expect_eq(b->pager->work, 0);
    push_out(b);
    cr_expect_eq(b->pager->work, 3000);
    expect(&space, 0x5000, 1);
    cr_expect_eq(b->pager->work, 3021);
    push_out(b);
    cr_expect_eq(b->pager->work, 3021, "it was not written");
    space_drop(&space);
    bench_free(b);
}

Test(pager, page_is_ready_when_the_disk_has_read_its_block)
{
    struct bench *b = bench_new(100, 4, false);
    struct space space;
    b->costs.disk_transfer = 10;
    b->costs.disk_seek = 1000;
    space_new(b, &space);
    cr_assert(put(&space, 0x10000, 1));
    push_out(b);
    b->clock.cycles = 1000000;
    expect(&space, 0x10000, 1);
    cr_expect_gt(space.ready, 1000000);
    cr_expect_leq(space.ready, 1000000 + 4 * 10 + 1000 + 100);
    space_drop(&space);
    bench_free(b);
}
