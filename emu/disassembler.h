/* SPDX-License-Identifier: MIT
 *
 * One guest instruction as text, through Capstone (32-bit, Intel syntax), which does not know the two instructions that
 * only the virtual architecture has.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSTRUCTION_MAX 15 /* bytes of the longest x86 instruction (Intel SDM vol. 2, 2.3.11) */

struct disassembler {
    size_t handle; /* Capstone's */
    void *scratch; /* the decoded instruction, owned */
};

struct disassembly {
    uint32_t length; /* bytes; 0: they are no instruction */
    uint32_t target; /* of a direct jump or call, 0 = it is none */
    char text[200];  /* "mov eax, dword ptr [ebx + 4]" */
};

/* False: out of host memory. */
bool disassembler_open(struct disassembler *);
void disassembler_close(struct disassembler *);
/* The instruction that starts at bytes[0], which lies at `address`. */
struct disassembly disassemble(struct disassembler *, const uint8_t *bytes, size_t count, uint32_t address);
