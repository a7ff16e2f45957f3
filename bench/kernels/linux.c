/* SPDX-License-Identifier: MIT
 *
 * In place of the guest library's machine part: start, console and end as a Linux i386 program.
 */
#include "guest.h"

#define LINUX_EXIT      1
#define LINUX_WRITE     4
#define STANDARD_OUTPUT 1

/* The kernel enters with argc, argv[] and NULL on the stack (System V ABI, i386 supplement). */
__asm__(".globl _start\n"
        "_start: movl (%esp), %eax\n"
        "leal 4(%esp), %edx\n"
        "pushl %edx\n"
        "pushl %eax\n"
        "call main\n"
        "pushl %eax\n"
        "call terminate\n");

static uint32_t linux_call(uint32_t number, uint32_t a, uint32_t b, uint32_t c)
{
    __asm__ volatile("int $0x80" : "+a"(number) : "b"(a), "c"(b), "d"(c) : "memory");
    return number;
}

void console_write(const char *bytes, size_t length)
{
    linux_call(LINUX_WRITE, STANDARD_OUTPUT, (uint32_t)bytes, length);
}

_Noreturn void terminate(uint32_t status)
{
    for (;;)
        linux_call(LINUX_EXIT, status, 0, 0);
}
