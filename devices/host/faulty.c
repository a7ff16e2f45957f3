/* SPDX-License-Identifier: MIT */
#include "faulty.h"

#include <stdlib.h>

#include "../container_of.h"

struct faulty {
    struct disk_backend backend;
    struct disk_backend *below; /* owned */
    uint64_t seed, operations;
    uint64_t *injected; /* borrowed */
    uint32_t rate;
};

/* SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): its n-th number. */
static uint64_t random_at(uint64_t seed, uint64_t n)
{
    uint64_t z = seed + n * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static bool fails(struct faulty *faulty)
{
    bool it_does = random_at(faulty->seed, ++faulty->operations) % FAULTY_RATE_ALL < faulty->rate;
    *faulty->injected += it_does;
    return it_does;
}

static int faulty_read(struct disk_backend *backend, uint32_t block, void *to)
{
    struct faulty *faulty = container_of(backend, struct faulty, backend);
    return fails(faulty) ? -DENALI_EIO : faulty->below->ops->read(faulty->below, block, to);
}

static int faulty_write(struct disk_backend *backend, uint32_t block, const void *from)
{
    struct faulty *faulty = container_of(backend, struct faulty, backend);
    return fails(faulty) ? -DENALI_EIO : faulty->below->ops->write(faulty->below, block, from);
}

static int faulty_flush(struct disk_backend *backend)
{
    struct faulty *faulty = container_of(backend, struct faulty, backend);
    return fails(faulty) ? -DENALI_EIO : faulty->below->ops->flush(faulty->below);
}

static void faulty_state(const struct disk_backend *backend, struct state_visitor *visitor)
{
    const struct faulty *faulty = container_of_const(backend, struct faulty, backend);
    visitor->number(visitor, "operations", faulty->operations);
    if (faulty->below->ops->state)
        faulty->below->ops->state(faulty->below, visitor);
}

static void faulty_free(struct disk_backend *backend)
{
    struct faulty *faulty = container_of(backend, struct faulty, backend);
    faulty->below->ops->free(faulty->below);
    free(faulty);
}

static const struct disk_backend_ops faulty_ops = {
    .read = faulty_read,
    .write = faulty_write,
    .flush = faulty_flush,
    .state = faulty_state,
    .free = faulty_free,
};

struct disk_backend *faulty_new(struct disk_backend *below, uint32_t rate, uint64_t seed, uint64_t *injected)
{
    struct faulty *faulty = malloc(sizeof(*faulty));

    if (!faulty) {
        below->ops->free(below);
        return NULL;
    }
    *faulty = (struct faulty){.backend = {&faulty_ops, below->blocks, below->read_only},
                              .below = below,
                              .seed = seed,
                              .injected = injected,
                              .rate = rate};
    return &faulty->backend;
}
