/* SPDX-License-Identifier: MIT
 *
 * `denali doctor`: what stands between machines and the networks of this host, and the commands that help.
 */
#include <errno.h>
#include <net/if.h> /* before those of Linux, which then leave out what it has */
#include <linux/ethtool.h>
#include <linux/if_arp.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../devices/host/networks.h"
#include "command.h"
#include "denali.h"

#define SIOCGIWNAME 0x8B01 /* linux/wireless.h, which does not go together with net/if.h */

/* What the host says of an interface. */
struct interface {
    char name[IF_NAMESIZE];
    unsigned flags, type; /* IFF_*, ARPHRD_* */
    int mtu;
    char driver[32];
    bool wireless;
    bool segments, merges, checksums; /* left to the hardware */
};

static bool ask(int descriptor, const char *name, unsigned long what, struct ifreq *request)
{
    snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", name);
    return ioctl(descriptor, what, request) == 0;
}

static bool ask_ethtool(int descriptor, const char *name, void *value)
{
    struct ifreq request = {.ifr_data = value};
    return ask(descriptor, name, SIOCETHTOOL, &request);
}

static bool is_left(int descriptor, const char *name, uint32_t command)
{
    struct ethtool_value value = {.cmd = command};
    return ask_ethtool(descriptor, name, &value) && value.data;
}

static void read_hardware(struct interface *interface, int descriptor)
{
    struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
    struct ifreq request = {0};
    const char *name = interface->name;
    if (ask_ethtool(descriptor, name, &driver))
        snprintf(interface->driver, sizeof(interface->driver), "%.31s", driver.driver);
    interface->wireless = ask(descriptor, name, SIOCGIWNAME, &request);
    interface->segments = is_left(descriptor, name, ETHTOOL_GTSO) || is_left(descriptor, name, ETHTOOL_GGSO);
    interface->merges = is_left(descriptor, name, ETHTOOL_GGRO);
    interface->checksums = is_left(descriptor, name, ETHTOOL_GTXCSUM);
}

/* False: there is no such interface. */
static bool interface_read(struct interface *interface, const char *name)
{
    struct ifreq flags = {0}, address = {0}, mtu = {0};
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    *interface = (struct interface){0};
    snprintf(interface->name, sizeof(interface->name), "%s", name);
    bool found = descriptor >= 0 && ask(descriptor, name, SIOCGIFFLAGS, &flags) &&
                 ask(descriptor, name, SIOCGIFHWADDR, &address) && ask(descriptor, name, SIOCGIFMTU, &mtu);
    interface->flags = (unsigned short)flags.ifr_flags;
    interface->type = address.ifr_hwaddr.sa_family;
    interface->mtu = mtu.ifr_mtu;
    if (found)
        read_hardware(interface, descriptor);
    if (descriptor >= 0)
        close(descriptor);
    return found;
}

static bool is_veth(const struct interface *interface)
{
    return strcmp(interface->driver, "veth") == 0;
}

static bool is_tap(const struct interface *interface)
{
    return strcmp(interface->driver, "tun") == 0;
}

static const char *kind_of(const struct interface *interface)
{
    return interface->type == ARPHRD_LOOPBACK ? "loopback"
           : interface->type != ARPHRD_ETHER  ? "not Ethernet"
           : interface->wireless              ? "wireless"
           : is_tap(interface)                ? "tap"
           : is_veth(interface)               ? "one of a pair (veth)"
                                              : "Ethernet";
}

static void print_remedy(void)
{
    printf("\n    sudo ip link add denali0 type veth peer name denali1\n"
           "    sudo ip link set denali0 up && sudo ip link set denali1 up\n"
           "    sudo ip addr add 10.127.255.254/10 dev denali1\n"
           "    denali run echo.elf -n 1000 --net live:denali0 -- net=10.64.0.1/10    # then: ping 10.64.0.1\n"
           "\n  or a tap, which needs no right to capture afterwards:\n\n"
           "    sudo ip tuntap add tap0 mode tap user $USER\n"
           "    sudo ip addr add 10.127.255.254/10 dev tap0 && sudo ip link set tap0 up\n"
           "    denali run echo.elf -n 1000 --net tap:tap0 -- net=10.64.0.1/10\n"
           "\n  or, without any privilege, --net user with forwards (fwd=tcp:8080:0:80).\n");
}

/* Who can reach machines on this interface. */
static void print_reach(const struct interface *interface)
{
    if (is_veth(interface)) {
        printf(
            "  reach         who has the other end of the pair reaches machines; this host, if it is here and has an\n"
            "                address ('ip link show %s' names it behind the @)\n",
            interface->name);
        return;
    }
    printf(
        "  reach         others on the wire reach machines, this host does not: its stack does not see what is sent\n"
        "                on its own interface. For that, a pair of interfaces:\n");
    print_remedy();
}

static void print_offloads(const struct interface *interface)
{
    printf("  offloads      %s%s%s%s\n", interface->checksums ? "checksums " : "",
           interface->segments ? "segments " : "", interface->merges ? "merged segments " : "",
           interface->checksums || interface->segments || interface->merges
               ? "left to the hardware: they are finished and split here, nothing is to be turned off"
               : "none");
    if (interface->mtu > DENALI_NIC_MTU)
        printf("                MTU %d: a machine's is %d, longer frames that are no TCP are counted and dropped\n",
               interface->mtu, DENALI_NIC_MTU);
    if (interface->mtu < DENALI_NIC_MTU)
        printf("                MTU %d: a machine's is %d, the host does not take its longest frames\n", interface->mtu,
               DENALI_NIC_MTU);
}

static void print_link(const struct interface *interface)
{
    bool up = interface->flags & IFF_UP, running = interface->flags & IFF_RUNNING;
    printf("  link          %s, MTU %d, %s\n", kind_of(interface), interface->mtu,
           !up       ? "down"
           : running ? "up"
                     : "up, but nothing is connected");
    if (!up)
        printf("                sudo ip link set %s up\n", interface->name);
    if (interface->wireless)
        printf(
            "                an access point takes frames from the address that has joined it only: machines, which\n"
            "                have addresses of their own, hear broadcasts and are not heard. Use --net user.\n");
    if (is_tap(interface))
        printf("                a tap is better used as one: --net tap:%s\n", interface->name);
}

/* The interface is opened as a run would open it. */
static int print_rights(const char *name)
{
    char text[IF_NAMESIZE + 8], error[256] = "";
    snprintf(text, sizeof(text), "live:%s", name);
    struct net_backend *net = net_open(text, &(struct net_setup){.machines = 1}, error, sizeof(error));
    if (!net) {
        printf("  rights        %s\n", error);
        return STATUS_HOST;
    }
    net->ops->free(net);
    printf("  rights        %s can be captured on and sent to\n", name);
    return STATUS_OK;
}

static int examine(const char *name)
{
    struct interface interface;
    if (!interface_read(&interface, name))
        return complain(STATUS_USAGE, "there is no interface '%s'; 'denali doctor' lists those there are", name);
    printf("%s\n", name);
    print_link(&interface);
    if (interface.type != ARPHRD_ETHER) {
        printf("                --net live needs Ethernet\n");
        return STATUS_HOST;
    }
    int status = print_rights(name);
    print_offloads(&interface);
    print_reach(&interface);
    return status;
}

static void list_interfaces(void)
{
    struct if_nameindex *all = if_nameindex();
    struct interface interface;
    printf("interfaces    denali doctor IFACE tells more\n");
    for (struct if_nameindex *one = all; one && one->if_index; one++)
        if (interface_read(&interface, one->if_name))
            printf("  %-15s %s, %s\n", one->if_name, interface.flags & IFF_UP ? "up" : "down", kind_of(&interface));
    if (all)
        if_freenameindex(all);
}

static void print_host(void)
{
    int raw = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), error = errno;
    printf("live          %s\n", raw >= 0         ? "this process may capture and send"
                                 : error == EPERM ? "not permitted; once: sudo setcap cap_net_raw+ep PATH-OF-DENALI"
                                                  : strerror(error));
    if (raw >= 0)
        close(raw);
    printf("tap           %s\n", access("/dev/net/tun", R_OK | W_OK) == 0
                                     ? "taps that were made for this user can be used"
                                     : "no /dev/net/tun, or no access to it; sudo modprobe tun");
    printf("user          needs nothing\n");
}

int doctor_command(struct options *options)
{
    if (options->operand)
        return examine(options->operand);
    print_host();
    list_interfaces();
    return STATUS_OK;
}
