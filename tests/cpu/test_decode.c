/* SPDX-License-Identifier: MIT
 *
 * The decoder against Capstone 4.0.2: every opcode with every ModRM byte, a choice of SIB bytes, and prefixes. For
 * what we decode, length and mnemonic agree; what we call undefined, Capstone does not know either. The exceptions are
 * listed, each with its reason.
 */
#include <capstone/capstone.h>
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "../../cpu/decode.h"

/* Bodies whose mnemonic is another word than the name up to '_'. Several words: any of them. */
static const struct {
    const char *name, *mnemonics;
} aliases[] = {
    {"SHL", "shl sal"},
    {"CALLE", "call"},
    {"JMPE", "jmp"},
    {"PUSHI", "push"},
    {"POPE", "pop"},
    {"PUSHA", "pushal pushaw"},
    {"POPA", "popal popaw"},
    {"PUSHF", "pushfd pushf"},
    {"POPF", "popfd popf"},
    {"IRET", "iretd iret"},
    {"IMUL2", "imul"},
    {"IMUL3", "imul"},
    {"MOV", "mov movabs"},
    {"MOVSX8", "movsx"},
    {"MOVSX16", "movsx"},
    {"CBW", "cwde cbw"},
    {"CWD", "cdq cwd"},
    {"JCXZ", "jecxz jcxz"},
    {"BT_G", "bt"},
    {"BTS_G", "bts"},
    {"BTR_G", "btr"},
    {"BTC_G", "btc"},
    {"SHLD_CL", "shld"},
    {"SHRD_CL", "shrd"},
    {"IN_DX", "in"},
    {"OUT_DX", "out"},
    {"INS", "insb insw insd"},
    {"OUTS", "outsb outsw outsd"},
    {"MOVS", "movsb movsw movsd"},
    {"CMPS", "cmpsb cmpsw cmpsd"},
    {"STOS", "stosb stosw stosd"},
    {"LODS", "lodsb lodsw lodsd"},
    {"SCAS", "scasb scasw scasd"},
    {"XLAT", "xlatb"},
    {"XCHG", "xchg nop pause"},
    {"MOVA", "movaps movapd movdqa movntdqa"},
    {"MOVA_STORE", "movaps movapd movdqa movntps movntpd movntdq"},
    {"MOVU", "movups movupd movdqu lddqu"},
    {"MOVU_STORE", "movups movupd movdqu"},
    {"MOVLP", "movlps movlpd movhlps"},
    {"MOVLP_STORE", "movlps movlpd"},
    {"MOVHP", "movhps movhpd movlhps"},
    {"MOVHP_STORE", "movhps movhpd"},
    {"MOVQ_STORE", "movq movntq"},
    {"MASKMOV", "maskmovq maskmovdqu"},
    {"PEXTRD_STORE", "pextrd extractps"},
    {"FENCE", "lfence mfence"},
    {"CLFLUSH", "clflush sfence"},
    {"CMPPS", "cmpps cmpeqps"},
    {"CMPPD", "cmppd cmpeqpd"},
    {"CMPSS", "cmpss cmpeqss"},
    {"CMPSD", "cmpsd cmpeqsd"},
    {"FWAIT", "wait"},
    {"FNENI", "feni8087_nop"},
    {"FNDISI", "fdisi8087_nop"},
    {"FNSETPM", "fsetpm"},
};

static bool word_in(const char *words, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = words; (at = strstr(at, word)); at += length)
        if ((at == words || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
            return true;
    return false;
}

static bool mnemonic_agrees(const struct encoding *encoding, const char *capstone)
{
    const char *last = strrchr(capstone, ' '), *word = last ? last + 1 : capstone; /* behind "lock", "rep" */
    char lower[16] = "";

    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (strcmp(aliases[i].name, encoding->name) == 0)
            return word_in(aliases[i].mnemonics, word);
    for (size_t i = 0; encoding->name[i] && encoding->name[i] != '_' && i < sizeof(lower) - 1; i++)
        lower[i] = (char)tolower((unsigned char)encoding->name[i]);
    return strcmp(lower, word) == 0;
}

/* An instruction under test: prefixes, opcode, the bytes behind. */
struct probe {
    uint8_t bytes[16];
    unsigned prefixes, map, opcode, modrm;
};

static void probe_make(struct probe *probe, const char *prefixes, unsigned map, unsigned opcode, unsigned modrm,
                       unsigned sib)
{
    uint8_t *at = probe->bytes;

    *probe = (struct probe){.prefixes = (unsigned)strlen(prefixes), .map = map, .opcode = opcode, .modrm = modrm};
    memset(at, 0x12, sizeof(probe->bytes));
    memcpy(at, prefixes, probe->prefixes);
    at += probe->prefixes;
    if (map == 0x0F)
        *at++ = 0x0F;
    *at++ = (uint8_t)opcode;
    *at++ = (uint8_t)modrm;
    *at = (uint8_t)sib;
}

static bool has_prefix(const struct probe *probe, uint8_t prefix)
{
    return memchr(probe->bytes, prefix, probe->prefixes) != NULL;
}

/* 0F 18 to 1F: Capstone names the hints that have a name, and knows the reserved ones in memory form only. */
static bool is_hint(const struct probe *probe)
{
    return probe->map == 0x0F && probe->opcode >= 0x18 && probe->opcode <= 0x1F;
}

/* TZCNT and LZCNT: an i686 ignores the prefix. */
static bool is_newer(const struct probe *probe)
{
    return probe->map == 0x0F && (probe->opcode == 0xBC || probe->opcode == 0xBD) && has_prefix(probe, 0xF3);
}

/* LFENCE, MFENCE, SFENCE: r/m does not matter, but Capstone wants 0. */
static bool is_fence(const struct probe *probe)
{
    return probe->map == 0x0F && probe->opcode == 0xAE && probe->modrm >= 0xE8;
}

/* 0F 38, 0F 3A: SHA, AES, MOVBE and their like; MMX forms with REP, which Capstone takes. */
static bool is_three_bytes(const struct probe *probe)
{
    return probe->map == 0x0F && (probe->opcode == 0x38 || probe->opcode == 0x3A);
}

/* Instructions of VIA's processors; our own ones. */
static bool is_of_one_vendor(const struct probe *probe)
{
    return probe->map == 0x0F && (probe->opcode == 0xA6 || probe->opcode == 0xA7 || probe->opcode == 0x3F);
}

static int failures; /* of the running test; only the first one of an opcode is shown */
static unsigned failed_opcode;

static void fail(const struct probe *probe, const struct insn *insn, const char *what, size_t length,
                 const char *mnemonic)
{
    char text[64] = "";

    failures++;
    if (failed_opcode == (probe->map << 8 | probe->opcode))
        return;
    failed_opcode = probe->map << 8 | probe->opcode;
    for (unsigned i = 0; i < 10; i++)
        sprintf(text + 3 * i, "%02x ", probe->bytes[i]);
    printf("%s: %s ours %s %u, Capstone %s %zu\n", text, what, insn->encoding->name, insn->length, mnemonic, length);
}

static void probe_compare(csh capstone, cs_insn *theirs, const struct probe *probe)
{
    const uint8_t *code = probe->bytes;
    size_t size = sizeof(probe->bytes);
    uint64_t address = 0;
    struct insn ours;
    enum decode_status status = decode(probe->bytes, size, &ours);

    cr_assert_eq(status, DECODE_OK);
    if (is_of_one_vendor(probe))
        return;
    bool known = cs_disasm_iter(capstone, &code, &size, &address, theirs);
    if (ours.illegal) {
        if (known && ours.encoding->illegal == ILLEGAL_UNDEFINED && !is_three_bytes(probe) &&
            strncmp(theirs->mnemonic, "ud", 2) != 0)
            fail(probe, &ours, "undefined", theirs->size, theirs->mnemonic);
    } else if (!known) {
        if (!is_hint(probe) && !is_fence(probe))
            fail(probe, &ours, "unknown to Capstone", 0, "-");
    } else if (theirs->size != ours.length) {
        fail(probe, &ours, "length", theirs->size, theirs->mnemonic);
    } else if (!is_hint(probe) && !is_newer(probe) && !mnemonic_agrees(ours.encoding, theirs->mnemonic)) {
        fail(probe, &ours, "mnemonic", theirs->size, theirs->mnemonic);
    }
}

static bool is_prefix(unsigned opcode)
{
    return opcode && strchr("\x0F\x26\x2E\x36\x3E\x64\x65\x66\x67\xF0\xF2\xF3", (int)opcode);
}

static void opcode_compare(csh capstone, cs_insn *insn, const char *prefixes, unsigned map, unsigned opcode)
{
    static const uint8_t sibs[] = {0x00, 0x25, 0x5D, 0xA4, 0xE5};
    struct probe probe;

    for (unsigned modrm = 0; modrm < 256; modrm++) {
        unsigned count = (modrm & 7) == 4 && modrm < 0xC0 ? sizeof(sibs) : 1;
        for (unsigned i = 0; i < count; i++) {
            probe_make(&probe, prefixes, map, opcode, modrm, sibs[i]);
            probe_compare(capstone, insn, &probe);
        }
    }
}

static void prefixes_compare(const char *prefixes)
{
    csh capstone;

    cr_assert_eq(cs_open(CS_ARCH_X86, CS_MODE_32, &capstone), CS_ERR_OK);
    cs_insn *insn = cs_malloc(capstone);
    failures = 0;
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        if (!is_prefix(opcode))
            opcode_compare(capstone, insn, prefixes, 0x01, opcode);
        opcode_compare(capstone, insn, prefixes, 0x0F, opcode);
    }
    cs_free(insn, 1);
    cs_close(&capstone);
    cr_assert_eq(failures, 0, "%d disagreements with Capstone, the first ones above", failures);
}

Test(decode, every_opcode_agrees_with_capstone)
{
    prefixes_compare("");
}

Test(decode, every_opcode_with_operand_size_prefix_agrees_with_capstone)
{
    prefixes_compare("\x66");
}

Test(decode, every_opcode_with_address_size_prefix_agrees_with_capstone)
{
    prefixes_compare("\x67");
}

Test(decode, every_opcode_with_both_size_prefixes_agrees_with_capstone)
{
    prefixes_compare("\x67\x66");
}

Test(decode, every_opcode_with_segment_override_agrees_with_capstone)
{
    prefixes_compare("\x65");
}

Test(decode, every_opcode_with_rep_agrees_with_capstone)
{
    prefixes_compare("\xF3");
}

Test(decode, every_opcode_with_repne_agrees_with_capstone)
{
    prefixes_compare("\xF2");
}

Test(decode, every_opcode_with_lock_agrees_with_capstone)
{
    prefixes_compare("\xF0");
}

Test(decode, instruction_of_fifteen_bytes_is_decoded)
{
    const uint8_t bytes[16] = {0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x05, 1, 2, 3, 4, 0x90};
    struct insn insn;

    cr_expect_eq(decode(bytes, sizeof(bytes), &insn), DECODE_OK);
    cr_expect_eq(insn.length, 14);
    cr_expect_eq(decode(bytes, 13, &insn), DECODE_MORE);
}

Test(decode, instruction_of_sixteen_bytes_is_too_long)
{
    uint8_t bytes[16] = {[0 ... 10] = 0x3E, [11] = 0x05};
    struct insn insn;

    cr_expect_eq(decode(bytes, sizeof(bytes), &insn), DECODE_TOO_LONG);
    cr_expect_eq(decode(bytes, 14, &insn), DECODE_MORE);
    memset(bytes, 0x66, sizeof(bytes));
    cr_expect_eq(decode(bytes, sizeof(bytes), &insn), DECODE_TOO_LONG);
}

Test(decode, address_with_sib_names_base_index_and_scale)
{
    const uint8_t bytes[] = {0x8B, 0x84, 0xB3, 0x78, 0x56, 0x34, 0x12}; /* mov eax, [ebx + esi * 4 + 12345678] */
    struct insn insn;

    cr_assert_eq(decode(bytes, sizeof(bytes), &insn), DECODE_OK);
    cr_expect_eq(insn.length, sizeof(bytes));
    cr_expect(insn.memory);
    cr_expect_eq(insn.base, 3 * 4);
    cr_expect_eq(insn.index, 6 * 4);
    cr_expect_eq(insn.scale, 2);
    cr_expect_eq(insn.displacement, 0x12345678);
}

Test(decode, byte_register_four_is_the_second_byte_of_eax)
{
    const uint8_t bytes[] = {0x88, 0xE1}; /* mov cl, ah */
    struct insn insn;

    cr_assert_eq(decode(bytes, sizeof(bytes), &insn), DECODE_OK);
    cr_expect_eq(insn.source, 1);
    cr_expect_eq(insn.destination, 4);
}
