/* SPDX-License-Identifier: MIT
 *
 * An interpreter for a small byte code: indirect jumps that depend on data. Its program finds the longest Collatz
 * sequence that begins below a limit.
 */
#include "kernel.h"

#define LIMIT 1500

const char kernel_name[] = "bvm";
const uint32_t kernel_repeats = 310;

enum operation {
    OP_SET,    /* a := b */
    OP_MOVE,   /* a := register b */
    OP_ADD,    /* a := a + b */
    OP_HALVE,  /* a := a / 2 */
    OP_TRIPLE, /* a := 3 a + 1 */
    OP_ODD,    /* jump if a is odd */
    OP_LESS,   /* jump if a < register b */
    OP_DIFFER, /* jump if a is not register b */
    OP_JUMP,
    OP_END,
};

enum { NUMBER, TERM, LENGTH, LONGEST, BEST, ONE, END, REGISTERS };

struct instruction {
    uint8_t operation, a, b;
    uint8_t target; /* of a jump: index of an instruction */
};

enum { NUMBER_BEGIN = 3, TERM_BEGIN = 5, TERM_ODD = 8, TERM_COUNT = 9, NUMBER_NEXT = 14 };

static const struct instruction program[] = {
    {OP_SET, LONGEST, 0, 0},
    {OP_SET, ONE, 1, 0},
    {OP_SET, NUMBER, 1, 0},
    [NUMBER_BEGIN] = {OP_MOVE, TERM, NUMBER, 0},
    {OP_SET, LENGTH, 0, 0},
    [TERM_BEGIN] = {OP_ODD, TERM, 0, TERM_ODD},
    {OP_HALVE, TERM, 0, 0},
    {OP_JUMP, 0, 0, TERM_COUNT},
    [TERM_ODD] = {OP_TRIPLE, TERM, 0, 0},
    [TERM_COUNT] = {OP_ADD, LENGTH, 1, 0},
    {OP_DIFFER, TERM, ONE, TERM_BEGIN},
    {OP_LESS, LENGTH, LONGEST, NUMBER_NEXT},
    {OP_MOVE, LONGEST, LENGTH, 0},
    {OP_MOVE, BEST, NUMBER, 0},
    [NUMBER_NEXT] = {OP_ADD, NUMBER, 1, 0},
    {OP_LESS, NUMBER, END, NUMBER_BEGIN},
    {OP_END, 0, 0, 0},
};

static void program_run(uint32_t *r)
{
    const struct instruction *next = program;
    for (;;) {
        const struct instruction *i = next++;
        switch ((enum operation)i->operation) {
        case OP_SET:
            r[i->a] = i->b;
            break;
        case OP_MOVE:
            r[i->a] = r[i->b];
            break;
        case OP_ADD:
            r[i->a] += i->b;
            break;
        case OP_HALVE:
            r[i->a] /= 2;
            break;
        case OP_TRIPLE:
            r[i->a] = 3 * r[i->a] + 1;
            break;
        case OP_ODD:
            if (r[i->a] % 2 != 0)
                next = program + i->target;
            break;
        case OP_LESS:
            if (r[i->a] < r[i->b])
                next = program + i->target;
            break;
        case OP_DIFFER:
            if (r[i->a] != r[i->b])
                next = program + i->target;
            break;
        case OP_JUMP:
            next = program + i->target;
            break;
        case OP_END:
            return;
        }
    }
}

uint32_t kernel_run(uint32_t repeats)
{
    uint32_t result = 0;
    while (repeats-- > 0) {
        uint32_t registers[REGISTERS] = {[END] = LIMIT};
        program_run(registers);
        result = result * 31 + registers[BEST] * registers[LONGEST];
    }
    return result;
}
