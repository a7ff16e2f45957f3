/* SPDX-License-Identifier: MIT
 *
 * The x87's transcendental functions against MPFR: every result must be the true value, correctly rounded in all four
 * directions, with PRECISION exactly if it is not exact; and neighbouring arguments must not swap their results.
 * DENALI_TRANSCENDENTAL_CASES=5000000 makes it a long run; the greatest errors are printed.
 */
#define MPFR_USE_INTMAX_T
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <criterion/criterion.h>
#include <mpfr.h>

#include "../../cpu/transcendental.h"

enum { CASES = 10000, BITS = 320, BIAS = 16383, EXPONENT_MIN = -16382, EXPONENT_MAX = 16383, EXPONENT_TINY = -16445 };

#define TOP_BIT (UINT64_C(1) << 63)

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * UINT64_C(0x9e3779b97f4a7c15) >> 1;
}

static int random_between(uint64_t *state, int least, int greatest)
{
    return least + (int)(random_next(state) % (uint64_t)(greatest - least + 1));
}

/* Many of them next to powers of two, or with few bits: some have results next to the middle of two numbers. */
static uint64_t random_significand(uint64_t *state)
{
    uint64_t bits = random_next(state) << 1 | TOP_BIT;
    switch (random_next(state) % 8) {
    case 0:
        return TOP_BIT;
    case 1:
        return TOP_BIT | bits >> random_between(state, 1, 63);
    case 2:
        return ~(bits >> 1 >> random_between(state, 0, 63));
    case 3:
        return TOP_BIT | UINT64_C(1) << random_between(state, 0, 62);
    case 4:
        return bits & UINT64_MAX << 58;
    default:
        return bits;
    }
}

static struct x87_register number(bool negative, int exponent, uint64_t significand)
{
    uint16_t field = exponent < EXPONENT_MIN ? 0 : (uint16_t)(exponent + BIAS);
    if (!field)
        significand >>= EXPONENT_MIN - exponent;
    return (struct x87_register){significand, (uint16_t)(negative << 15 | field)};
}

static struct x87_register random_number(uint64_t *state, int least, int greatest, bool negative)
{
    uint64_t significand = random_significand(state);
    return number(negative, random_between(state, least, greatest), significand);
}

/* The next number away from zero. */
static struct x87_register neighbour(struct x87_register a)
{
    bool denormal = !(a.significand & TOP_BIT);
    a.significand++;
    if (denormal ? a.significand == TOP_BIT : !a.significand) {
        a.significand = TOP_BIT;
        a.sign_exponent++;
    }
    return a;
}

static void to_mpfr(mpfr_t result, struct x87_register a)
{
    int field = a.sign_exponent & 0x7FFF;
    mpfr_set_uj_2exp(result, a.significand, (field ? field : 1) - BIAS - 63, MPFR_RNDZ);
    mpfr_setsign(result, result, a.sign_exponent >> 15, MPFR_RNDZ);
}

/* Arguments. */

struct arguments {
    struct x87_register y, x;
};

/* An odd multiple of pi/2, or almost. */
static struct x87_register near_quarter_turn(uint64_t *state)
{
    mpfr_t turn, product;
    mpfr_init2(turn, 192);
    mpfr_init2(product, 64);
    mpfr_const_pi(turn, MPFR_RNDN);
    mpfr_set_uj(product, random_next(state) >> random_between(state, 2, 62) | 1, MPFR_RNDN);
    mpfr_mul(product, product, turn, MPFR_RNDN);
    int exponent = (int)mpfr_get_exp(product) - 1;
    mpfr_mul_2si(product, product, 63 - exponent, MPFR_RNDN);
    uint64_t significand = mpfr_get_uj(product, MPFR_RNDN) + (uint64_t)random_between(state, -2, 2);
    mpfr_clears(turn, product, (mpfr_ptr)0);
    return number(random_next(state) & 1, exponent - 1, significand | TOP_BIT);
}

static struct arguments angle_arguments(uint64_t *state)
{
    /* The arguments below 2^63 that are nearest to a multiple of pi/2. */
    static const struct x87_register nearest[] = {
        {0xfb3ab09a4ba1d149, BIAS + 48}, {0x8cfa9dccae6cf42c, BIAS + 9},  {0xfb3ab09a4ba1d149, BIAS + 49},
        {0x92ebc57f85963e64, BIAS + 60}, {0x9a09018f04f2c2d4, BIAS + 29}, {0x92ebc57f85963e64, BIAS + 61},
    };
    bool negative = random_next(state) & 1;
    switch (random_next(state) % 8) {
    case 0:
        return (struct arguments){.x = random_number(state, EXPONENT_TINY, 62, negative)};
    case 1:
        return (struct arguments){.x = nearest[random_next(state) % (sizeof(nearest) / sizeof(*nearest))]};
    case 2:
    case 3:
        return (struct arguments){.x = near_quarter_turn(state)};
    case 4:
        return (struct arguments){.x = random_number(state, -70, -20, negative)};
    case 5:
        return (struct arguments){.x = random_number(state, -4, 3, negative)};
    default:
        return (struct arguments){.x = random_number(state, -4, 62, negative)};
    }
}

static struct arguments power_arguments(uint64_t *state)
{
    bool negative = random_next(state) & 1;
    switch (random_next(state) % 8) {
    case 0:
        return (struct arguments){.x = random_number(state, EXPONENT_TINY, -1, negative)};
    case 1:
        return (struct arguments){.x = random_number(state, 0, 16, negative)};
    case 2:
        return (struct arguments){.x = number(negative, 7, random_next(state) << 56 | TOP_BIT)};
    default:
        return (struct arguments){.x = random_number(state, random_next(state) & 1 ? -70 : -4, -1, negative)};
    }
}

static struct x87_register random_factor(uint64_t *state)
{
    bool negative = random_next(state) & 1;
    return random_next(state) & 3 ? random_number(state, -70, 70, negative)
                                  : random_number(state, EXPONENT_TINY, 16360, negative);
}

static struct arguments logarithm_arguments(uint64_t *state)
{
    struct arguments result = {.y = random_factor(state)};
    switch (random_next(state) % 6) {
    case 0:
        result.x = random_number(state, EXPONENT_TINY, EXPONENT_MAX, false);
        break;
    case 1:
        result.x = random_number(state, -70, 70, false);
        break;
    case 2: /* the square root of 2 or 1/2 */
        result.x = number(false, -1, 0xb504f333f9de6480 + random_next(state) % 8);
        result.x.sign_exponent += random_next(state) & 1;
        break;
    default:
        result.x = random_number(state, -1, 0, false);
    }
    return result;
}

static struct arguments logarithm_plus_one_arguments(uint64_t *state)
{
    struct arguments result = {.y = random_factor(state)};
    bool negative = random_next(state) & 1;
    switch (random_next(state) % 8) {
    case 0:
        result.x = random_number(state, EXPONENT_TINY, -1, negative);
        break;
    case 1:
        result.x = random_number(state, 0, random_next(state) & 1 ? 200 : 16380, false);
        break;
    case 2:
        result.x = random_number(state, -1, -1, negative);
        break;
    default:
        result.x = random_number(state, random_next(state) & 1 ? -70 : -6, -2, negative);
    }
    return result;
}

static struct arguments point_arguments(uint64_t *state)
{
    bool left = random_next(state) & 1, below = random_next(state) & 1;
    int center = random_next(state) & 1 ? 0 : random_between(state, -16100, 16100);
    int distance = (int[]){3, 3, 70, 280}[random_next(state) % 4];
    struct arguments result = {.x = random_number(state, center, center, left)};
    result.y = random_number(state, center - distance, center + distance, below);
    if (random_next(state) % 8 == 0)
        result.y = random_number(state, EXPONENT_TINY, EXPONENT_MAX, below);
    if (random_next(state) % 8 == 0)
        result.x = random_number(state, EXPONENT_TINY, EXPONENT_MAX, left);
    if (random_next(state) % 8 == 0) { /* the quotient is 2^-128 from the middle of two numbers */
        uint64_t significand = random_next(state) & 1 ? TOP_BIT : UINT64_MAX;
        result.x = number(left, center, -(random_next(state) % 16 + 1));
        result.y = number(below, center - random_between(state, 33, 280), significand);
    }
    return result;
}

/* Functions. The truth is rounded towards zero; it returns whether it is inexact. */

struct function {
    const char *name;
    struct arguments (*arguments)(uint64_t *state);
    struct real (*unary)(struct real_context *, struct real x);
    struct real (*binary)(struct real_context *, struct real y, struct real x);
    int (*unary_truth)(mpfr_t result, const mpfr_t x, mpfr_rnd_t);
    int (*binary_truth)(mpfr_t result, const mpfr_t y, const mpfr_t x, mpfr_rnd_t);
};

static int multiply_truth(mpfr_t result, const mpfr_t y, int (*logarithm)(mpfr_t, const mpfr_t, mpfr_rnd_t),
                          const mpfr_t x)
{
    mpfr_t factor;
    mpfr_init2(factor, BITS - 64); /* so that the product is exact */
    int inexact = logarithm(factor, x, MPFR_RNDZ);
    mpfr_mul(result, y, factor, MPFR_RNDZ);
    mpfr_clear(factor);
    return inexact;
}

static int y_log2_truth(mpfr_t result, const mpfr_t y, const mpfr_t x, mpfr_rnd_t rounding)
{
    (void)rounding;
    return multiply_truth(result, y, mpfr_log2, x);
}

static int y_log2_plus_one_truth(mpfr_t result, const mpfr_t y, const mpfr_t x, mpfr_rnd_t rounding)
{
    (void)rounding;
    return multiply_truth(result, y, mpfr_log2p1, x);
}

static const struct function sine = {"FSIN", angle_arguments, real_sine, NULL, mpfr_sin, NULL};
static const struct function cosine = {"FCOS", angle_arguments, real_cosine, NULL, mpfr_cos, NULL};
static const struct function tangent = {"FPTAN", angle_arguments, real_tangent, NULL, mpfr_tan, NULL};
static const struct function power = {"F2XM1", power_arguments, real_exp2_minus_one, NULL, mpfr_exp2m1, NULL};
static const struct function arc_tangent = {"FPATAN", point_arguments, NULL, real_arc_tangent, NULL, mpfr_atan2};
static const struct function logarithm = {"FYL2X", logarithm_arguments, NULL, real_y_log2, NULL, y_log2_truth};
static const struct function logarithm_plus_one = {"FYL2XP1", logarithm_plus_one_arguments, NULL, real_y_log2_plus_one,
                                                   NULL,      y_log2_plus_one_truth};

static struct real function_call(const struct function *f, struct real_context *context, struct arguments a)
{
    struct real x = real_from_extended(a.x), y = real_from_extended(a.y);
    return f->unary ? f->unary(context, x) : f->binary(context, y, x);
}

static bool function_truth(const struct function *f, mpfr_t result, struct arguments a)
{
    mpfr_t x, y;
    mpfr_inits2(64, x, y, (mpfr_ptr)0);
    to_mpfr(x, a.x);
    to_mpfr(y, a.y);
    bool inexact = f->unary ? f->unary_truth(result, x, MPFR_RNDZ) : f->binary_truth(result, y, x, MPFR_RNDZ);
    mpfr_clears(x, y, (mpfr_ptr)0);
    return inexact;
}

static struct x87_register function_register(const struct function *f, struct arguments a, enum real_rounding rounding,
                                             uint8_t *raised)
{
    struct real_context context = {.rounding = rounding, .precision = 64};
    struct x87_register result = real_to_extended(&context, function_call(f, &context, a));
    *raised = context.raised;
    return result;
}

/* The exponent that the last place of the significand is counted from. */
static int true_exponent(const mpfr_t truth)
{
    int exponent = (int)mpfr_get_exp(truth) - 1;
    return exponent < EXPONENT_MIN ? EXPONENT_MIN : exponent;
}

/* What the truth, which is between `truth` and a little more if inexact, is when rounded. */
static struct x87_register true_register(const mpfr_t truth, bool inexact, enum real_rounding rounding, bool *precise)
{
    bool negative = mpfr_signbit(truth);
    int exponent = true_exponent(truth);
    mpfr_t scaled;
    mpfr_init2(scaled, BITS);
    mpfr_abs(scaled, truth, MPFR_RNDZ);
    mpfr_mul_2si(scaled, scaled, 63 - exponent, MPFR_RNDZ);
    uint64_t significand = mpfr_get_uj(scaled, MPFR_RNDZ);
    mpfr_frac(scaled, scaled, MPFR_RNDZ);
    int against_half = mpfr_cmp_d(scaled, 0.5);
    *precise = mpfr_zero_p(scaled) && !inexact;
    mpfr_clear(scaled);
    bool up = rounding == (negative ? ROUND_DOWN : ROUND_UP) && !*precise;
    if (rounding == ROUND_NEAREST)
        up = against_half > 0 || (against_half == 0 && (inexact || significand & 1));
    significand += up;
    if (up && !significand) {
        significand = TOP_BIT;
        exponent++;
    }
    uint16_t field = significand & TOP_BIT ? (uint16_t)(exponent + BIAS) : 0;
    return (struct x87_register){significand, (uint16_t)(negative << 15 | field)};
}

/* Tallies. */

struct tally {
    long cases;
    double units;    /* greatest error of the register, in units of the last place */
    double relative; /* and of the struct real */
};

static double difference(const mpfr_t truth, const mpfr_t value, long exponent)
{
    mpfr_t error;
    mpfr_init2(error, BITS);
    mpfr_sub(error, truth, value, MPFR_RNDN);
    mpfr_mul_2si(error, error, -exponent, MPFR_RNDN);
    mpfr_abs(error, error, MPFR_RNDN);
    double result = mpfr_get_d(error, MPFR_RNDU);
    mpfr_clear(error);
    return result;
}

static void tally_errors(struct tally *tally, const mpfr_t truth, struct x87_register result, struct real wide)
{
    mpfr_t value, more;
    mpfr_init2(value, 128);
    mpfr_init2(more, 64);
    to_mpfr(value, result);
    double units = difference(truth, value, true_exponent(truth) - 63);
    mpfr_set_uj_2exp(value, wide.significand, wide.exponent - 63, MPFR_RNDN);
    mpfr_set_uj_2exp(more, wide.more, wide.exponent - 127, MPFR_RNDN);
    mpfr_add(value, value, more, MPFR_RNDN);
    mpfr_setsign(value, value, wide.negative, MPFR_RNDN);
    double relative = difference(truth, value, (long)mpfr_get_exp(truth) - 1);
    mpfr_clears(value, more, (mpfr_ptr)0);
    tally->cases++;
    tally->units = units > tally->units ? units : tally->units;
    tally->relative = relative > tally->relative ? relative : tally->relative;
}

static void check_rounding(const struct function *f, struct arguments a, const mpfr_t truth, bool inexact)
{
    for (enum real_rounding rounding = ROUND_NEAREST; rounding <= ROUND_ZERO; rounding++) {
        bool precise;
        uint8_t raised;
        struct x87_register expected = true_register(truth, inexact, rounding, &precise);
        struct x87_register result = function_register(f, a, rounding, &raised);
        cr_assert(result.significand == expected.significand && result.sign_exponent == expected.sign_exponent &&
                      !(raised & REAL_PRECISION) == precise,
                  "%s y %04x:%016" PRIx64 " x %04x:%016" PRIx64 " rounding %d: %04x:%016" PRIx64
                  " raised %02x, not %04x:%016" PRIx64,
                  f->name, a.y.sign_exponent, a.y.significand, a.x.sign_exponent, a.x.significand, (int)rounding,
                  result.sign_exponent, result.significand, raised, expected.sign_exponent, expected.significand);
    }
}

/* Whether the results of two arguments are ordered as the truth is, or equal. */
static void check_order(const struct function *f, struct arguments a, const mpfr_t truth)
{
    struct arguments next = {a.y, neighbour(a.x)};
    if (f->arguments == angle_arguments && !real_is_angle(real_from_extended(next.x)))
        return;
    uint8_t raised;
    mpfr_t next_truth, result, next_result;
    mpfr_init2(next_truth, BITS);
    mpfr_inits2(64, result, next_result, (mpfr_ptr)0);
    function_truth(f, next_truth, next);
    to_mpfr(result, function_register(f, a, ROUND_NEAREST, &raised));
    to_mpfr(next_result, function_register(f, next, ROUND_NEAREST, &raised));
    int order = mpfr_cmp(result, next_result), true_order = mpfr_cmp(truth, next_truth);
    cr_assert(!order || (order > 0) == (true_order > 0), "%s y %04x:%016" PRIx64 " x %04x:%016" PRIx64 " not monotone",
              f->name, a.y.sign_exponent, a.y.significand, a.x.sign_exponent, a.x.significand);
    mpfr_clears(next_truth, result, next_result, (mpfr_ptr)0);
}

static void check_function(const struct function *f)
{
    const char *cases = getenv("DENALI_TRANSCENDENTAL_CASES");
    struct tally tally = {0};
    uint64_t state = 88172645463325252;
    mpfr_t truth;
    mpfr_init2(truth, BITS);
    for (long left = cases ? atol(cases) : CASES; left; left--) {
        struct arguments a = f->arguments(&state);
        if (!a.x.significand || !a.y.significand != !f->binary)
            continue;
        bool inexact = function_truth(f, truth, a);
        if (!mpfr_regular_p(truth) || mpfr_get_exp(truth) > EXPONENT_MAX)
            continue;
        struct real_context context = {.precision = 64};
        uint8_t raised;
        struct x87_register result = function_register(f, a, ROUND_NEAREST, &raised);
        tally_errors(&tally, truth, result, function_call(f, &context, a));
        check_rounding(f, a, truth, inexact);
        check_order(f, a, truth);
    }
    mpfr_clear(truth);
    fprintf(stderr, "%-7s %ld arguments, greatest error %.9f units of the last place, %.3g before rounding\n", f->name,
            tally.cases, tally.units, tally.relative);
    cr_assert_lt(tally.relative, 0x1p-123);
}

Test(transcendental, sine_rounds_truth)
{
    check_function(&sine);
}

Test(transcendental, cosine_rounds_truth)
{
    check_function(&cosine);
}

Test(transcendental, tangent_rounds_truth)
{
    check_function(&tangent);
}

Test(transcendental, arc_tangent_rounds_truth)
{
    check_function(&arc_tangent);
}

Test(transcendental, power_rounds_truth)
{
    check_function(&power);
}

Test(transcendental, logarithm_rounds_truth)
{
    check_function(&logarithm);
}

Test(transcendental, logarithm_plus_one_rounds_truth)
{
    check_function(&logarithm_plus_one);
}

/* Zeros, infinities and domains: the tables of SDM vol. 2. */

static struct x87_register special(char name)
{
    switch (name) {
    case 'i': /* -infinity */
    case 'I':
        return (struct x87_register){TOP_BIT, (uint16_t)((name == 'i') << 15 | 0x7FFF)};
    case 'z': /* -0 */
    case 'Z':
        return (struct x87_register){0, (uint16_t)((name == 'z') << 15)};
    case 'd': /* a negative denormal */
    case 'D':
        return number(name == 'd', EXPONENT_TINY + 5, TOP_BIT);
    case 'h': /* -1/2 */
    case 'H':
        return number(name == 'h', -1, TOP_BIT);
    case 'o': /* -1 */
    case 'O':
        return number(name == 'o', 0, TOP_BIT);
    default: /* 't': -3 */
        return number(name == 't', 1, 3 * (TOP_BIT >> 1));
    }
}

/* '*' invalid, 'I', 'Z' as above, 'F' finite and not zero, and small letters for the negative ones; '8' and '@' are an
 * 'I' and 'i' that come with DIVIDE. */
static char describe(const struct function *f, char y, char x)
{
    struct real_context context = {.precision = 64};
    struct real result = function_call(f, &context, (struct arguments){special(y), special(x)});
    bool denormal = (context.raised & REAL_DENORMAL) != 0, negative = result.negative;
    char name = "ZFI*"[result.class];
    cr_expect((name == '*') == !!(context.raised & REAL_INVALID));
    if (context.raised & REAL_DIVIDE)
        name = name == 'I' ? '8' : '?';
    cr_expect_eq(denormal, (x == 'd' || x == 'D' || y == 'd' || y == 'D') && name != '*' && name != '8');
    if (name == '*')
        return negative && result.significand == 3 * (TOP_BIT >> 1) ? name : '?';
    if (name == '8')
        return negative ? '@' : name;
    return (char)(negative ? name | 0x20 : name);
}

/* Rows are y, columns x. */
static void check_table(const struct function *f, const char *rows, const char *columns, const char *const table[])
{
    for (size_t row = 0; rows[row]; row++)
        for (size_t column = 0; columns[column]; column++)
            cr_expect_eq(describe(f, rows[row], columns[column]), table[row][column], "%s of %c, %c: %c, not %c",
                         f->name, rows[row], columns[column], describe(f, rows[row], columns[column]),
                         table[row][column]);
}

Test(transcendental, logarithm_of_specials)
{
    static const char *const table[] = {
        "***IIII*ii", "***88FFzfi", "***88FFzfi", "*****ZZzz*", "*****zzZZ*", "***@@ffZFI", "***@@ffZFI", "***iiii*II",
    };
    check_table(&logarithm, "itdzZDTI", "itdzZDHOTI", table);
}

Test(transcendental, logarithm_plus_one_of_specials)
{
    static const char *const table[] = {
        "**IIII**iiii", "**8FFFZzfffi", "**8FFFZzfffi", "***ZZZZzzzz*",
        "***zzzzZZZZ*", "**@fffzZFFFI", "**@fffzZFFFI", "**iiii**IIII",
    };
    check_table(&logarithm_plus_one, "itdzZDTI", "itohddzZDHTI", table);
}

Test(transcendental, sine_of_specials)
{
    check_table(&sine, "Z", "iodzZDOI", (const char *const[]){"*ffzZFF*"});
}

Test(transcendental, cosine_of_specials)
{
    check_table(&cosine, "Z", "iodzZDOI", (const char *const[]){"*FFFFFF*"});
}

Test(transcendental, tangent_of_specials)
{
    check_table(&tangent, "Z", "iodzZDOI", (const char *const[]){"*ffzZFF*"});
}

Test(transcendental, power_of_specials)
{
    check_table(&power, "Z", "itodzZDOTI", (const char *const[]){"ffffzZFFFI"});
}

/* The significands of 0 to 4 quarters of pi, and what else there may be. */
static char describe_angle(char y, char x)
{
    static const uint64_t quarters[] = {0, 0xc90fdaa22168c235, 0xc90fdaa22168c235, 0x96cbe3f9990e91a8,
                                        0xc90fdaa22168c235};
    static const int exponents[] = {-BIAS, -1, 0, 1, 1};
    uint8_t raised;
    struct x87_register result =
        function_register(&arc_tangent, (struct arguments){special(y), special(x)}, ROUND_NEAREST, &raised);
    cr_expect_eq(!!(raised & REAL_PRECISION), result.significand != 0);
    cr_expect_eq(result.sign_exponent >> 15, y >= 'a');
    for (int i = 0; i <= 4; i++)
        if (result.significand == quarters[i] && (result.sign_exponent & 0x7FFF) == exponents[i] + BIAS)
            return (char)('0' + i);
    return 'F';
}

Test(transcendental, arc_tangent_of_specials)
{
    static const char rows[] = "iozZOI", columns[] = "iozZOI";
    static const char *const table[] = {"322221", "432210", "444000", "444000", "432210", "322221"};
    for (size_t row = 0; rows[row]; row++)
        for (size_t column = 0; columns[column]; column++)
            cr_expect_eq(describe_angle(rows[row], columns[column]), table[row][column], "of %c, %c", rows[row],
                         columns[column]);
}

Test(transcendental, angles_end_at_2_63)
{
    cr_expect(real_is_angle(real_from_extended(number(true, 62, UINT64_MAX))));
    cr_expect(!real_is_angle(real_from_extended(number(true, 63, TOP_BIT))));
    cr_expect(real_is_angle(real_from_extended(special('I'))));
}

/* Exact results are among the random cases; these are the limits. */
Test(transcendental, power_beyond_range_overflows)
{
    uint8_t raised;
    struct x87_register result =
        function_register(&power, (struct arguments){.x = number(false, 14, TOP_BIT)}, ROUND_NEAREST, &raised);
    cr_expect_eq(result.sign_exponent, 0x7FFF);
    cr_expect_eq(raised, REAL_OVERFLOW | REAL_PRECISION);
    result = function_register(&power, (struct arguments){.x = number(true, 5000, TOP_BIT)}, ROUND_UP, &raised);
    cr_expect_eq(result.sign_exponent, 0xBFFE);
    cr_expect_eq(result.significand, UINT64_MAX);
    cr_expect_eq(raised, REAL_PRECISION);
}
