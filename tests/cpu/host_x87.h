/* SPDX-License-Identifier: MIT
 *
 * One x87 instruction on the processor that the test runs on: state in, state out. In 64-bit mode x87 instructions are
 * the same as in 32-bit mode; a memory operand is always [rax].
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../cpu/cpu.h"

enum { X87_CODE_BYTES = 16, X87_MEMORY_BYTES = 128 };

/* All that an x87 instruction can read and write; pointers and opcode of the last instruction are not compared. */
struct x87_case {
    struct x87_register registers[8]; /* physical: R0 to R7 */
    uint16_t control, status;
    uint8_t full;
    uint32_t eax;    /* only its low half is anything else than the address of the operand */
    uint32_t eflags; /* the six status flags */
    uint8_t memory[X87_MEMORY_BYTES];
    uint32_t exception; /* afterwards: vector, or 0xFF for none */
};

enum { X87_NO_EXCEPTION = 0xFF };

struct host_x87;

/* NULL: this host cannot. The memory operand's address ends in `address`'s low 16 bits. */
struct host_x87 *host_x87_new(uint16_t address);
void host_x87_free(struct host_x87 *);
/* What follows runs this instruction. */
void host_x87_code(struct host_x87 *, const uint8_t *bytes, size_t length);
void host_x87_run(struct host_x87 *, struct x87_case *);
