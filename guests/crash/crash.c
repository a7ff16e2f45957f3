/* SPDX-License-Identifier: MIT
 *
 * Ways for a machine to misbehave. None of them may be felt by another machine.
 * Arguments: how=NAME (how=list prints the names); vm=N: only machine N does it, the others say so and end normally.
 */
#include "guest.h"
#include "libc.h"

#define NOWHERE 0xDEADBEE0u /* an address no machine has */

static void wild_read(void)
{
    *(volatile uint32_t *)NOWHERE;
}

static void wild_write(void)
{
    *(volatile uint32_t *)NOWHERE = 1;
}

static void wild_jump(void)
{
    __asm__ volatile("jmp *%0" : : "r"(NOWHERE));
}

static void illegal(void)
{
    __asm__ volatile("ud2");
}

static void privileged(void)
{
    __asm__ volatile("lgdt %0" : : "m"(registers.reserved));
}

static void divide(void)
{
    __asm__ volatile("divl %0" : : "r"(0), "a"(1), "d"(0) : "cc");
}

static void overflow(void)
{
    int32_t value = INT32_MAX;
    __asm__ volatile("addl %0, %0; into" : "+r"(value) : : "cc");
}

static void bound(void)
{
    int32_t limits[2] = {0, 9};
    __asm__ volatile("bound %0, %1" : : "r"(10), "m"(limits));
}

static void breakpoint(void)
{
    __asm__ volatile("int3");
}

static void interrupt(void)
{
    __asm__ volatile("int $0x30");
}

static void stack(void)
{
    __asm__ volatile("movl %0, %%esp; pushl %0" : : "r"(NOWHERE));
}

static void recursion(void)
{
    /* Down through all of memory, until the stack overwrites this very instruction. */
    __asm__ volatile("1: call 1b");
}

static void exception_ignore(struct interrupt_frame *frame)
{
    (void)frame;
}

static void double_exception(void)
{
    exception_register(exception_ignore);
    __asm__ volatile("movl %0, %%esp; ud2" : : "r"(NOWHERE));
}

static void loop(void)
{
    for (;;)
        __asm__ volatile("");
}

static void timer_again(uint32_t source)
{
    (void)source;
    timer_arm(0); /* a time long past */
}

static void storm(void)
{
    interrupt_register(DENALI_IRQ_TIMER, timer_again);
    timer_arm(0);
    interrupts_enable();
    loop();
}

static void status(void)
{
    terminate(3);
}

static const struct way {
    const char *name, *what;
    void (*go)(void);
} ways[] = {
    {"wild-read", "reads where there is no memory", wild_read},
    {"wild-write", "writes where there is no memory", wild_write},
    {"wild-jump", "jumps to where there is no memory", wild_jump},
    {"illegal", "executes UD2", illegal},
    {"privileged", "executes LGDT", privileged},
    {"divide", "divides by zero", divide},
    {"overflow", "INTO after an overflow", overflow},
    {"bound", "BOUND outside the bounds", bound},
    {"breakpoint", "INT3 without a debugger", breakpoint},
    {"int", "INT 0x30 without a handler", interrupt},
    {"stack", "pushes where there is no memory", stack},
    {"recursion", "calls itself until the stack has overwritten the code", recursion},
    {"double", "an exception handler without a stack", double_exception},
    {"loop", "an endless loop", loop},
    {"storm", "interrupts itself without end", storm},
    {"status", "ends with status 3", status},
};

#define WAYS (sizeof(ways) / sizeof(*ways))

static void ways_print(void)
{
    for (size_t i = 0; i < WAYS; i++)
        printf("%-11s %s\n", ways[i].name, ways[i].what);
}

/* NULL: no way has this name. */
static const struct way *way_find(const char *name)
{
    for (size_t i = 0; i < WAYS; i++) {
        if (strcmp(ways[i].name, name) == 0)
            return &ways[i];
    }
    return NULL;
}

int main(int argc, char **argv)
{
    (void)argc;
    const char *how = argument(argv, "how");
    if (how != NULL && strcmp(how, "list") == 0) {
        ways_print();
        return 0;
    }
    const struct way *way = how != NULL ? way_find(how) : NULL;
    if (way == NULL) {
        printf("%s: give how=NAME; how=list prints the names\n", how != NULL ? how : "how");
        return 2;
    }
    if (argument_number(argv, "vm", registers.vm_id) != registers.vm_id) {
        printf("machine %u is well\n", registers.vm_id);
        return 0;
    }
    printf("machine %u: %s\n", registers.vm_id, way->what);
    way->go();
    printf("machine %u still runs\n", registers.vm_id);
    return 1;
}
