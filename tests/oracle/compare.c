/* SPDX-License-Identifier: MIT
 *
 * Where the architectures differ by definition, and are not compared or compared otherwise:
 * - A memory operand that wraps around 4 GB: the segment limit stops it (#GP or #SS) on silicon; here it is outside
 *   of memory, as any address from memory_size up. An area of FXSAVE or FXRSTOR is found misaligned (#GP) before that.
 * - EIP of INTO: a trap, which silicon shows behind the instruction; our crash report shows the instruction itself.
 * - Page 0 holds virtual registers: cases in which silicon writes there are not compared.
 * - POPA that faults: this silicon has popped some registers by then, ours none. Running it again ends alike.
 * - The host sees a single-step trap (vector 1) as the end of a step.
 * - What is in the two tables below.
 */
#include <math.h>
#include <string.h>

#include "../../cpu/decode.h"
#include "../../cpu/x87.h"
#include "oracle.h"

enum { SILICON_STACK = 12 };

/* Values that are ours to define (docs/cpu.md): how near they must be, and the x87 status flags that say something
 * about the last digit only. */
static const struct latitude {
    const char *rows;
    unsigned units;  /* in the last place of x87 registers */
    bool estimate;   /* XMM registers: within the error that the manuals allow to both */
    uint16_t status; /* not compared */
} latitudes[] = {
    {ROWS_TRANSCENDENTAL, 2, false, X87_C1 | REAL_UNDERFLOW | REAL_PRECISION},
    {ROWS_ESTIMATES, 0, true, 0},
};

/* Bytes of memory operands that are not compared: pointers to the last x87 instruction and its operand, which AMD's
 * processors store only while an exception is pending, selectors, which are the host's there and 0 here, and the mask
 * of MXCSR, which has a bit of AMD's own. */
static const struct concealment {
    const char *rows;
    bool narrow; /* operand size of 16 bits */
    uint16_t from, to;
} concealments[] = {
    {"FNSTENV FNSAVE", false, 12, 28},
    {"FNSTENV FNSAVE", true, 6, 14},
    {"FXSAVE", false, 6, 24},
    {"FXSAVE", false, 28, 32},
};

bool change_is_hidden(const struct oracle_case *c, const struct change *change)
{
    struct insn insn;

    if (!c->row || !c->state.with_fpu || !row_named(c->row, "FNSTENV FNSAVE FXSAVE") ||
        decode(c->code, c->length, &insn) != DECODE_OK)
        return false;
    const uint32_t offset = change->address - case_operand(c);
    for (size_t i = 0; i < sizeof(concealments) / sizeof(concealments[0]); i++) {
        const struct concealment *hidden = &concealments[i];
        if (row_named(c->row, hidden->rows) && hidden->narrow == (insn.width == 16) && offset >= hidden->from &&
            offset < hidden->to)
            return true;
    }
    return false;
}

/* The same changes, hidden ones aside. */
static bool changes_equal(const struct oracle_case *c, const struct outcome *real, const struct outcome *ours)
{
    uint32_t i = 0, k = 0;

    if (real->change_count == ours->change_count && real->digest == ours->digest)
        return true;
    if (real->change_count > CHANGES || ours->change_count > CHANGES)
        return false;
    for (;; i++, k++) {
        while (i < real->change_count && change_is_hidden(c, &real->changes[i]))
            i++;
        while (k < ours->change_count && change_is_hidden(c, &ours->changes[k]))
            k++;
        if (i == real->change_count || k == ours->change_count)
            return i == real->change_count && k == ours->change_count;
        if (real->changes[i].address != ours->changes[k].address || real->changes[i].byte != ours->changes[k].byte)
            return false;
    }
}

static const struct latitude *latitude_of(const struct encoding *row)
{
    static const struct latitude none = {"", 0, false, 0};

    for (size_t i = 0; row && i < sizeof(latitudes) / sizeof(latitudes[0]); i++)
        if (row_named(row, latitudes[i].rows))
            return &latitudes[i];
    return &none;
}

static bool x87_near(const struct x87_register *a, const struct x87_register *b, unsigned units)
{
    const uint64_t fraction = ~UINT64_C(0) >> 1;
    __int128 distance = (__int128)(a->sign_exponent - b->sign_exponent) << 63;

    if (a->sign_exponent == b->sign_exponent && a->significand == b->significand)
        return true;
    distance += (__int128)(a->significand & fraction) - (b->significand & fraction);
    return (a->sign_exponent ^ b->sign_exponent) >> 15 == 0 && distance >= -(int)units && distance <= (int)units;
}

static double single_value(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof(value));
    return (double)value;
}

/* Each has a relative error of at most 1.5 * 2^-12; around the smallest normal number one may be zero. */
static bool estimate_near(uint32_t a, uint32_t b)
{
    const double x = single_value(a), y = single_value(b);

    if (a == b)
        return true;
    if (isnan(x) || isinf(x) || signbit(x) != signbit(y))
        return false;
    if (x == 0 || y == 0)
        return fabs(x + y) < 0x1.002p-126;
    return fabs(x - y) <= fabs(x) * 3 * 0x1p-12;
}

static bool xmm_near(const union xmm_register *a, const union xmm_register *b)
{
    for (unsigned i = 0; i < 4; i++)
        if (!estimate_near(a->u32[i], b->u32[i]))
            return false;
    return true;
}

/* The operand's: silicon has the offset in the segment, we have the address. */
static bool operand_pointer_equal(const struct oracle_case *c, uint32_t real, uint32_t ours)
{
    return ours == real || (ours - real == case_segment(c) && ours == case_operand(c));
}

/* While no exception is pending the host's kernel loses the pointers at any time, on AMD's processors. So only those
 * are compared that the instruction itself has set, or that were there with a pending exception. */
static bool pointers_equal(const struct oracle_case *c, const struct fpu_state *real, const struct fpu_state *ours)
{
    const bool before = c->state.fpu.status & X87_SUMMARY;
    struct insn insn;

    if (!(real->status & X87_SUMMARY) || (c->row && !before && row_named(c->row, "FLDCW")))
        return true;
    if (real->instruction != ours->instruction || real->opcode != ours->opcode)
        return false;
    if (!c->row || decode(c->code, c->length, &insn) != DECODE_OK || !(before || insn.memory))
        return true;
    return operand_pointer_equal(c, real->operand, ours->operand);
}

static bool values_equal(const struct fpu_state *real, const struct fpu_state *ours)
{
    return memcmp(real->registers, ours->registers, sizeof(real->registers)) == 0 &&
           memcmp(real->xmm, ours->xmm, sizeof(real->xmm)) == 0 && real->status == ours->status;
}

static bool values_near(const struct latitude *latitude, const struct fpu_state *real, const struct fpu_state *ours)
{
    for (unsigned i = 0; i < 8; i++)
        if (!x87_near(&real->registers[i], &ours->registers[i], latitude->units) ||
            (memcmp(&real->xmm[i], &ours->xmm[i], sizeof(real->xmm[i])) != 0 &&
             !(latitude->estimate && xmm_near(&real->xmm[i], &ours->xmm[i]))))
            return false;
    return ((real->status ^ ours->status) & ~latitude->status) == 0;
}

static bool fpu_equal(const struct oracle_case *c, const struct fpu_state *real, const struct fpu_state *ours)
{
    return (values_equal(real, ours) || values_near(latitude_of(c->row), real, ours)) &&
           real->control == ours->control && real->full == ours->full && real->mxcsr == ours->mxcsr &&
           pointers_equal(c, real, ours);
}

static bool at_segment_limit(const struct outcome *real)
{
    return real->exception == DENALI_EXC_PROTECTION || real->exception == SILICON_STACK;
}

static bool has_wide_operand(const struct oracle_case *c)
{
    return c->row && row_extent(c->row) > 16;
}

/* An operand of many words: silicon names any byte of it that is on an absent page, we the first. */
static bool fault_address_equal(const struct oracle_case *c, uint32_t real, uint32_t ours)
{
    return has_wide_operand(c) ? real - ours < row_extent(c->row) : real == ours;
}

/* Silicon notices first that its 512 bytes wrap, we that they are misaligned. */
static bool area_wraps_misaligned(const struct oracle_case *c)
{
    const uint32_t operand = case_operand(c);

    return c->row && row_named(c->row, "FXSAVE FXRSTOR") && operand % 16 && operand > UINT32_MAX - row_extent(c->row);
}

static bool exception_equal(const struct oracle_case *c, const struct outcome *real, const struct outcome *ours)
{
    if (at_segment_limit(real) && ours->exception == DENALI_EXC_MEMORY)
        return ours->address > 0xFFFFFF00;
    if (real->exception == SILICON_STACK && ours->exception == DENALI_EXC_PROTECTION)
        return area_wraps_misaligned(c);
    return real->exception == ours->exception && real->error == ours->error &&
           fault_address_equal(c, real->address, ours->address);
}

/* What an exception may leave in registers: everything as it was, POPA excepted. */
static bool registers_equal(const struct oracle_case *c, const struct outcome *real, const struct outcome *ours)
{
    if (real->exception == DENALI_EXC_MEMORY && c->row && strcmp(c->row->name, "POPA") == 0)
        return memcmp(c->state.regs, ours->state.regs, sizeof(ours->state.regs)) == 0;
    return memcmp(real->state.regs, ours->state.regs, sizeof(real->state.regs)) == 0;
}

bool outcome_equal(const struct oracle_case *c, const struct outcome *real, const struct outcome *ours)
{
    const uint32_t eip = real->state.eip - (real->exception == DENALI_EXC_OVERFLOW ? c->length : 0);
    const uint32_t flags = real->state.eflags ^ ours->state.eflags;

    return registers_equal(c, real, ours) && eip == ours->state.eip &&
           (!flags || (flags & ~case_undefined_flags(c, real->state.eip)) == 0) && exception_equal(c, real, ours) &&
           changes_equal(c, real, ours) && (!c->state.with_fpu || fpu_equal(c, &real->state.fpu, &ours->state.fpu));
}

/* --- what cannot be compared --- */

static bool changed_in(const struct outcome *outcome, uint32_t page)
{
    for (uint32_t i = 0; i < outcome->change_count && i < CHANGES; i++)
        if (outcome->changes[i].address >> PAGE_SHIFT == page)
            return true;
    return false;
}

/* CMPSB with both operands inaccessible: silicon reports EDI's, but under REPE ESI's. One is as good as the other. */
static bool other_operand_of_cmps(const struct oracle_case *c, const struct outcome *real, const struct outcome *ours)
{
    return real->exception == DENALI_EXC_MEMORY && ours->exception == DENALI_EXC_MEMORY && c->row &&
           c->row->map == MAP_1 && c->row->first == 0xA6 && ((ours->address ^ ours->state.regs[EDI]) & 0xFFFF) == 0;
}

static bool overrides_segment(const struct oracle_case *c)
{
    return c->length <= INSN_MAX && (memchr(c->code, 0x64, c->length) || memchr(c->code, 0x65, c->length));
}

/* Operands with a 16-bit address that run beyond 64 KB: where silicon takes them in parts (environments, areas, 80
 * bits) some parts go on at 0. Here all operands go on at 64 KB, as most do there. */
static bool wraps_at_64k(const struct oracle_case *c)
{
    struct insn insn;

    if (!(has_wide_operand(c) || (c->row && row_named(c->row, "FLD_m80 FSTP_m80 FBLD FBSTP MASKMOV"))) ||
        decode(c->code, c->length, &insn) != DECODE_OK || !insn.narrow)
        return false;
    return ((case_operand(c) - case_segment(c)) & 0xFFFF) + row_extent(c->row) > 0x10000;
}

/* An offset that wraps around before the base of FS or GS is added meets a limit on silicon only. */
static bool wraps_at_limit(const struct oracle_case *c, const struct outcome *real)
{
    return at_segment_limit(real) && c->row && overrides_segment(c) &&
           (!row_is_vector(c->row) || case_operand(c) - case_segment(c) > UINT32_MAX - row_extent(c->row));
}

/* Page 0 is not just memory to us. */
bool incomparable_on_silicon(const struct oracle_case *c, const struct outcome *real)
{
    return changed_in(real, 0) || wraps_at_64k(c) || wraps_at_limit(c, real);
}

/* The way back can be read on silicon, at an address that is outside of our memory. Code that changes itself is seen
 * by silicon alone. */
bool incomparable(const struct oracle_case *c, const struct outcome *real, const struct outcome *ours)
{
    return incomparable_on_silicon(c, real) || other_operand_of_cmps(c, real, ours) || changed_in(ours, ARENA_CODE) ||
           changed_in(ours, ARENA_CODE + 1) ||
           (ours->exception == DENALI_EXC_MEMORY && ours->address >> PAGE_SHIFT == SILICON_HIDDEN_PAGE);
}

int case_compare(struct oracle *self, const struct oracle_case *c, struct outcome *real, struct outcome ours[ENGINES])
{
    unsigned written = self->careful ? ARENA_ALL : 0;
    int differs = -1;

    case_patch(self, c);
    case_place(self, c);
    if (self->silicon)
        run_silicon(self, c, real);
    for (int engine = 0; engine < ENGINES; engine++)
        written |= run_ours(self, engine, c, &ours[engine]);
    if (self->silicon)
        changes_collect(self, &self->real, written, real);
    case_unpatch(self, c);
    for (int engine = ENGINES - 1; engine >= 0; engine--) {
        if (outcome_equal(c, real, &ours[engine]))
            continue;
        if (!incomparable(c, real, &ours[engine]))
            differs = engine;
        else if (!self->careful)
            self->incomparable += engine == 0;
    }
    return differs;
}
