/* SPDX-License-Identifier: MIT
 *
 * How libFuzzer changes inputs that execute guests: besides bits and bytes, whole instructions made from the
 * instruction table, and registers with values at which something happens.
 */
#include <string.h>

#include "../../cpu/decode.h"
#include "../oracle/random.h"
#include "input.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static uint32_t random_address(struct rng *rng)
{
    uint32_t page = rng_below(rng, INPUT_PAGES) << PAGE_SHIFT;
    return one_in(rng, 4) ? page - rng_below(rng, 16) : page + rng_below(rng, PAGE_SIZE);
}

/* Numbers and addresses. */
static uint32_t random_word(struct rng *rng)
{
    switch (rng_below(rng, 4)) {
    case 0:
        return (uint32_t)rng_wide(rng) >> rng_below(rng, 32);
    case 1:
        return (1u << rng_below(rng, 32)) + rng_below(rng, 3) - 1;
    default:
        return random_address(rng);
    }
}

/* A fraction with few ones, or few zeroes. */
static uint64_t random_fraction(struct rng *rng)
{
    uint64_t few = UINT64_C(1) << rng_below(rng, 64) | UINT64_C(1) << rng_below(rng, 64);
    return one_in(rng, 3) ? rng_wide(rng) : one_in(rng, 2) ? few : one_in(rng, 2) ? 0 : ~few;
}

/* Zero, denormal, ordinary, infinite, NaN: `exponent` of so many bits. */
static uint32_t random_exponent(struct rng *rng, unsigned bits)
{
    uint32_t most = (1u << bits) - 1;
    return one_in(rng, 4)   ? 0
           : one_in(rng, 3) ? most
           : one_in(rng, 2) ? most / 2 + rng_below(rng, 65) - 32
                            : rng_below(rng, most);
}

/* --- instructions --- */

static bool has_map_prefix(const struct encoding *row, const char *prefix)
{
    return strncmp(map_name((enum map)row->map), prefix, strlen(prefix)) == 0;
}

/* What stands before the opcode; returns how many bytes. */
static size_t put_prefixes(struct rng *rng, const struct encoding *row, uint8_t *to)
{
    static const uint8_t segments[] = {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x65};
    size_t n = 0;

    if (one_in(rng, 24))
        to[n++] = segments[rng_below(rng, sizeof(segments))];
    if (one_in(rng, 12))
        to[n++] = 0x67;
    if (one_in(rng, row->attributes & LOCKABLE ? 8 : 100))
        to[n++] = 0xF0;
    if (row->attributes & STRING && !one_in(rng, 3))
        to[n++] = one_in(rng, 3) ? 0xF2 : 0xF3;
    if (has_map_prefix(row, "66") || (row->map <= MAP_0F && one_in(rng, 6)))
        to[n++] = 0x66;
    if (has_map_prefix(row, "F3"))
        to[n++] = 0xF3;
    if (has_map_prefix(row, "F2"))
        to[n++] = 0xF2;
    return n;
}

static size_t put_opcode(struct rng *rng, const struct encoding *row, uint8_t *to)
{
    const char *map = map_name((enum map)row->map), *escape = strstr(map, "0F");
    size_t n = 0;

    if (row->map >= MAP_D8)
        to[n++] = (uint8_t)(0xD8 + row->map - MAP_D8);
    if (escape)
        to[n++] = 0x0F;
    if (escape && escape[2])
        to[n++] = escape[2 + 1] == '8' ? 0x38 : 0x3A;
    to[n++] = (uint8_t)(row->first + rng_below(rng, (uint32_t)(row->last - row->first) + 1));
    return n;
}

/* A register; an absolute address; or through registers. */
static size_t put_modrm(struct rng *rng, const struct encoding *row, uint8_t *to)
{
    uint8_t reg = row->digit == NO_DIGIT ? (uint8_t)rng_below(rng, 8) : row->digit;
    uint32_t address = random_address(rng), random = (uint32_t)rng_wide(rng);
    bool memory_only = !row->run[0][0];

    if (row->run[0][0] && (!row->run[0][1] || one_in(rng, 2))) {
        to[0] = (uint8_t)(0xC0 | reg << 3 | rng_below(rng, 8));
        return 1;
    }
    if (memory_only && (row->map == MAP_0F || row->map == MAP_NP0F)) /* FXSAVE and its like want it */
        address &= ~15u;
    switch (rng_below(rng, 4)) {
    case 0:
    case 1:
        to[0] = (uint8_t)(reg << 3 | 5);
        memcpy(to + 1, &address, 4);
        return 5;
    case 2:
        to[0] = (uint8_t)(0x40 | reg << 3 | (ESI + rng_below(rng, 2)));
        to[1] = (uint8_t)random;
        return 2;
    default:
        to[0] = (uint8_t)(rng_below(rng, 3) << 6 | reg << 3 | rng_below(rng, 8));
        memcpy(to + 1, &random, 4);
        return 1 + rng_below(rng, 6);
    }
}

static size_t immediate_size(const struct encoding *row)
{
    switch ((enum immediate)form_layouts[row->form].immediate) {
    case IMMEDIATE_NONE:
    case IMMEDIATE_ONE:
        return 0;
    case IMMEDIATE_BYTE:
    case IMMEDIATE_JUMP_BYTE:
        return 1;
    case IMMEDIATE_WORD:
        return 2;
    case IMMEDIATE_WORD_BYTE:
        return 3;
    case IMMEDIATE_FULL:
    case IMMEDIATE_JUMP_FULL:
    case IMMEDIATE_OFFSET:
        return 4;
    }
    return 0;
}

static size_t put_immediate(struct rng *rng, const struct encoding *row, uint8_t *to)
{
    enum immediate kind = form_layouts[row->form].immediate;
    uint32_t value = kind == IMMEDIATE_OFFSET ? random_address(rng) : random_word(rng);
    size_t size = immediate_size(row);

    if (kind == IMMEDIATE_JUMP_BYTE || kind == IMMEDIATE_JUMP_FULL)
        value = rng_below(rng, 64) - 24;
    memcpy(to, &value, size);
    return size;
}

enum { INSTRUCTION_ROOM = 40 };

/* Any, legal or not. */
static size_t instruction_make(struct rng *rng, uint8_t to[INSTRUCTION_ROOM])
{
    const struct encoding *row = &encodings[rng_below(rng, (uint32_t)encoding_count)];

    while (row->illegal && !one_in(rng, 50))
        row = &encodings[rng_below(rng, (uint32_t)encoding_count)];
    size_t n = put_prefixes(rng, row, to);
    n += put_opcode(rng, row, to + n);
    if (form_layouts[row->form].modrm)
        n += put_modrm(rng, row, to + n);
    return n + put_immediate(rng, row, to + n);
}

/* Where one of the instructions begins, and how long it is; at the end of the program: 0. */
static size_t instruction_choose(struct rng *rng, const uint8_t *program, size_t size, size_t *length)
{
    size_t at = 0;
    struct insn insn;

    *length = 0;
    for (uint32_t skip = rng_below(rng, one_in(rng, 4) ? 64 : 8);; skip--) {
        bool decoded = at < size && decode(program + at, size - at, &insn) == DECODE_OK;
        *length = decoded ? insn.length : at < size;
        if (skip == 0 || at >= size)
            return at;
        at += *length;
    }
}

/* `gap` bytes become `length` bytes. Returns the new size. */
static size_t splice(uint8_t *data, size_t size, size_t max_size, size_t at, size_t gap, const uint8_t *bytes,
                     size_t length)
{
    if (size - gap + length > max_size)
        return size;
    memmove(data + at + length, data + at + gap, size - at - gap);
    memcpy(data + at, bytes, length);
    return size - gap + length;
}

static size_t program_mutate(struct rng *rng, uint8_t *data, size_t size, size_t max_size)
{
    const size_t head = sizeof(struct input);
    uint8_t bytes[INSTRUCTION_ROOM];
    size_t old, at = head + instruction_choose(rng, data + head, size - head, &old);

    switch (rng_below(rng, 8)) {
    case 0:
        return splice(data, size, max_size, at, old, bytes, 0);
    case 1:
    case 2:
        return splice(data, size, max_size, at, old, bytes, instruction_make(rng, bytes));
    default:
        return splice(data, size, max_size, at, 0, bytes, instruction_make(rng, bytes));
    }
}

/* --- the state in the beginning --- */

static void xmm_mutate(struct rng *rng, uint8_t *lane, bool wide)
{
    uint64_t number = wide ? (uint64_t)random_exponent(rng, 11) << 52 | random_fraction(rng) >> 12
                           : random_exponent(rng, 8) << 23 | random_fraction(rng) >> 41;

    number |= (uint64_t)rng_below(rng, 2) << (wide ? 63 : 31);
    memcpy(lane + rng_below(rng, wide ? 2 : 4) * (wide ? 8 : 4), &number, wide ? 8 : 4);
}

static void fpu_mutate(struct rng *rng, struct input *input)
{
    unsigned i = rng_below(rng, 8);

    switch (rng_below(rng, 5)) {
    case 0:
        input->x87_control = (uint16_t)(one_in(rng, 2) ? X87_CONTROL_RESET : rng_wide(rng));
        input->x87_status = (uint16_t)rng_wide(rng) & (one_in(rng, 4) ? 0xFFFF : 0x7F00);
        break;
    case 1:
        input->x87_full = (uint8_t)(one_in(rng, 2) ? 0xFF : rng_wide(rng));
        input->mxcsr = one_in(rng, 2) ? MXCSR_RESET : rng_wide(rng) & 0xFFFF;
        break;
    case 2:
        input->st[i].sign_exponent = (uint16_t)(random_exponent(rng, 15) | rng_below(rng, 2) << 15);
        input->st[i].significand = random_fraction(rng) | (uint64_t)!one_in(rng, 8) << 63;
        break;
    default:
        xmm_mutate(rng, input->xmm[i], one_in(rng, 2));
    }
}

static void event_mutate(struct rng *rng, struct input_event *event)
{
    uint8_t code[INSTRUCTION_ROOM] = {0};

    event->when = (uint16_t)rng_below(rng, one_in(rng, 2) ? 20 : 1000);
    event->address = (uint16_t)(one_in(rng, 2) ? DENALI_REG_IRQ_PENDING : random_address(rng));
    instruction_make(rng, code);
    memcpy(&event->value, code, sizeof(event->value));
}

static void head_mutate(struct rng *rng, struct input *input)
{
    switch (rng_below(rng, 8)) {
    case 0:
    case 1:
        input->regs[rng_below(rng, CPU_REGISTERS)] = random_word(rng);
        break;
    case 2:
        input->eflags = (uint32_t)rng_wide(rng) & (FLAGS_STATUS | FLAGS_CONTROL);
        break;
    case 3:
    case 4:
        fpu_mutate(rng, input);
        break;
    case 5:
        event_mutate(rng, &input->events[rng_below(rng, INPUT_EVENTS)]);
        break;
    case 6:
        input->mappings[rng_below(rng, INPUT_PAGES)] ^= (uint8_t)(1u << rng_below(rng, 8));
        input->variant ^= (uint8_t)(1u << rng_below(rng, 8));
        break;
    default:
        input->entry = (uint16_t)random_address(rng);
        input->irq_handler = (uint16_t)(one_in(rng, 4) ? 0 : random_address(rng));
        input->exc_handler = (uint16_t)(one_in(rng, 4) ? 0 : random_address(rng));
        input->irq_enabled = (uint8_t)rng_wide(rng);
        input->quanta = (uint8_t)rng_wide(rng);
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct rng rng = {seed};
    struct input input = {.x87_control = X87_CONTROL_RESET, .x87_full = 0xFF, .mxcsr = MXCSR_RESET};

    if (max_size < sizeof(input) + INSTRUCTION_ROOM || one_in(&rng, 8))
        return LLVMFuzzerMutate(data, size, max_size);
    if (size < sizeof(input)) {
        memcpy(data, &input, sizeof(input));
        size = sizeof(input);
    }
    if (!one_in(&rng, 4))
        return program_mutate(&rng, data, size, max_size);
    memcpy(&input, data, sizeof(input));
    head_mutate(&rng, &input);
    memcpy(data, &input, sizeof(input));
    return size;
}
