/* SPDX-License-Identifier: MIT
 *
 * Never leaves the processor by itself: what a scheduler must be able to bear.
 * Argument: count=N ends after N turns of the loop.
 */
#include "guest.h"
#include "libc.h"

int main(int argc, char **argv)
{
    (void)argc;
    uint32_t count = argument_number(argv, "count", 0);
    uint32_t turns = 0;
    do {
        turns++;
        __asm__ volatile("" : "+r"(turns)); /* a loop the compiler must keep */
    } while (turns != count);
    printf("machine %u turned %u times\n", registers.vm_id, turns);
    return 0;
}
