/* SPDX-License-Identifier: MIT
 *
 * Swap in memory, compressed. Blocks are found through a balanced tree (tsearch(3)) by their number.
 */
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "swap.h"

#define LEVEL 1 /* of compression: the fastest of the usual ones */

struct packed {
    uint64_t block;
    uint32_t length;
    uint8_t bytes[];
};

struct swap_memory {
    struct swap_store base;
    void *blocks; /* of struct packed, owned */
    uint64_t used, limit;
    ZSTD_CCtx *compressor;
    ZSTD_DCtx *decompressor;
    size_t room;
    uint8_t *buffer; /* `room` bytes: enough for any block */
};

static int packed_compare(const void *a, const void *b)
{
    uint64_t one = ((const struct packed *)a)->block, other = ((const struct packed *)b)->block;
    return one < other ? -1 : one > other;
}

static size_t packed_size(const struct packed *packed)
{
    return sizeof(*packed) + packed->length;
}

static struct packed *packed_find(const struct swap_memory *memory, uint64_t block)
{
    const struct packed key = {.block = block};
    struct packed *const *found = tfind(&key, &memory->blocks, packed_compare);
    return found ? *found : NULL;
}

static void packed_remove(struct swap_memory *memory, struct packed *packed)
{
    tdelete(packed, &memory->blocks, packed_compare);
    memory->used -= packed_size(packed);
    free(packed);
}

static bool complain(uint64_t block, const char *what, char *error, size_t error_size)
{
    snprintf(error, error_size, "swap in memory: block %" PRIu64 ": %s", block, what);
    return false;
}

static bool memory_write(struct swap_store *base, uint64_t block, const void *bytes, char *error, size_t error_size)
{
    struct swap_memory *memory = (struct swap_memory *)base;
    size_t length = ZSTD_compress2(memory->compressor, memory->buffer, memory->room, bytes, base->block_bytes);
    struct packed *old = packed_find(memory, block);

    if (ZSTD_isError(length))
        return complain(block, ZSTD_getErrorName(length), error, error_size);
    if (memory->used - (old ? packed_size(old) : 0) + sizeof(struct packed) + length > memory->limit)
        return complain(block, "no room left", error, error_size);
    struct packed *packed = malloc(sizeof(*packed) + length);
    if (!packed)
        return complain(block, "out of host memory", error, error_size);
    *packed = (struct packed){.block = block, .length = (uint32_t)length};
    memcpy(packed->bytes, memory->buffer, length);
    if (old)
        packed_remove(memory, old);
    if (!tsearch(packed, &memory->blocks, packed_compare)) {
        free(packed);
        return complain(block, "out of host memory", error, error_size);
    }
    memory->used += packed_size(packed);
    return true;
}

static bool memory_read(struct swap_store *base, uint64_t block, void *bytes, char *error, size_t error_size)
{
    struct swap_memory *memory = (struct swap_memory *)base;
    const struct packed *packed = packed_find(memory, block);

    if (!packed)
        return complain(block, "it was never written", error, error_size);
    size_t length = ZSTD_decompressDCtx(memory->decompressor, bytes, base->block_bytes, packed->bytes, packed->length);
    if (ZSTD_isError(length))
        return complain(block, ZSTD_getErrorName(length), error, error_size);
    return length == base->block_bytes || complain(block, "it is damaged", error, error_size);
}

static void memory_discard(struct swap_store *base, uint64_t first, uint64_t count)
{
    struct swap_memory *memory = (struct swap_memory *)base;

    for (uint64_t block = first; block < first + count; block++) {
        struct packed *packed = packed_find(memory, block);
        if (packed)
            packed_remove(memory, packed);
    }
}

static void memory_free(struct swap_store *base)
{
    struct swap_memory *memory = (struct swap_memory *)base;

    tdestroy(memory->blocks, free);
    ZSTD_freeCCtx(memory->compressor);
    ZSTD_freeDCtx(memory->decompressor);
    free(memory->buffer);
    free(memory);
}

static const struct swap_store_ops memory_ops = {
    .write = memory_write, .read = memory_read, .discard = memory_discard, .free = memory_free};

struct swap_store *swap_memory_new(uint64_t limit, uint32_t block_bytes)
{
    struct swap_memory *memory = calloc(1, sizeof(*memory));
    if (!memory)
        return NULL;
    memory->base = (struct swap_store){.ops = &memory_ops, .block_bytes = block_bytes, .disks = 1};
    memory->limit = limit;
    memory->room = ZSTD_compressBound(block_bytes);
    memory->buffer = malloc(memory->room);
    memory->compressor = ZSTD_createCCtx();
    memory->decompressor = ZSTD_createDCtx();
    if (memory->buffer && memory->compressor && memory->decompressor) {
        ZSTD_CCtx_setParameter(memory->compressor, ZSTD_c_compressionLevel, LEVEL);
        ZSTD_CCtx_setParameter(memory->compressor, ZSTD_c_checksumFlag, 1);
        return &memory->base;
    }
    memory_free(&memory->base);
    return NULL;
}
