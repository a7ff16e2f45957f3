/* SPDX-License-Identifier: MIT
 *
 * Inside the library: what start-up puts into the register irq_handler.
 */
#pragma once
#include "guest.h"

__attribute__((interrupt)) void interrupt_entry(struct interrupt_frame *);
