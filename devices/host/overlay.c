/* SPDX-License-Identifier: MIT */
#include "overlay.h"

#include <stdlib.h>
#include <string.h>

#include "../container_of.h"

/* An entry of a hash table by block number, with linear probing; nothing is ever removed. */
struct copy {
    void *handle; /* NULL: this place is free */
    uint8_t *bytes;
    uint32_t block;
};

struct overlay {
    struct disk_backend backend;
    struct disk_backend *below;    /* owned */
    struct overlay_memory *memory; /* borrowed */
    struct copy *copies;           /* owned; NULL: nothing was written */
    uint32_t count, places;        /* places: a power of two */
};

#define PLACES_FIRST 8

static struct copy *find(struct copy *copies, uint32_t places, uint32_t block)
{
    uint32_t at = block * UINT32_C(2654435761) & (places - 1); /* Knuth, TAOCP vol. 3, section 6.4 */

    while (copies[at].handle && copies[at].block != block)
        at = (at + 1) & (places - 1);
    return &copies[at];
}

/* At most half full, so that a search ends soon. */
static bool make_room(struct overlay *overlay)
{
    uint32_t places = overlay->places ? overlay->places * 2 : PLACES_FIRST;

    if ((uint64_t)overlay->count * 2 < overlay->places)
        return true;
    struct copy *copies = places > overlay->places ? calloc(places, sizeof(*copies)) : NULL;
    if (!copies)
        return false;
    for (uint32_t i = 0; i < overlay->places; i++)
        if (overlay->copies[i].handle)
            *find(copies, places, overlay->copies[i].block) = overlay->copies[i];
    free(overlay->copies);
    overlay->copies = copies;
    overlay->places = places;
    return true;
}

static int overlay_read(struct disk_backend *backend, uint32_t block, void *to)
{
    struct overlay *overlay = container_of(backend, struct overlay, backend);
    const struct copy *copy = overlay->copies ? find(overlay->copies, overlay->places, block) : NULL;

    if (!copy || !copy->handle)
        return overlay->below->ops->read(overlay->below, block, to);
    memcpy(to, copy->bytes, DISK_BLOCK);
    return 0;
}

static int overlay_write(struct disk_backend *backend, uint32_t block, const void *from)
{
    struct overlay *overlay = container_of(backend, struct overlay, backend);

    if (!make_room(overlay))
        return -DENALI_ENOSPC;
    struct copy *copy = find(overlay->copies, overlay->places, block);
    if (!copy->handle) {
        copy->handle = overlay->memory->take(overlay->memory, &copy->bytes);
        if (!copy->handle)
            return -DENALI_ENOSPC;
        copy->block = block;
        overlay->count++;
    }
    memcpy(copy->bytes, from, DISK_BLOCK);
    return 0;
}

static int overlay_flush(struct disk_backend *backend)
{
    (void)backend;
    return 0;
}

static void overlay_free(struct disk_backend *backend)
{
    struct overlay *overlay = container_of(backend, struct overlay, backend);

    for (uint32_t i = 0; i < overlay->places; i++)
        if (overlay->copies[i].handle)
            overlay->memory->give(overlay->memory, overlay->copies[i].handle);
    overlay->below->ops->free(overlay->below);
    free(overlay->copies);
    free(overlay);
}

static void overlay_state(const struct disk_backend *backend, struct state_visitor *visitor)
{
    const struct overlay *overlay = container_of_const(backend, struct overlay, backend);
    if (overlay->below->ops->state)
        overlay->below->ops->state(overlay->below, visitor);
}

static const struct disk_backend_ops overlay_ops = {
    .read = overlay_read,
    .write = overlay_write,
    .flush = overlay_flush,
    .state = overlay_state,
    .free = overlay_free,
};

struct disk_backend *overlay_new(struct disk_backend *below, struct overlay_memory *memory)
{
    struct overlay *overlay = malloc(sizeof(*overlay));

    if (!overlay) {
        below->ops->free(below);
        return NULL;
    }
    *overlay =
        (struct overlay){.backend = {.ops = &overlay_ops, .blocks = below->blocks}, .below = below, .memory = memory};
    return &overlay->backend;
}
