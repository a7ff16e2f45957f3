/* SPDX-License-Identifier: MIT
 *
 * For tests: declares the guest library's C functions as guest_NAME, and leaves the host's alone.
 */
#pragma once
#include "rename.h"

#include "../../guests/lib/guest.h"
#include "../../guests/lib/libc.h"

#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strtoul
#undef printf
#undef vprintf
#undef snprintf
#undef vsnprintf
#undef malloc
#undef free
#undef main
