/* SPDX-License-Identifier: MIT
 *
 * What a run came to, for a person.
 */
#pragma once
#include "session.h"

void summary_print(FILE *, const struct outcome *);
