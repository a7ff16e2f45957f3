#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How many guest instructions a second, beside other ways to run the same code in the same minutes.

Each kernel is one object file linked twice: NAME.elf for denali, NAME.linux for the others: qemu-i386, the host's own
processor ("native"), and whatever --peer names. All run it the same number of times and must print the same result;
all are charged the number of instructions that denali counts. Runs are interleaved, on one core, and charged with
processor time, not with time on the clock. Starting up is subtracted, both its time and its instructions: it is what
a run with no repeats takes, the median of one in each round. Only ratios within one table mean much.

Host instructions per guest instruction are counted by callgrind, as the difference of two runs of which one does twice
the work of the other, so that start-up and decoding drop out.
"""
import argparse
import math
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys

import chart
from common import choose_kernels, geometric_mean, host_model, pin, progress, run, run_denali, spread, write_json

# A kernel may be in several groups; the last one is what the speed of the CPU is judged by.
INTEGER = ["crc", "sieve", "matmul", "ptr", "dhry", "fib", "bvm"]
LARGER = ["lisp", "lz", "nbody"]
GROUPS = {
    "integer": INTEGER,
    "larger": LARGER,
    "code": ["large"],
    "float": ["nbody", "fft", "mandel"],
    "target": INTEGER + LARGER,
}
CALLGRIND_INSTRUCTIONS = 2e6


class Kernel:
    """One program for all emulators."""

    def __init__(self, build, folder, name):
        self.name, self.repeats = name, None
        self.emulator = os.path.join(build, "denali")
        self.image = os.path.join(folder, name + ".elf")
        self.program = os.path.join(folder, name + ".linux")
        self.results = {}

    def denali(self, repeats):
        return [self.emulator, "run", self.image, "--quiet", "--keyboard", "none", "--", f"repeats={repeats}"]

    def count(self, repeats):
        """Guest instructions of one run, and its seconds. Notes what it prints."""
        seconds, printed, stats = run_denali(self.denali(repeats))
        self.results[repeats] = printed
        return stats["instructions"], seconds

    def calibrate(self, seconds):
        """Chooses the repeats so that denali takes about so many seconds; fixes the instruction counts and results."""
        self.start_instructions, start = self.count(0)
        repeats, took = 1, self.count(1)[1] - start
        while took < seconds / 20:
            repeats *= 4
            took = self.count(repeats)[1] - start
        self.repeats = max(1, round(repeats * seconds / took))
        self.instructions = self.count(self.repeats)[0]

    def seconds(self, command, repeats):
        seconds, printed = run(command)
        if printed != self.results[repeats]:
            sys.exit(f"{' '.join(command)} printed '{printed}', not '{self.results[repeats]}'")
        return seconds

    def round(self, emulator):
        """Seconds of the start alone and of a whole run, under denali (None) or behind a peer's command."""
        return [self.seconds(self.denali(repeats) if emulator is None
                             else [*emulator, self.program, f"repeats={repeats}"], repeats)
                for repeats in (0, self.repeats)]

    def rates(self, rounds):
        """Millions of instructions a second in each round."""
        start = statistics.median(seconds[0] for seconds in rounds)
        if min(seconds[1] for seconds in rounds) < 2 * start:
            sys.exit(f"{self.name}: a run of {self.repeats} repeats is hardly longer than its start; more --seconds")
        work = self.instructions - self.start_instructions
        return [work / (seconds[1] - start) / 1e6 for seconds in rounds]

    def host_instructions(self):
        """Host instructions per guest instruction."""
        counts = []
        few = math.ceil(CALLGRIND_INSTRUCTIONS * self.repeats / self.instructions)
        for repeats in (few, 2 * few):
            command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *self.denali(repeats)]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True, check=True)
            counts.append((int(re.search(r"Collected\s*:\s*(\d+)", done.stderr).group(1)), self.count(repeats)[0]))
        (host, guest), (host_2, guest_2) = counts
        return (host_2 - host) / (guest_2 - guest)


def runs_natively(kernel):
    try:
        return subprocess.run([kernel.program, "repeats=0"], stdout=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def find_peers(kernel, more):
    """{name: command} of all that can run the programs here."""
    peers = {"qemu-i386": [shutil.which("qemu-i386") or sys.exit("qemu-i386 is missing: ./dev setup")]}
    if runs_natively(kernel):
        peers["native"] = []
    else:
        print("native: left out, this host runs no 32-bit programs", file=sys.stderr)
    for peer in more:
        name, _, command = peer.partition("=")
        if not command:
            sys.exit(f"--peer {peer}: NAME=COMMAND is needed")
        peers[name] = shlex.split(command)
    return peers


def measure(kernels, peers, rounds, seconds):
    """Runs everything; one row per kernel."""
    emulators = {"denali": None, **peers}
    for kernel in kernels:
        progress(f"calibrating {kernel.name}")
        kernel.calibrate(seconds)
    samples = {(kernel.name, who): [] for kernel in kernels for who in emulators}
    for number in range(rounds):
        for kernel in kernels:
            for who, command in emulators.items():
                progress(f"round {number + 1} of {rounds}: {kernel.name}, {who}")
                samples[kernel.name, who].append(kernel.round(command))
    progress("")
    return [row_of(kernel, {who: kernel.rates(samples[kernel.name, who]) for who in emulators}) for kernel in kernels]


def row_of(kernel, rates):
    return {
        "kernel": kernel.name,
        "repeats": kernel.repeats,
        "instructions": kernel.instructions - kernel.start_instructions,
        "rates": {who: spread(values) for who, values in rates.items()},
        "ratio_to_qemu_i386": statistics.median(ours / theirs
                                                for ours, theirs in zip(rates["denali"], rates["qemu-i386"])),
    }


def count_host_instructions(kernels, rows):
    for kernel, row in zip(kernels, rows):
        progress(f"callgrind: {kernel.name}")
        row["host_per_guest"] = kernel.host_instructions()
    progress("")


def group_means(rows):
    """{group: means} over the groups of which all kernels were run."""
    by_name = {row["kernel"]: row for row in rows}
    means = {}
    for group, names in GROUPS.items():
        if not set(names) <= set(by_name):
            continue
        members = [by_name[name] for name in names]
        means[group] = {
            "kernels": names,
            "rates": {who: geometric_mean([row["rates"][who]["median"] for row in members])
                      for who in members[0]["rates"]},
            "ratio_to_qemu_i386": geometric_mean([row["ratio_to_qemu_i386"] for row in members]),
        }
        if "host_per_guest" in members[0]:
            means[group]["host_per_guest"] = geometric_mean([row["host_per_guest"] for row in members])
    return means


def print_line(name, instructions, cells, row):
    line = f"{name:<8} {instructions:>13}   " + "   ".join(f"{cell:<23}" for cell in cells)
    line += f"   {row['ratio_to_qemu_i386']:7.3f}"
    if "host_per_guest" in row:
        line += f"   {row['host_per_guest']:10.1f}"
    print(line)


def print_table(rows, means):
    emulators = list(rows[0]["rates"])
    print("millions of guest instructions a second: median (min - max)\n")
    print(f"{'kernel':<8} {'instructions':>13}   " + "   ".join(f"{who:^23}" for who in emulators)
          + "    / qemu" + ("   host/guest" if "host_per_guest" in rows[0] else ""))
    for row in rows:
        cells = [f"{rate['median']:8.1f} ({rate['min']:.0f} - {rate['max']:.0f})" for rate in row["rates"].values()]
        print_line(row["kernel"], f"{row['instructions']:,}", cells, row)
    if means:
        print(f"\n{'geomean':<8} {'of kernels':>13}")
    for group, mean in means.items():
        print_line(group, len(mean["kernels"]), [f"{rate:8.1f}" for rate in mean["rates"].values()], mean)


def draw(path, rows, means):
    bars = {row["kernel"]: {who: rate["median"] for who, rate in row["rates"].items()} for row in rows}
    if "target" in means:
        bars["geomean of target"] = means["target"]["rates"]
    chart.write_bars(path, "Guest instructions a second", f"median; host: {host_model()}",
                     "millions a second, logarithmic", bars)
    print(f"drawn in {path}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help="the build folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one run of denali, roughly")
    parser.add_argument("--core", type=int, default=0, help="to run on")
    parser.add_argument("--kernel", action="append", help="this one only (may be given again)")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND",
                        help="another emulator: COMMAND PROGRAM ARGUMENT runs a static Linux i386 program")
    parser.add_argument("--no-callgrind", action="store_true", help="do not count host instructions")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    names = arguments.kernel or list(dict.fromkeys(name for group in GROUPS.values() for name in group))
    kernels = [Kernel(arguments.build, folder, name)
               for name, folder in choose_kernels(arguments.build, names).items()]
    if not arguments.no_callgrind and not shutil.which("valgrind"):
        sys.exit("valgrind is missing: ./dev setup, or --no-callgrind")
    pin(arguments.core)
    rows = measure(kernels, find_peers(kernels[0], arguments.peer), arguments.rounds, arguments.seconds)
    if not arguments.no_callgrind:
        count_host_instructions(kernels, rows)
    means = group_means(rows)
    print_table(rows, means)
    print()
    path = os.path.join(arguments.build, "bench", "cpu")
    write_json(path + ".json", {"host": host_model(), "rounds": arguments.rounds,
                                "unit": "million instructions a second", "kernels": rows, "geometric_means": means})
    draw(path + ".svg", rows, means)


if __name__ == "__main__":
    main()
