/* SPDX-License-Identifier: MIT
 *
 * Every x87 encoding of the table, with random states, on our CPU and on the one that this runs on: registers, tags,
 * control and status word, EFLAGS, AX, memory and exceptions must agree. Not compared: the pointers to the last
 * instruction and operand, which vendors keep differently (ours are tested on their own, below), and the last two units
 * of what transcendental functions compute (tests/cpu/test_transcendental.c).
 *
 * In the environment: DENALI_X87_CASES of each encoding, DENALI_X87_SEED, DENALI_X87_ONLY the rows of this name,
 * DENALI_X87_SHOWN differences are printed.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define truncate cpu_truncate /* unistd.h has another one */
#include "../../cpu/table.h"
#include "../../cpu/x87_quick.h"
#include "../oracle/flat_memory.h"
#include "host_x87.h"

enum { MEMORY_SIZE = 0x10000, CODE = 0x1000, OPERAND = 0x8000, STACK = 0x7000, HANDLER = 0x2000, CASES = 1000 };

struct random {
    uint64_t state;
};

static uint64_t next(struct random *r)
{
    uint64_t z = r->state += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

static unsigned below(struct random *r, unsigned limit)
{
    return (unsigned)(next(r) >> 32) % limit;
}

/* Bits as arithmetic likes to see them: any, few, ones or zeroes at one end, and around the middle of a rounding. */
static uint64_t random_bits(struct random *r)
{
    unsigned shift = below(r, 64);
    uint64_t any = next(r), ones = ~UINT64_C(0) >> shift, edge = UINT64_C(1) << shift;

    switch (below(r, 8)) {
    case 0:
        return edge;
    case 1:
        return ones + below(r, 3) - 1;
    case 2:
        return ~ones + below(r, 3) - 1;
    case 3:
        return (any & ~ones) | edge;
    case 4:
        return ((any >> 40) << 40) + (UINT64_C(1) << 39) + below(r, 3) - 1;
    case 5:
        return ((any >> 11) << 11) + (UINT64_C(1) << 10) + below(r, 3) - 1;
    case 6:
        return any & next(r) & next(r) & next(r);
    default:
        return any;
    }
}

static unsigned random_exponent(struct random *r)
{
    static const uint16_t edges[] = {
        0x3FFF,      0x3FFF,          0x3FFF,          0x3FFF + 127,       0x3FFF - 126,  0x3FFF + 1023, 0x3FFF - 1022,
        0x3FFF + 16, 0x3FFF + 32,     0x3FFF + 60,     0x3FFF - 149,       0x3FFF - 1074, 0x3FFF + 63,   0x7FFE - 70,
        70,          0x3FFF + 0x2000, 0x3FFF - 0x2000, 0x3FFF + 24576 / 2, 0x3FFF - 8191};
    int exponent = below(r, 4) == 0 ? (int)below(r, 0x7FFF)
                                    : edges[below(r, sizeof(edges) / sizeof(edges[0]))] + (int)below(r, 9) - 4;
    return (unsigned)(exponent < 1 ? 1 : exponent > 0x7FFE ? 0x7FFE : exponent);
}

/* Of any class (SDM vol. 1, tables 8-2 and 8-3). */
static struct x87_register random_register(struct random *r)
{
    const uint64_t integer_bit = UINT64_C(1) << 63, quiet_bit = UINT64_C(1) << 62;
    uint64_t significand = random_bits(r);
    unsigned exponent = random_exponent(r);

    switch (below(r, 24)) {
    case 0:
    case 1:
        exponent = 0, significand = 0;
        break;
    case 2:
        exponent = 0, significand &= ~integer_bit;
        break;
    case 3:
        exponent = 0, significand |= integer_bit;
        break;
    case 4:
    case 5:
        exponent = 0x7FFF, significand = integer_bit;
        break;
    case 6:
    case 7:
        exponent = 0x7FFF, significand |= integer_bit | quiet_bit;
        break;
    case 8:
        exponent = 0x7FFF, significand = (significand & ~quiet_bit) | integer_bit;
        break;
    case 9:
        exponent = below(r, 2) ? 0x7FFF : exponent, significand &= ~integer_bit;
        break;
    default:
        significand |= integer_bit;
        break;
    }
    return (struct x87_register){.sign_exponent = (uint16_t)(exponent | (below(r, 2) << 15)),
                                 .significand = significand};
}

/* Nearly the same number: cancellation, equality, NaNs of one payload. */
static struct x87_register random_neighbour(struct random *r, struct x87_register of)
{
    of.sign_exponent ^= (uint16_t)(below(r, 2) << 15);
    of.significand += below(r, 3) ? 0 : below(r, 3) - 1;
    of.sign_exponent += below(r, 4) ? 0 : below(r, 5) - 2;
    of.significand ^= below(r, 8) ? 0 : UINT64_C(1) << 62;
    return of;
}

static uint32_t random_single(struct random *r)
{
    static const uint8_t exponents[] = {0, 255, 1, 254, 127, 128, 126, 150};
    uint32_t exponent = below(r, 2) ? exponents[below(r, 8)] : below(r, 256);
    uint32_t fraction = below(r, 4) ? (uint32_t)(random_bits(r) >> below(r, 41)) & 0x7FFFFF : 0;
    return below(r, 2) << 31 | exponent << 23 | fraction;
}

static uint64_t random_double(struct random *r)
{
    static const uint16_t exponents[] = {0, 2047, 1, 2046, 1023, 1024, 1022, 1075};
    uint64_t exponent = below(r, 2) ? exponents[below(r, 8)] : below(r, 2048);
    uint64_t fraction = below(r, 4) ? (random_bits(r) >> below(r, 12)) & 0xFFFFFFFFFFFFF : 0;
    return (uint64_t)below(r, 2) << 63 | exponent << 52 | fraction;
}

static void random_bcd(struct random *r, uint8_t *bytes)
{
    unsigned digits = below(r, 19);
    memset(bytes, 0, 10);
    for (unsigned i = 0; i < digits; i++)
        bytes[i / 2] |= (uint8_t)(below(r, below(r, 8) ? 10 : 16) << (4 * (i % 2)));
    bytes[9] = (uint8_t)below(r, 256);
}

/* What the memory operands of D8 to DF are, by digit: single, double, integer, extended, BCD, any bytes. */
static const char *const operands[8] = {"ssssssss", "s.aaaaaa", "iiiiiiii", "iaaa.xaa",
                                        "dddddddd", "daaaa.aa", "iiiiiiii", "iaaabiaa"};

static void random_memory(struct random *r, struct x87_case *x, char kind)
{
    struct x87_register extended = random_register(r);
    uint64_t integer = random_bits(r), wide = random_double(r);
    uint32_t single = random_single(r);

    for (unsigned i = 0; i < sizeof(x->memory); i += 8) {
        uint64_t any = next(r);
        memcpy(x->memory + i, &any, 8);
    }
    integer = below(r, 3) == 0 ? below(r, 20) - 10 : integer;
    if (kind == 's')
        memcpy(x->memory, &single, 4);
    else if (kind == 'd')
        memcpy(x->memory, &wide, 8);
    else if (kind == 'i')
        memcpy(x->memory, &integer, 8);
    else if (kind == 'x') {
        memcpy(x->memory, &extended.significand, 8);
        memcpy(x->memory + 8, &extended.sign_exponent, 2);
    } else if (kind == 'b')
        random_bcd(r, x->memory);
}

static void random_words(struct random *r, struct x87_case *x)
{
    unsigned masks = below(r, 2) ? 0x3F : below(r, 2) ? below(r, 64) : 0x3F & ~(1u << below(r, 6));
    unsigned precision = below(r, 2) ? 3 : below(r, 4), flags = below(r, 2) ? 0 : below(r, 128);

    if (below(r, 32) != 0)
        flags &= masks | X87_STACK_FAULT;
    x->control = (uint16_t)(X87_CONTROL_ONES | masks | precision << X87_PRECISION_SHIFT |
                            below(r, 4) << X87_ROUNDING_SHIFT | below(r, 2) << 12);
    x->status = (uint16_t)((next(r) & (X87_CONDITIONS | X87_TOP)) | flags);
    unsigned before_top = (x->status >> X87_TOP_SHIFT) + 7;
    x->full = (uint8_t)(below(r, 3) == 0 ? below(r, 256) : below(r, 2) ? 0xFF : 0xFF & ~(1u << (before_top & 7)));
}

static struct x87_case random_case(struct random *r, char kind)
{
    struct x87_case x = {.eax = OPERAND, .eflags = (uint32_t)next(r) & FLAGS_STATUS};

    random_words(r, &x);
    random_memory(r, &x, kind);
    for (unsigned i = 0; i < 8; i++)
        x.registers[i] = i > 0 && below(r, 4) == 0 ? random_neighbour(r, x.registers[below(r, i)]) : random_register(r);
    return x;
}

/* Our CPU. */
struct bench {
    struct flat_memory flat;
    struct cpu *cpu;
    struct host_x87 *host;
};

static struct bench bench_new(void)
{
    struct bench b = {.cpu = cpu_new(CPU_ENGINE_BLOCKS), .host = host_x87_new(OPERAND)};
    cr_assert(b.cpu && flat_memory_init(&b.flat, MEMORY_SIZE, 1));
    for (uint32_t i = 0; i < MEMORY_SIZE >> PAGE_SHIFT; i++)
        cr_assert(flat_memory_add(&b.flat, i));
    return b;
}

static void bench_drop(struct bench *b)
{
    flat_memory_drop(&b->flat);
    cpu_free(b->cpu);
    if (b->host)
        host_x87_free(b->host);
}

static void code_put(struct bench *b, const uint8_t *bytes, size_t length)
{
    code_written(&b->flat.pages[CODE >> PAGE_SHIFT], 0, X87_CODE_BYTES);
    memset(flat_memory_at(&b->flat, CODE), 0x90, X87_CODE_BYTES);
    memcpy(flat_memory_at(&b->flat, CODE), bytes, length);
    if (b->host)
        host_x87_code(b->host, bytes, length);
}

static void guest_run(struct bench *b, struct x87_case *x)
{
    struct cpu_state state;
    uint64_t executed;

    cpu_state_reset(&state, CODE, 0);
    cpu_state_set_eflags(&state, x->eflags);
    state.regs[EAX] = x->eax;
    memcpy(state.fpu.registers, x->registers, sizeof(x->registers));
    state.fpu.full = x->full;
    x87_set_status(&state.fpu, x->status);
    x87_set_control(&state.fpu, x->control);
    memcpy(flat_memory_at(&b->flat, OPERAND), x->memory, sizeof(x->memory));
    enum cpu_exit why = cpu_run(b->cpu, &state, &b->flat.memory, 1, 0, &executed);
    memcpy(x->registers, state.fpu.registers, sizeof(x->registers));
    x->full = state.fpu.full;
    x->status = state.fpu.status;
    x->control = state.fpu.control;
    x->eax = state.regs[EAX];
    x->eflags = cpu_state_eflags(&state) & FLAGS_STATUS;
    x->exception = why == CPU_CRASH ? cpu_last_crash(b->cpu)->exception.number : X87_NO_EXCEPTION;
    memcpy(x->memory, flat_memory_at(&b->flat, OPERAND), sizeof(x->memory));
}

/* The same bits, or within so many units in the last place. */
static bool registers_near(const struct x87_register *a, const struct x87_register *b, unsigned units)
{
    const uint64_t fraction = ~UINT64_C(0) >> 1;
    __int128 distance = (__int128)(a->sign_exponent - b->sign_exponent) << 63;

    if (a->sign_exponent == b->sign_exponent && a->significand == b->significand)
        return true;
    distance += (__int128)(a->significand & fraction) - (b->significand & fraction);
    return (a->sign_exponent ^ b->sign_exponent) >> 15 == 0 && distance >= -(int)units && distance <= (int)units &&
           units > 0;
}

static bool cases_equal(const struct x87_case *a, const struct x87_case *b, unsigned units)
{
    for (unsigned i = 0; i < 8; i++)
        if (!registers_near(&a->registers[i], &b->registers[i], units))
            return false;
    return a->control == b->control && a->status == b->status && a->full == b->full && a->eax == b->eax &&
           a->eflags == b->eflags && a->exception == b->exception &&
           memcmp(a->memory, b->memory, sizeof(a->memory)) == 0;
}

static void case_print(FILE *out, const char *title, const struct x87_case *x)
{
    fprintf(out, "  %-6s control %04x status %04x full %02x eflags %03" PRIx32 " eax %" PRIx32 " exception %" PRIx32,
            title, x->control, x->status, x->full, x->eflags, x->eax, x->exception);
    for (unsigned i = 0; i < 8; i++) {
        unsigned physical = ((x->status >> X87_TOP_SHIFT) + i) & 7;
        const struct x87_register *r = &x->registers[physical];
        fprintf(out, "%sst%u%c %04x:%016" PRIx64, i % 4 ? "  " : "\n    ", i, x->full >> physical & 1 ? ' ' : '-',
                r->sign_exponent, r->significand);
    }
    fprintf(out, "\n    ");
    for (unsigned i = 0; i < 40; i++)
        fprintf(out, "%02x", x->memory[i]);
    fprintf(out, "\n");
}

/* The bytes of an instruction, and which bytes of its memory operand are ours to define. */
struct subject {
    const char *name;
    uint8_t bytes[3];
    unsigned length;
    char kind;
    unsigned hidden, hidden_end;
    unsigned units; /* in the last place that results may differ by */
};

static void hide(const struct subject *s, struct x87_case *x)
{
    memset(x->memory + s->hidden, 0, s->hidden_end - s->hidden);
    if (s->units)
        x->status &= (uint16_t) ~(X87_C1 | REAL_UNDERFLOW | REAL_PRECISION);
}

static unsigned long parameter(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 0) : otherwise;
}

/* Silicon is precise for small operands only, and always says inexact: ours says it when it is true. A denormal result
 * is an underflow only if inexact. */
static void make_transcendental(struct random *r, struct x87_case *x)
{
    struct x87_register *operand = &x->registers[x->status >> X87_TOP_SHIFT & 7];
    unsigned exponent = operand->sign_exponent & 0x7FFF;

    if (exponent != 0 && exponent != 0x7FFF)
        operand->sign_exponent = (uint16_t)((operand->sign_exponent & 0x8000) | (0x3FFC - below(r, 80)));
    x->control |= REAL_UNDERFLOW | REAL_PRECISION;
}

/* Runs the cases of one encoding; the first that differs goes to the text. */
static unsigned subject_differences(struct bench *b, const struct subject *s, char *text, size_t size)
{
    struct random random = {.state = parameter("DENALI_X87_SEED", 1) + s->bytes[0] * 65537u + s->bytes[1] * 257u};
    unsigned long cases = parameter("DENALI_X87_CASES", CASES);
    unsigned differences = 0;

    code_put(b, s->bytes, s->length);
    for (unsigned long i = 0; i < cases; i++) {
        struct x87_case before = random_case(&random, s->kind);
        if (s->units)
            make_transcendental(&random, &before);
        struct x87_case host = before, guest = before;
        host_x87_run(b->host, &host);
        guest_run(b, &guest);
        hide(s, &host);
        hide(s, &guest);
        if (cases_equal(&host, &guest, s->units) || differences++ >= parameter("DENALI_X87_SHOWN", 1))
            continue;
        FILE *out = fmemopen(text, size, "a");
        case_print(out, "before", &before);
        case_print(out, "host", &host);
        case_print(out, "ours", &guest);
        fclose(out);
    }
    return differences;
}

static void subject_check(struct bench *b, const struct subject *s)
{
    char text[16384] = "";
    unsigned differences = subject_differences(b, s, text, sizeof(text));
    cr_expect_eq(differences, 0, "%s %02x %02x: %u cases differ\n%s", s->name, s->bytes[0], s->bytes[1], differences,
                 text);
}

static bool is_transcendental(const uint8_t *bytes)
{
    static const uint8_t opcodes[] = {0xF0, 0xF1, 0xF2, 0xF3, 0xF9, 0xFB, 0xFE, 0xFF};
    return bytes[0] == 0xD9 && memchr(opcodes, bytes[1], sizeof(opcodes));
}

static void check_memory_row(struct bench *b, const struct encoding *row)
{
    struct subject s = {.name = row->name, .bytes = {row->first, (uint8_t)(row->digit << 3)}, .length = 2};
    bool stores_environment = row->digit == 6 && (row->first == 0xD9 || row->first == 0xDD);

    s.kind = operands[row->first & 7][row->digit];
    if (stores_environment)
        s.hidden = 12, s.hidden_end = 28;
    subject_check(b, &s);
    if (row->form != FORM_Gv_M)
        return;
    if (stores_environment)
        s.hidden = 6, s.hidden_end = 14;
    memcpy(s.bytes, (uint8_t[]){0x66, row->first, (uint8_t)(row->digit << 3)}, 3);
    s.length = 3;
    subject_check(b, &s);
}

static void check_row(struct bench *b, const struct encoding *row)
{
    const char *only = getenv("DENALI_X87_ONLY");

    if (row->illegal != LEGAL || (only && strcmp(only, row->name) != 0))
        return;
    if (row->map == MAP_1 && (row->first & 0xF8) == 0xD8)
        check_memory_row(b, row);
    else if (row->map == MAP_1 && row->first == 0x9B)
        subject_check(b, &(struct subject){.name = row->name, .bytes = {0x9B}, .length = 1});
    for (unsigned opcode = row->first; row->map >= MAP_D8 && row->map <= MAP_DF && opcode <= row->last; opcode++) {
        struct subject s = {.name = row->name, .length = 2};
        s.bytes[0] = (uint8_t)(0xD8 + row->map - MAP_D8);
        s.bytes[1] = (uint8_t)opcode;
        s.units = is_transcendental(s.bytes) ? 2 : 0;
        subject_check(b, &s);
    }
}

Test(cpu_x87, every_encoding_does_what_this_processor_does)
{
    struct bench b = bench_new();
    if (b.host)
        for (size_t i = 0; i < encoding_count; i++)
            check_row(&b, &encodings[i]);
    bench_drop(&b);
}

Test(cpu_x87, encodings_are_legal_where_this_processor_has_them)
{
    struct bench b = bench_new();
    for (unsigned first = 0xD8; b.host && first <= 0xDF; first++) {
        for (unsigned second = 0; second < 0x100; second += second < 0xC0 ? 8 : 1) {
            struct random random = {.state = 1};
            struct x87_case host = random_case(&random, 's'), guest = host;
            if (second >= 0x40 && second < 0xC0)
                continue;
            code_put(&b, (const uint8_t[]){(uint8_t)first, (uint8_t)second}, 2);
            host_x87_run(b.host, &host);
            guest_run(&b, &guest);
            cr_expect_eq(host.exception == 6, guest.exception == DENALI_EXC_ILLEGAL, "%02x %02x", first, second);
        }
    }
    bench_drop(&b);
}

/* What is ours to define, and what comes of pending exceptions and of memory that is not there. */

#define FOR_BOTH_ENGINES(program_)                                                                                     \
    for (int engine_ = 0; engine_ < 2; engine_++)                                                                      \
        for (struct program program_ = program_new((enum cpu_engine)engine_), *once_ = &program_; once_;               \
             bench_drop(&program_.bench), once_ = NULL)

#define PROGRAM(p, ...)                                                                                                \
    do {                                                                                                               \
        const uint8_t bytes_[] = {__VA_ARGS__};                                                                        \
        memcpy(flat_memory_at(&(p)->bench.flat, CODE), bytes_, sizeof(bytes_));                                        \
    } while (0)

#define AT(address) ((address)&0xFF), ((address) >> 8 & 0xFF), ((address) >> 16 & 0xFF), ((address) >> 24)

struct program {
    struct bench bench;
    struct cpu_state state;
};

static struct program program_new(enum cpu_engine engine)
{
    struct program p = {.bench.cpu = cpu_new(engine)};
    cr_assert(p.bench.cpu && flat_memory_init(&p.bench.flat, MEMORY_SIZE + PAGE_SIZE, 1));
    for (uint32_t i = 0; i < MEMORY_SIZE >> PAGE_SHIFT; i++)
        cr_assert(flat_memory_add(&p.bench.flat, i));
    cpu_state_reset(&p.state, CODE, STACK);
    return p;
}

static enum cpu_exit program_run(struct program *p)
{
    uint64_t executed;
    return cpu_run(p->bench.cpu, &p->state, &p->bench.flat.memory, 100, 0, &executed);
}

static uint32_t word_at(struct program *p, uint32_t address)
{
    uint32_t word;
    memcpy(&word, flat_memory_at(&p->bench.flat, address), sizeof(word));
    return word;
}

Test(cpu_x87, pending_exception_is_raised_by_the_next_waiting_instruction)
{
    const uint16_t all_unmasked = X87_CONTROL_RESET & ~X87_EXCEPTIONS;
    const uint32_t handler = HANDLER;
    FOR_BOTH_ENGINES(p)
    {
        /* fldcw [OPERAND]; fldz; fld1; fdiv st, st(1); inc eax; fnstsw [OPERAND + 4]; fwait */
        PROGRAM(&p, 0xD9, 0x2D, AT(OPERAND), 0xD9, 0xEE, 0xD9, 0xE8, 0xD8, 0xF1, 0x40, 0xDD, 0x3D, AT(OPERAND + 4),
                0x9B);
        memcpy(flat_memory_at(&p.bench.flat, OPERAND), &all_unmasked, 2);
        memcpy(flat_memory_at(&p.bench.flat, HANDLER), (uint8_t[]){0xDB, 0xE2, 0x0F, 0x3F, 0x01}, 5); /* fnclex; end */
        memcpy(flat_memory_at(&p.bench.flat, DENALI_REG_EXC_HANDLER), &handler, 4);
        cr_assert_eq(program_run(&p), CPU_TERMINATE);
        cr_assert_eq(word_at(&p, DENALI_REG_EXC_NUMBER), DENALI_EXC_X87);
        cr_assert_eq(word_at(&p, STACK - 12), CODE + 19, "EIP in the frame is that of FWAIT");
        cr_assert_eq(p.state.regs[EAX], 1);
        cr_assert_eq(word_at(&p, OPERAND + 4), X87_BUSY | 6 << X87_TOP_SHIFT | X87_SUMMARY | REAL_DIVIDE);
        cr_assert_eq(p.state.fpu.status, 6 << X87_TOP_SHIFT);
        cr_assert_eq(p.state.fpu.registers[6].significand, UINT64_C(1) << 63, "operands are as they were");
    }
}

Test(cpu_x87, environment_has_pointers_of_the_last_instruction_that_is_no_control_instruction)
{
    const uint32_t expected[] = {0xFFFF037E, 0xFFFF3800, 0xFFFF3FFF, CODE + 6, 0x1FA << 16, OPERAND + 64, 0xFFFF0000};
    FOR_BOTH_ENGINES(p)
    {
        /* fld dword [OPERAND + 64]; fsqrt of -1, with prefixes; fnclex; fnstenv [OPERAND] */
        PROGRAM(&p, 0xD9, 0x05, AT(OPERAND + 64), 0x26, 0x66, 0xD9, 0xFA, 0xDB, 0xE2, 0xD9, 0x35, AT(OPERAND), 0x0F,
                0x3F, 0x01);
        p.state.fpu.control &= (uint16_t)~REAL_INVALID;
        memcpy(flat_memory_at(&p.bench.flat, OPERAND + 64), &(uint32_t){0xBF800000}, 4);
        cr_assert_eq(program_run(&p), CPU_TERMINATE);
        for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
            cr_expect_eq(word_at(&p, OPERAND + 4 * i), expected[i], "word %u: %08x", i, word_at(&p, OPERAND + 4 * i));
    }
}

/* FSTP m80, FNSAVE, FST m64, FBSTP, FNSTENV over the end of memory. */
Test(cpu_x87, store_that_faults_in_its_second_page_changes_nothing)
{
    static const uint8_t stores[][2] = {{0xDB, 0x3D}, {0xDD, 0x35}, {0xDD, 0x15}, {0xDF, 0x35}, {0xD9, 0x35}};
    for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
        FOR_BOTH_ENGINES(p)
        {
            PROGRAM(&p, 0xD9, 0xE8, stores[i][0], stores[i][1], AT(MEMORY_SIZE - 6)); /* fld1; store */
            memset(flat_memory_at(&p.bench.flat, MEMORY_SIZE - 6), 0x55, 6);
            cr_assert_eq(program_run(&p), CPU_CRASH);
            cr_assert_eq(cpu_last_crash(p.bench.cpu)->exception.number, DENALI_EXC_MEMORY);
            cr_assert_eq(cpu_last_crash(p.bench.cpu)->exception.address, MEMORY_SIZE);
            cr_assert_eq(p.state.eip, CODE + 2);
            cr_assert_eq(p.state.fpu.status, 7 << X87_TOP_SHIFT);
            cr_assert_eq(p.state.fpu.full, 0x80);
            cr_assert_eq(p.state.fpu.instruction, CODE);
            cr_assert_eq(word_at(&p, MEMORY_SIZE - 6), 0x55555555);
        }
    }
}

Test(cpu_x87, operands_may_lie_across_pages)
{
    FOR_BOTH_ENGINES(p)
    {
        /* fldpi; fstp tbyte [OPERAND - 3]; fld tbyte [OPERAND - 3]; fnsave [OPERAND - 50]; frstor [OPERAND - 50] */
        PROGRAM(&p, 0xD9, 0xEB, 0xDB, 0x3D, AT(OPERAND - 3), 0xDB, 0x2D, AT(OPERAND - 3), 0xDD, 0x35, AT(OPERAND - 50),
                0xDD, 0x25, AT(OPERAND - 50), 0x0F, 0x3F, 0x01);
        cr_assert_eq(program_run(&p), CPU_TERMINATE);
        cr_assert_eq(p.state.fpu.registers[7].significand, 0xC90FDAA22168C235);
        cr_assert_eq(p.state.fpu.registers[7].sign_exponent, 0x4000);
        cr_assert_eq(p.state.fpu.full, 0x80);
    }
}

Test(cpu_x87, every_digit_with_memory_has_a_row)
{
    for (unsigned opcode = 0xD8; opcode <= 0xDF; opcode++)
        for (unsigned digit = 0; digit < 8; digit++)
            cr_assert(encoding_is_listed(encoding_find(MAP_1, (uint8_t)opcode, digit)), "%02x /%u", opcode, digit);
}

/* cpu/x87_quick.h: where it answers, cpu/real.h says the same and raises nothing else. */

static struct real_context context_for(const struct fpu_state *f, bool full)
{
    static const uint8_t precisions[] = {24, 64, 53, 64};
    return (struct real_context){
        .rounding = f->control >> X87_ROUNDING_SHIFT & 3,
        .precision = full ? 64 : precisions[f->control >> X87_PRECISION_SHIFT & 3],
        .unmasked = ~f->control & X87_EXCEPTIONS,
    };
}

static bool raised_alike(const struct real_context *context, unsigned raised)
{
    return (context->raised | (context->rounded_up ? X87_C1 : 0u)) == raised && !(context->raised & context->unmasked);
}

static struct real operate(struct real_context *context, enum x87_operation operation, struct real a, struct real b)
{
    if (operation == X87_SUBR || operation == X87_DIVR) {
        struct real swapped = a;
        a = b, b = swapped;
    }
    if (operation == X87_MUL)
        return real_multiply(context, a, b);
    if (operation == X87_DIV || operation == X87_DIVR)
        return real_divide(context, a, b);
    return real_add(context, a, operation == X87_ADD ? b : real_negate(b));
}

static bool quick_arithmetic_agrees(const struct quick *q, enum x87_operation operation, struct x87_register a,
                                    struct x87_register b)
{
    struct real_context context = context_for(q->f, false);
    struct x87_register result;
    unsigned raised;

    if (!quick_operate(q, operation, a, b, &result, &raised))
        return false;
    struct real exact = operate(&context, operation, real_from_extended(a), real_from_extended(b));
    struct x87_register want = real_to_extended(&context, exact);
    cr_assert(registers_near(&result, &want, 0) && raised_alike(&context, raised),
              "operation %d, control %04x: %04x %016" PRIx64 ", %04x %016" PRIx64, operation, q->f->control,
              a.sign_exponent, a.significand, b.sign_exponent, b.significand);
    return true;
}

static bool quick_store_agrees(const struct quick *q, enum x87_format format, struct x87_register value)
{
    struct real_context context = context_for(q->f, true);
    uint64_t bits, want;
    unsigned raised, width = 8 * quick_bytes(format);

    if (!quick_convert(q, value, format, context.rounding, &bits, &raised))
        return false;
    struct real exact = real_from_extended(value);
    if (format == X87_SINGLE)
        want = real_to_single(&context, exact);
    else if (format == X87_DOUBLE)
        want = real_to_double(&context, exact);
    else
        want = (uint64_t)real_to_integer(&context, exact, width);
    cr_assert((bits ^ want) << (64 - width) == 0 && raised_alike(&context, raised),
              "format %d, control %04x: %04x %016" PRIx64, format, q->f->control, value.sign_exponent,
              value.significand);
    return true;
}

static bool quick_load_agrees(struct random *r)
{
    struct real_context context = {.precision = 64};
    const bool wide = below(r, 2);
    const uint64_t bits = wide ? random_double(r) : random_single(r);
    struct x87_register value;

    if (!quick_from_encoding(bits, wide ? 52 : 23, wide ? 0x7FF : 0xFF, &value))
        return false;
    struct real exact = wide ? real_from_double(bits) : real_from_single((uint32_t)bits);
    struct x87_register want = real_to_extended(&context, exact);
    cr_assert(registers_near(&value, &want, 0) && !exact.denormal && !context.raised, "%016" PRIx64, bits);
    return true;
}

Test(cpu_x87, quick_results_are_those_of_real)
{
    static const enum x87_format formats[] = {X87_SINGLE, X87_DOUBLE, X87_INT16, X87_INT32, X87_INT64};
    const unsigned long cases = parameter("DENALI_X87_CASES", CASES) * 100;
    struct random random = {.state = parameter("DENALI_X87_SEED", 1)};
    unsigned long arithmetic = 0, stores = 0, loads = 0;

    for (unsigned long i = 0; i < cases; i++) {
        struct fpu_state f = {.control = (uint16_t)(X87_CONTROL_ONES | (below(&random, 4) ? 0x3F : below(&random, 64)) |
                                                    below(&random, 4) << X87_PRECISION_SHIFT |
                                                    below(&random, 4) << X87_ROUNDING_SHIFT)};
        const struct quick q = {.f = &f};
        struct x87_register a = random_register(&random);
        struct x87_register b = below(&random, 3) ? random_register(&random) : random_neighbour(&random, a);
        arithmetic += quick_arithmetic_agrees(&q, (enum x87_operation)below(&random, 6), a, b);
        stores += quick_store_agrees(&q, formats[below(&random, 5)], a);
        loads += quick_load_agrees(&random);
    }
    cr_assert(arithmetic > cases / 8 && stores > cases / 8 && loads > cases / 8, "%lu, %lu, %lu answers", arithmetic,
              stores, loads);
}
