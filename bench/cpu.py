#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How many guest instructions a second, beside qemu-i386 on the same code in the same minutes.

Each kernel is one object file linked twice: NAME.elf for denali, NAME.linux for qemu-i386. Both run it the same number
of times and must print the same result; both are charged the number of instructions that denali counts. Runs are
interleaved, on one core, and timed from start to end of the process. Only ratios within one table mean much.
"""
import argparse
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


def find_kernels(build):
    """{name: folder} of the kernels that are built both ways."""
    found = {}
    for folder, _, names in os.walk(os.path.join(build, "bench")):
        for name in names:
            stem, suffix = os.path.splitext(name)
            if suffix == ".elf" and stem + ".linux" in names:
                found[stem] = folder
    return found


class Kernel:
    """One program for both emulators."""

    def __init__(self, build, folder, name, pin):
        self.name, self.pin, self.repeats = name, pin, None
        self.denali = os.path.join(build, "denali")
        self.image = os.path.join(folder, name + ".elf")
        self.program = os.path.join(folder, name + ".linux")

    def arguments(self, repeats):
        return [] if repeats is None else [f"repeats={repeats}"]

    def denali_command(self, repeats, *options):
        return [self.denali, "run", self.image, "--quiet", "--keyboard", "none", *options, "--",
                *self.arguments(repeats)]

    def run(self, command):
        """Seconds of wall time, and what was printed."""
        start = time.perf_counter()
        done = subprocess.run(self.pin + command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False)
        seconds = time.perf_counter() - start
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stderr}")
        return seconds, done.stdout.strip()

    def count(self, repeats):
        """Guest instructions of one run, its seconds, and its result line."""
        with tempfile.NamedTemporaryFile(suffix=".json") as stats:
            seconds, printed = self.run(self.denali_command(repeats, "--stats", stats.name))
            return json.load(stats)["instructions"], seconds, printed

    def calibrate(self, seconds):
        """Chooses the repeats so that denali takes about so many seconds; fixes the instruction count and result."""
        _, took, printed = self.count(None)
        default = int(printed.split()[1])
        self.repeats = max(1, round(default * seconds / took))
        self.instructions, _, self.result = self.count(self.repeats)

    def mips(self, command):
        seconds, printed = self.run(command)
        if printed != self.result:
            sys.exit(f"{' '.join(command)} printed '{printed}', not '{self.result}'")
        return self.instructions / seconds / 1e6

    def round(self, qemu):
        """Millions of instructions a second of denali and qemu-i386, one run of each."""
        return (self.mips(self.denali_command(self.repeats)),
                self.mips([qemu, self.program, *self.arguments(self.repeats)]))

    def host_instructions(self):
        """Host instructions per guest instruction, from the difference of two runs, so that start-up drops out."""
        counts = []
        few = max(1, self.repeats // 100)
        for repeats in (few, 2 * few):
            command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                       *self.denali_command(repeats)]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True, check=True)
            counts.append((int(re.search(r"Collected\s*:\s*(\d+)", done.stderr).group(1)), self.count(repeats)[0]))
        (host, guest), (host_2, guest_2) = counts
        return (host_2 - host) / (guest_2 - guest)


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(value) for value in values))


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def measure(kernels, qemu, rounds, seconds):
    """Runs everything; one result per kernel."""
    for kernel in kernels:
        kernel.calibrate(seconds)
    samples = {kernel.name: [] for kernel in kernels}
    for number in range(rounds):
        for kernel in kernels:
            progress(f"round {number + 1} of {rounds}: {kernel.name}")
            samples[kernel.name].append(kernel.round(qemu))
    progress("")
    return [{
        "kernel": kernel.name,
        "instructions": kernel.instructions,
        "denali": spread([pair[0] for pair in samples[kernel.name]]),
        "qemu_i386": spread([pair[1] for pair in samples[kernel.name]]),
        "ratio": statistics.median(pair[0] / pair[1] for pair in samples[kernel.name]),
    } for kernel in kernels]


def print_table(results):
    callgrind = "host_per_guest" in results[0]
    print("millions of guest instructions a second: median (min - max)\n")
    print(f"{'kernel':<8} {'instructions':>16}   {'denali':^22}   {'qemu-i386':^22}   {'ratio':>6}"
          + ("   host/guest" if callgrind else ""))
    for row in results:
        cells = [f"{row[who]['median']:8.1f} ({row[who]['min']:.0f} - {row[who]['max']:.0f})"
                 for who in ("denali", "qemu_i386")]
        print(f"{row['kernel']:<8} {row['instructions']:>16,}   {cells[0]:<22}   {cells[1]:<22}   {row['ratio']:6.3f}"
              + (f"   {row['host_per_guest']:10.1f}" if callgrind else ""))
    means = [geometric_mean([row[who]["median"] for row in results]) for who in ("denali", "qemu_i386")]
    print(f"{'geomean':<8} {'':>16}   {means[0]:8.1f} {'':13}   {means[1]:8.1f} {'':13}   "
          f"{geometric_mean([row['ratio'] for row in results]):6.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help="the build folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one run of denali, roughly")
    parser.add_argument("--core", type=int, default=0, help="to run on")
    parser.add_argument("--kernel", action="append", help="this one only (may be given again)")
    parser.add_argument("--callgrind", action="store_true", help="also count host instructions, with valgrind")
    arguments = parser.parse_args()
    qemu = shutil.which("qemu-i386") or sys.exit("qemu-i386 is missing: ./dev setup")
    if arguments.callgrind and not shutil.which("valgrind"):
        sys.exit("valgrind is missing: ./dev setup")
    found = find_kernels(arguments.build)
    names = arguments.kernel or sorted(found)
    unknown = [name for name in names if name not in found]
    if unknown or not names:
        sys.exit(f"no such kernel: {' '.join(unknown)}; there are {' '.join(sorted(found)) or 'none'}")
    pin = ["taskset", "-c", str(arguments.core)]
    kernels = [Kernel(arguments.build, found[name], name, pin) for name in names]
    results = measure(kernels, qemu, arguments.rounds, arguments.seconds)
    if arguments.callgrind:
        for kernel, row in zip(kernels, results):
            row["host_per_guest"] = kernel.host_instructions()
    print_table(results)
    path = os.path.join(arguments.build, "bench", "cpu.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"rounds": arguments.rounds, "kernels": results,
                   "geometric_mean_ratio": geometric_mean([row["ratio"] for row in results])}, file, indent=2)
    print(f"\nwritten to {path}")


if __name__ == "__main__":
    main()
