/* SPDX-License-Identifier: MIT
 *
 * Runs the kernel and prints its name, the repeats and the result. Argument: repeats=N.
 */
#include "guest.h"
#include "kernel.h"
#include "libc.h"

int main(int argc, char **argv)
{
    (void)argc;
    uint32_t repeats = argument_number(argv, "repeats", kernel_repeats);
    printf("%s %u %08x\n", kernel_name, repeats, kernel_run(repeats));
    return 0;
}
