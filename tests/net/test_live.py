#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Machines on a live wire, with Linux at its other end, in a network namespace of the test's own.

    test_live.py BUILD SOURCE
"""
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli"))
from command import contains, equal, run_tests
from namespace import Denali, HOST, address, enter, ip, mac, packets, ping_all, raw, roomy, wire


def crowd(build):
    """How many machines make a crowd, in real time. With sanitizers everything takes many times as long."""
    return 50 if "sanitize" in os.path.basename(os.path.normpath(build)) else 1000


def the_net(denali):
    return denali.stats["networks"][0]


def test_thousand_machines_answer_pings_at_once(build, _):
    machines = crowd(build)
    with Denali(build, "-n", machines) as denali:
        equal(len(ping_all(range(machines), rounds=5)), 5 * machines)
    equal(the_net(denali)["own"], 0)
    equal(the_net(denali)["kernel_lost"], 0)
    equal(denali.stats["frames"]["rx_dropped"], 0)


def test_arping_is_answered(build, _):
    if not shutil.which("arping"):
        print("# arping is not installed", flush=True)
        return
    with Denali(build, "-n", 1000):
        for machine in (0, 500, 999):
            done = subprocess.run(["arping", "-c", "2", "-I", "host0", address(machine)], stdout=subprocess.PIPE, text=True,
                                  check=False)
            contains(done.stdout, "02:44:4E:", "Received 2 response(s)")


def test_pings_of_64_kb_come_back_whole(build, _):
    with Denali(build, "-n", 10):
        equal(len(ping_all(range(10), rounds=3, size=65507)), 30)


def udp_echo(machines, each, window):
    """Sends `each` datagrams to every machine, never more than `window` unanswered; how many came back right."""
    sock = roomy(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sock.settimeout(3)
    missing = set()

    def receive():
        data, (source, port) = sock.recvfrom(100)
        machine, number = struct.unpack(">II", data[:8])
        equal((source, port), (address(machine), 7))
        missing.discard((machine, number))

    try:
        for number in range(each):
            for machine in range(machines):
                missing.add((machine, number))
                sock.sendto(struct.pack(">II", machine, number) + b"payload", (address(machine), 7))
                while len(missing) >= window:
                    receive()
        while missing:
            receive()
    except socket.timeout:
        pass
    return machines * each - len(missing)


def test_udp_echo_of_a_thousand_machines_loses_nothing(build, _):
    machines, datagrams = crowd(build), 100 * crowd(build)
    with Denali(build, "-n", machines) as denali:
        equal(len(ping_all(range(machines))), machines)  # now Linux knows all addresses
        equal(udp_echo(machines, 100, machines // 5), datagrams)
    equal(the_net(denali)["kernel_lost"], 0)
    assert the_net(denali)["completed"] >= datagrams, "Linux is said to leave checksums to the hardware"


def wanted(path):
    """How many frames of a pcap file are for machines or groups."""
    with open(path, "rb") as file:
        content = file.read()
    order = "<" if content[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at, count = 24, 0
    while at < len(content):
        length = struct.unpack(order + "I", content[at + 8:at + 12])[0]
        frame = content[at + 16:at + 16 + length]
        count += frame[:3] == b"\x02\x44\x4e" or frame[0] & 1
        at += 16 + length
    return count


def test_tcpreplay_at_line_rate_is_counted_to_the_frame(build, source):
    if not shutil.which("tcpreplay"):
        print("# tcpreplay is not installed", flush=True)
        return
    capture, loops = os.path.join(source, "tests/data/lan-100.pcap"), 100
    with Denali(build, "-n", 100) as denali:
        time.sleep(0.2)
        done = subprocess.run(["tcpreplay", "-q", "-t", f"--loop={loops}", "-i", "host0", capture], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        equal(done.returncode, 0, done.stdout)
        time.sleep(0.5)
    net = the_net(denali)
    probes = net["in"] + net["kernel_lost"] + net["unusable"] - loops * wanted(capture)
    assert 0 < probes < 60, f"{net}: {probes} frames beside those of tcpreplay"


def test_rubbish_at_line_rate_disturbs_nothing_but_counters(build, _):
    rng = random.Random(1)
    with Denali(build, "-n", 50) as denali:
        sock, count, end = raw(), 0, time.monotonic() + crowd(build) / 333
        while time.monotonic() < end:
            to = rng.choice([mac(rng.randrange(60)), b"\xff" * 6, rng.randbytes(6)])
            body = rng.randbytes(rng.choice([2, 3, 30, 300, 1502]))
            if rng.randrange(2):
                body = rng.choice([b"\x08\x00\x45", b"\x08\x06\x00\x01\x08\x00", b"\x86\xdd\x60", b"\x81\x00"]) + body[:-6]
            try:
                sock.send(to + b"\x02\x00\x00\x00\x00\x09" + body)
                count += 1
            except OSError:
                time.sleep(0.001)
        sock.close()
        denali.wait_until_it_answers()  # what is sent into a queue that is full is lost, rightly
        equal(len(ping_all(range(50))), 50)
    equal(denali.stats["machines"]["alive"], 50)
    net = the_net(denali)
    assert net["in"] + net["kernel_lost"] + net["unusable"] > count / 4, (count, net)


def test_frames_of_machines_that_come_back_are_counted_and_dropped(build, _):
    with Denali(build, "-n", 2) as denali:
        sock = raw()
        for _ in range(7):
            sock.send(mac(0) + mac(1) + b"\x08\x00" + bytes(50))
        sock.close()
        equal(len(ping_all(range(2))), 2)
    equal(the_net(denali)["own"], 7)


def test_frame_for_nobody_is_not_even_read(build, _):
    with Denali(build, "-n", 2) as denali:
        before = 100
        sock = raw()
        for _ in range(before):
            sock.send(b"\x02\x00\x00\x00\x00\x01" + b"\x02\x00\x00\x00\x00\x02" + b"\x08\x00" + bytes(50))
        sock.close()
        equal(len(ping_all(range(2))), 2)
    assert denali.stats["frames"]["in"] < 20, denali.stats["frames"]


def test_capture_has_no_answer_before_its_question(build, _):
    path = "/tmp/denali-causal.pcapng"
    with Denali(build, "-n", 100, "--capture", path):
        equal(len(ping_all(range(100), rounds=20)), 2000)
    asked, last, answers = {}, 0, 0
    for interface, stamp, frame in packets(path):
        assert stamp >= last
        last = stamp
        if frame[12:14] != b"\x08\x00" or frame[23] != 1:
            continue
        key = frame[38:42] + (frame[30:34] if frame[34] == 8 else frame[26:30])
        if frame[34] == 8:
            equal(interface, 0)
            asked[key] = stamp
        else:
            assert asked[key] < stamp
            answers += 1
    equal(answers, 2000)
    os.unlink(path)


def test_vlan_tag_is_rebuilt(build, _):
    path = "/tmp/denali-vlan.pcapng"
    frame = mac(1) + b"\x02\x00\x00\x00\x00\x09" + b"\x81\x00\x00\x07" + b"\x08\x00" + b"tagged" * 20
    with Denali(build, "-n", 2, "--capture", path):
        sock = raw()
        sock.send(frame)  # Linux takes the tag out when the frame arrives, and libpcap puts it back
        sock.close()
        equal(len(ping_all(range(2))), 2)
    equal([data for _, _, data in packets(path) if data.endswith(b"tagged")], [frame])
    os.unlink(path)


def fetched(build, size, *options):
    """Up and down through machine 1 as a web server; its network's counters."""
    with Denali(build, "-n", 3, *options, guest="http", ready=False, words=["net=10.64.0.1/10"]) as denali:
        data, path = random.Random(3).randbytes(size), "/tmp/denali-upload"
        with open(path, "wb") as file:
            file.write(data)
        for _ in range(30):
            if subprocess.call(["curl", "-s", "-m", "1", f"http://{address(1)}/"], stdout=subprocess.DEVNULL) == 0:
                break
            time.sleep(0.1)
        done = subprocess.run(["curl", "-s", "-m", "60", "-H", "Expect:", "--data-binary", "@" + path,
                               f"http://{address(1)}/"], stdout=subprocess.PIPE, text=True, check=False)
        equal(done.stdout, f"{size} bytes, sum {sum(data)}\n")
        done = subprocess.run(["curl", "-s", "-m", "60", f"http://{address(1)}/bytes/{size}"], stdout=subprocess.PIPE,
                              check=False)
        equal(done.stdout == bytes(i % 251 for i in range(size)), True, f"{len(done.stdout)} bytes came")
        os.unlink(path)
    return denali.stats["networks"][0]


def test_curl_and_segmentation_offload(build, _):
    if not shutil.which("curl"):
        print("# curl is not installed", flush=True)
        return
    net = fetched(build, 3000000)
    assert net["split"] > 0 and net["unusable"] == 0, net


UDP_SEGMENT = 103  # of level UDP: so many bytes in each datagram


def test_datagrams_that_linux_hands_over_at_once_are_split(build, _):
    if [int(word) for word in os.uname().release.split(".")[:2]] < [6, 2]:
        print("# this Linux does not tell how long the datagrams are", flush=True)
        return
    with Denali(build, "-n", 2) as denali, roomy(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.settimeout(3)
        sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
        data = random.Random(4).randbytes(40500)
        for _ in range(5):
            sock.sendto(data, (address(1), 7))
            pieces = [sock.recv(2000) for _ in range(41)]
            equal([len(piece) for piece in pieces], [1000] * 40 + [500])
            equal(b"".join(pieces) == data, True)
    net = the_net(denali)
    equal((net["split"], net["unusable"]), (5, 0))


def test_tcp_of_linux_and_of_the_guest_survive_a_bad_link(build, _):
    if not shutil.which("curl"):
        print("# curl is not installed", flush=True)
        return
    fetched(build, 200000, "--link", "1:delay=1ms,loss=3%,dup=2%,reorder=3%", "--seed", 5)


def median_round_trip(to, count=300):
    times = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(1)
        for _ in range(count):
            begun = time.perf_counter()
            sock.sendto(b"x" * 18, (to, 7))
            sock.recv(100)
            times.append(time.perf_counter() - begun)
            time.sleep(0.001)
    return sorted(times)[count // 2]


def test_every_datagram_at_light_load_is_answered(build, _):
    with Denali(build, "-n", 100):
        median = median_round_trip(address(5))
    print(f"# median round trip {median * 1e6:.0f} us", flush=True)


def test_link_that_goes_down_and_up_is_told_and_survived(build, _):
    with Denali(build, "-n", 3) as denali:
        sock = raw()
        ip("link", "set", "wire0", "down")
        time.sleep(0.3)
        ip("link", "set", "wire0", "up")
        time.sleep(0.3)
        sock.close()
        denali.wait_until_it_answers()
        equal(len(ping_all(range(3))), 3)
    contains(denali.err, "denali: live:wire0: the link is down", "denali: live:wire0: the link is up again")


def test_link_whose_other_end_is_down_is_told(build, _):
    with Denali(build, "-n", 3) as denali:
        ip("link", "set", "host0", "down")
        time.sleep(0.3)
        ip("link", "set", "host0", "up")
        denali.wait_until_it_answers()
    contains(denali.err, "denali: live:wire0: the link is down", "denali: live:wire0: the link is up again")


def test_interface_that_disappears_is_told_and_machines_go_on(build, _):
    with Denali(build, "-n", 3, "--until", "5s") as denali:
        ip("link", "del", "wire0")
        denali.process.wait(timeout=30)
    wire()
    contains(denali.err, "denali: live:wire0: ", "gone; machines go on without it")
    equal((denali.stats["end"], denali.stats["machines"]["alive"]), ("limit", 3))
    equal(denali.process.returncode, 0)


def refused(build, net):
    return subprocess.run([os.path.join(build, "denali"), "run", os.path.join(build, "guests/echo.elf"), "--net", net],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=20,
                          check=False)


def test_interface_that_is_not_there_is_a_usage_error(build, _):
    done = refused(build, "live:nowhere0")
    equal(done.returncode, 2)
    contains(done.stderr, "live:nowhere0", "doctor")


def doctor(build, *words):
    return subprocess.run([os.path.join(build, "denali"), "doctor", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)


def test_doctor_examines_an_interface(build, _):
    done = doctor(build, "wire0")
    equal(done.returncode, 0, done.stdout)
    contains(done.stdout, "veth", "can be captured on", "the other end of the pair", "nothing is to be turned off")
    contains(doctor(build).stdout, "this process may capture", "wire0", "host0", "loopback")
    done = doctor(build, "lo")
    equal(done.returncode, 3)
    contains(done.stdout, "needs Ethernet")
    done = doctor(build, "nowhere0")
    equal(done.returncode, 2)


def test_doctor_tells_how_the_host_can_reach_machines(build, _):
    ip("link", "add", "dummy0", "type", "bridge")
    try:
        done = doctor(build, "dummy0")
        contains(done.stdout, "sudo ip link set dummy0 up", "this host does not", "sudo ip link add denali0 type veth",
                 "ip tuntap add")
    finally:
        ip("link", "del", "dummy0")


def test_idle_machines_take_no_processor_time(build, _):
    with Denali(build, "-n", 1000) as denali:
        def busy():
            with open(f"/proc/{denali.process.pid}/stat", encoding="ascii") as file:
                words = file.read().rsplit(") ", 1)[1].split()
            return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
        time.sleep(0.3)
        before = busy()
        time.sleep(2)
        assert busy() - before <= 0.02, busy() - before


def test_tap_is_a_network_too(build, _):
    if not os.path.exists("/dev/net/tun"):
        print("# this host has no /dev/net/tun", flush=True)
        return
    ip("tuntap", "add", "tap0", "mode", "tap")
    ip("addr", "del", f"{HOST}/10", "dev", "host0")
    ip("addr", "add", f"{HOST}/10", "dev", "tap0")
    ip("link", "set", "tap0", "up")
    try:
        with Denali(build, "-n", 100, net="tap:tap0") as denali:
            equal(len(ping_all(range(100), rounds=3)), 300)
            equal(len(ping_all(range(5), size=30000)), 5)
        equal(denali.stats["networks"][0]["name"], "tap:tap0")
        with Denali(build, "-n", 3, "--until", "3s", net="tap:tap0") as denali:
            ip("link", "del", "tap0")
            denali.process.wait(timeout=10)
        contains(denali.err, "tap:tap0", "machines go on without it")
    finally:
        subprocess.run(["ip", "link", "del", "tap0"], stderr=subprocess.DEVNULL, check=False)
        ip("addr", "add", f"{HOST}/10", "dev", "host0")


if __name__ == "__main__":
    enter()
    wire()
    run_tests(sys.modules[__name__], os.path.abspath(sys.argv[1]), sys.argv[2])
