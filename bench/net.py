#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Frames through machines on a live wire, beside a native process that does the same.

On a pair of virtual interfaces (in a network namespace of its own: no rights are needed) a generator sends the smallest
UDP echo requests, so many at once without an answer, round-robin to all machines; the guest `echo` answers them. The
peer is a native process at the same end of the wire that exchanges addresses and sends frames back: all that is left
when the machines cost nothing. Each runs on one core, the generator on another.

`frames/s` is what came back in a second of real time. CPU is the processor time of the emulator (or the peer) for one
frame, in and out, its own and the kernel's for it; the inverse of both is what one core could do alone. The round trip is the
median with one request at a time. Kernel and generator are the same for both, so differences are the machines'.
"""
import argparse
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/net"))
from common import host_model, write_json
from namespace import Denali, enter, wire

MACHINES = [1, 100, 1000]
WINDOW = 256


def cpu_seconds(pid):
    """Of the process itself, and of the kernel for it."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        words = file.read().rsplit(") ", 1)[1].split()
    return int(words[11]) / os.sysconf("SC_CLK_TCK"), int(words[12]) / os.sysconf("SC_CLK_TCK")


def load(tool, core, pid, machines, window, seconds):
    """Runs the generator against the process; what it says as a row."""
    before = cpu_seconds(pid)
    done = subprocess.run(["taskset", "-c", str(core), tool, "load", "host0", str(machines), str(window), str(seconds)],
                          stdout=subprocess.PIPE, text=True, check=True)
    after = cpu_seconds(pid)
    answers, took, lost, round_trip = done.stdout.split()
    answers = int(answers)
    return {"frames": answers, "lost": int(lost), "rate": answers / float(took), "round_trip_ns": int(round_trip),
            "user_us": (after[0] - before[0]) / max(answers, 1) * 1e6,
            "system_us": (after[1] - before[1]) / max(answers, 1) * 1e6}


def measure(tool, cores, pid, machines, seconds):
    load(tool, cores[1], pid, machines, WINDOW, 0.5)  # caches, tables, a turn for every machine
    row = load(tool, cores[1], pid, machines, WINDOW, seconds)
    row["round_trip_ns"] = load(tool, cores[1], pid, machines, 1, seconds / 2)["round_trip_ns"]
    return row


def measure_native(tool, cores, seconds):
    process = subprocess.Popen(["taskset", "-c", str(cores[0]), tool, "echo", "wire0"])
    time.sleep(0.2)
    try:
        return measure(tool, cores, process.pid, 1, seconds)
    finally:
        process.kill()
        process.wait()


def measure_machines(build, tool, cores, machines, seconds):
    with Denali(build, "-n", machines, "--cpu-mhz", 1000) as denali:
        os.sched_setaffinity(denali.process.pid, {cores[0]})
        row = measure(tool, cores, denali.process.pid, machines, seconds)
    frames = denali.stats["frames"]
    row["instructions"] = denali.stats["instructions"] / max(frames["in"], 1)
    row["crossings"] = denali.stats["interrupts"]["crossings"] / max(frames["in"], 1)
    return row


def print_row(name, row, native):
    beside = f"{row['rate'] / native['rate']:8.2f}" if row is not native else " " * 8
    guest = f"{row['instructions']:8.0f} {row['crossings']:10.2f}" if "instructions" in row else ""
    alone = 1e6 / max(row["user_us"] + row["system_us"], 0.01)
    print(f"{name:<16} {row['rate']:10,.0f} {beside} {row['user_us']:8.2f} {row['system_us']:8.2f} {alone:12,.0f} "
          f"{row['round_trip_ns'] / 1000:10.1f} {row['lost']:6} {guest}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help="the build folder")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--cores", default="0,1", help="of the machines and of the generator")
    arguments = parser.parse_args()
    enter(("ip", "taskset"))
    wire()
    cores = [int(core) for core in arguments.cores.split(",")]
    tool = os.path.join(arguments.build, "bench", "net_load")
    native = measure_native(tool, cores, arguments.seconds)
    rows = {"native": native}
    print(f"{'':16} {'':>10} {'of the':>8} {'CPU us of a frame':>17} {'frames/s':>12} {'median':>10} {'':>6} {'a frame':>19}")
    print(f"{'echoed by':<16} {'frames/s':>10} {'native':>8} {'user':>8} {'system':>8} {'of one core':>12} {'trip us':>10} "
          f"{'lost':>6} {'insns':>8} {'crossings':>10}")
    print_row("native process", native, native)
    for machines in MACHINES:
        rows[machines] = measure_machines(arguments.build, tool, cores, machines, arguments.seconds)
        print_row(f"{machines:,} machine{'s' if machines > 1 else ''}", rows[machines], native)
    write_json(os.path.join(arguments.build, "bench", "net.json"),
               {"host": host_model(), "window": WINDOW, "seconds": arguments.seconds, "rows": rows})


if __name__ == "__main__":
    main()
