/* SPDX-License-Identifier: MIT
 *
 * The block cache: decoded blocks belong to the page their bytes are in, so machines that share the page share them,
 * and they die when the page is written or freed. Page 0 of a machine is never cached: the kernel writes it at will.
 */
#pragma once
#include "core.h"

/* What was decoded from the page at cpu.eip. NULL: nothing. */
struct code *code_here(struct cpu *);
/* The block that starts at cpu.eip, decoded now if need be. NULL: run the instruction alone (it is on page 0, cannot be
 * fetched, cannot be decoded, or there is no host memory). */
struct block *block_find(struct cpu *);
/* Decode the instruction at cpu.eip into the scratch block. False: it cannot be fetched; cpu.exception tells. */
bool block_decode_alone(struct cpu *);
/* Make the block's first instruction the scratch block. It may go about it as it likes: its stores may drop the block
 * and those it led to, so it leads to none. The block has no tail. */
void block_take_alone(struct cpu *, const struct block *);
/* Until it is mended, the block stops before the instruction of this number, with op_end_part() in its place: flags are
 * exact there, and no operation does its work. Only a few handlers before it are exchanged, of instructions that
 * suppose that it follows (struct part); `before` keeps them, for block_mend(), and has room for BLOCK_INSTRUCTIONS. It
 * is not the block's first, and the block has no tail. */
void block_cut(struct block *, unsigned number, op_fn *before[]);
void block_mend(struct block *, unsigned number, op_fn *const before[]);
/* Drop every page's code. Nothing may be running. */
void code_drop_all(struct cpu *);

/* Does any decoded instruction have bytes there (to the granule)? */
bool code_covers(const struct code *, uint32_t offset, uint32_t length);

/* Bytes of decoded code beyond which all of it is dropped: no guest can fill the host's memory with it. */
#define CODE_LIMIT (UINT64_C(256) << 20)
