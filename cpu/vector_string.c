/* SPDX-License-Identifier: MIT
 *
 * The string comparisons of SSE4.2 (Intel SDM vol. 2, 4.1), and CRC32.
 */
#include "vector.h"

/* The immediate. */
enum {
    WORDS = 1,
    SIGNED = 2,
    AGGREGATION_SHIFT = 2,
    NEGATED = 1 << 4,
    VALID_ONLY = 1 << 5,
    HIGHEST_OR_ELEMENTS = 1 << 6
};
enum aggregation { EQUAL_ANY, RANGES, EQUAL_EACH, EQUAL_ORDERED };

static unsigned elements(unsigned control)
{
    return control & WORDS ? 8 : 16;
}

static int32_t element(const union xmm_register *v, unsigned i, unsigned control)
{
    if (control & WORDS)
        return control & SIGNED ? v->s16[i] : v->u16[i];
    return control & SIGNED ? v->s8[i] : v->u8[i];
}

unsigned string_length(const union xmm_register *v, unsigned control)
{
    unsigned length = 0;
    while (length < elements(control) && element(v, length, control) != 0)
        length++;
    return length;
}

unsigned string_length_explicit(uint32_t length, unsigned control)
{
    uint32_t absolute = length >> 31 ? -length : length;
    return absolute < elements(control) ? absolute : elements(control);
}

static bool equal(const struct string_operands *o, unsigned i, unsigned j)
{
    return element(o->first, i, o->control) == element(o->second, j, o->control);
}

/* Is element j of the second operand in the set that the first lists? */
static bool is_any(const struct string_operands *o, unsigned j)
{
    bool found = false;
    for (unsigned i = 0; i < o->first_length; i++)
        found = found || equal(o, i, j);
    return found && j < o->second_length;
}

/* Or in one of the ranges, the first's elements being their ends? */
static bool is_in_ranges(const struct string_operands *o, unsigned j)
{
    int32_t value = element(o->second, j, o->control);
    bool found = false;
    for (unsigned i = 0; i + 1 < o->first_length; i += 2)
        found = found || (element(o->first, i, o->control) <= value && value <= element(o->first, i + 1, o->control));
    return found && j < o->second_length;
}

static bool is_equal(const struct string_operands *o, unsigned j)
{
    bool valid = j < o->first_length;
    return valid == (j < o->second_length) && (!valid || equal(o, j, j));
}

/* Does the first operand stand in the second at j, as far as that can be seen? */
static bool begins_at(const struct string_operands *o, unsigned j)
{
    for (unsigned i = 0; i < o->first_length && j + i < elements(o->control); i++)
        if (j + i >= o->second_length || !equal(o, i, j + i))
            return false;
    return true;
}

static bool compare_one(const struct string_operands *o, unsigned j)
{
    switch ((enum aggregation)(o->control >> AGGREGATION_SHIFT & 3)) {
    case EQUAL_ANY:
        return is_any(o, j);
    case RANGES:
        return is_in_ranges(o, j);
    case EQUAL_EACH:
        return is_equal(o, j);
    case EQUAL_ORDERED:
        return begins_at(o, j);
    }
    return false;
}

uint32_t string_compare(const struct string_operands *o, uint32_t *eflags)
{
    const unsigned count = elements(o->control);
    uint32_t mask = 0;

    for (unsigned j = 0; j < count; j++) {
        bool negated = (o->control & NEGATED) && (!(o->control & VALID_ONLY) || j < o->second_length);
        mask |= (uint32_t)(compare_one(o, j) != negated) << j;
    }
    *eflags = (mask ? FLAG_CF : 0) | (o->second_length < count ? FLAG_ZF : 0) |
              (o->first_length < count ? FLAG_SF : 0) | (mask & 1 ? FLAG_OF : 0);
    return mask;
}

uint32_t string_index(uint32_t mask, unsigned control)
{
    if (mask == 0)
        return elements(control);
    return (uint32_t)(control & HIGHEST_OR_ELEMENTS ? 31 - __builtin_clz(mask) : __builtin_ctz(mask));
}

union xmm_register string_mask(uint32_t mask, unsigned control)
{
    union xmm_register result = {.u32 = {mask}};
    if (!(control & HIGHEST_OR_ELEMENTS))
        return result;
    for (unsigned i = 0; i < 16; i++)
        result.u8[i] = mask >> (control & WORDS ? i / 2 : i) & 1 ? 0xFF : 0;
    return result;
}

/* The polynomial 11EDC6F41, bits reflected (SDM vol. 2, CRC32). */
uint32_t crc32c(uint32_t crc, uint32_t value, unsigned bits)
{
    const uint32_t polynomial = 0x82F63B78;
    crc ^= value;
    for (unsigned i = 0; i < bits; i++)
        crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
    return crc;
}
