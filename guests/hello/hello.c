/* SPDX-License-Identifier: MIT
 *
 * The smallest guest: says who it is and ends.
 */
#include "guest.h"
#include "libc.h"

int main(int argc, char **argv)
{
    (void)argc, (void)argv;
    printf("Hello from machine %u\n", registers.vm_id);
    return 0;
}
