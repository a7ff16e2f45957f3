/* SPDX-License-Identifier: MIT
 *
 * The guest library's C functions under names that the host's C library does not have. Included before all else when
 * guest sources are compiled for the host.
 */
#pragma once
#define memcpy    guest_memcpy
#define memmove   guest_memmove
#define memset    guest_memset
#define memcmp    guest_memcmp
#define strlen    guest_strlen
#define strcmp    guest_strcmp
#define strncmp   guest_strncmp
#define strchr    guest_strchr
#define strtoul   guest_strtoul
#define printf    guest_printf
#define vprintf   guest_vprintf
#define snprintf  guest_snprintf
#define vsnprintf guest_vsnprintf
#define malloc    guest_malloc
#define free      guest_free
#define main      guest_main
