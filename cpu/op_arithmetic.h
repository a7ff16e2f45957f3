/* SPDX-License-Identifier: MIT
 *
 * Bodies: arithmetic, logic, decimal adjustment, multiplication and division, bits. A body gets the operands' values
 * and a constant width; it returns the new destination (WRITE, MODIFY), or whether it went well (READ, CUSTOM).
 */
#pragma once
#include "bodies.h"

MODIFY_BODY(ADD)
{
    return flags_add(f, d, s, 0, bits);
}

MODIFY_BODY(ADC)
{
    return flags_add(f, d, s, flag_cf(f), bits);
}

MODIFY_BODY(SUB)
{
    return flags_subtract(f, d, s, 0, bits);
}

MODIFY_BODY(SBB)
{
    return flags_subtract(f, d, s, flag_cf(f), bits);
}

COMPARE_BODY(CMP)
{
    flags_subtract(f, d, s, 0, bits);
}

/* Whether the condition holds after a comparison, from the operands: what the flags would say, in fewer steps. */
INLINE bool CMP_holds(enum condition condition, uint32_t d, uint32_t s, unsigned bits)
{
    int64_t difference = sign_extend(d - s, bits);
    bool holds;

    switch ((int)condition & ~1) {
    case CONDITION_B:
        holds = d < s;
        break;
    case CONDITION_E:
        holds = d == s;
        break;
    case CONDITION_BE:
        holds = d <= s;
        break;
    case CONDITION_S:
        holds = difference < 0;
        break;
    case CONDITION_L:
        holds = sign_extend(d, bits) < sign_extend(s, bits);
        break;
    case CONDITION_LE:
        holds = sign_extend(d, bits) <= sign_extend(s, bits);
        break;
    case CONDITION_O:
        holds = sign_extend(d, bits) - sign_extend(s, bits) != difference;
        break;
    default:
        holds = !__builtin_parity((uint32_t)difference & 0xFF);
        break;
    }
    return holds ^ ((int)condition & 1);
}

INLINE bool TEST_holds(enum condition condition, uint32_t d, uint32_t s, unsigned bits)
{
    return CMP_holds(condition, d & s, 0, bits);
}

MODIFY_BODY(AND)
{
    return flags_logic(f, d & s, bits);
}

MODIFY_BODY(OR)
{
    return flags_logic(f, d | s, bits);
}

MODIFY_BODY(XOR)
{
    return flags_logic(f, d ^ s, bits);
}

COMPARE_BODY(TEST)
{
    flags_logic(f, d & s, bits);
}

MODIFY_BODY(NOT)
{
    return ~d;
}

MODIFY_BODY(NEG)
{
    return flags_subtract(f, 0, d, 0, bits);
}

/* INC and DEC leave CF as it was. */
MODIFY_BODY(INC)
{
    bool cf = flag_cf(f);
    uint32_t result = flags_add(f, d, 1, 0, bits);
    flags_set_cf(f, cf);
    return result;
}

MODIFY_BODY(DEC)
{
    bool cf = flag_cf(f);
    uint32_t result = flags_subtract(f, d, 1, 0, bits);
    flags_set_cf(f, cf);
    return result;
}

EXCHANGE_BODY(XADD)
{
    uint32_t sum = flags_add(f, *d, *s, 0, bits);
    *s = *d;
    *d = sum;
}

EXCHANGE_BODY(XCHG)
{
    uint32_t old = *d;
    *d = *s;
    *s = old;
}

/* The destination is written in any case, as on the real CPU. */
MODIFY_BODY(CMPXCHG)
{
    uint32_t accumulator = slot_get(c, SLOT_EAX, bits);
    flags_subtract(f, accumulator, d, 0, bits);
    if (accumulator == d)
        return s;
    slot_put(c, SLOT_EAX, d, bits);
    return d;
}

CUSTOM_BODY(CMPXCHG8B)
{
    uint8_t *operand = modify_begin(c, address_of(c, op), 8);
    if (!operand)
        return false;
    uint64_t old = bytes_get(operand, 4) | (uint64_t)bytes_get(operand + 4, 4) << 32;
    bool equal = old == (c->slots[EAX] | (uint64_t)c->slots[EDX] << 32);
    uint32_t status = flags_status(&c->flags);

    if (equal) {
        bytes_put(operand, c->slots[EBX], 4);
        bytes_put(operand + 4, c->slots[ECX], 4);
    } else {
        c->slots[EAX] = (uint32_t)old;
        c->slots[EDX] = (uint32_t)(old >> 32);
    }
    modify_end(c, operand, 8);
    flags_set_status(&c->flags, (status & ~(uint32_t)FLAG_ZF) | (equal ? FLAG_ZF : 0));
    return true;
}

static inline void set_multiply_flags(struct flags *f, uint32_t product, bool overflow, unsigned bits)
{
    flags_set(f, product, pack_carry(overflow, overflow, false), bits);
}

/* The double-width product in AX, DX:AX or EDX:EAX. */
static inline void put_product(struct cpu *c, uint64_t product, unsigned bits)
{
    if (bits == 8) {
        slot_put(c, SLOT_EAX, (uint32_t)product, 16);
        return;
    }
    slot_put(c, SLOT_EAX, (uint32_t)product, bits);
    slot_put(c, SLOT_EDX, (uint32_t)(product >> bits), bits);
}

static inline uint64_t get_dividend(struct cpu *c, unsigned bits)
{
    if (bits == 8)
        return slot_get(c, SLOT_EAX, 16);
    return slot_get(c, SLOT_EAX, bits) | (uint64_t)slot_get(c, SLOT_EDX, bits) << bits;
}

static inline void put_quotient(struct cpu *c, uint32_t quotient, uint32_t remainder, unsigned bits)
{
    slot_put(c, SLOT_EAX, quotient, bits);
    slot_put(c, bits == 8 ? SLOT_EAX + 1 : SLOT_EDX, remainder, bits);
}

READ_BODY(MUL)
{
    uint64_t product = (uint64_t)slot_get(c, SLOT_EAX, bits) * d;
    put_product(c, product, bits);
    set_multiply_flags(f, (uint32_t)product, product >> bits != 0, bits);
    return true;
}

READ_BODY(IMUL)
{
    int64_t product = sign_extend(slot_get(c, SLOT_EAX, bits), bits) * sign_extend(d, bits);
    put_product(c, (uint64_t)product, bits);
    set_multiply_flags(f, (uint32_t)product, product != sign_extend((uint32_t)product, bits), bits);
    return true;
}

static inline uint32_t multiply_signed(struct flags *f, uint32_t a, uint32_t b, unsigned bits)
{
    int64_t product = sign_extend(a, bits) * sign_extend(b, bits);
    set_multiply_flags(f, (uint32_t)product, product != sign_extend((uint32_t)product, bits), bits);
    return (uint32_t)product;
}

MODIFY_BODY(IMUL2)
{
    return multiply_signed(f, d, s, bits);
}

WRITE_BODY(IMUL3)
{
    return multiply_signed(f, s, op->immediate, bits);
}

READ_BODY(DIV)
{
    uint64_t dividend = get_dividend(c, bits);
    if (d == 0 || dividend / d >> bits)
        return fault(c, DENALI_EXC_DIVIDE, 0);
    put_quotient(c, (uint32_t)(dividend / d), (uint32_t)(dividend % d), bits);
    return true;
}

/* Magnitudes first: the one overflow of C's signed division is then an ordinary quotient out of range. */
READ_BODY(IDIV)
{
    uint64_t raw = get_dividend(c, bits);
    int64_t dividend = bits == 32 ? (int64_t)raw : sign_extend((uint32_t)raw, 2 * bits);
    int64_t divisor = sign_extend(d, bits);
    if (divisor == 0)
        return fault(c, DENALI_EXC_DIVIDE, 0);

    uint64_t dividend_size = dividend < 0 ? -(uint64_t)dividend : (uint64_t)dividend;
    uint64_t divisor_size = divisor < 0 ? -(uint64_t)divisor : (uint64_t)divisor;
    bool negative = (dividend < 0) != (divisor < 0);
    uint64_t quotient = dividend_size / divisor_size;
    uint64_t remainder = dividend_size % divisor_size;
    if (quotient > (UINT64_C(1) << (bits - 1)) - !negative)
        return fault(c, DENALI_EXC_DIVIDE, 0);
    put_quotient(c, (uint32_t)(negative ? -quotient : quotient), (uint32_t)(dividend < 0 ? -remainder : remainder),
                 bits);
    return true;
}

/* Decimal and ASCII adjustment (SDM vol. 2, DAA, DAS, AAA, AAS, AAM, AAD). */
static inline bool decimal_adjust(struct cpu *c, int direction)
{
    uint32_t al = slot_get(c, SLOT_EAX, 8), result = al;
    bool low = (al & 15) > 9 || flag_af(&c->flags);
    bool high = al > 0x99 || flag_cf(&c->flags);
    bool borrow = direction < 0 && low && al < 6;

    if (low)
        result += (uint32_t)(6 * direction);
    if (high)
        result += (uint32_t)(0x60 * direction);
    slot_put(c, SLOT_EAX, result, 8);
    flags_set(&c->flags, result, pack_carry(high || borrow, false, low), 8);
    return true;
}

CUSTOM_BODY(DAA)
{
    return decimal_adjust(c, 1);
}

CUSTOM_BODY(DAS)
{
    return decimal_adjust(c, -1);
}

static inline bool ascii_adjust(struct cpu *c, int direction)
{
    uint32_t ax = slot_get(c, SLOT_EAX, 16);
    bool adjust = (ax & 15) > 9 || flag_af(&c->flags);

    if (adjust)
        ax += (uint32_t)(0x106 * direction);
    slot_put(c, SLOT_EAX, ax & 0xFF0F, 16);
    flags_set(&c->flags, (uint32_t)c->flags.result, pack_carry(adjust, false, adjust), 32);
    return true;
}

CUSTOM_BODY(AAA)
{
    return ascii_adjust(c, 1);
}

CUSTOM_BODY(AAS)
{
    return ascii_adjust(c, -1);
}

CUSTOM_BODY(AAM)
{
    uint32_t base = op->immediate & 0xFF, al = slot_get(c, SLOT_EAX, 8);
    if (base == 0)
        return fault(c, DENALI_EXC_DIVIDE, 0);
    slot_put(c, SLOT_EAX, (al / base) << 8 | al % base, 16);
    flags_logic(&c->flags, al % base, 8);
    return true;
}

CUSTOM_BODY(AAD)
{
    uint32_t ax = slot_get(c, SLOT_EAX, 16);
    uint32_t result = ((ax >> 8) * (op->immediate & 0xFF) + ax) & 0xFF;
    slot_put(c, SLOT_EAX, result, 16);
    flags_logic(&c->flags, result, 8);
    return true;
}

CUSTOM_BODY(SALC)
{
    slot_put(c, SLOT_EAX, flag_cf(&c->flags) ? 0xFF : 0, 8);
    return true;
}

CUSTOM_BODY(CBW)
{
    if (bits == 16)
        slot_put(c, SLOT_EAX, (uint32_t)sign_extend(c->slots[EAX], 8), 16);
    else
        c->slots[EAX] = (uint32_t)sign_extend(c->slots[EAX], 16);
    return true;
}

CUSTOM_BODY(CWD)
{
    slot_put(c, SLOT_EDX, sign_extend(c->slots[EAX], bits) < 0 ? ~0u : 0, bits);
    return true;
}

/* Bit tests. The bit's number is taken modulo the width, except that a register's number addresses a bit string in
 * memory (SDM vol. 2, 3.1.1.9). */
static inline uint32_t bit_mask(uint32_t number, unsigned bits)
{
    return 1u << (number % bits);
}

READ_BODY(BT)
{
    flags_set_cf(f, d & bit_mask(s, bits));
    return true;
}

MODIFY_BODY(BTS)
{
    flags_set_cf(f, d & bit_mask(s, bits));
    return d | bit_mask(s, bits);
}

MODIFY_BODY(BTR)
{
    flags_set_cf(f, d & bit_mask(s, bits));
    return d & ~bit_mask(s, bits);
}

MODIFY_BODY(BTC)
{
    flags_set_cf(f, d & bit_mask(s, bits));
    return d ^ bit_mask(s, bits);
}

/* Where the word is that holds the bit. */
INLINE uint32_t bit_string_address(struct cpu *c, const struct op *op, uint32_t number, unsigned bits)
{
    int32_t words = (int32_t)sign_extend(number, bits) >> (bits == 32 ? 5 : 4);
    return address_beyond(c, op, (uint32_t)words * (bits / 8));
}

CUSTOM_BODY(BT_G)
{
    uint32_t number = slot_get(c, op->source, bits);
    if (!memory)
        return BT(c, op, &c->flags, slot_get(c, op->destination, bits), number, bits);
    uint64_t value = load(c, bit_string_address(c, op, number, bits), bits / 8);
    return !(value & LOAD_FAILED) && BT(c, op, &c->flags, (uint32_t)value, number, bits);
}

#define BIT_STRING_BODY(name)                                                                                          \
    CUSTOM_BODY(name##_G)                                                                                              \
    {                                                                                                                  \
        uint32_t number = slot_get(c, op->source, bits);                                                               \
        if (!memory) {                                                                                                 \
            slot_put(c, op->destination, name(c, op, &c->flags, slot_get(c, op->destination, bits), number, bits),     \
                     bits);                                                                                            \
            return true;                                                                                               \
        }                                                                                                              \
        uint8_t *operand = modify_begin(c, bit_string_address(c, op, number, bits), bits / 8);                         \
        if (!operand)                                                                                                  \
            return false;                                                                                              \
        bytes_put(operand, name(c, op, &c->flags, bytes_get(operand, bits / 8), number, bits), bits / 8);              \
        modify_end(c, operand, bits / 8);                                                                              \
        return true;                                                                                                   \
    }
BIT_STRING_BODY(BTS)
BIT_STRING_BODY(BTR)
BIT_STRING_BODY(BTC)

static inline void set_scan_flags(struct flags *f, bool zero)
{
    flags_set_status(f, (flags_status(f) & ~(uint32_t)FLAG_ZF) | (zero ? FLAG_ZF : 0));
}

/* With s = 0 the destination stays, as AMD documents and Intel's processors do. */
MODIFY_BODY(BSF)
{
    set_scan_flags(f, s == 0);
    return s == 0 ? d : (uint32_t)__builtin_ctz(s);
}

MODIFY_BODY(BSR)
{
    set_scan_flags(f, s == 0);
    return s == 0 ? d : 31 - (uint32_t)__builtin_clz(s);
}

/* With a 16-bit operand the result is undefined; real CPUs write 0. */
MODIFY_BODY(BSWAP)
{
    return bits == 32 ? __builtin_bswap32(d) : 0;
}
