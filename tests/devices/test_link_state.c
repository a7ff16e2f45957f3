/* SPDX-License-Identifier: MIT
 *
 * An interface that changes, against Linux: the loopback of a network namespace of the test's own, which is down at
 * first. (tests/net removes an interface under a running emulator.)
 */
#include <criterion/criterion.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../devices/host/link_state.h"

/* A user namespace beside it would make root's rights unnecessary, but only a process of one thread may have one. */
static void own_network(void)
{
    if (unshare(CLONE_NEWNET) != 0)
        cr_skip_test("a network namespace is not allowed here; tests/net makes one without rights");
}

static void set_loopback(bool up)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = up ? IFF_UP : 0};
    int descriptor = socket(AF_INET, SOCK_DGRAM, 0);
    cr_assert_eq(ioctl(descriptor, SIOCSIFFLAGS, &request), 0);
    close(descriptor);
}

static bool is_readable(const struct link_monitor *monitor)
{
    struct pollfd poll_fd = {.fd = monitor->descriptor, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

Test(link_state, change_is_told_once_and_the_state_can_be_asked_for)
{
    struct link_monitor monitor;
    own_network();
    link_monitor_open(&monitor, "lo");
    cr_assert_eq(link_monitor_state(&monitor), LINK_DOWN);
    cr_assert(!is_readable(&monitor) && !link_monitor_changed(&monitor));
    set_loopback(true);
    cr_assert(is_readable(&monitor) && link_monitor_changed(&monitor));
    cr_assert(!is_readable(&monitor) && !link_monitor_changed(&monitor));
    cr_assert_eq(link_monitor_state(&monitor), LINK_UP);
    set_loopback(false);
    cr_assert(link_monitor_changed(&monitor));
    cr_assert_eq(link_monitor_state(&monitor), LINK_DOWN);
    link_monitor_close(&monitor);
}

Test(link_state, more_messages_than_the_host_keeps_are_a_change_too)
{
    struct link_monitor monitor;
    own_network();
    link_monitor_open(&monitor, "lo");
    for (int i = 0; i < 2000; i++)
        set_loopback(i % 2 == 0);
    cr_assert(link_monitor_changed(&monitor));
    cr_assert(!link_monitor_changed(&monitor));
    cr_assert_eq(link_monitor_state(&monitor), LINK_DOWN);
    link_monitor_close(&monitor);
}

Test(link_state, interface_that_is_not_there_is_gone)
{
    struct link_monitor monitor;
    link_monitor_open(&monitor, "no-such-link");
    cr_assert_eq(link_monitor_state(&monitor), LINK_GONE);
    link_monitor_close(&monitor);
    cr_assert(!link_monitor_changed(&monitor));
}
