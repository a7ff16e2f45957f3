/* SPDX-License-Identifier: MIT
 *
 * Prints the characters typed as they come. Ends at 'q'.
 */
#include "guest.h"
#include "libc.h"

/* Prints a code point as UTF-8 (RFC 3629). */
static void code_point_print(uint32_t code)
{
    char bytes[4];
    if (code < 0x80) {
        printf("%c", (int)code);
        return;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    bytes[0] = (char)(0xF00u >> length | code);
    console_write(bytes, length);
}

static void key_print(uint32_t code)
{
    if (code >= DENALI_KEY_USB)
        printf("<USB key 0x%02x>", code - DENALI_KEY_USB);
    else
        code_point_print(code);
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
