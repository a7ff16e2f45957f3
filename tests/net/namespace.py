# SPDX-License-Identifier: MIT
"""A network of the test's own: the script starts itself again in new user, network and mount namespaces (no rights are
needed for that), where a pair of virtual interfaces is the wire: denali captures on `wire0`, Linux has `host0`."""
import errno
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HOST, PREFIX = "10.127.255.254", 10
INSIDE = "DENALI_TEST_NAMESPACE"


def enter(needed=("ip",)):
    """Goes on inside, or skips the whole test aloud."""
    if os.environ.get(INSIDE):
        return
    missing = [name for name in (*needed, "unshare") if subprocess.call(
        ["sh", "-c", f"command -v {name} >/dev/null"]) != 0]
    if missing:
        skip_all(f"there is no {' and no '.join(missing)}")
    probe = subprocess.run(["unshare", "-rnm", "true"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           check=False)
    if probe.returncode != 0:
        skip_all(f"this host has no user namespaces for us: {probe.stdout.strip()}")
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "-rnm", sys.executable, *sys.argv])


def skip_all(why):
    print(f"1..0 # SKIP {why}")
    print(f"{os.path.basename(sys.argv[0])}: SKIPPED: {why}", file=sys.stderr)
    sys.exit(0)


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def wire():
    """The pair, both ends up, without the host's chatter of IPv6."""
    ip("link", "add", "wire0", "type", "veth", "peer", "name", "host0")
    for name in ("lo", "wire0", "host0"):
        with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w", encoding="ascii") as file:
            file.write("1")
        ip("link", "set", name, "up")
    ip("addr", "add", f"{HOST}/{PREFIX}", "dev", "host0")


def address(machine, base="10.64.0.1"):
    number = struct.unpack(">I", socket.inet_aton(base))[0] + machine
    return socket.inet_ntoa(struct.pack(">I", number))


def mac(machine):
    return b"\x02\x44\x4e" + struct.pack(">I", machine)[1:]


class Denali:
    """A running emulator. Used as `with`: interrupted at the end, then it has .stats and .err."""

    def __init__(self, build, *arguments, guest="echo", net="live:wire0", ready=True, words=()):
        self.folder = tempfile.mkdtemp(prefix="denali-net-")
        self.stats_path = os.path.join(self.folder, "stats.json")
        self.err_path = os.path.join(self.folder, "err")
        command = [os.path.join(build, "denali"), "run", os.path.join(build, "guests", guest + ".elf"), "--stats",
                   self.stats_path, *(["--net", net] if net else []), *map(str, arguments)]
        with open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(command + (["--", *words] if words else []), stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=err)
        self.stats = None
        if ready:
            self.wait_until_it_answers()

    def wait_until_it_answers(self, seconds=20):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.1)
            for _ in range(seconds * 10):
                try:
                    probe.sendto(b"are you there", (address(0), 7))
                    probe.recv(100)
                    return
                except OSError:
                    time.sleep(0.01)
                assert self.process.poll() is None, self.err
        raise AssertionError(f"no answer from machine 0\n{self.err}")

    @property
    def err(self):
        with open(self.err_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)
        if os.path.exists(self.stats_path):
            with open(self.stats_path, encoding="utf-8") as file:
                self.stats = json.load(file)
        return self.stats

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
            check_balance(self.stats)
        else:
            self.process.kill()
            self.process.wait()


def check_balance(stats):
    """Every frame is accounted for."""
    frames = stats["frames"]
    arrived = frames["in"] + frames["out"] + frames["copies"]
    gone = sum(frames[name] for name in ("delivered", "outside", "unclaimed", "rx_dropped", "link_dropped", "held"))
    assert arrived == gone, frames


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def roomy(sock):
    """The socket, with as long a queue as this host lets us have."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)  # SO_RCVBUFFORCE
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    return sock


class Pinger:
    """ICMP echo to many machines, with one socket whose queue is emptied while requests leave."""

    def __init__(self, machines, size, identifier):
        self.numbers = {address(machine): machine for machine in machines}
        self.size, self.identifier, self.answered = size, identifier, set()
        self.socket = roomy(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))

    def ask(self, to, number):
        data = os.urandom(self.size)
        head = struct.pack(">BBHHH", 8, 0, 0, self.identifier, number)
        head = struct.pack(">BBHHH", 8, 0, checksum(head + data), self.identifier, number)
        for _ in range(1000):
            try:
                self.socket.sendto(head + data, (to, 0))
                return
            except OSError as error:  # Linux has too many addresses to find out at once
                if error.errno not in (errno.ENOBUFS, errno.EAGAIN, None):
                    raise
                self.listen(0.005)

    def listen(self, seconds):
        """Takes one answer. False: there is none for so long."""
        self.socket.settimeout(seconds)
        try:
            packet, (source, _) = self.socket.recvfrom(70000)
        except (socket.timeout, BlockingIOError):
            return False
        body = packet[(packet[0] & 15) * 4:]
        kind, _, _, who, sequence = struct.unpack(">BBHHH", body[:8])
        if kind == 0 and who == self.identifier and source in self.numbers and checksum(body) == 0:
            self.answered.add((self.numbers[source], sequence))
        return True


def ping_all(machines, rounds=1, size=32, identifier=77, seconds=20):
    """Asks all machines at once, each round; the set of (machine, round) that answered."""
    pinger = Pinger(machines, size, identifier)
    for number in range(rounds):
        for to in pinger.numbers:
            pinger.ask(to, number)
            while pinger.listen(0):
                pass
        deadline = time.monotonic() + seconds
        while len(pinger.answered) < (number + 1) * len(machines) and time.monotonic() < deadline:
            pinger.listen(0.5)
    pinger.socket.close()
    return pinger.answered


def raw(interface="host0"):
    """A socket whose bytes are frames on this end of the wire."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.bind((interface, 0))
    return sock


def blocks(path):
    """(type, body) of the blocks of a pcapng file."""
    with open(path, "rb") as file:
        content = file.read()
    at = 0
    while at < len(content):
        kind, size = struct.unpack("<II", content[at:at + 8])
        yield kind, content[at + 8:at + size - 4]
        at += size


def packets(path):
    """(interface, ns, frame) of the packets of a pcapng file."""
    for kind, body in blocks(path):
        if kind == 6:
            interface, high, low, length = struct.unpack("<IIII", body[:16])
            yield interface, high << 32 | low, body[20:20 + length]
