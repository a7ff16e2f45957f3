/* SPDX-License-Identifier: MIT
 *
 * Two ends of a datagram network in one process, and a socket of the test's own.
 */
#include "temporary.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../../devices/host/dgram.h"

static struct net_backend *opened(const char *format, const char *a, const char *b)
{
    char text[2 * TEMPORARY_MAX], error[256] = "";
    snprintf(text, sizeof(text), format, a, b);
    struct net_backend *net = net_open(text, &(struct net_setup){.machines = 1}, error, sizeof(error));
    cr_assert_not_null(net, "%s", error);
    return net;
}

static void send_frame(struct net_backend *net, uint32_t length, uint8_t mark)
{
    struct packet *packet = packet_new(length);
    memset(packet->bytes, mark, length);
    net->ops->send(net, packet);
    packet_unref(packet);
}

static void expect_frame(struct net_backend *net, uint32_t length, uint8_t mark)
{
    struct packet *packet = net->ops->receive(net, 0);
    cr_assert_not_null(packet);
    cr_assert(packet->length == length && packet->bytes[0] == mark && packet->bytes[length - 1] == mark);
    packet_unref(packet);
}

Test(dgram, frames_go_both_ways)
{
    struct temporary temporary = temporary_new();
    char left[TEMPORARY_MAX], right[TEMPORARY_MAX];
    temporary_path(&temporary, "left", left);
    temporary_path(&temporary, "right", right);
    struct net_backend *a = opened("dgram:%s,%s", left, right), *b = opened("dgram:%s", right, "");
    cr_assert_null(b->ops->receive(b, 0));
    send_frame(b, 60, 1); /* it does not know yet whom to send to */
    cr_assert_eq(b->counters.out_lost, 1);
    send_frame(a, 1514, 2);
    send_frame(a, 14, 3);
    struct pollfd descriptor;
    struct net_watch watch = {&descriptor, 0, 1, UINT64_MAX};
    b->ops->watch(b, &watch);
    cr_assert(watch.count == 1 && poll(&descriptor, 1, 0) == 1);
    expect_frame(b, 1514, 2);
    expect_frame(b, 14, 3);
    cr_assert_eq(poll(&descriptor, 1, 0), 0);
    send_frame(b, 60, 4);
    expect_frame(a, 60, 4);
    a->ops->free(a);
    cr_assert_neq(access(left, F_OK), 0);
    send_frame(b, 60, 5); /* nobody is there any more */
    cr_assert_eq(b->counters.out_lost, 2);
    b->ops->free(b);
    temporary_remove(&temporary);
}

Test(dgram, runts_and_giants_are_counted_only)
{
    struct temporary temporary = temporary_new();
    char path[TEMPORARY_MAX];
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    static const uint8_t bytes[4000];
    struct net_backend *net = opened("dgram:%s", temporary_path(&temporary, "here", path), "");
    int sender = socket(AF_UNIX, SOCK_DGRAM, 0);
    memcpy(to.sun_path, path, strlen(path));
    for (size_t i = 0; i < 3; i++) {
        const size_t lengths[] = {13, 1515, 4000};
        cr_assert_eq(sendto(sender, bytes, lengths[i], 0, (struct sockaddr *)&to, sizeof(to)), (ssize_t)lengths[i]);
    }
    cr_assert_null(net->ops->receive(net, 0));
    cr_assert_eq(net->counters.unusable, 3);
    close(sender);
    net->ops->free(net);
    temporary_remove(&temporary);
}

Test(dgram, path_in_use_is_left_alone)
{
    struct temporary temporary = temporary_new();
    char path[TEMPORARY_MAX], text[TEMPORARY_MAX + 8], error[256] = "";
    struct net_backend *net = opened("dgram:%s", temporary_path(&temporary, "here", path), "");
    snprintf(text, sizeof(text), "dgram:%s", path);
    cr_assert_null(net_open(text, &(struct net_setup){.machines = 1}, error, sizeof(error)));
    cr_assert_not_null(strstr(error, "Address already in use"), "%s", error);
    cr_assert_eq(access(path, F_OK), 0);
    net->ops->free(net);
    temporary_remove(&temporary);
}
