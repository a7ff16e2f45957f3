/* SPDX-License-Identifier: MIT
 *
 * Blocks of memory: copies, fills and comparisons of known and unknown sizes, and string instructions in both
 * directions.
 */
#include <stddef.h>
#include <stdint.h>

#include "libc.h"

#define SIZE 512

static uint8_t source[SIZE], target[SIZE];

static uint32_t sum(const uint8_t *bytes)
{
    uint32_t state = 1;
    for (unsigned i = 0; i < SIZE; i++)
        state = state * 31 + bytes[i];
    return state;
}

static void fill(void)
{
    for (unsigned i = 0; i < SIZE; i++) {
        source[i] = (uint8_t)(i * 7 ^ i >> 3);
        target[i] = (uint8_t)(i * 11);
    }
}

#define COPY(size)                                                                                                     \
    __builtin_memcpy(target + 3, source + (size) / 2, size);                                                           \
    __builtin_memset(target + 100, size, size);                                                                        \
    __builtin_memmove(target + 60, target + 61, size);                                                                 \
    printf(#size " %08x %d\n", sum(target), __builtin_memcmp(target + 60, source, size) > 0)

static void known_sizes(void)
{
    fill();
    COPY(1);
    COPY(2);
    COPY(3);
    COPY(7);
    COPY(8);
    COPY(13);
    COPY(16);
    COPY(31);
    COPY(64);
    COPY(133);
    COPY(200);
}

static void unknown_sizes(void)
{
    fill();
    for (volatile unsigned size = 0; size < 150; size += 1 + size / 4) {
        size_t length = size;
        __builtin_memcpy(target + size, source + 5, length);
        __builtin_memset(target + 2 * size, (int)size, length);
        __builtin_memmove(target + 20, target + 10, length);
        printf("%u %08x %d\n", size, sum(target), __builtin_memcmp(target, source, length) < 0);
    }
}

static const char *words[] = {"", "a", "machine", "isolation kernel", "machines", "machine"};

static void texts(void)
{
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char *word = ((const char *volatile *)words)[i];
        int order = __builtin_strcmp(word, ((const char *volatile *)words)[2]);
        printf("%zu %d\n", __builtin_strlen(word), order < 0 ? -1 : order > 0);
    }
}

/* REPNE SCASB: how many bytes are left when the byte is found. */
static uint32_t scan(const uint8_t *bytes, uint32_t length, uint8_t wanted)
{
    __asm__ volatile("repne scasb" : "+D"(bytes), "+c"(length) : "a"(wanted) : "cc", "memory");
    return length;
}

/* REPE CMPSW, downwards: how many words are left at the first difference. */
static uint32_t compare_down(const uint16_t *a, const uint16_t *b, uint32_t length)
{
    __asm__ volatile("std\n\trepe cmpsw\n\tcld" : "+S"(a), "+D"(b), "+c"(length) : : "cc", "memory");
    return length;
}

/* REP MOVSL, downwards, over itself. */
static void move_down(uint32_t *to, const uint32_t *from, uint32_t length)
{
    __asm__ volatile("std\n\trep movsl\n\tcld" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
}

static void instructions(void)
{
    static uint32_t words32[64];
    fill();
    for (unsigned wanted = 0; wanted < 256; wanted += 51)
        printf("%u ", scan(source, SIZE, (uint8_t)wanted));
    __builtin_memcpy(words32, source, sizeof(words32));
    move_down(words32 + 60, words32 + 57, 40);
    const uint16_t *halves = (const uint16_t *)(const void *)words32;
    printf("%u\n", compare_down(halves + 121, halves + 115, 100));
    for (unsigned i = 0; i < 64; i++)
        printf("%08x%c", words32[i], i % 8 == 7 ? '\n' : ' ');
}

int main(void)
{
    known_sizes();
    unknown_sizes();
    texts();
    instructions();
    return 0;
}
