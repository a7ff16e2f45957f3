#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Machines behind libslirp's NAT: forwards in, connections out, without any privilege; and beside an emulator of another
kind on one wire of datagrams.

    test_user.py BUILD SOURCE
"""
import hashlib
import http.server
import os
import random
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli"))
from command import contains, equal, run_tests
from namespace import Denali, check_balance


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def curl(*words, tries=50):
    """What curl gets; it is tried until the machines are up."""
    for _ in range(tries):
        done = subprocess.run(["curl", "-s", "-m", "20", *words], stdout=subprocess.PIPE, check=False)
        if done.returncode == 0:
            return done.stdout
        time.sleep(0.1)
    raise AssertionError(f"curl {words}: status {done.returncode}")


def test_curl_reaches_machines_through_forwards(build, _):
    if not shutil.which("curl"):
        print("# curl is not installed", flush=True)
        return
    ports = [free_port() for _ in range(3)]
    forwards = "".join(f",fwd=tcp:{port}:{machine}:80" for port, machine in zip(ports, (0, 1, 299)))
    with Denali(build, "-n", 300, net="user" + forwards, guest="http", ready=False):
        for port, machine in zip(ports, (0, 1, 299)):
            equal(curl(f"http://127.0.0.1:{port}/"), f"Hello from machine {machine}\n".encode())
        pattern = bytes(i % 251 for i in range(1000000))
        equal(curl(f"http://127.0.0.1:{ports[0]}/bytes/1000000"), pattern)
        equal(curl(f"http://127.0.0.1:{ports[0]}/nothing"), b"There is / and /bytes/N.\n")


def test_upload_arrives_whole(build, _):
    port, data = free_port(), random.Random(2).randbytes(2000000)
    with Denali(build, net=f"user,fwd=tcp:{port}:0:80", guest="http", ready=False):
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            answer = curl("-H", "Expect:", "--data-binary", "@" + file.name, f"http://127.0.0.1:{port}/")
        equal(answer, f"{len(data)} bytes, sum {sum(data)}\n".encode())


def test_many_at_once_are_served(build, _):
    port = free_port()
    with Denali(build, net=f"user,fwd=tcp:{port}:0:80", guest="http", ready=False):
        curl(f"http://127.0.0.1:{port}/")
        results = []

        def fetch():
            results.append(hashlib.md5(curl(f"http://127.0.0.1:{port}/bytes/50000")).hexdigest())
        threads = [threading.Thread(target=fetch) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal(set(results), {hashlib.md5(bytes(i % 251 for i in range(50000))).hexdigest()})
        equal(len(results), 20)


def test_udp_forward_is_echoed(build, _):
    port = free_port(socket.SOCK_DGRAM)
    with Denali(build, "-n", 5, net=f"user,fwd=udp:127.0.0.1:{port}:4:7", ready=False, words=["net=10.0.2.15/16"]):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)
            for attempt in range(50):
                sock.sendto(b"hello %d" % attempt, ("127.0.0.1", port))
                try:
                    contains(sock.recv(100).decode(), "hello ")
                    return
                except (socket.timeout, ConnectionRefusedError):
                    continue
    raise AssertionError("no echo")


class Page(http.server.BaseHTTPRequestHandler):
    """One page of the host's own."""

    def do_GET(self):
        body = b"from the host: " + self.path.encode() + b"\n" + b"x" * 100000 + b"\nend\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_machine_fetches_from_a_server_on_the_hosts_loopback(build, _):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    target = f"get=10.0.2.2:{server.server_port}/page"
    done = subprocess.run([os.path.join(build, "denali"), "run", os.path.join(build, "guests/http.elf"), "--net", "user",
                           "-q", "--", target], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=30, check=False)
    server.shutdown()
    equal(done.returncode, 0)
    contains(done.stdout.decode(), "200 OK", "from the host: /page", "\nend\n")
    equal(done.stdout.count(b"x" * 100000), 1)


def test_image_that_wants_a_network_is_given_this_one_if_none_is_named(build, _):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def ask(*options, guest="http"):
        return subprocess.run([os.path.join(build, "denali"), "run", os.path.join(build, "guests", guest + ".elf"), *options,
                               "--", f"get=10.0.2.2:{server.server_port}/page"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    for options in ([], ["--clock", "host"]):
        done = ask(*options)
        contains(done.stdout, "200 OK", "from the host: /page")
        contains(done.stderr, "http.elf wants a network, and no --net is given: it gets --net user\n", "user: ")
    for options in (["--net", "none"], ["--clock", "virtual"]):
        done = ask(*options)
        equal("200 OK" in done.stdout or "it gets" in done.stderr, False, options)
    equal("it gets" in ask(guest="hello").stderr, False)
    server.shutdown()


def test_machine_that_asks_nobody_is_told(build, _):
    done = subprocess.run([os.path.join(build, "denali"), "run", os.path.join(build, "guests/http.elf"), "--net", "user",
                           "-q", "--", f"get=10.0.2.2:{free_port()}/"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          timeout=30, check=False)
    equal(done.returncode, 1)
    contains(done.stdout.decode(), "the connection ended")


def test_forward_that_cannot_be_is_refused(build, _):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for net, words in ((f"user,fwd=tcp:{port}:0:80", ["Address already in use"]),
                           ("user,fwd=tcp:1234:7:80", ["there is no machine 7", "the last is 0"]),
                           ("user,fwd=tcp:1234", ["is no forward", "HOSTPORT:VM:PORT"])):
            done = subprocess.run([os.path.join(build, "denali"), "run", os.path.join(build, "guests/http.elf"), "--net",
                                   net], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=20, check=False)
            equal(done.returncode, 2, net)
            contains(done.stderr, *words)


def qemu_says(process, text, seconds):
    """Reads until the text comes. Returns all that was said."""
    said, end = "", time.monotonic() + seconds
    while text not in said and time.monotonic() < end:
        if select.select([process.stdout], [], [], 0.5)[0]:
            said += os.read(process.stdout.fileno(), 4096).decode("utf-8", "replace")
    return said


def qemu_types(process, line, text):
    """Types as slowly as its serial port can take; returns what it says until the text comes."""
    for byte in line.encode():
        process.stdin.write(bytes([byte]))
        time.sleep(0.05)
    return qemu_says(process, text, 10)


def test_qemu_shares_a_wire_of_datagrams(build, _):
    if not shutil.which("qemu-system-x86_64") or not os.path.exists("/usr/lib/ipxe/qemu/pxe-virtio.rom"):
        print("# qemu-system-x86 and ipxe-qemu are not installed", flush=True)
        return
    folder = tempfile.mkdtemp(prefix="denali-qemu-")
    ours, theirs = os.path.join(folder, "denali"), os.path.join(folder, "qemu")
    denali = Denali(build, "-n", 20, net=f"dgram:{ours},{theirs}", guest="http", ready=False, words=["net=10.64.0.1/10"])
    while not os.path.exists(ours):
        time.sleep(0.02)
    qemu = subprocess.Popen(
        ["qemu-system-x86_64", "-M", "pc,accel=tcg", "-m", "64", "-nographic", "-device", "virtio-net-pci,netdev=n",
         "-netdev", f"dgram,id=n,local.type=unix,local.path={theirs},remote.type=unix,remote.path={ours}",
         "-boot", "n"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
    try:
        contains(qemu_says(qemu, "for the iPXE command line", 60), "command line")
        qemu_types(qemu, "\x02", "iPXE>")
        for line in ("set net0/ip 10.64.9.9", "set net0/netmask 255.192.0.0", "ifopen net0"):
            qemu_types(qemu, line + "\n", "iPXE>")
        contains(qemu_types(qemu, "imgfetch http://10.64.0.5/bytes/50000\n", "iPXE>"), "... ok")
    finally:
        qemu.kill()
        qemu.wait()
        stats = denali.stop()
    check_balance(stats)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    run_tests(sys.modules[__name__], os.path.abspath(sys.argv[1]), sys.argv[2])
