/* SPDX-License-Identifier: MIT
 *
 * Inside the capture reader: reading from a stream that is already open, for tests and fuzzing.
 */
#pragma once
#include <stdio.h>

#include "capture.h"

/* capture_open() for a stream; `name` is what messages call it. The stream is closed by capture_close(), and here if
 * the answer is NULL. */
struct capture_reader *capture_open_stream(FILE *stream, const char *name, char *error, size_t error_size);
