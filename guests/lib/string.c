/* SPDX-License-Identifier: MIT
 *
 * Memory and strings. The copies use the string instructions, four bytes at a time: on the virtual processor an
 * iteration costs one cycle, whatever its width.
 */
#include <stdbool.h>
#include <stdint.h>

#include "libc.h"

typedef uint32_t word __attribute__((aligned(1), may_alias));

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    void *start = to;
    size_t words = length / 4, bytes = length % 4;
    __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
    return start;
}

void *memmove(void *to, const void *from, size_t length)
{
    uint8_t *target = to;
    const uint8_t *source = from;
    if ((uintptr_t)target - (uintptr_t)source >= length) /* also where the target lies below: forwards is right */
        return memcpy(to, from, length);
    while (length-- > 0)
        target[length] = source[length];
    return to;
}

void *memset(void *to, int byte, size_t length)
{
    void *start = to;
    size_t words = length / 4, bytes = length % 4;
    uint32_t pattern = (uint8_t)byte * 0x01010101u;
    __asm__ volatile("rep stosl" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(pattern) : "memory");
    return start;
}

int memcmp(const void *a, const void *b, size_t length)
{
    const uint8_t *left = a, *right = b;
    size_t i = 0;
    while (length - i >= 4 && *(const word *)(left + i) == *(const word *)(right + i))
        i += 4;
    for (; i < length; i++) {
        if (left[i] != right[i])
            return left[i] - right[i];
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0')
        length++;
    return length;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (a[i] != b[i] || a[i] == '\0')
            return (uint8_t)a[i] - (uint8_t)b[i];
    }
    return 0;
}

char *strchr(const char *text, int character)
{
    for (;; text++) {
        if (*text == (char)character)
            return (char *)(uintptr_t)text;
        if (*text == '\0')
            return NULL;
    }
}

/* The value of a digit or letter, 99 for any other character. */
static unsigned digit_value(char character)
{
    if (character >= '0' && character <= '9')
        return (unsigned)(character - '0');
    char lower = character | 0x20;
    if (lower >= 'a' && lower <= 'z')
        return (unsigned)(lower - 'a' + 10);
    return 99;
}

/* The base that a prefix announces; only a prefix with a digit behind it counts. */
static int base_find(const char *text, int base)
{
    bool hexadecimal = text[0] == '0' && (text[1] | 0x20) == 'x' && digit_value(text[2]) < 16;
    if (base == 0 && !hexadecimal)
        return text[0] == '0' ? 8 : 10;
    return base == 0 ? 16 : base;
}

unsigned long strtoul(const char *text, char **end, int base)
{
    unsigned radix = (unsigned)base_find(text, base);
    if (radix == 16 && text[0] == '0' && (text[1] | 0x20) == 'x' && digit_value(text[2]) < 16)
        text += 2;
    unsigned long value = 0;
    bool overflow = false;
    for (unsigned digit; (digit = digit_value(*text)) < radix; text++) {
        overflow |= __builtin_mul_overflow(value, (unsigned long)radix, &value);
        overflow |= __builtin_add_overflow(value, (unsigned long)digit, &value);
    }
    if (end != NULL)
        *end = (char *)(uintptr_t)text;
    return overflow ? -1ul : value;
}
