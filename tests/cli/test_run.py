#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`denali run` and `denali verify` from outside: consoles, status, statistics, traces, interruption.

    test_run.py BUILD SOURCE
"""
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time

from command import Command, contains, equal, run_tests

FIELDS = {
    "build": str, "config": dict, "vms": int, "instructions": int, "virtual_ns": int, "host_ns": int, "mips": float,
    "frames": ["in", "out", "copies", "delivered", "outside", "unclaimed", "rx_dropped", "link_dropped", "held",
               "tx_dropped"],
    "networks": list,
    "interrupts": ["posted", "delivered", "crossings", "max_batch"],
    "vm_switches": int, "blocks": ["decoded", "bytes"], "memory": ["frames", "shared", "private", "bytes"],
    "machines": ["alive", "idle", "terminated", "failed"], "digest": str, "failed": list, "end": str,
}


def test_hello_prints_its_line_only(denali):
    done = denali("run", denali.guest("hello"))
    equal((done.returncode, done.out), (0, "Hello from machine 0\n"))
    contains(done.err, "1 machine ran hello.elf", "every machine has ended")


def test_quiet_prints_consoles_only(denali):
    done = denali("run", denali.guest("hello"), "-q")
    equal((done.returncode, done.out, done.err), (0, "Hello from machine 0\n", ""))


def test_several_machines_have_their_name_in_front(denali):
    done = denali("run", denali.guest("hello"), "-n", 3)
    equal(sorted(done.out.splitlines()), [f"vm {i}: Hello from machine {i}" for i in range(3)])


def test_console_files_have_each_machine_alone(denali):
    done = denali("run", denali.guest("hello"), "-n", 40, "--console", "file:consoles")
    equal((done.returncode, done.out), (0, ""))
    for i in range(40):
        with open(denali.path(f"consoles/vm-{i}.txt"), encoding="utf-8") as file:
            equal(file.read(), f"Hello from machine {i}\n")


def test_console_none_prints_nothing(denali):
    done = denali("run", denali.guest("hello"), "--console", "none")
    equal((done.returncode, done.out), (0, ""))


def test_arguments_reach_the_guest(denali):
    done = denali("run", denali.guest("primes"), "--", "n=1000")
    equal(done.out, "168 primes below 1000, the last is 997\n")


def test_arguments_have_the_machines_index_for_vm(denali):
    done = denali("run", denali.guest("primes"), "-n", 3, "--", "n={vm}00")
    contains(done.out, "vm 1: 25 primes below 100,", "vm 2: 46 primes below 200,")


def test_arguments_too_long_are_a_usage_error(denali):
    done = denali("run", denali.guest("hello"), "--", "x" * 2048)
    equal((done.returncode, done.out), (2, ""))
    contains(done.err, "2047")


def test_limit_of_time_is_kept(denali):
    done = denali.stats("run", denali.guest("clock"), "--until", "3s")
    equal((done.returncode, done.stats["end"]), (0, "limit"))
    equal(done.stats["virtual_ns"], 3 * 10**9)
    assert len(done.out.splitlines()) in (3, 4), done.out


def test_clock_of_the_host_keeps_step_with_real_time(denali):
    begun, before = time.monotonic(), os.times()
    done = denali.stats("run", denali.guest("clock"), "-n", 3, "--clock", "host", "--", "count=2")
    taken, after = time.monotonic() - begun, os.times()
    equal((done.returncode, len(done.out.splitlines())), (0, 6))
    assert 1.0 <= taken < 2.5, taken
    equal(done.stats["clock_lost_ns"], 0)
    busy = after.children_user + after.children_system - before.children_user - before.children_system
    assert busy < 0.5, f"{busy} s of processor time while it waited"


def test_clock_of_the_host_stops_at_the_limit(denali):
    begun = time.monotonic()
    done = denali.stats("run", denali.guest("echo"), "--clock", "host", "--until", "300ms", "--net", "dgram:local")
    equal((done.returncode, done.stats["end"], done.stats["virtual_ns"]), (0, "limit", 300 * 10**6))
    assert time.monotonic() - begun >= 0.3


def test_clock_of_a_slow_host_gives_up_and_says_so(denali):
    done = denali.stats("run", denali.guest("spin"), "-n", 2, "--clock", "host", "--cpu-mhz", 100000, "--engine", "step",
                        "--instructions", "10M", "--", "count=1000000000")
    assert done.stats["clock_lost_ns"] > 0
    contains(done.err, "the host is too slow for this load")


def test_capture_shows_everything_with_the_reason(denali):
    done = denali.stats("run", denali.guest("echo"), "-n", 3, "--net", f"pcap:in={denali.capture}", "--capture",
                        "all.pcapng", "--link", "0-1:delay=1ms,loss=20%", "--", "net=10.64.0.1/10")
    with open(denali.path("all.pcapng"), "rb") as file:
        content = file.read()
    for text in (b"pcap", b"vm 2", b"dropped: for nobody", b"lost by the link of vm"):
        assert text in content, text
    frames = done.stats["frames"]
    equal(frames["in"] + frames["out"] + frames["copies"],
          sum(frames[name] for name in ("delivered", "outside", "unclaimed", "rx_dropped", "link_dropped", "held")))
    assert frames["link_dropped"] > 0


def test_links_are_the_same_with_the_same_seed(denali):
    run = ["run", denali.guest("echo"), "-n", 50, "-q", "--net", f"pcap:in={denali.capture}", "--link", "all:loss=5%"]
    digests = [denali.stats(*run, "--seed", seed).stats["digest"] for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2], digests
    equal(denali("verify", *run[1:]).returncode, 0)


def test_limit_of_instructions_is_exact(denali):
    for engine in ("blocks", "step"):
        done = denali.stats("run", denali.guest("spin"), "-n", 3, "--instructions", "1234567", "--engine", engine)
        equal((done.returncode, done.stats["instructions"]), (0, 1234567), engine)


def test_machine_that_fails_is_described(denali):
    done = denali.stats("run", denali.guest("crash"), "--", "how=wild-write")
    equal(done.returncode, 1)
    contains(done.err, "vm 0 failed: page fault: write to 0xdeadbee0", "(wild_write", "dword ptr [0xdeadbee0]",
             "eax=", "edi=", "eflags=")
    failed = done.stats["failed"]
    equal(len(failed), 1)
    equal((failed[0]["vm"], failed[0]["reason"]), (0, "page fault: write to 0xdeadbee0"))
    contains(failed[0]["instruction"], "dword ptr [0xdeadbee0]")
    contains(failed[0]["symbol"], "wild_write")
    assert re.fullmatch(r"0x[0-9a-f]{8}", failed[0]["eip"])
    equal(set(failed[0]["registers"]), set("eax ecx edx ebx esp ebp esi edi eip eflags".split()))


def test_machines_that_fail_in_number_are_cut_at_ten(denali):
    done = denali.stats("run", denali.guest("crash"), "-n", 15, "--", "how=illegal")
    equal((done.returncode, len(done.stats["failed"])), (1, 15))
    equal(done.err.count(" failed: illegal instruction"), 10)
    contains(done.err, "and 5 more")


def test_machine_that_fails_leaves_the_others_alone(denali):
    done = denali.stats("run", denali.guest("crash"), "-n", 10, "--", "how=divide vm=4")
    equal([entry["vm"] for entry in done.stats["failed"]], [4])
    equal(done.stats["machines"]["terminated"], 9)
    equal(done.out.count("is well"), 9)


def test_status_of_the_guest_is_reported(denali):
    done = denali("run", denali.guest("crash"), "--", "how=status")
    equal(done.returncode, 1)
    contains(done.err, "vm 0 ended with status 3")


def test_stats_have_every_field(denali):
    done = denali.stats("run", denali.guest("hello"), "-n", 5)
    for name, kind in FIELDS.items():
        value = done.stats[name]
        if isinstance(kind, list):
            for part in kind:
                assert isinstance(value[part], int), f"{name}.{part}"
        else:
            assert isinstance(value, kind), f"{name} is {value!r}"
    equal((done.stats["vms"], done.stats["config"]["vms"]), (5, 5))
    assert re.fullmatch(r"[0-9a-f]{16}", done.stats["digest"])


def test_digest_is_the_same_for_each_engine_and_traced(denali):
    run = ["run", denali.guest("primes"), "-n", 4, "-q"]
    digests = {denali.stats(*run, *more, "--", "n=2000").stats["digest"]
               for more in ([], ["--engine", "step"], ["--trace", "all", "--trace-to", "trace.txt"])}
    equal(len(digests), 1)
    other = denali.stats(*run, "--", "n=2001").stats["digest"]
    assert other not in digests, "another run has the same digest"


def test_trace_has_a_line_for_each_instruction(denali):
    done = denali.stats("run", denali.guest("hello"), "--trace", "instructions", "--trace-to", "trace.txt")
    with open(denali.path("trace.txt"), encoding="utf-8") as file:
        lines = file.read().splitlines()
    equal(len(lines), done.stats["instructions"])
    contains(lines[-1], ": terminate")


def test_trace_of_one_machine_shows_no_other(denali):
    denali("run", denali.guest("hello"), "-n", 3, "--trace", "all@1", "--trace-to", "trace.txt")
    with open(denali.path("trace.txt"), encoding="utf-8") as file:
        equal({line.split(":")[0] for line in file}, {"vm 1"})


def test_keys_typed_reach_the_guest(denali):
    done = denali("run", denali.guest("keys"), stdin="aß€😀q".encode())
    equal((done.returncode, done.out), (0, "aß€😀"))


def test_keyboard_none_leaves_standard_input_alone(denali):
    done = denali.stats("run", denali.guest("keys"), "--keyboard", "none", stdin=b"abcq")
    equal((done.returncode, done.out, done.stats["end"]), (0, "", "quiet"))


def test_echo_answers_the_capture(denali):
    done = denali.stats("run", denali.guest("echo"), "-n", 100, "--net", f"pcap:in={denali.capture},out=out.pcapng",
                        "--", "net=10.64.0.1/10")
    equal((done.returncode, done.stats["end"]), (0, "quiet"))
    frames, interrupts = done.stats["frames"], done.stats["interrupts"]
    assert frames["out"] > 500 and frames["unclaimed"] > 0 and frames["rx_dropped"] == 0, frames
    assert 0 < interrupts["crossings"] < interrupts["posted"], interrupts
    contains(done.err, "batching saved", "for nobody")
    if shutil.which("tshark"):
        listing = subprocess.run(["tshark", "-n", "-r", denali.path("out.pcapng"), "-T", "fields", "-e", "frame.number"],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
        equal(len(listing.split()), frames["out"])


def test_capture_cut_short_is_named_and_the_run_stops(denali):
    with open(denali.capture, "rb") as file:
        path = denali.file("cut.pcap", file.read()[:50000])
    done = denali.stats("run", denali.guest("echo"), "-n", 10, "--net", f"pcap:in={path}")
    equal((done.returncode, done.stats["end"]), (2, "input bad"))
    contains(done.err, "cut.pcap: ")


def test_verify_agrees_about_every_guest(denali):
    for guest, arguments in {"hello": "", "clock": "count=3", "primes": "n=500", "spin": "count=5000",
                             "crash": "how=double"}.items():
        done = denali("verify", denali.guest(guest), "-n", 4, "--", arguments)
        equal((done.returncode, done.out), (0, ""), guest)
        contains(done.err, "blocks and step agree: 4 machines")


def test_verify_compares_captures_and_keeps_one(denali):
    done = denali("verify", denali.guest("echo"), "-n", 100, "--net", f"pcap:in={denali.capture},out=verified.pcapng")
    equal(done.returncode, 0, done.err)
    assert os.path.getsize(denali.path("verified.pcapng")) > 10000
    assert not os.path.exists(denali.path("verified.pcapng.step"))


def test_reader_of_the_console_gone_stops_the_run(denali):
    run = denali.start("run", denali.guest("clock"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE)
    run.stdout.readline()
    run.stdout.close()
    error = run.stderr.read().decode()
    equal(run.wait(20), 3)
    contains(error, "Broken pipe")


def test_full_device_is_host_trouble(denali):
    with open("/dev/full", "w", encoding="utf-8") as full:
        equal(denali("run", denali.guest("hello"), stdout=full).returncode, 3)
    for option in (["--stats", "/dev/full"], ["--net", "pcap:out=/dev/full"],
                   ["--trace", "all", "--trace-to", "/dev/full"]):
        done = denali("run", denali.guest("hello"), *option)
        equal(done.returncode, 3, option)
        contains(done.err, "/dev/full: ")


def test_interrupt_stops_cleanly_after_progress_in_json(denali):
    run = denali.start("run", denali.guest("spin"), "-n", 2, "--stats", "stopped.json", "--net", "pcap:out=stopped.pcapng",
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    line = run.stderr.readline().decode()
    equal(sorted(json.loads(line)["progress"]), sorted(["host_ns", "virtual_ns", "machines", "alive", "failed",
                                                        "instructions", "mips", "real_time_ratio"]))
    assert json.loads(line)["progress"]["host_ns"] >= 5 * 10**9
    run.send_signal(signal.SIGINT)
    _, error = run.communicate(timeout=20)
    equal(run.returncode, 130)
    contains(error.decode(), "it was interrupted", "a machine;")
    with open(denali.path("stopped.json"), encoding="utf-8") as file:
        equal(json.load(file)["end"], "interrupted")
    with open(denali.path("stopped.pcapng"), "rb") as file:
        equal(file.read(4), b"\x0a\x0d\x0d\x0a")


def test_interrupt_ends_the_wait_for_a_key(denali):
    run = denali.start("run", denali.guest("keys"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.5)
    run.send_signal(signal.SIGINT)
    equal(run.wait(10), 130)
    contains(run.stderr.read().decode(), "it was interrupted")
    for stream in (run.stdin, run.stdout, run.stderr):
        stream.close()


def test_progress_on_a_terminal_is_one_line_at_most_five_times_a_second(denali):
    master, slave = pty.openpty()
    run = denali.start("run", denali.guest("spin"), "-n", 2, "--until", "1000s", stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=slave)
    time.sleep(2)
    run.send_signal(signal.SIGINT)
    equal(run.wait(20), 130)
    os.close(slave)
    shown = os.read(master, 1 << 20).decode()
    os.close(master)
    progress = shown.split("denali: ")[0]
    equal(progress.count("\n"), 0)
    lines = [line for line in progress.split("\r\x1b[K") if line]
    assert 3 <= len(lines) <= 10, lines
    assert re.fullmatch(r"2 of 2 machines alive, [0-9.]+ m?s, [0-9.]+ MIPS, [0-9.]+ x real time, .* left", lines[-1]), lines


if __name__ == "__main__":
    run_tests(sys.modules[__name__], Command(*sys.argv[1:3]))
