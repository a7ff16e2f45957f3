/* SPDX-License-Identifier: MIT
 *
 * printf() and its relatives: one formatter that writes into a buffer, which is emptied when full (printf) or swallows
 * what does not fit (snprintf).
 */
#include <stdbool.h>
#include <stdint.h>

#include "guest.h"
#include "libc.h"

/* Where formatted text goes. */
struct text {
    char *bytes;
    size_t size, used;
    size_t total; /* characters produced, whether they fitted or not */
    bool console; /* a full buffer is written there, else what follows is dropped */
};

/* One conversion, as parsed. */
struct conversion {
    bool left, zeroes;
    size_t width;
    int longs; /* how many l; z counts as one */
    char letter;
};

static void text_flush(struct text *text)
{
    console_write(text->bytes, text->used);
    text->used = 0;
}

static void text_put(struct text *text, char character)
{
    if (text->used == text->size && text->console)
        text_flush(text);
    if (text->used < text->size)
        text->bytes[text->used++] = character;
    text->total++;
}

static void text_repeat(struct text *text, char character, size_t count)
{
    while (count-- > 0)
        text_put(text, character);
}

/* A field: sign or prefix, then the characters, filled up to the width. */
static void text_field(struct text *text, const struct conversion *c, const char *prefix, const char *bytes,
                       size_t length)
{
    size_t taken = strlen(prefix) + length;
    size_t fill = c->width > taken ? c->width - taken : 0;
    bool zeroes = c->zeroes && !c->left;
    if (!c->left && !zeroes)
        text_repeat(text, ' ', fill);
    while (*prefix != '\0')
        text_put(text, *prefix++);
    if (zeroes)
        text_repeat(text, '0', fill);
    for (size_t i = 0; i < length; i++)
        text_put(text, bytes[i]);
    if (c->left)
        text_repeat(text, ' ', fill);
}

static void text_number(struct text *text, const struct conversion *c, const char *prefix, uint64_t value,
                        unsigned base)
{
    const char *digits = c->letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    char buffer[20]; /* 2^64 has 20 digits */
    size_t start = sizeof(buffer);
    do {
        buffer[--start] = digits[value % base];
        value /= base;
    } while (value != 0);
    text_field(text, c, prefix, buffer + start, sizeof(buffer) - start);
}

static int64_t argument_signed(va_list *arguments, int longs)
{
    if (longs >= 2)
        return va_arg(*arguments, long long);
    return longs == 1 ? va_arg(*arguments, long) : va_arg(*arguments, int);
}

static uint64_t argument_unsigned(va_list *arguments, int longs)
{
    if (longs >= 2)
        return va_arg(*arguments, unsigned long long);
    return longs == 1 ? va_arg(*arguments, unsigned long) : va_arg(*arguments, unsigned);
}

/* Reads what stands behind a '%' and returns where it ends, at its letter. */
static const char *conversion_parse(struct conversion *c, const char *format)
{
    *c = (struct conversion){0};
    for (; *format == '-' || *format == '0'; format++) {
        c->left |= *format == '-';
        c->zeroes |= *format == '0';
    }
    for (; *format >= '0' && *format <= '9'; format++)
        c->width = c->width * 10 + (size_t)(*format - '0');
    for (; *format == 'l' || *format == 'z'; format++)
        c->longs++;
    c->letter = *format;
    return format;
}

static void text_string(struct text *text, struct conversion *c, const char *string)
{
    c->zeroes = false;
    text_field(text, c, "", string, strlen(string));
}

static void text_signed(struct text *text, const struct conversion *c, int64_t value)
{
    text_number(text, c, value < 0 ? "-" : "", value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

/* False: the letter is none we know. */
static bool text_convert(struct text *text, struct conversion *c, va_list *arguments)
{
    char character;
    switch (c->letter) {
    case 'd':
        text_signed(text, c, argument_signed(arguments, c->longs));
        return true;
    case 'u':
        text_number(text, c, "", argument_unsigned(arguments, c->longs), 10);
        return true;
    case 'x':
    case 'X':
        text_number(text, c, "", argument_unsigned(arguments, c->longs), 16);
        return true;
    case 'p':
        text_number(text, c, "0x", (uintptr_t)va_arg(*arguments, void *), 16);
        return true;
    case 's':
        text_string(text, c, va_arg(*arguments, const char *));
        return true;
    case 'c':
        character = (char)va_arg(*arguments, int);
        c->zeroes = false;
        text_field(text, c, "", &character, 1);
        return true;
    case '%':
        text_put(text, '%');
        return true;
    default:
        return false;
    }
}

static void text_format(struct text *text, const char *format, va_list arguments)
{
    va_list rest;
    va_copy(rest, arguments);
    while (*format != '\0') {
        struct conversion conversion;
        const char *end = *format == '%' ? conversion_parse(&conversion, format + 1) : format;
        if (end > format && text_convert(text, &conversion, &rest))
            format = end + 1;
        else
            text_put(text, *format++);
    }
    va_end(rest);
}

int vprintf(const char *format, va_list arguments)
{
    char buffer[128];
    struct text text = {.bytes = buffer, .size = sizeof(buffer), .console = true};
    text_format(&text, format, arguments);
    text_flush(&text);
    return (int)text.total;
}

int printf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int total = vprintf(format, arguments);
    va_end(arguments);
    return total;
}

int vsnprintf(char *buffer, size_t size, const char *format, va_list arguments)
{
    struct text text = {.bytes = buffer, .size = size > 0 ? size - 1 : 0};
    text_format(&text, format, arguments);
    if (size > 0)
        buffer[text.used] = '\0';
    return (int)text.total;
}

int snprintf(char *buffer, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int total = vsnprintf(buffer, size, format, arguments);
    va_end(arguments);
    return total;
}
