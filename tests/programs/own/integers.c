/* SPDX-License-Identifier: MIT
 *
 * 64-bit arithmetic, bits and fields, conversions between integers and floating point.
 */
#include <stdbool.h>

#include "bits.h"

static const uint64_t values[] = {0x0000000000000000, 0x0000000000000001, 0x0000000000000002, 0x0000000000000003,
                                  0x000000000000007F, 0x0000000000000080, 0x000000000000FFFF, 0x000000007FFFFFFF,
                                  0x0000000080000000, 0x00000000FFFFFFFF, 0x0000000100000000, 0x123456789ABCDEF0,
                                  0x3FFFFFFFFFFFFFC0, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0x8000000000000401,
                                  0xFFFFFFFF00000000, 0xFFFFFFFFFFFFFFFE, 0xFFFFFFFFFFFFFFFF};

#define COUNT (sizeof(values) / sizeof(values[0]))

/* The compiler must not know the numbers. */
static uint64_t value_get(unsigned index)
{
    return ((const volatile uint64_t *)values)[index];
}

static void print_quotients(uint64_t a, uint64_t b)
{
    if (b == 0)
        return;
    printf("u %llx %llx\n", a / b, a % b);
    if (b != UINT64_MAX)
        printf("s %llx %llx\n", (int64_t)a / (int64_t)b, (int64_t)a % (int64_t)b);
    if ((uint32_t)b != 0)
        printf("w %x %x\n", (uint32_t)a / (uint32_t)b, (uint32_t)a % (uint32_t)b);
    if ((int16_t)b != 0)
        printf("h %x %x\n", (int16_t)a / (int16_t)b, (int16_t)a % (int16_t)b);
}

static void print_pair(uint64_t a, uint64_t b)
{
    uint64_t sum, product;
    int64_t difference;
    bool carry = __builtin_add_overflow(a, b, &sum), over = __builtin_mul_overflow(a, b, &product);
    bool borrow = __builtin_sub_overflow((int64_t)a, (int64_t)b, &difference);
    printf("%llx %d %llx %d %llx %d\n", sum, carry, product, over, difference, borrow);
    unsigned count = b & 63;
    printf("%llx %llx %llx %llx\n", a << count, a >> count, (int64_t)a >> count, a << count | a >> (-count & 63));
    printf("%d %d %d %d\n", a < b, (int64_t)a < (int64_t)b, a == b, (int8_t)a <= (int8_t)b);
    print_quotients(a, b);
}

static void print_bits(uint64_t a)
{
    printf("%d %d %llx %x\n", __builtin_popcountll(a), __builtin_parityll(a), __builtin_bswap64(a),
           __builtin_bswap32((uint32_t)a));
    if (a != 0)
        printf("%d %d\n", __builtin_clzll(a), __builtin_ctzll(a));
}

/* Fields that cross words, signed and not, read, added to and written. */
static void print_fields(uint64_t a)
{
    struct {
        uint64_t low : 3;
        int64_t middle : 37;
        signed next : 5;
        uint64_t wide : 41;
        unsigned last : 9;
    } __attribute__((packed)) volatile fields;
    fields.low = a;
    fields.middle = (int64_t)(a >> 5);
    fields.next = (int)(a >> 11);
    fields.wide = a >> 17;
    fields.last = (unsigned)a;
    fields.middle += fields.low * 3;
    fields.wide ^= (uint64_t)fields.middle;
    fields.next -= 7;
    printf("%d %llx %d %llx %d\n", (int)fields.low, (int64_t)fields.middle, fields.next, (uint64_t)fields.wide,
           (int)fields.last);
}

static void print_from_integer(uint64_t a)
{
    PRINT("f", (float)a);
    PRINT("f", (float)(int64_t)a);
    PRINT("f", (float)(uint32_t)a);
    PRINT("f", (float)(int16_t)a);
    PRINT("d", (double)a);
    PRINT("d", (double)(int64_t)a);
    PRINT("d", (double)(uint32_t)a);
    PRINT("d", (double)(int8_t)a);
    PRINT("l", (long double)a);
    PRINT("l", (long double)(int64_t)a);
}

/* What does not fit is left to the processor: the compiler does not know the value. */
static void print_to_integer(double a)
{
    float single = (float)a;
    long double extended = (long double)a / 3;
    printf("%x %x %x\n", (int32_t)a, (int32_t)single, (int32_t)extended);
    printf("%llx %llx %llx\n", (int64_t)a, (int64_t)single, (int64_t)extended);
    if (a >= 0)
        printf("%llx %llx %llx\n", (uint64_t)a, (uint64_t)single, (uint64_t)extended);
}

int main(void)
{
    for (unsigned i = 0; i < COUNT; i++) {
        for (unsigned j = 0; j < COUNT; j++)
            print_pair(value_get(i), value_get(j));
        print_bits(value_get(i));
        print_fields(value_get(i));
        print_from_integer(value_get(i));
        print_to_integer((double)(int64_t)value_get(i) * 0.7);
        print_to_integer(1 / ((double)value_get(i) + 0.3));
    }
    return 0;
}
