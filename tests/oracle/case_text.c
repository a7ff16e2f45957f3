/* SPDX-License-Identifier: MIT
 *
 * Cases as text, one in a line:
 *   row, "run" or "step", code, EIP, EFLAGS, the eight registers; then, where x87, MMX or SSE has a part in it, "fpu"
 *   and what of it is not as at reset: cw sw full fop fip fdp mxcsr, R0 to R7 as f0 to f7, XMM0 to XMM7 as x0 to x7;
 *   then memory, @address=bytes.
 */
#include "../../cpu/decode.h"
#include "cases.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* The words of struct fpu_state: name and member. */
#define FPU_WORDS(X)                                                                                                   \
    X("cw", control)                                                                                                   \
    X("sw", status) X("full", full) X("fop", opcode) X("fip", instruction) X("fdp", operand) X("mxcsr", mxcsr)

struct fpu_state fpu_at_reset(void)
{
    return (struct fpu_state){.control = X87_CONTROL_RESET, .mxcsr = MXCSR_RESET};
}

void fpu_print(const struct fpu_state *f, const struct fpu_state *from, FILE *out)
{
#define X(name, member)                                                                                                \
    if (f->member != from->member)                                                                                     \
        fprintf(out, " " name "=%x", f->member);
    FPU_WORDS(X)
#undef X
    for (unsigned i = 0; i < 8; i++) {
        const struct x87_register *r = &f->registers[i], *was = &from->registers[i];
        if (r->sign_exponent != was->sign_exponent || r->significand != was->significand)
            fprintf(out, " f%u=%x:%" PRIx64, i, r->sign_exponent, r->significand);
    }
    for (unsigned i = 0; i < 8; i++)
        if (memcmp(&f->xmm[i], &from->xmm[i], sizeof(f->xmm[i])) != 0)
            fprintf(out, " x%u=%" PRIx64 ":%" PRIx64, i, f->xmm[i].u64[1], f->xmm[i].u64[0]);
}

static bool fpu_word_parse(struct fpu_state *f, const char *line, int *used)
{
    unsigned value;

    *used = 0;
#define X(name, member)                                                                                                \
    if (sscanf(line, " " name "=%x%n", &value, used) == 1) {                                                           \
        f->member = (__typeof__(f->member))value;                                                                      \
        return true;                                                                                                   \
    }
    FPU_WORDS(X)
#undef X
    return false;
}

const char *fpu_parse(struct fpu_state *f, const char *line)
{
    uint64_t high, low;
    unsigned number;
    int used;

    for (;;) {
        if (sscanf(line, " f%1u=%" SCNx64 ":%" SCNx64 "%n", &number, &high, &low, &used) == 3)
            f->registers[number & 7] = (struct x87_register){.sign_exponent = (uint16_t)high, .significand = low};
        else if (sscanf(line, " x%1u=%" SCNx64 ":%" SCNx64 "%n", &number, &high, &low, &used) == 3)
            f->xmm[number & 7] = (union xmm_register){.u64 = {low, high}};
        else if (!fpu_word_parse(f, line, &used))
            return line;
        line += used;
    }
}

void case_print(const struct oracle_case *c, FILE *out)
{
    const struct fpu_state reset = fpu_at_reset();

    fprintf(out, "%s %s ", c->row ? c->row->name : "SEQUENCE", c->step ? "step" : "run");
    for (uint32_t i = 0; i < c->length; i++)
        fprintf(out, "%02x", c->code[i]);
    fprintf(out, " eip=%x eflags=%x regs=", c->state.eip, c->state.eflags);
    for (unsigned i = 0; i < CPU_REGISTERS; i++)
        fprintf(out, "%s%x", i ? "," : "", c->state.regs[i]);
    if (c->state.with_fpu) {
        fprintf(out, " fpu");
        fpu_print(&c->state.fpu, &reset, out);
    }
    for (uint32_t i = 0; i < c->patch_count; i++) {
        if (!c->patches[i].length)
            continue;
        fprintf(out, " @%x=", c->patches[i].address);
        for (uint32_t k = 0; k < c->patches[i].length; k++)
            fprintf(out, "%02x", c->patches[i].bytes[k]);
    }
}

const char *bytes_parse(const char *text, uint8_t *bytes, uint32_t limit, uint32_t *count)
{
    unsigned byte;

    for (*count = 0; *count < limit && isxdigit((unsigned char)*text) && sscanf(text, "%2x", &byte) == 1; text += 2)
        bytes[(*count)++] = (uint8_t)byte;
    return text;
}

/* An instruction that is too long has a row too: bytes that follow it make no difference to which. */
static const struct encoding *row_of(const struct oracle_case *c)
{
    static const char prefixes[] = "\x26\x2E\x36\x3E\x64\x65\x66\x67\xF0\xF2\xF3";
    uint32_t at = 0;
    struct insn insn;

    if (decode(c->code, c->length, &insn) == DECODE_OK)
        return insn.encoding;
    while (at < c->length && c->code[at] && strchr(prefixes, (char)c->code[at]))
        at++;
    return decode(c->code + at, sizeof(c->code) - at, &insn) == DECODE_OK ? insn.encoding : &encodings[0];
}

const char *case_parse(struct oracle_case *c, const char *line)
{
    uint32_t *r = c->state.regs;
    char name[16], mode[5];
    int used = 0;

    *c = (struct oracle_case){0};
    if (sscanf(line, "%15s %4s %n", name, mode, &used) != 2 || !used)
        return NULL;
    c->step = strcmp(mode, "step") == 0;
    line = bytes_parse(line + used, c->code, CASE_CODE - 2, &c->length);
    used = 0;
    if (sscanf(line, " eip=%x eflags=%x regs=%x,%x,%x,%x,%x,%x,%x,%x%n", &c->state.eip, &c->state.eflags, r, r + 1,
               r + 2, r + 3, r + 4, r + 5, r + 6, r + 7, &used) != 10 ||
        !used)
        return NULL;
    line += used;
    c->row = strcmp(name, "SEQUENCE") == 0 ? NULL : row_of(c);
    c->state.fpu = fpu_at_reset();
    c->state.with_fpu = strncmp(line, " fpu", 4) == 0;
    if (c->state.with_fpu)
        line = fpu_parse(&c->state.fpu, line + 4);
    for (unsigned address; c->patch_count < PATCHES && sscanf(line, " @%x=%n", &address, &used) == 1;) {
        struct patch *patch = &c->patches[c->patch_count++];
        patch->address = address;
        line = bytes_parse(line + used, patch->bytes, PATCH_BYTES, &patch->length);
    }
    return line;
}
