#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the guests on the emulator and compares consoles and exit statuses.

    run_guests.py DENALI GUESTS-FOLDER LIBRARY-TEST
"""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../style"))
from tap import Tap

CLOCK = "".join(f"2002-12-09T00:00:0{second}Z\n" for second in range(3))
TURNS = "process 0: turn 1\nprocess 1: turn 1\nprocess 0: turn 2\nprocess 1: turn 2\n"
WELL = "".join(f"vm {vm}: machine {vm} is well\n" for vm in (0, 2))

# Name, guest, options, arguments, what is typed, exit status, console.
CASES = [
    ("hello_one_machine", "hello", [], "", "", 0, "Hello from machine 0\n"),
    ("hello_three_machines", "hello", ["-n", "3"], "", "", 0,
     "".join(f"vm {vm}: Hello from machine {vm}\n" for vm in range(3))),
    ("clock_counts_seconds", "clock", [], "count=3", "", 0, CLOCK),
    ("clock_slow_cpu_counts_seconds", "clock", ["--cpu-mhz", "7"], "count=3", "", 0, CLOCK),
    ("clock_without_timeout_counts_seconds", "clock", ["--idle", "no-timeout", "--cpu-mhz", "1"], "count=3", "", 0, CLOCK),
    ("primes_below_100000", "primes", [], "", "", 0, "9592 primes below 100000, the last is 99991\n"),
    ("primes_below_30", "primes", [], "n=30", "", 0, "10 primes below 30, the last is 29\n"),
    ("primes_too_many_for_memory", "primes", ["-m", "1M"], "n=2000000", "", 1,
     "n=2000000: needs more memory than this machine has\n"),
    ("keys_until_q", "keys", [], "", "hé€z😀\nxqy", 0, "hé€z😀\nx"),
    ("spin_ends_after_count", "spin", [], "count=12345", "", 0, "machine 0 turned 12345 times\n"),
    ("number_malformed_status_2", "spin", [], "count=12x", "", 1, "count=12x: not a number below 4294967295\n"),
    ("echo_network_too_small", "echo", ["-n", "2"], "net=10.0.0.2/30", "", 1,
     "vm 1: net=10.0.0.2/30: no network A.B.C.D/1-30 with an address for machine 1\n"),
    ("echo_alone_is_quiet", "echo", [], "", "", 0, ""),
    ("disk_without_disks_says_so", "disk", [], "", "", 1, "machine 0 has no disk 0 (--disk)\n"),
    ("disk_list_names_all_ways", "disk", [], "do=list", "", 0, "check sum count log rate\n"),
    ("crash_in_one_machine_only", "crash", ["-n", "3"], "how=divide vm=1", "", 1,
     WELL.replace("vm 2", "vm 1: machine 1: divides by zero\nvm 2", 1)),
    ("protect_without_mmu_says_so", "protect", [], "", "", 1, "this machine has no MMU (--mmu)\n"),
    ("crowd_is_woken_until_count", "crowd", ["-n", "2"], "period=1000 count=3", "", 0,
     "".join(f"vm {vm}: machine {vm} was woken 3 times\n" for vm in range(2))),
    ("crowd_computes_beside_the_idle", "crowd", ["-n", "3", "--until", "5ms"], "busy=1", "", 0, ""),
    ("zipf_without_servers_says_so", "zipf", [], "servers=0", "", 1,
     "servers, window and requests: at least 1, and no more than 32 bits hold\n"),
    ("zipf_server_that_does_not_answer_is_missed", "zipf", ["-n", "2"], "servers=2 requests=10", "", 1,
     "vm 0: 4 requests without an answer, 0 wrong frames\n"),
    ("crash_unknown_way", "crash", [], "how=x", "", 1, "x: give how=NAME; how=list prints the names\n"),
]

# What process 1 of the guest protect touches, and what its kernel says of it (a part: the rest are addresses).
TOUCHES = {
    "nothing": None,
    "kernel": "process 1 is killed: read of 0000",
    "kernel-write": "process 1 is killed: write to 0000",
    "registers": "process 1 is killed: write to 0000003c\n",
    "physical": "process 1 is killed: read of f0000000\n",
    "other": "process 1 is killed: read of 40000000\n",
    "code": "process 1 is killed: write to 0000",
    "port": "process 1 is killed: exception at 0000",
}

# Twenty servers of 64 pages, all at once in memory or hardly any.
ZIPF = {
    "in_core_answers_to_the_byte": [],
    "out_of_core_answers_to_the_byte": ["--frames", "1M", "--swap", "zstd:64M"],
    "out_of_core_small_blocks_answers_to_the_byte": ["--frames", "1M", "--swap", "zstd:64M", "--swap-block", "4K",
                                                     "--replacement", "lru", "--cost", "denali2002"],
}

FATAL = ["wild-read", "wild-write", "wild-jump", "illegal", "privileged", "divide", "overflow", "bound", "breakpoint",
         "int", "stack", "recursion", "double", "status"]
ENDLESS = ["loop", "storm"]


def run(denali, image, options, arguments, typed=""):
    command = [denali, "run", image, "-q", *options, "--", *arguments.split()]
    done = subprocess.run(command, input=typed, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                          timeout=60)
    return done.returncode, done.stdout


def differences(expected, found):
    """Lines for the report: nothing if both are equal."""
    return [f"expected {expected!r}", f"   found {found!r}"] if expected != found else []


def protection_failures(denali, image, touch, said):
    """Process 1 dies with its second turn, or lives; process 0 always does all its turns."""
    status, console = run(denali, image, ["--mmu"], "touch=" + touch)
    lines = console[len(TURNS):].splitlines(keepends=True)
    rest = ["process 0: turn 3\n", "process 1: turn 3\n" if said is None else "", "no process is left\n"]
    if said is not None and lines and lines[0].startswith(said):
        del lines[0]
    elif said is not None:
        yield f"expected {said!r}, found {lines[:1]}"
    yield from differences((0, TURNS, "".join(rest)), (status, console[:len(TURNS)], "".join(lines)))


def disk_cases(denali, image, folder):
    """(name, differences) for each way of the guest disk, on a disk of a hundred blocks."""
    path, well = os.path.join(folder, "disk.img"), "machine 0: disk 0 of 100 blocks is well\n"
    with open(path, "wb") as file:
        file.truncate(100 * 4096)
    slow = ["--cost", "denali2002"]
    for name, options, arguments, console in [
            ("disk_check", [path], "", well),
            ("disk_check_when_it_takes_time", [path, *slow], "do=check", well),
            ("disk_check_with_overlay", [path + ",cow"], "", well),
            ("disk_check_read_only", [path + ",ro"], "", well.replace("blocks", "blocks, read-only,")),
            ("disk_check_second", [path + ",ro", "--disk", path + ",cow"], "disk=1", well.replace("disk 0", "disk 1")),
            ("disk_rate_none", [path + ",ro"], "do=rate", "0 of 1000 failed\n"),
            ("disk_rate_all", [path + ",ro,errors=1"], "do=rate", "1000 of 1000 failed\n")]:
        yield name, differences((0, console), run(denali, image, ["--disk", *options], arguments))
    status, sums = run(denali, image, ["-n", "9", "--disk", path + ",ro"], "do=sum")
    yield "disk_sum_is_the_same_for_all", differences((0, 1), (status, len({s.split()[-1] for s in sums.splitlines()})))


def zipf_failures(denali, image, options):
    """All that the client asks is answered; what time that takes is no matter."""
    status, console = run(denali, image, ["-n", "21", "--until", "1000s", *options], "servers=20 warm=20 requests=200 object=5000")
    yield from differences((0, "vm 0: 200 answers, 1000000 bytes"), (status, console.partition(" in ")[0]))


def main():
    denali, guests, library, tap = sys.argv[1], sys.argv[2], sys.argv[3], Tap()

    def image(name):
        return os.path.join(guests, name + ".elf")

    for name, guest, options, arguments, typed, status, console in CASES:
        tap.check(name, differences((status, console), run(denali, image(guest), options, arguments, typed)))
    for name, options in ZIPF.items():
        tap.check("zipf_" + name, list(zipf_failures(denali, image("zipf"), options)))
    tap.check("library_works_on_the_machine", differences((0, "0 failures\n"), run(denali, library, [], "one n=0x20 three")))

    status, listing = run(denali, image("crash"), [], "how=list")
    ways = [line.split()[0] for line in listing.splitlines()]
    tap.check("crash_list_names_all_ways", differences((0, sorted(FATAL + ENDLESS)), (status, sorted(ways))))
    for way in FATAL:
        status, console = run(denali, image("crash"), [], "how=" + way)
        tap.check(f"crash_{way}_ends_the_machine", differences((1, 1), (status, console.count("\n"))))
    for way in ENDLESS:
        status, console = run(denali, image("crash"), ["--until", "5ms"], "how=" + way)
        tap.check(f"crash_{way}_runs_to_the_limit", differences((0, 1), (status, console.count("\n"))))
    with tempfile.TemporaryDirectory() as folder:
        for name, problems in disk_cases(denali, image("disk"), folder):
            tap.check(name, problems)
    status, listing = run(denali, image("protect"), ["--mmu"], "touch=list")
    tap.check("protect_list_names_all_touches", differences((0, sorted(TOUCHES)), (status, sorted(listing.split()))))
    for touch, said in TOUCHES.items():
        tap.check(f"protect_touch_{touch}", list(protection_failures(denali, image("protect"), touch, said)))
    verified = subprocess.run([denali, "verify", image("protect"), "--mmu", "-n", "3", "-q"], check=False)
    tap.check("protect_same_on_both_engines", differences(0, verified.returncode))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
