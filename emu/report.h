/* SPDX-License-Identifier: MIT
 *
 * What happened to a guest, as text for its owner: exceptions as a sentence, the instruction at an address as a line.
 */
#pragma once
#include "../cpu/cpu.h"

/* "page fault: write to 0xdeadbeef", "illegal instruction"; for a second exception both are named. */
void report_exception(char *text, size_t size, const struct cpu_crash *);
/* "0f 0b  ud2": the instruction at EIP, or the bytes there if they are none, or that there is no memory. */
void report_disassemble(char *text, size_t size, const struct cpu_state *, struct memory *);
/* Copies up to `length` bytes from EIP on, as far as they are accessible; returns how many. */
size_t report_fetch(const struct cpu_state *, struct memory *, uint8_t *to, size_t length);
