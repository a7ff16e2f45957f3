/* SPDX-License-Identifier: MIT
 *
 * Ways through a program: jump tables, computed jumps, calls through pointers, recursion, jumps out of calls, variable
 * arguments, structs by value, stacks of variable size.
 */
#include <stdarg.h>
#include <stdint.h>

#include "libc.h"

struct pair {
    uint64_t number;
    double half;
};

enum operation { PUSH, ADD, MULTIPLY, SWAP, DROP, DUPLICATE, NEGATE, JUMP_IF, END };

/* 200 times: the number below the counter becomes seven times itself and three. */
static const uint8_t code[] = {PUSH, 1,    PUSH, 200, SWAP,   DUPLICATE, PUSH,      6,    MULTIPLY, ADD, PUSH, 3,
                               ADD,  SWAP, PUSH, 1,   NEGATE, ADD,       DUPLICATE, DROP, JUMP_IF,  18,  DROP, END};

/* A switch without gaps; which case comes next is not to be foreseen. */
__attribute__((noinline)) static uint32_t mix(uint32_t state)
{
    switch (state % 11) {
    case 0:
        return state * 3 + 1;
    case 1:
        return state ^ 0x55AA55AA;
    case 2:
        return state >> 3 | state << 29;
    case 3:
        return ~state;
    case 4:
        return state - 0x10001;
    case 5:
        return state * 0x01000193;
    case 6:
        return (uint32_t)((int32_t)state >> 5) ^ state;
    case 7:
        return __builtin_bswap32(state);
    case 8:
        return state + (state << 7);
    case 9:
        return state & 0xFFFF0FFF;
    default:
        return state | 0x00F00000;
    }
}

/* An interpreter with a jump at the end of each operation. */
static uint32_t interpret(const uint8_t *at)
{
    static const void *const labels[] = {&&push,      &&add,    &&multiply, &&swap, &&drop,
                                         &&duplicate, &&negate, &&jump,     &&end};
    uint32_t stack[32] = {0}, *top = stack, other;
    goto *labels[*at++];
push:
    *++top = *at++;
    goto *labels[*at++];
add:
    other = *top--;
    *top += other;
    goto *labels[*at++];
multiply:
    other = *top--;
    *top *= other;
    goto *labels[*at++];
swap:
    other = *top;
    *top = top[-1];
    top[-1] = other;
    goto *labels[*at++];
drop:
    top--;
    goto *labels[*at++];
duplicate:
    top[1] = *top;
    top++;
    goto *labels[*at++];
negate:
    *top = -*top;
    goto *labels[*at++];
jump:
    other = *at++;
    if (*top != 0)
        at -= other;
    goto *labels[*at++];
end:
    return *top;
}

__attribute__((noinline)) static unsigned ackermann(unsigned m, unsigned n)
{
    if (m == 0)
        return n + 1;
    return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

__attribute__((noinline)) static struct pair pair_next(struct pair pair, int8_t step)
{
    return (struct pair){pair.number * 5 + (uint64_t)step, pair.half / 2 + step};
}

__attribute__((noinline)) static double sum(const char *kinds, ...)
{
    va_list arguments;
    va_start(arguments, kinds);
    double total = 0;
    for (; *kinds != '\0'; kinds++) {
        if (*kinds == 'i')
            total += va_arg(arguments, int);
        else if (*kinds == 'q')
            total += (double)va_arg(arguments, long long);
        else
            total += va_arg(arguments, double);
    }
    va_end(arguments);
    return total;
}

__attribute__((noinline)) static void leave(void **place, unsigned depth)
{
    if (depth == 0)
        __builtin_longjmp(place, 1);
    leave(place, depth - 1);
    __asm__ volatile(""); /* not a tail call */
}

__attribute__((noinline)) static unsigned leave_often(unsigned times)
{
    void *place[5];
    volatile unsigned count = 0;
    __builtin_setjmp(place);
    if (count < times) {
        count++;
        leave(place, count);
    }
    return count;
}

__attribute__((noinline)) static uint32_t variable_stack(unsigned size)
{
    uint16_t numbers[size];
    for (unsigned i = 0; i < size; i++)
        numbers[i] = (uint16_t)(i * i);
    uint32_t total = 0;
    for (unsigned i = 0; i < size; i++)
        total = total * 33 + numbers[i];
    return size > 1 ? total ^ variable_stack(size / 2) : total;
}

typedef uint32_t step_function(uint32_t);

static uint32_t twice(uint32_t value)
{
    return value * 2;
}

static uint32_t reverse(uint32_t value)
{
    uint32_t result = 0;
    for (int bit = 0; bit < 32; bit++)
        result = result << 1 | (value >> bit & 1);
    return result;
}

int main(void)
{
    static step_function *const volatile steps[] = {mix, twice, reverse, mix};
    uint32_t state = 1;
    for (unsigned i = 0; i < 3000; i++)
        state = steps[state >> 7 & 3](state) + i;
    printf("%08x\n", state);
    printf("%08x\n", interpret(code));
    printf("%u\n", ackermann(2, 9));
    struct pair pair = {1, 0.75};
    for (int i = 0; i < 20; i++)
        pair = pair_next(pair, (int8_t)(i * 37));
    printf("%llx %llx\n", pair.number, (uint64_t)(int64_t)(pair.half * 1048576));
    printf("%llx\n", (int64_t)(256 * sum("idqdi", -3, 2.25, -4000000000ll, 1e9, 5)));
    printf("%u\n", leave_often(20));
    printf("%08x\n", variable_stack(700));
    return 0;
}
