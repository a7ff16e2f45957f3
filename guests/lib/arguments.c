/* SPDX-License-Identifier: MIT
 *
 * Arguments of the form NAME=VALUE.
 */
#include "guest.h"
#include "libc.h"

const char *argument(char **argv, const char *name)
{
    size_t length = strlen(name);
    for (char **word = argv + 1; *word != NULL; word++) {
        if (strncmp(*word, name, length) == 0 && (*word)[length] == '=')
            return *word + length + 1;
    }
    return NULL;
}

uint32_t argument_number(char **argv, const char *name, uint32_t otherwise)
{
    const char *text = argument(argv, name);
    if (text == NULL)
        return otherwise;
    char *end;
    unsigned long value = strtoul(text, &end, 0);
    if (end == text || *end != '\0' || value >= UINT32_MAX) {
        printf("%s=%s: not a number below %u\n", name, text, UINT32_MAX);
        terminate(2);
    }
    return value;
}
