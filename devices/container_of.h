/* SPDX-License-Identifier: MIT
 *
 * From an embedded base back to the struct around it.
 */
#pragma once
#include <stddef.h>

#define container_of(pointer, type, member)       ((type *)((char *)(pointer)-offsetof(type, member)))
#define container_of_const(pointer, type, member) ((const type *)((const char *)(pointer)-offsetof(type, member)))
