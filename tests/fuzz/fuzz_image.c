/* SPDX-License-Identifier: MIT
 *
 * Fuzz target: any bytes as a guest image. Either there is an error text, or the image lies where it may and its
 * symbols can be looked up.
 */
#include <stdlib.h>
#include <string.h>

#include "../../cpu/cpu.h"
#include "../../emu/image.h"

#define MEMORY ((uint32_t)16 << 20)
#define FRAMES 4000 /* fewer than MEMORY holds, so that running out is seen too */

static void require(bool condition)
{
    if (!condition)
        abort();
}

struct visits {
    uint32_t last, count;
};

static void check_page(void *owner, uint32_t number, const uint8_t *bytes)
{
    struct visits *visits = owner;
    require(number >= DENALI_IMAGE_BASE >> PAGE_SHIFT && number < MEMORY >> PAGE_SHIFT);
    require(visits->count == 0 || number > visits->last);
    require(bytes);
    visits->last = number;
    visits->count++;
}

static void check_symbols(const struct image *image)
{
    uint32_t last = 0;
    for (uint32_t address = 0; address >= last; last = address, address += 0xFFFFF) {
        uint32_t offset;
        const char *name = image_symbol(image, address, &offset);
        require(!name || (offset <= address && name[0] != '\0' && strlen(name) < image->file_size));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame_pool *pool = frame_pool_new(FRAMES);
    struct image image;
    char error[200] = "";
    if (!pool)
        return 0;
    if (image_load_bytes(&image, "FILE", data, size, pool, MEMORY, error, sizeof(error))) {
        struct visits visits = {0};
        space_visit(&image.space, check_page, &visits);
        require(visits.count == frame_pool_used(pool));
        require(image.end <= MEMORY && image.entry >= DENALI_IMAGE_BASE && image.entry < image.end);
        require(visits.count == 0 || visits.last <= (image.end - 1) >> PAGE_SHIFT);
        check_symbols(&image);
        image_drop(&image);
    } else {
        require(strncmp(error, "FILE: ", 6) == 0 && error[6] != '\0');
    }
    frame_pool_free(pool);
    return 0;
}
