/* SPDX-License-Identifier: MIT
 *
 * Names of networks: what is refused before anything is opened, and what opening says when it cannot.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "../../devices/host/networks.h"

Test(networks, malformed_is_refused_with_its_name)
{
    static const char *const texts[][2] = {
        {"", "'' is not a network"},
        {"eth0", "'eth0' is not a network"},
        {"dgram:", "dgram:LOCAL[,REMOTE]"},
        {"dgram:a,", "dgram:a,"},
        {"tap:", "tap:NAME"},
        {"tap:a-name-of-more-than-15", "1 to 15 bytes"},
        {"tap:a/b", "tap:a/b"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char error[256] = "";
        cr_assert_not(net_check(texts[i][0], error, sizeof(error)), "%s", texts[i][0]);
        cr_assert_not_null(strstr(error, texts[i][1]), "%s: %s", texts[i][0], error);
        cr_assert_null(net_open(texts[i][0], &(struct net_setup){.machines = 1}, error, sizeof(error)));
    }
}

Test(networks, dgram_path_too_long_is_refused)
{
    char text[200] = "dgram:", error[256] = "";
    memset(text + 6, 'x', 110);
    cr_assert_not(net_check(text, error, sizeof(error)));
    cr_assert_not_null(strstr(error, "up to 107 bytes"), "%s", error);
}

Test(networks, watch_counts_what_has_no_room)
{
    struct pollfd descriptor;
    struct net_watch watch = {&descriptor, 0, 1, UINT64_MAX};
    net_watch_add(&watch, 5, POLLIN);
    net_watch_add(&watch, 6, POLLIN);
    cr_assert(watch.count == 2 && descriptor.fd == 5 && descriptor.events == POLLIN);
}
