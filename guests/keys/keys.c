/* SPDX-License-Identifier: MIT
 *
 * Prints the characters typed as they come. Ends at 'q'.
 */
#include "guest.h"
#include "libc.h"
#include "line.h"

static void key_print(uint32_t code)
{
    char bytes[4];
    if (code >= DENALI_KEY_USB)
        printf("<USB key 0x%02x>", code - DENALI_KEY_USB);
    else
        console_write(bytes, utf8_encode(bytes, code));
}

int main(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (;;) {
        for (uint32_t event; (event = keyboard_next()) != 0;) {
            uint32_t code = event & DENALI_KEY_CODE;
            if (!(event & DENALI_KEY_PRESSED))
                continue;
            if (code == 'q')
                return 0;
            key_print(code);
        }
        interrupt_wait(NO_TIMEOUT);
    }
}
