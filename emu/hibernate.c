/* SPDX-License-Identifier: MIT
 *
 * The record: a bit for each page, set if it is in swap; then every number of the machine's state in 8 bytes.
 */
#include "hibernate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../devices/container_of.h"
#include "pager.h"

/* A visitor that writes numbers into a record, or takes them out of it. */
struct record {
    struct state_visitor visitor;
    uint8_t *bytes; /* owned */
    size_t length, room;
    bool fits;
};

static uint8_t *record_place(struct record *record)
{
    record->fits = record->fits && record->length + sizeof(uint64_t) <= record->room;
    if (!record->fits)
        return NULL;
    record->length += sizeof(uint64_t);
    return record->bytes + record->length - sizeof(uint64_t);
}

static uint64_t number_put(struct state_visitor *visitor, const char *name, uint64_t value)
{
    uint8_t *place = record_place(container_of(visitor, struct record, visitor));
    (void)name;
    if (place)
        memcpy(place, &value, sizeof(value));
    return value;
}

static uint64_t number_take(struct state_visitor *visitor, const char *name, uint64_t value)
{
    const uint8_t *place = record_place(container_of(visitor, struct record, visitor));
    (void)name;
    if (place)
        memcpy(&value, place, sizeof(value));
    return value;
}

/* A quiet machine has none. */
static void bytes_refuse(struct state_visitor *visitor, const char *name, const void *bytes, size_t length)
{
    (void)name;
    (void)bytes;
    (void)length;
    container_of(visitor, struct record, visitor)->fits = false;
}

static uint32_t bits_set(const uint8_t *bits, size_t bytes)
{
    uint32_t count = 0;
    for (size_t i = 0; i < bytes; i++)
        count += (uint32_t)__builtin_popcount(bits[i]);
    return count;
}

static bool record_init(struct record *record, const struct space *space, const struct pager *pager,
                        uint64_t (*number)(struct state_visitor *, const char *, uint64_t))
{
    *record = (struct record){.visitor = {.number = number, .bytes = bytes_refuse},
                              .room = pager_state_room(pager, space),
                              .length = space_map_bytes(space),
                              .fits = true};
    record->bytes = calloc(1, record->room);
    return record->bytes != NULL;
}

bool hibernate(struct vm *vm, struct pager *pager, bool *lost)
{
    struct machine *m = vm->machine;
    struct record record;

    *lost = false;
    assert(m->space.owner.blocks == 0);
    if (!machine_is_quiet(m) || !record_init(&record, &m->space, pager, number_put))
        return false;
    space_swapped(&m->space, record.bytes);
    machine_show(m, &record.visitor);
    bool written = record.fits && pager_state_write(pager, &m->space, record.bytes, record.length);
    *lost = record.fits && !written;
    vm->pages_out = bits_set(record.bytes, space_map_bytes(&m->space));
    free(record.bytes);
    if (!written)
        return false;
    vm->region = space_leave(&m->space);
    free(m);
    vm->machine = NULL;
    return true;
}

static bool wake(struct machine *m, struct pager *pager, bool charged)
{
    struct record record;

    if (!record_init(&record, &m->space, pager, number_take)) {
        snprintf(pager->error, sizeof(pager->error), "out of host memory");
        return false;
    }
    bool read = pager_state_read(pager, &m->space, record.bytes, record.room, &record.room, charged) &&
                space_set_swapped(&m->space, record.bytes);
    if (read)
        machine_show(m, &record.visitor);
    if (read && !record.fits) {
        snprintf(pager->error, sizeof(pager->error), "swap: the state of a machine is too short");
        read = false;
    }
    free(record.bytes);
    return read;
}

struct machine *hibernate_wake(struct vm *vm, struct pager *pager, bool *whole)
{
    struct machine *m = malloc(sizeof(*m));
    uint64_t others = pager->counters.swapped - vm->pages_out;

    if (!m)
        return NULL;
    machine_init_blank(m, vm);
    space_return(&m->space, pager, vm->region);
    vm->region = (struct swap_region){0};
    vm->pages_out = 0;
    vm->machine = m;
    *whole = wake(m, pager, true);
    if (!*whole) {
        space_drop_pages(&m->space);
        pager->counters.swapped = others;
    }
    return m;
}

bool hibernate_look(const struct vm *vm, struct pager *pager, void (*look)(const struct machine *, void *owner),
                    void *owner)
{
    struct vm sleeper = *vm;
    struct machine m;

    machine_init_blank(&m, &sleeper);
    space_return(&m.space, pager, vm->region);
    bool whole = wake(&m, pager, false);
    if (whole)
        look(&m, owner);
    (void)space_leave(&m.space);
    return whole;
}
