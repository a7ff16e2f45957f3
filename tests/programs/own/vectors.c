/* SPDX-License-Identifier: MIT
 *
 * Loops over arrays of every width that compilers turn into vector instructions where they may, and the same by vector
 * types.
 */
#include "bits.h"

#define LENGTH 203

typedef int8_t bytes16 __attribute__((vector_size(16)));
typedef int8_t bytes8 __attribute__((vector_size(8)));
typedef int16_t words8 __attribute__((vector_size(16)));
typedef uint32_t longs4 __attribute__((vector_size(16)));
typedef uint64_t quads2 __attribute__((vector_size(16)));
typedef float floats4 __attribute__((vector_size(16)));
typedef double doubles2 __attribute__((vector_size(16)));

static uint32_t random_next(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 3 ^ *state << 11;
}

static uint32_t sum(const void *bytes, unsigned length)
{
    uint32_t state = 1;
    for (unsigned i = 0; i < length; i++)
        state = state * 31 + ((const uint8_t *)bytes)[i];
    return state;
}

#define DEFINE_CLAMP(wide)                                                                                             \
    static inline wide clamp_##wide(wide value, wide low, wide high)                                                   \
    {                                                                                                                  \
        return value < low ? low : value > high ? high : value;                                                        \
    }

DEFINE_CLAMP(int32_t)
DEFINE_CLAMP(uint32_t)
DEFINE_CLAMP(uint64_t)

#define DEFINE_LOOPS(type, wide, low, high)                                                                            \
    static void loops_##type(void)                                                                                     \
    {                                                                                                                  \
        static type a[LENGTH], b[LENGTH], c[LENGTH];                                                                   \
        uint32_t state = sizeof(type);                                                                                 \
        for (unsigned i = 0; i < LENGTH; i++) {                                                                        \
            a[i] = (type)((uint64_t)random_next(&state) << 32 | random_next(&state));                                  \
            b[i] = (type)((uint64_t)random_next(&state) << 32 | random_next(&state));                                  \
        }                                                                                                              \
        wide total = 0;                                                                                                \
        type most = a[0], least = b[0];                                                                                \
        for (unsigned i = 0; i < LENGTH; i++) {                                                                        \
            total += (wide)a[i] * (wide)b[i];                                                                          \
            most = a[i] > most ? a[i] : most;                                                                          \
            least = b[i] < least ? b[i] : least;                                                                       \
        }                                                                                                              \
        printf(#type " %llx %llx %llx\n", (uint64_t)total, (uint64_t)most, (uint64_t)least);                           \
        for (unsigned i = 0; i < LENGTH; i++)                                                                          \
            c[i] = (type)clamp_##wide((wide)a[i] + (wide)b[i], (wide)(low), (wide)(high));                             \
        printf(#type " %08x\n", sum(c, sizeof(c)));                                                                    \
        for (unsigned i = 0; i < LENGTH; i++)                                                                          \
            c[i] = (type)(a[i] > b[i] ? a[i] - b[i] : (b[i] >> 3) * 5 ^ a[i]);                                         \
        printf(#type " %08x\n", sum(c, sizeof(c)));                                                                    \
        for (unsigned i = 0; i < LENGTH / 2; i++)                                                                      \
            c[i] = (type)((a[2 * i] & b[2 * i + 1]) | (a[2 * i + 1] == b[2 * i]));                                     \
        printf(#type " %08x\n", sum(c, sizeof(c)));                                                                    \
    }

DEFINE_LOOPS(int8_t, int32_t, INT8_MIN, INT8_MAX)
DEFINE_LOOPS(uint8_t, uint32_t, 0, UINT8_MAX)
DEFINE_LOOPS(int16_t, int32_t, INT16_MIN, INT16_MAX)
DEFINE_LOOPS(uint16_t, uint32_t, 0, UINT16_MAX)
DEFINE_LOOPS(uint32_t, uint64_t, 0, UINT32_MAX)
DEFINE_LOOPS(uint64_t, uint64_t, 0, UINT64_MAX)

#define DEFINE_REAL_LOOPS(type, integer)                                                                               \
    static void loops_##type(void)                                                                                     \
    {                                                                                                                  \
        static type a[LENGTH], b[LENGTH];                                                                              \
        static integer c[LENGTH];                                                                                      \
        uint32_t state = sizeof(type);                                                                                 \
        for (unsigned i = 0; i < LENGTH; i++) {                                                                        \
            a[i] = (type)(int32_t)random_next(&state) / 65536;                                                         \
            b[i] = (type)(int16_t)random_next(&state);                                                                 \
        }                                                                                                              \
        for (unsigned i = 0; i < LENGTH; i++) {                                                                        \
            c[i] = (integer)a[i] + (integer)(b[i] / 7);                                                                \
            a[i] = a[i] > b[i] ? a[i] * b[i] : a[i] / (b[i] + (type)0.5);                                              \
            b[i] = b[i] < 0 ? -b[i] : (type)c[i];                                                                      \
        }                                                                                                              \
        type total = 0;                                                                                                \
        for (unsigned i = 0; i < LENGTH; i++)                                                                          \
            total += a[i];                                                                                             \
        PRINT(#type, total);                                                                                           \
        printf(#type " %08x %08x %08x\n", sum(a, sizeof(a)), sum(b, sizeof(b)), sum(c, sizeof(c)));                    \
    }

DEFINE_REAL_LOOPS(float, int32_t)
DEFINE_REAL_LOOPS(double, int64_t)

#define SHOW(vector)                                                                                                   \
    do {                                                                                                               \
        __typeof__(vector) shown = vector;                                                                             \
        printf(#vector " %08x\n", sum(&shown, sizeof(shown)));                                                         \
    } while (0)

/* volatile: the compiler must not compute them. */
static volatile bytes16 byte_input = {1, -2, 3, -4, 5, -6, 7, -128, 127, 10, -11, 12, -13, 14, -15, 16};
static volatile longs4 long_input = {0x12345678, 0x9ABCDEF0, 0xFFFFFFFF, 7};
static volatile floats4 float_input = {1.5f, -0.0f, 3e38f, 1e-40f};

static void vectors(void)
{
    bytes16 bytes = byte_input;
    longs4 longs = long_input;
    floats4 floats = float_input;
    words8 words = (words8)bytes;
    quads2 quads = (quads2)longs;
    doubles2 doubles = {floats[0], floats[2]};
    SHOW(bytes + (bytes >> 3));
    SHOW(bytes * bytes);
    SHOW(bytes > (bytes16)words * 3);
    SHOW(words * words - (words << 2));
    SHOW(longs * longs + (longs >> 5));
    SHOW(longs > (longs << 1));
    SHOW(quads * 0x123456789 - (quads >> 7));
    SHOW(floats * floats - floats / (floats + 1));
    SHOW(floats < -floats);
    SHOW(doubles * doubles / 3 - doubles);
    SHOW(__builtin_convertvector(floats / 1e30f, longs4));
    SHOW(__builtin_convertvector((words8)longs, bytes8));
    SHOW(__builtin_shufflevector(bytes, bytes + 1, 3, 18, 0, 31, 7, 7, 22, 1, 15, 14, 29, 2, 9, 16, 5, 27));
    SHOW(__builtin_shufflevector(longs, longs ^ 5, 6, 1, 3, 4));
    SHOW(__builtin_shufflevector(floats, floats * 2, 0, 5, 2, 7));
}

int main(void)
{
    loops_int8_t();
    loops_uint8_t();
    loops_int16_t();
    loops_uint16_t();
    loops_uint32_t();
    loops_uint64_t();
    loops_float();
    loops_double();
    vectors();
    return 0;
}
