/* SPDX-License-Identifier: MIT
 *
 * The little of the C library that the guests use. What is here behaves as ISO C says, where no comment says
 * otherwise. Nothing here needs the machine except printf(), which writes to the console, and malloc().
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int byte, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t length);
char *strchr(const char *text, int character);
/* Unlike ISO C: no leading blanks, no sign. */
unsigned long strtoul(const char *text, char **end, int base);

/* Conversions: d u x X c s p %, with flags - and 0, a width, and the sizes l, ll and z. Anything else is printed as it
 * stands. printf() hands a line to the console in as few operations as possible. */
int printf(const char *format, ...) __attribute__((format(__printf__, 1, 2)));
int vprintf(const char *format, va_list arguments) __attribute__((format(__printf__, 1, 0)));
int snprintf(char *buffer, size_t size, const char *format, ...) __attribute__((format(__printf__, 3, 4)));
int vsnprintf(char *buffer, size_t size, const char *format, va_list arguments)
    __attribute__((format(__printf__, 3, 0)));

/* The heap is the memory between the image and the stack, for which 64 KB are kept. Blocks are aligned to 8 bytes;
 * their bytes are not touched, so a large block costs what is used of it. */
void *malloc(size_t size);
void free(void *block);
