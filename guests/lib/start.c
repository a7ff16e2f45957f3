/* SPDX-License-Identifier: MIT
 *
 * Start-up and end. The machine begins at _start with ESP at the top of memory and everything else zero, and the loader
 * has cleared .bss, so there is nothing to prepare but the arguments and the interrupt entry.
 */
#include "guest.h"
#include "interrupts.h"
#include "libc.h"

/* Splits the text at blanks, in place, and ends the list with NULL. Returns the number of words. */
static int words_split(char *text, char **words)
{
    int count = 0;
    while (*text != '\0') {
        if (*text == ' ') {
            *text++ = '\0';
            continue;
        }
        words[count++] = text;
        while (*text != ' ' && *text != '\0')
            text++;
    }
    words[count] = NULL;
    return count;
}

_Noreturn void _start(void);

_Noreturn void _start(void)
{
    registers.irq_handler = (uint32_t)interrupt_entry;
    char *text = (char *)registers.args;
    size_t length = strlen(text);
    /* n bytes hold at most (n + 1) / 2 words; two more for argv[0] and the end. */
    char **argv = __builtin_alloca(((length + 1) / 2 + 2) * sizeof(*argv));
    argv[0] = text + length;
    int count = words_split(text, argv + 1);
    terminate((uint32_t)main(count + 1, argv));
}

_Noreturn void terminate(uint32_t status)
{
    __asm__ volatile(".byte 0x0F, 0x3F, %c1" : : "a"(status), "i"(DENALI_OP_TERMINATE) : "memory");
    __builtin_unreachable();
}
