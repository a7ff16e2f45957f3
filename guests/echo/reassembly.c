/* SPDX-License-Identifier: MIT */
#include "reassembly.h"

#include "libc.h"

#define UNIT 8 /* fragments begin at multiples of this */

struct datagram_buffer {
    uint32_t have[(DATAGRAM_MAX + UNIT) / UNIT / 32 + 1]; /* a bit for each unit; the last may be shorter */
    uint8_t bytes[DATAGRAM_MAX];
};

void datagram_drop(struct datagram *d)
{
    free(d->buffer);
    d->buffer = NULL;
}

uint8_t *datagram_bytes(struct datagram *d)
{
    return d->buffer->bytes;
}

static bool keys_equal(const struct datagram_key *a, const struct datagram_key *b)
{
    return a->source == b->source && a->identification == b->identification && a->protocol == b->protocol;
}

static void expired_drop(struct reassembly *r, uint64_t now_ns)
{
    for (struct datagram *d = r->datagrams; d < r->datagrams + REASSEMBLY_DATAGRAMS; d++) {
        if (d->buffer != NULL && now_ns - d->started_ns >= REASSEMBLY_TIMEOUT_NS)
            datagram_drop(d);
    }
}

/* A free place, or that of the oldest datagram. */
static struct datagram *place_find(struct reassembly *r)
{
    struct datagram *oldest = r->datagrams;
    for (struct datagram *d = r->datagrams; d < r->datagrams + REASSEMBLY_DATAGRAMS; d++) {
        if (d->buffer == NULL)
            return d;
        if (d->started_ns < oldest->started_ns)
            oldest = d;
    }
    return oldest;
}

/* NULL: there is no memory. */
static struct datagram *datagram_start(struct reassembly *r, const struct datagram_key *key, uint64_t now_ns)
{
    struct datagram *d = place_find(r);
    struct datagram_buffer *buffer = d->buffer != NULL ? d->buffer : malloc(sizeof(*buffer));
    if (buffer == NULL)
        return NULL;
    memset(buffer->have, 0, sizeof(buffer->have));
    *d = (struct datagram){.key = *key, .started_ns = now_ns, .buffer = buffer};
    return d;
}

static struct datagram *datagram_find(struct reassembly *r, const struct datagram_key *key)
{
    for (struct datagram *d = r->datagrams; d < r->datagrams + REASSEMBLY_DATAGRAMS; d++) {
        if (d->buffer != NULL && keys_equal(&d->key, key))
            return d;
    }
    return NULL;
}

static bool fragment_is_valid(const struct fragment *f)
{
    return f->length > 0 && f->offset % UNIT == 0 && f->offset <= DATAGRAM_MAX &&
           f->length <= DATAGRAM_MAX - f->offset && (!f->more || f->length % UNIT == 0);
}

/* Does the fragment's end agree with what is known of the datagram's length? */
static bool end_agrees(const struct datagram *d, const struct fragment *f)
{
    uint32_t end = f->offset + f->length;
    if (f->more)
        return d->length == 0 || end < d->length;
    return d->length == 0 ? end >= d->extent : end == d->length;
}

/* Marks units as present. Returns how many of them were so before. */
static uint32_t units_mark(struct datagram_buffer *buffer, uint32_t first, uint32_t end)
{
    uint32_t present = 0;
    for (uint32_t unit = first; unit < end; unit++) {
        uint32_t bit = 1u << unit % 32;
        present += (buffer->have[unit / 32] & bit) != 0;
        buffer->have[unit / 32] |= bit;
    }
    return present;
}

/* False: it overlaps another fragment. An exact duplicate is no overlap, and changes nothing. */
static bool datagram_fill(struct datagram *d, const struct fragment *f)
{
    uint32_t first = f->offset / UNIT, end = (f->offset + f->length + UNIT - 1) / UNIT;
    uint32_t present = units_mark(d->buffer, first, end);
    if (present != 0)
        return present == end - first;
    memcpy(d->buffer->bytes + f->offset, f->bytes, f->length);
    d->received += f->length;
    d->extent = d->extent > f->offset + f->length ? d->extent : f->offset + f->length;
    if (!f->more)
        d->length = d->extent;
    return true;
}

struct datagram *reassembly_add(struct reassembly *r, const struct fragment *f, uint64_t now_ns)
{
    expired_drop(r, now_ns);
    if (!fragment_is_valid(f))
        return NULL;
    struct datagram *d = datagram_find(r, &f->key);
    if (d == NULL)
        d = datagram_start(r, &f->key, now_ns);
    if (d == NULL)
        return NULL;
    if (!end_agrees(d, f) || !datagram_fill(d, f)) {
        datagram_drop(d);
        return NULL;
    }
    return d->received == d->length ? d : NULL;
}
