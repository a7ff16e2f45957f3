/* SPDX-License-Identifier: MIT
 *
 * Many servers, of which few are asked often and many seldom: machine 0 is the client, all others are servers. The
 * client chooses servers by Zipf's law and checks every byte of what they answer.
 * Arguments of all: object=BYTES of an answer (2258); pages=N that a server keeps (64), of which every spread=N-th is
 * in use (16). Of the client: servers=N (1); alpha=N, hundredths of Zipf's exponent (100); window=N requests under way
 * at once (16); warm=N requests by lot before those that are counted (0); requests=N that are (1000); seed=N (1).
 */
#include "libc.h"
#include "roles.h"

int main(int argc, char **argv)
{
    (void)argc;
    struct settings settings = {
        .pages = argument_number(argv, "pages", 64),
        .spread = argument_number(argv, "spread", 16),
        .object = argument_number(argv, "object", 2258),
    };
    if (settings.pages == 0 || settings.pages > 1u << 18 || settings.spread == 0 || settings.object == 0) {
        printf("pages: 1 to 262144; spread and object: at least 1\n");
        return 2;
    }
    return registers.vm_id == 0 ? client_run(&settings, argv) : server_run(&settings);
}
