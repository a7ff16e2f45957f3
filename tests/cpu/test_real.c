/* SPDX-License-Identifier: MIT
 *
 * The arithmetic of cpu/real.h against the host's x87 and SSE: values, exception flags, C1 and condition codes, over
 * all rounding directions and precisions, masked and unmasked exceptions, and operands of all classes. What a caller of
 * real.c has to do is done here in its shortest form: encodings that are no number are invalid; NaNs are left out. On
 * other hosts a digest shows that the results are those that were compared.
 *
 * For a longer run or another one, compile with -DCASES=... or -DSEED=...
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "../../cpu/real.h"

#ifndef CASES
#define CASES 120000
#endif
#ifndef SEED
#define SEED 1
#endif

enum { FAILURES_SHOWN = 10, DIGEST_CASES = 5000 };

#define TOP_BIT  (UINT64_C(1) << 63)
#define ALL_ONES (~UINT64_C(0))

/* Exceptions found before there is a result; unmasked, they keep the instruction from having one. */
enum { BEFORE = REAL_INVALID | REAL_DENORMAL | REAL_DIVIDE };

/* Operands. */

/* splitmix64 */
static uint64_t random_next(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static unsigned random_below(uint64_t *seed, unsigned limit)
{
    return (unsigned)(random_next(seed) >> 32) % limit;
}

/* Left-aligned: random, short, a power of two, all ones, and those less or more by one: halfway cases and near them. */
static uint64_t random_significand(uint64_t *seed)
{
    uint64_t bits = random_next(seed);
    unsigned place = random_below(seed, 64);

    switch (random_below(seed, 8)) {
    case 0:
        return bits & ALL_ONES << place;
    case 1:
        return UINT64_C(1) << place;
    case 2:
        return ALL_ONES << place;
    case 3:
        return ALL_ONES >> place;
    case 4:
        return (bits & ALL_ONES << place) + random_below(seed, 3) - 1;
    case 5:
        return TOP_BIT | bits >> place >> 1;
    default:
        return bits;
    }
}

/* The exponent field of an operand whose fellow has `other`; the greatest one is `ones`. At the edges, near that of
 * small integers, near the other one, where product or quotient come near the edges, at the edges of other formats,
 * any. */
static unsigned random_exponent(uint64_t *seed, unsigned ones, unsigned other)
{
    static const int edges[] = {-1074, -1022, -149, -126, 0, 15, 31, 63, 127, 1023};
    int bias = (int)ones / 2, near = (int)random_below(seed, 140) - 70, field = 0;
    bool low = random_below(seed, 2);

    switch (random_below(seed, 10)) {
    case 0:
        field = (int)random_below(seed, 4);
        break;
    case 1:
        field = (int)(ones - random_below(seed, 4));
        break;
    case 2:
        field = bias + near;
        break;
    case 3:
        field = (int)other + near;
        break;
    case 4:
        field = (int)other + near / 16;
        break;
    case 5:
        field = (low ? bias : 3 * bias) - (int)other + near;
        break;
    case 6:
        field = (low ? -bias : bias) + (int)other + near;
        break;
    case 7:
        field = bias + edges[random_below(seed, 10)] + near / 16;
        break;
    default:
        field = (int)random_below(seed, ones + 1);
    }
    return field < 0 ? 0 : field > (int)ones ? ones : (unsigned)field;
}

/* A number of 1 to 31 bits, not 0, and odd. */
static uint64_t random_factor(uint64_t *seed)
{
    uint64_t bits = random_next(seed) >> 33;

    return bits >> random_below(seed, 31) | 1;
}

/* Of two operands, left-aligned. Often related: equal but for the last places, complements of each other, one a
 * multiple of the other: cancellation, exact quotients, remainders of zero and a half. */
static void random_significands(uint64_t *seed, uint64_t significands[2])
{
    uint64_t delta = random_below(seed, 5), factor;

    significands[0] = random_significand(seed);
    significands[1] = random_significand(seed);
    switch (random_below(seed, 12)) {
    case 0:
        significands[1] = (significands[0] + delta - 2) | TOP_BIT;
        break;
    case 1:
        significands[1] = (~significands[0] + delta - 2) | TOP_BIT;
        break;
    case 2:
        significands[0] = TOP_BIT + delta;
        significands[1] = ALL_ONES - random_below(seed, 3);
        break;
    case 3:
        factor = random_factor(seed);
        significands[1] = factor << __builtin_clzll(factor);
        factor *= random_factor(seed);
        significands[0] = factor << __builtin_clzll(factor);
        break;
    default:
        break;
    }
}

/* One time in 32 with any integer bit, else with the one that belongs there. */
static struct x87_register random_extended(uint64_t *seed, uint64_t significand, unsigned other)
{
    unsigned field = random_exponent(seed, 0x7FFF, other);
    struct x87_register r = {significand, (uint16_t)(field | random_below(seed, 2) << 15)};

    if (random_below(seed, 32))
        r.significand = field ? r.significand | TOP_BIT : r.significand & ~TOP_BIT;
    if (random_below(seed, 64) == 0)
        r.significand &= TOP_BIT;
    if (field == 0x7FFF && r.significand & TOP_BIT)
        r.significand = TOP_BIT;
    return r;
}

static uint64_t random_encoding(uint64_t *seed, unsigned bits, uint64_t significand, uint64_t other)
{
    unsigned fraction_bits = bits == 32 ? 23 : 52, ones = bits == 32 ? 0xFF : 0x7FF;
    unsigned field = random_exponent(seed, ones, (unsigned)(other >> fraction_bits) & ones);
    uint64_t fraction = significand << 1 >> (64 - fraction_bits), sign = random_below(seed, 2);

    if (field == ones || random_below(seed, 64) == 0)
        fraction = 0;
    return sign << (bits - 1) | (uint64_t)field << fraction_bits | fraction;
}

/* The host. */

enum { C0 = 0x100, C1 = 0x200, C2 = 0x400, C3 = 0x4000, STATUS_FLAGS = 0x7F };
enum { MXCSR_FLAGS = 0x3F, MXCSR_MASKS = 0x1F80, MXCSR_FLUSH = 0x8000 };

struct outcome {
    struct x87_register value; /* an integer, single or double: in the significand */
    uint16_t status;
    bool stopped; /* by an unmasked exception: there is no value */
};

#if defined(__x86_64__) && defined(__linux__)
#include <ucontext.h>

enum { HOST_COMPARES = true };

/* ST(0) = a, ST(1) = b. FNSAVE takes the result without a trap for what is unmasked. */
#define X87_ON_HOST(name, instruction, in_memory)                                                                      \
    static struct outcome x87_host_##name(uint16_t control, struct x87_register a, struct x87_register b)              \
    {                                                                                                                  \
        uint8_t image[108];                                                                                            \
        uint64_t memory = 0;                                                                                           \
        struct outcome outcome = {.status = 0};                                                                        \
        __asm__ volatile("fninit; fldt %[b]; fldt %[a]; fldcw %[control]; " instruction "; fnsave %[image]"            \
                         : [image] "=m"(image), [memory] "+m"(memory)                                                  \
                         : [a] "m"(a), [b] "m"(b), [control] "m"(control)                                              \
                         : "memory");                                                                                  \
        if (in_memory)                                                                                                 \
            outcome.value.significand = memory;                                                                        \
        else                                                                                                           \
            memcpy(&outcome.value, image + 28, 10);                                                                    \
        memcpy(&outcome.status, image + 4, 2);                                                                         \
        return outcome;                                                                                                \
    }

/* XMM0 = a, XMM1 = b, RAX = a; the result is in XMM0 or RAX. After an unmasked exception it goes on at R11. */
#define SSE_ON_HOST(name, instruction, result)                                                                         \
    static uint64_t sse_host_##name(uint32_t *mxcsr, uint64_t a, uint64_t b)                                           \
    {                                                                                                                  \
        uint32_t masked = MXCSR_MASKS;                                                                                 \
        uint64_t rax = a, xmm0 = a;                                                                                    \
        __asm__ volatile(                                                                                              \
            "lea 1f(%%rip), %%r11; movq %[xmm0], %%xmm0; movq %[b], %%xmm1; ldmxcsr %[mxcsr]; " instruction            \
            "; 1: stmxcsr %[mxcsr]; ldmxcsr %[masked]; movq %%xmm0, %[xmm0]"                                           \
            : [xmm0] "+r"(xmm0), [mxcsr] "+m"(*mxcsr), "+a"(rax)                                                       \
            : [b] "r"(b), [masked] "m"(masked)                                                                         \
            : "r11", "xmm0", "xmm1", "cc", "memory");                                                                  \
        return result;                                                                                                 \
    }

static void on_exception(int signal, siginfo_t *info, void *opaque)
{
    ucontext_t *context = opaque;

    (void)signal;
    (void)info;
    context->uc_mcontext.fpregs->mxcsr |= MXCSR_MASKS;
    context->uc_mcontext.gregs[REG_RIP] = context->uc_mcontext.gregs[REG_R11];
}

static void exceptions_catch(void)
{
    struct sigaction action = {.sa_sigaction = on_exception, .sa_flags = SA_SIGINFO};

    sigaction(SIGFPE, &action, NULL);
}
#else
enum { HOST_COMPARES = false };

#define X87_ON_HOST(name, instruction, in_memory)                                                                      \
    static struct outcome x87_host_##name(uint16_t control, struct x87_register a, struct x87_register b)              \
    {                                                                                                                  \
        (void)a;                                                                                                       \
        (void)b;                                                                                                       \
        return (struct outcome){.status = control};                                                                    \
    }

#define SSE_ON_HOST(name, instruction, result)                                                                         \
    static uint64_t sse_host_##name(uint32_t *mxcsr, uint64_t a, uint64_t b)                                           \
    {                                                                                                                  \
        return *mxcsr + a + b;                                                                                         \
    }

static void exceptions_catch(void)
{
}
#endif

/* x87 instructions. */

typedef struct outcome x87_host(uint16_t control, struct x87_register a, struct x87_register b);
typedef struct real x87_operation(struct real_context *, struct real a, struct real b, uint16_t *conditions);

enum x87_destination { REGISTER, INTEGER_16, INTEGER_32, INTEGER_64, SINGLE, DOUBLE, NOTHING };

struct x87_instruction {
    const char *name;
    x87_host *host;
    x87_operation *operation;
    unsigned operands; /* that are arithmetic: an encoding that is no number is invalid */
    bool full;         /* the precision is always 64 bits */
    enum x87_destination destination;
    uint16_t conditions; /* defined, beside C1 */
};

#define X87(name, text, operand_count, is_full, destination, conditions, expression)                                   \
    X87_ON_HOST(name, text, destination != REGISTER)                                                                   \
    static struct real x87_##name(struct real_context *context, struct real a, struct real b, uint16_t *condition)     \
    {                                                                                                                  \
        (void)context;                                                                                                 \
        (void)b;                                                                                                       \
        (void)condition;                                                                                               \
        return expression;                                                                                             \
    }                                                                                                                  \
    static const struct x87_instruction name = {#name,   x87_host_##name, x87_##name, operand_count,                   \
                                                is_full, destination,     conditions};

static const struct real indefinite = {.class = REAL_NAN, .negative = true, .significand = UINT64_C(3) << 62};

static struct real invalid(struct real_context *context)
{
    context->raised |= REAL_INVALID;
    return indefinite;
}

/* By how much FSCALE changes the exponent: b truncated; more than this is too much in any case. */
static int scale_by(struct real b)
{
    struct real_context truncation = {.rounding = ROUND_ZERO};
    int64_t by = real_to_integer(&truncation, b, 32);

    if (truncation.raised & REAL_INVALID || by > 0x10000 || by < -0x10000)
        return b.negative ? -0x10000 : 0x10000;
    return (int)by;
}

static struct real scale(struct real_context *context, struct real a, struct real b)
{
    bool infinite = b.class == REAL_INFINITE;

    if (infinite && a.class == (b.negative ? REAL_INFINITE : REAL_ZERO))
        return invalid(context);
    if (a.denormal || b.denormal)
        context->raised |= REAL_DENORMAL;
    if (infinite)
        return (struct real){
            .class = b.negative ? REAL_ZERO : REAL_INFINITE, .negative = a.negative, .significand = TOP_BIT};
    a.exponent += scale_by(b);
    return a;
}

static struct real divide_rest(struct real_context *context, struct real a, struct real b, bool nearest,
                               uint16_t *conditions)
{
    uint64_t quotient = 0;
    bool complete = true;
    struct real rest = real_remainder(context, a, b, nearest, &quotient, &complete);

    *conditions = complete ? (quotient & 4 ? C0 : 0) | (quotient & 2 ? C3 : 0) | (quotient & 1 ? C1 : 0) : C2;
    if (context->raised & context->unmasked)
        *conditions = 0;
    return rest;
}

static struct real compare(struct real_context *context, struct real a, struct real b, uint16_t *conditions)
{
    if (a.invalid || b.invalid) {
        *conditions = C0 | C2 | C3;
        return invalid(context);
    }
    if (a.denormal || b.denormal)
        context->raised |= REAL_DENORMAL;
    int order = real_compare(a, b);
    *conditions = order < 0 ? C0 : order == 0 ? C3 : 0;
    return a;
}

static struct real examine(struct real a, uint16_t *conditions)
{
    static const uint16_t classes[] = {[REAL_ZERO] = C3, [REAL_FINITE] = C2, [REAL_INFINITE] = C2 | C0};

    *conditions = (a.negative ? C1 : 0) | (a.invalid ? 0 : a.denormal ? C2 | C3 : classes[a.class]);
    return a;
}

X87(fadd, "fadd %%st(1), %%st", 2, false, REGISTER, 0, real_add(context, a, b))
X87(fsub, "fsub %%st(1), %%st", 2, false, REGISTER, 0, real_add(context, a, real_negate(b)))
X87(fmul, "fmul %%st(1), %%st", 2, false, REGISTER, 0, real_multiply(context, a, b))
X87(fdiv, "fdiv %%st(1), %%st", 2, false, REGISTER, 0, real_divide(context, a, b))
X87(fsqrt, "fsqrt", 1, false, REGISTER, 0, real_square_root(context, a))
X87(frndint, "frndint", 1, true, REGISTER, 0, real_round(context, a))
X87(fscale, "fscale", 2, true, REGISTER, 0, scale(context, a, b))
X87(fprem, "fprem", 2, true, REGISTER, C0 | C2 | C3, divide_rest(context, a, b, false, condition))
X87(fprem1, "fprem1", 2, true, REGISTER, C0 | C2 | C3, divide_rest(context, a, b, true, condition))
X87(fcom, "fcom %%st(1)", 0, true, NOTHING, C0 | C2 | C3, compare(context, a, b, condition))
X87(fxam, "fxam", 0, true, NOTHING, C0 | C2 | C3, examine(a, condition))
X87(fist16, "fistps %[memory]", 0, true, INTEGER_16, 0, a)
X87(fist32, "fistpl %[memory]", 0, true, INTEGER_32, 0, a)
X87(fist64, "fistpll %[memory]", 0, true, INTEGER_64, 0, a)
X87(fst32, "fsts %[memory]", 1, true, SINGLE, 0, a)
X87(fst64, "fstl %[memory]", 1, true, DOUBLE, 0, a)

static const struct x87_instruction *const x87_instructions[] = {
    &fadd,   &fsub, &fmul, &fdiv,   &fsqrt,  &frndint, &fscale, &fprem,
    &fprem1, &fcom, &fxam, &fist16, &fist32, &fist64,  &fst32,  &fst64,
};
enum { X87_INSTRUCTIONS = sizeof(x87_instructions) / sizeof(x87_instructions[0]) };

static struct x87_register x87_deliver(struct real_context *context, struct real value, enum x87_destination to)
{
    static const unsigned bits[] = {[INTEGER_16] = 16, [INTEGER_32] = 32, [INTEGER_64] = 64};
    uint64_t memory = 0;

    if (to == REGISTER)
        return real_to_extended(context, value);
    if (to == SINGLE)
        memory = real_to_single(context, value);
    else if (to == DOUBLE)
        memory = real_to_double(context, value);
    else if (to != NOTHING)
        memory = (uint64_t)real_to_integer(context, value, bits[to]) & ALL_ONES >> (64 - bits[to]);
    if (context->raised & context->unmasked & (REAL_OVERFLOW | REAL_UNDERFLOW)) {
        context->raised &= ~REAL_PRECISION;
        context->rounded_up = false;
    }
    return (struct x87_register){memory, 0};
}

static struct outcome x87_here(const struct x87_instruction *i, uint16_t control, struct x87_register first,
                               struct x87_register second)
{
    static const uint8_t precisions[] = {24, 0, 53, 64};
    struct real a = real_from_extended(first), b = real_from_extended(second), value = indefinite;
    struct real_context context = {.rounding = control >> 10 & 3,
                                   .precision = i->full ? 64 : precisions[control >> 8 & 3],
                                   .unmasked = ~control & 0x3F};
    struct outcome outcome = {.status = 0};

    if ((i->operands > 0 && a.invalid) || (i->operands > 1 && b.invalid))
        context.raised = REAL_INVALID;
    else
        value = i->operation(&context, a, b, &outcome.status);
    if (!(context.raised & context.unmasked & BEFORE))
        outcome.value = x87_deliver(&context, value, i->destination);
    outcome.status |= context.raised | (context.rounded_up ? C1 : 0);
    outcome.stopped = context.raised & context.unmasked & (i->destination == REGISTER ? BEFORE : ~REAL_PRECISION);
    return outcome;
}

struct x87_case {
    uint16_t control;
    struct x87_register a, b;
};

/* All exceptions masked, or often overflow and underflow not, or any not. */
static struct x87_case x87_random(uint64_t *seed, bool unmasked)
{
    static const uint16_t precisions[] = {0x000, 0x200, 0x300, 0x300};
    struct x87_case k = {.control = 0x7F};
    uint64_t significands[2];

    if (unmasked)
        k.control ^= random_below(seed, 3) ? (random_below(seed, 3) + 1) << 3 : random_below(seed, 64);
    k.control |= precisions[random_below(seed, 4)];
    k.control |= random_below(seed, 4) << 10;
    random_significands(seed, significands);
    k.a = random_extended(seed, significands[0], 0x3FFF);
    k.b = random_extended(seed, significands[1], k.a.sign_exponent & 0x7FFF);
    return k;
}

static bool x87_agrees(const struct x87_instruction *i, const struct x87_case *k, bool show)
{
    struct outcome want = i->host(k->control, k->a, k->b), got = x87_here(i, k->control, k->a, k->b);
    uint16_t mask = STATUS_FLAGS | C1 | i->conditions;

    if (show)
        cr_log_error("%s control %04x: %04x %016" PRIx64 ", %04x %016" PRIx64 ": host %04x %016" PRIx64
                     " status %04x, here %04x %016" PRIx64 " status %04x",
                     i->name, k->control, k->a.sign_exponent, k->a.significand, k->b.sign_exponent, k->b.significand,
                     want.value.sign_exponent, want.value.significand, want.status & mask, got.value.sign_exponent,
                     got.value.significand, got.status);
    if ((want.status & mask) != got.status)
        return false;
    return got.stopped || i->destination == NOTHING ||
           (want.value.significand == got.value.significand && want.value.sign_exponent == got.value.sign_exponent);
}

static void x87_compare(bool unmasked)
{
    for (unsigned i = 0; i < X87_INSTRUCTIONS; i++) {
        uint64_t seed = SEED + ((uint64_t)(i * 2 + unmasked) << 32);
        unsigned failures = 0;
        for (unsigned n = 0; n < CASES; n++) {
            struct x87_case k = x87_random(&seed, unmasked);
            if (!x87_agrees(x87_instructions[i], &k, false) && failures++ < FAILURES_SHOWN)
                x87_agrees(x87_instructions[i], &k, true);
        }
        cr_expect_eq(failures, 0, "%s: %u differ", x87_instructions[i]->name, failures);
    }
}

/* SSE instructions. Values are encodings or integers. */

typedef uint64_t sse_host(uint32_t *mxcsr, uint64_t a, uint64_t b);
typedef uint64_t sse_operation(struct real_context *, uint64_t a, uint64_t b);

struct sse_instruction {
    const char *name;
    sse_host *host;
    sse_operation *operation;
    unsigned bits; /* of operands that are encodings, 0: they are integers */
};

/* The operands x and y are made a and b by `from`. */
#define SSE(name, text, operand_bits, from, result_type, host_result, expression)                                      \
    SSE_ON_HOST(name, text, (result_type)host_result)                                                                  \
    static uint64_t sse_##name(struct real_context *context, uint64_t x, uint64_t y)                                   \
    {                                                                                                                  \
        struct real a = from(x), b = from(y);                                                                          \
        (void)a;                                                                                                       \
        (void)b;                                                                                                       \
        return (result_type)(expression);                                                                              \
    }                                                                                                                  \
    static const struct sse_instruction name = {#name, sse_host_##name, sse_##name, operand_bits};

static struct real from_single(uint64_t bits)
{
    return real_from_single((uint32_t)bits);
}

static struct real from_integer_32(uint64_t bits)
{
    return real_from_integer((int32_t)bits);
}

static struct real from_integer_64(uint64_t bits)
{
    return real_from_integer((int64_t)bits);
}

/* If the operation found an unmasked exception, that is all. */
static uint32_t to_single(struct real_context *context, struct real value)
{
    return context->raised & context->unmasked ? 0 : real_to_single(context, value);
}

static uint64_t to_double(struct real_context *context, struct real value)
{
    return context->raised & context->unmasked ? 0 : real_to_double(context, value);
}

/* What raises a denormal operand by itself. */
static struct real noted(struct real_context *context, struct real a)
{
    if (a.denormal)
        context->raised |= REAL_DENORMAL;
    return a;
}

static int64_t truncated(struct real_context *context, struct real a)
{
    context->rounding = ROUND_ZERO;
    return real_to_integer(context, a, 32);
}

#define SSE_BOTH(name, expression)                                                                                     \
    SSE(name##ss, #name "ss %%xmm1, %%xmm0", 32, from_single, uint32_t, xmm0, to_single(context, expression))          \
    SSE(name##sd, #name "sd %%xmm1, %%xmm0", 64, real_from_double, uint64_t, xmm0, to_double(context, expression))

/* -1, 0 or 1 from two comparisons. */
#define COMPARISON(comi) comi " %%xmm1, %%xmm0; sbb %%eax, %%eax; " comi " %%xmm0, %%xmm1; adc $0, %%eax"
#define COMPARED         (noted(context, a), noted(context, b), real_compare(a, b))

SSE_BOTH(add, real_add(context, a, b))
SSE_BOTH(sub, real_add(context, a, real_negate(b)))
SSE_BOTH(mul, real_multiply(context, a, b))
SSE_BOTH(div, real_divide(context, a, b))
SSE_BOTH(sqrt, real_square_root(context, b))
SSE(cvtss2sd, "cvtss2sd %%xmm0, %%xmm0", 32, from_single, uint64_t, xmm0, to_double(context, noted(context, a)))
SSE(cvtsd2ss, "cvtsd2ss %%xmm0, %%xmm0", 64, real_from_double, uint32_t, xmm0, to_single(context, noted(context, a)))
SSE(cvtss2si, "cvtss2si %%xmm0, %%eax", 32, from_single, uint32_t, rax, real_to_integer(context, a, 32))
SSE(cvtsd2si, "cvtsd2si %%xmm0, %%eax", 64, real_from_double, uint32_t, rax, real_to_integer(context, a, 32))
SSE(cvtss2si_64, "cvtss2si %%xmm0, %%rax", 32, from_single, uint64_t, rax, real_to_integer(context, a, 64))
SSE(cvtsd2si_64, "cvtsd2si %%xmm0, %%rax", 64, real_from_double, uint64_t, rax, real_to_integer(context, a, 64))
SSE(cvttss2si, "cvttss2si %%xmm0, %%eax", 32, from_single, uint32_t, rax, truncated(context, a))
SSE(cvttsd2si, "cvttsd2si %%xmm0, %%eax", 64, real_from_double, uint32_t, rax, truncated(context, a))
SSE(cvtsi2ss, "cvtsi2ss %%eax, %%xmm0", 0, from_integer_32, uint32_t, xmm0, real_to_single(context, a))
SSE(cvtsi2sd, "cvtsi2sd %%eax, %%xmm0", 0, from_integer_32, uint64_t, xmm0, real_to_double(context, a))
SSE(cvtsi2ss_64, "cvtsi2ss %%rax, %%xmm0", 0, from_integer_64, uint32_t, xmm0, real_to_single(context, a))
SSE(cvtsi2sd_64, "cvtsi2sd %%rax, %%xmm0", 0, from_integer_64, uint64_t, xmm0, real_to_double(context, a))
SSE(comiss, COMPARISON("comiss"), 32, from_single, uint32_t, rax, COMPARED)
SSE(comisd, COMPARISON("comisd"), 64, real_from_double, uint32_t, rax, COMPARED)

static const struct sse_instruction *const sse_instructions[] = {
    &addss,     &addsd,     &subss,    &subsd,    &mulss,       &mulsd,       &divss,       &divsd,
    &sqrtss,    &sqrtsd,    &cvtss2sd, &cvtsd2ss, &cvtss2si,    &cvtsd2si,    &cvtss2si_64, &cvtsd2si_64,
    &cvttss2si, &cvttsd2si, &cvtsi2ss, &cvtsi2sd, &cvtsi2ss_64, &cvtsi2sd_64, &comiss,      &comisd,
};
enum { SSE_INSTRUCTIONS = sizeof(sse_instructions) / sizeof(sse_instructions[0]) };

struct sse_case {
    uint32_t mxcsr;
    uint64_t a, b;
};

static struct sse_case sse_random(const struct sse_instruction *i, uint64_t *seed, bool unmasked)
{
    struct sse_case k = {.mxcsr = MXCSR_MASKS};
    uint64_t significands[2];

    if (unmasked)
        k.mxcsr ^= random_below(seed, 64) << 7;
    k.mxcsr |= random_below(seed, 4) << 13; /* rounding */
    k.mxcsr |= random_below(seed, 2) << 15; /* flush to zero */
    random_significands(seed, significands);
    if (i->bits) {
        uint64_t one = i->bits == 32 ? UINT64_C(0x7F) << 23 : UINT64_C(0x3FF) << 52;
        k.a = random_encoding(seed, i->bits, significands[0], one);
        k.b = random_encoding(seed, i->bits, significands[1], k.a);
    } else {
        k.a = significands[0] >> random_below(seed, 64);
        if (random_below(seed, 2))
            k.a = -k.a;
    }
    return k;
}

static uint64_t sse_here(const struct sse_instruction *i, const struct sse_case *k, struct real_context *context)
{
    *context = (struct real_context){
        .rounding = k->mxcsr >> 13 & 3, .unmasked = ~k->mxcsr >> 7 & 0x3F, .flush_to_zero = k->mxcsr & MXCSR_FLUSH};
    return i->operation(context, k->a, k->b);
}

static bool sse_agrees(const struct sse_instruction *i, const struct sse_case *k, bool show)
{
    struct real_context context;
    uint32_t mxcsr = k->mxcsr;
    uint64_t want = i->host(&mxcsr, k->a, k->b), got = sse_here(i, k, &context);

    if (show)
        cr_log_error("%s MXCSR %04x: %016" PRIx64 ", %016" PRIx64 ": host %016" PRIx64 " flags %02x, here %016" PRIx64
                     " flags %02x",
                     i->name, k->mxcsr, k->a, k->b, want, mxcsr & MXCSR_FLAGS, got, context.raised);
    if ((mxcsr & MXCSR_FLAGS) != context.raised)
        return false;
    return context.raised & context.unmasked || want == got;
}

static void sse_compare(bool unmasked, unsigned cases)
{
    for (unsigned i = 0; i < SSE_INSTRUCTIONS; i++) {
        uint64_t seed = SEED + ((uint64_t)(100 + i * 2 + unmasked) << 32);
        unsigned failures = 0;
        for (unsigned n = 0; n < cases; n++) {
            struct sse_case k = sse_random(sse_instructions[i], &seed, unmasked);
            if (!sse_agrees(sse_instructions[i], &k, false) && failures++ < FAILURES_SHOWN)
                sse_agrees(sse_instructions[i], &k, true);
        }
        cr_expect_eq(failures, 0, "%s: %u differ", sse_instructions[i]->name, failures);
    }
}

/* The tests. */

static void host_wanted(void)
{
    if (!HOST_COMPARES)
        cr_skip_test("nothing to compare with: the host is no x86-64 with Linux");
}

Test(real, x87_masked_is_as_host, .init = host_wanted)
{
    x87_compare(false);
}

Test(real, x87_unmasked_is_as_host, .init = host_wanted)
{
    x87_compare(true);
}

Test(real, sse_masked_is_as_host, .init = host_wanted)
{
    sse_compare(false, CASES);
}

/* Every unmasked exception is a signal, which takes its time. */
Test(real, sse_unmasked_is_as_host, .init = host_wanted)
{
    exceptions_catch();
    sse_compare(true, CASES / 8);
}

static void digest_add(uint64_t *digest, uint64_t word)
{
    *digest = (*digest ^ word) * UINT64_C(0x100000001B3);
    *digest ^= *digest >> 32;
}

Test(real, results_are_the_same_on_every_host)
{
    uint64_t digest = 0, seed = 1;

    for (unsigned n = 0; n < DIGEST_CASES * X87_INSTRUCTIONS; n++) {
        struct x87_case k = x87_random(&seed, n & 1);
        struct outcome outcome = x87_here(x87_instructions[n % X87_INSTRUCTIONS], k.control, k.a, k.b);
        digest_add(&digest, outcome.value.significand);
        digest_add(&digest, (uint64_t)outcome.value.sign_exponent << 16 | outcome.status);
    }
    for (unsigned n = 0; n < DIGEST_CASES * SSE_INSTRUCTIONS; n++) {
        const struct sse_instruction *i = sse_instructions[n % SSE_INSTRUCTIONS];
        struct real_context context;
        struct sse_case k = sse_random(i, &seed, n & 1);
        digest_add(&digest, sse_here(i, &k, &context));
        digest_add(&digest, context.raised);
    }
    cr_expect_eq(digest, UINT64_C(0x1FDA2C25C907A1F1), "digest %016" PRIx64, digest);
}
