/* SPDX-License-Identifier: MIT
 *
 * Reading a line from the keyboard, with echo on the console; and the characters of which text consists, which are
 * UTF-8 (RFC 3629) in memory and on consoles, and code points in key events.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_LENGTH 511 /* bytes; what is typed beyond is ignored */

/* Begins as all zeroes. */
struct line {
    char text[LINE_LENGTH + 1]; /* ended by NUL */
    size_t length;
};

/* A key event (DENALI_KEY_*). Characters are added; Backspace takes the last one away, Ctrl-U all; what has changed is
 * echoed. True: it was Enter, so the line is complete. */
bool line_key(struct line *line, uint32_t event);

/* Returns how many bytes the character has. A number that is no code point becomes U+FFFD. */
size_t utf8_encode(char bytes[4], uint32_t code);
/* The character at the start of the text, which is not empty; *text is moved behind it. U+FFFD: the byte there begins
 * none. */
uint32_t utf8_decode(const char **text);
