/* SPDX-License-Identifier: MIT */
#include "table.h"

#include "cpu.h"

const struct form_layout form_layouts[] = {
#define FORM(name_, modrm_, immediate_, destination_, source_)                                                         \
    {.name = #name_,                                                                                                   \
     .modrm = modrm_,                                                                                                  \
     .immediate = IMMEDIATE_##immediate_,                                                                              \
     .destination = OPERAND_##destination_,                                                                            \
     .source = OPERAND_##source_},
    FORMS(FORM)
#undef FORM
};

#define C   FLAG_CF
#define P   FLAG_PF
#define A   FLAG_AF
#define Z   FLAG_ZF
#define S   FLAG_SF
#define O   FLAG_OF
#define ALL FLAGS_STATUS

const struct flag_masks flag_effects[] = {
    [FLAGS_NONE] = {0, 0, 0, 0, "none"},
    [FLAGS_ARITHMETIC] = {0, ALL, 0, 0, "ADD, SUB, CMP, NEG, XADD, CMPXCHG, CMPS, SCAS"},
    [FLAGS_ARITHMETIC_CF] = {C, ALL, 0, 0, "ADC, SBB"},
    [FLAGS_LOGIC] = {0, ALL, A, 0, "AND, OR, XOR, TEST"},
    [FLAGS_INCREMENT] = {0, ALL & ~C, 0, 0, "INC, DEC"},
    [FLAGS_DECIMAL] = {C | A, ALL, O, 0, "DAA, DAS"},
    [FLAGS_ASCII] = {A, ALL, O | S | Z | P, S | Z | P, "AAA, AAS"},
    [FLAGS_ASCII_DIGITS] = {0, ALL, O | A | C, 0, "AAM, AAD"},
    [FLAGS_MULTIPLY] = {0, ALL, S | Z | A | P, 0, "MUL, IMUL"},
    [FLAGS_DIVIDE] = {0, ALL, ALL, ALL, "DIV, IDIV"},
    [FLAGS_SHIFT] = {0, ALL, A | O, ALL, "SAL/SAR/SHL/SHR: OF for counts other than 1, AF"},
    [FLAGS_SHIFT_1] = {0, ALL, A, 0, "SAL/SAR/SHL/SHR"},
    [FLAGS_SHIFT_DOUBLE] = {0, ALL, A | O, ALL, "SHLD, SHRD: OF for counts above 1, AF"},
    [FLAGS_ROTATE] = {C, C | O, O, C | O, "RCL/RCR/ROL/ROR: OF for counts other than 1"},
    [FLAGS_ROTATE_1] = {C, C | O, 0, 0, "RCL/RCR/ROL/ROR"},
    [FLAGS_BIT] = {0, C | O | S | A | P, O | S | A | P, O | S | A | P, "BT, BTS, BTR, BTC"},
    [FLAGS_SCAN] = {0, ALL, C | O | S | A | P, ALL & ~Z, "BSF, BSR"},
    [FLAGS_CARRY] = {C, C, 0, 0, "CMC, CLC, STC"},
    [FLAGS_SAHF] = {0, ALL & ~O, 0, 0, "SAHF"},
    [FLAGS_ZERO] = {0, Z, 0, 0, "CMPXCHG8B"},
    [FLAGS_READS_CF] = {C, 0, 0, 0, "none"},
    [FLAGS_READS_ALL] = {ALL, 0, 0, 0, "Jcc, SETcc, CMOVcc, LAHF, PUSHF"},
    [FLAGS_WRITES_ALL] = {0, ALL, 0, 0, "POPF, IRET"},
};

const char *map_name(enum map map)
{
    static const char *const names[] = {
#define MAP(name) #name,
        MAPS(MAP)
#undef MAP
    };
    return names[map];
}
