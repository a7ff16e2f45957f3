/* SPDX-License-Identifier: MIT */
#pragma once
#include "../../../guests/lib/libc.h"
