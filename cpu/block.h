/* SPDX-License-Identifier: MIT
 *
 * The block cache: decoded blocks belong to the page their bytes are in, so machines that share the page share them,
 * and they die when the page is written or freed. Page 0 of a machine is never cached: the kernel writes it at will.
 */
#pragma once
#include "core.h"

/* The block that starts at cpu.eip, decoded now if need be. NULL: run the instruction alone (it is on page 0, cannot be
 * fetched, cannot be decoded, or there is no host memory). */
struct block *block_find(struct cpu *);
/* Decode the instruction at cpu.eip into the scratch block. False: it cannot be fetched; cpu.exception tells. */
bool block_decode_alone(struct cpu *);
/* Make the `count` instructions from `first` the scratch block. */
void block_take_part(struct cpu *, const struct block *, unsigned first, unsigned count);
/* The first instruction, which may go about it as it likes: its stores may drop the block and those it led to, so it
 * leads to none. The block has no tail. */
void block_take_alone(struct cpu *, const struct block *);
/* Drop every page's code. Nothing may be running. */
void code_drop_all(struct cpu *);

/* Does any decoded instruction have bytes there (to the granule)? */
bool code_covers(const struct code *, uint32_t offset, uint32_t length);

/* Bytes of decoded code beyond which all of it is dropped: no guest can fill the host's memory with it. */
#define CODE_LIMIT (UINT64_C(256) << 20)
