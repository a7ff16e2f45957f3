/* SPDX-License-Identifier: MIT */
#include <capstone/capstone.h>
#include <stdio.h>

#include "denali.h"
#include "disassembler.h"

bool disassembler_open(struct disassembler *disassembler)
{
    if (cs_open(CS_ARCH_X86, CS_MODE_32, &disassembler->handle) != CS_ERR_OK)
        return false;
    cs_option(disassembler->handle, CS_OPT_DETAIL, CS_OPT_ON);
    disassembler->scratch = cs_malloc(disassembler->handle);
    if (disassembler->scratch)
        return true;
    cs_close(&disassembler->handle);
    return false;
}

void disassembler_close(struct disassembler *disassembler)
{
    cs_free(disassembler->scratch, 1);
    cs_close(&disassembler->handle);
}

static uint32_t direct_target(csh handle, const cs_insn *instruction)
{
    const cs_x86 *x86 = &instruction->detail->x86;
    bool jumps = cs_insn_group(handle, instruction, CS_GRP_JUMP) || cs_insn_group(handle, instruction, CS_GRP_CALL);
    return jumps && x86->op_count == 1 && x86->operands[0].type == X86_OP_IMM ? (uint32_t)x86->operands[0].imm : 0;
}

/* 0F 3F 00 and 0F 3F 01 (denali.h). */
static bool is_virtual(const uint8_t *bytes, size_t count)
{
    return count >= 3 && bytes[0] == 0x0F && bytes[1] == 0x3F && bytes[2] <= DENALI_OP_TERMINATE;
}

struct disassembly disassemble(struct disassembler *disassembler, const uint8_t *bytes, size_t count, uint32_t address)
{
    struct disassembly result = {.length = 0, .text = "(no instruction)"};
    uint64_t at = address;
    cs_insn *instruction = disassembler->scratch;
    if (is_virtual(bytes, count)) {
        result.length = 3;
        snprintf(result.text, sizeof(result.text), "%s", bytes[2] == DENALI_OP_IDLE ? "idle" : "terminate");
    } else if (cs_disasm_iter(disassembler->handle, &bytes, &count, &at, instruction)) {
        result.length = instruction->size;
        result.target = direct_target(disassembler->handle, instruction);
        snprintf(result.text, sizeof(result.text), "%s%s%s", instruction->mnemonic, instruction->op_str[0] ? " " : "",
                 instruction->op_str);
    }
    return result;
}
