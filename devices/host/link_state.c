/* SPDX-License-Identifier: MIT */
#include "link_state.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_messages(void)
{
    const struct sockaddr_nl links = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (descriptor < 0 || bind(descriptor, (const struct sockaddr *)&links, sizeof(links)) == 0)
        return descriptor;
    close(descriptor);
    return -1;
}

void link_monitor_open(struct link_monitor *monitor, const char *interface)
{
    monitor->index = if_nametoindex(interface);
    monitor->descriptor = open_messages();
}

void link_monitor_close(struct link_monitor *monitor)
{
    if (monitor->descriptor >= 0)
        close(monitor->descriptor);
    monitor->descriptor = -1;
}

/* What the messages say is not read: some may be lost (ENOBUFS), and the state can be asked for. */
bool link_monitor_changed(const struct link_monitor *monitor)
{
    uint8_t message;
    bool changed = false;
    while (monitor->descriptor >= 0 &&
           (recv(monitor->descriptor, &message, sizeof(message), MSG_TRUNC) >= 0 || errno == ENOBUFS))
        changed = true;
    return changed;
}

enum link_state link_monitor_state(const struct link_monitor *monitor)
{
    struct ifreq request = {0};
    enum link_state state = LINK_GONE;
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return LINK_UP; /* out of descriptors: nothing is known */
    if (if_indextoname(monitor->index, request.ifr_name) && ioctl(descriptor, SIOCGIFFLAGS, &request) == 0)
        state = request.ifr_flags & IFF_RUNNING ? LINK_UP : LINK_DOWN;
    close(descriptor);
    return state;
}
