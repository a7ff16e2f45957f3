/* SPDX-License-Identifier: MIT
 *
 * Consoles on a host stream. One machine: its bytes as they are. Several: whole lines, each with "vm N: " in front,
 * in the order of their newlines; what has no newline yet waits (up to TERMINAL_LINE_MAX bytes) in a buffer that
 * exists only meanwhile. A longer line goes on in a new one.
 */
#pragma once
#include <stdio.h>

#include "../console.h"

#define TERMINAL_LINE_MAX 4096

struct terminal;

/* A sink for `machines` consoles (or more, if more write), writing to `stream` (borrowed). NULL: no memory. */
struct terminal *terminal_new(FILE *stream, uint32_t machines);
/* Each console of machine N into its own file DIR/vm-N.txt, opened when first written to. At most 32 files are open at
 * once, however many machines write. */
struct terminal *terminal_new_directory(const char *directory, uint32_t machines);
struct console_sink *terminal_sink(struct terminal *);
/* Write what is buffered of a machine that ended, or of all machines (UINT32_MAX). */
void terminal_flush(struct terminal *, uint32_t machine);
/* Flushes all. False: something could not be written (disk full, closed pipe, directory missing): `error` says what. */
bool terminal_free(struct terminal *, char *error, size_t error_size);
