/* SPDX-License-Identifier: MIT */
#include "line.h"

#include "guest.h"
#include "libc.h"

#define REPLACEMENT_CHARACTER 0xFFFD

enum { KEY_BACKSPACE = 8, KEY_NEWLINE = 10, KEY_RETURN = 13, KEY_CTRL_U = 21, KEY_BLANK = 32, KEY_DELETE = 127 };

size_t utf8_encode(char bytes[4], uint32_t code)
{
    if (code > 0x10FFFF)
        code = REPLACEMENT_CHARACTER;
    if (code < 0x80) {
        bytes[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    bytes[0] = (char)(0xF00u >> length | code);
    return length;
}

static bool is_continuation(char byte)
{
    return (byte & 0xC0) == 0x80;
}

uint32_t utf8_decode(const char **text)
{
    uint8_t first = (uint8_t) * (*text)++;
    size_t more = first < 0xC2 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : first < 0xF5 ? 3 : 0;
    uint32_t code = first & (0x3Fu >> more);

    if (more == 0)
        return first < 0x80 ? first : REPLACEMENT_CHARACTER;
    for (; more > 0; more--) {
        if (!is_continuation(**text))
            return REPLACEMENT_CHARACTER;
        code = code << 6 | (*(*text)++ & 0x3F);
    }
    return code;
}

static void line_add(struct line *line, uint32_t code)
{
    char bytes[4];
    size_t count = utf8_encode(bytes, code);

    if (line->length + count > LINE_LENGTH)
        return;
    memcpy(line->text + line->length, bytes, count);
    line->length += count;
    line->text[line->length] = '\0';
    console_write(bytes, count);
}

static void line_erase(struct line *line)
{
    static const char erase[] = "\b \b";

    while (line->length > 0 && is_continuation(line->text[line->length - 1]))
        line->length--;
    if (line->length == 0)
        return;
    line->text[--line->length] = '\0';
    console_write(erase, sizeof(erase) - 1);
}

bool line_key(struct line *line, uint32_t event)
{
    uint32_t code = event & DENALI_KEY_CODE;

    if (!(event & DENALI_KEY_PRESSED))
        return false;
    if (code == KEY_NEWLINE || code == KEY_RETURN) {
        console_write("\n", 1);
        return true;
    }
    if (code == KEY_BACKSPACE || code == KEY_DELETE)
        line_erase(line);
    while (code == KEY_CTRL_U && line->length > 0)
        line_erase(line);
    if (code >= KEY_BLANK && code != KEY_DELETE && code < DENALI_KEY_USB)
        line_add(line, code);
    return false;
}
