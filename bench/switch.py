#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What it costs that many machines take turns.

Part one, many machines instead of one. The same kernel runs in one machine with a quantum of 1 ms (1,000,000
instructions) and in 1,000 machines of the same image, in turn, with quanta of 1 ms and of 10 us (10,000 instructions).
All execute the same number of instructions in all. What is compared is the rate; 1.0 = switching costs nothing. What a
switch costs here includes the guest's own state that has left the host's caches meanwhile. Beside it, the blocks that
were decoded in the whole run, and by one machine that executes as many instructions as each of the 1,000: decoding
happens once, however many machines there are.

Part two, one switch. The quantum is so small (100 instructions: 1 us at 100 MHz) that switching is most of the work.
The cost is the time of one quantum, less what its instructions take in one machine that is never interrupted: with a
single machine, which is the end of a quantum without a switch; with 2; and with so many that their state does not stay
in the host's caches. It includes all that follows from a quantum's end: leaving a block in the middle and coming back.

Times are processor time, on one core, and each is the difference of a short run and a long one, so that the start, the
first turns of every machine, and the end drop out; in part one every machine has got its memory in one piece by then. Runs are interleaved, and the shortest time of all rounds counts:
what else goes on in the host can only add to it. "Noise" says how much it did: by how much the median run took longer
than the shortest, in the worst case of the row. The machines get different numbers of repeats, with which some kernels
begin differently; if all took the same branches in turn, the host's branch prediction would know them beforehand.
"""
import argparse
import os
import statistics
import sys

from common import find_kernels, geometric_mean, host_model, pin, progress, run_denali, write_json

MANY = 1000
SPLIT_KERNELS = ["fib", "sieve", "dhry", "large"]
# Part two: registers alone, in a loop of three instructions; calls and a stack.
SWITCH_GUESTS = ["spin", "fib"]
SWITCH_MACHINES = [1, 2, 1000, 10000]
LONG, SHORT = 1_000_000, 10_000  # instructions of a quantum: 1 ms and 10 us at 1,000 MHz
WARM = 2_100_000  # instructions of each machine before time counts: its memory is in one piece, and has been used so
WARM_TURNS = 30  # of each machine, before a cost of switching is measured


class Case:
    """So many machines that run one kernel, with a quantum of so many instructions."""

    def __init__(self, emulator, image, machines, quantum):
        # A megahertz is an instruction a microsecond, which is the shortest quantum.
        mhz, microseconds = (1000, quantum // 1000) if quantum % 1000 == 0 else (quantum, 1)
        self.machines, self.short, self.long = machines, [], []
        self.command = [emulator, "run", image, "-n", str(machines), "--cpu-mhz", str(mhz),
                        "--quantum", f"{microseconds}us", "--console", "none", "--keyboard", "none", "--quiet"]

    def run(self, instructions):
        """Seconds and statistics of exactly so many instructions; the kernel itself would go on for hours."""
        limit = ["--instructions", str(instructions), "--", "repeats=40000{vm}"]
        seconds, _, stats = run_denali(self.command + limit)
        if stats["instructions"] != instructions:
            sys.exit(f"{' '.join(self.command + limit)}: {stats['instructions']} instructions instead")
        return seconds, stats

    def round(self, warm, instructions):
        """Runs the first instructions alone, and with those that count."""
        self.short.append(self.run(warm))
        self.long.append(self.run(warm + instructions))

    def best_seconds(self):
        """Of the instructions that count, the least over all rounds."""
        return min(seconds for seconds, _ in self.long) - min(seconds for seconds, _ in self.short)

    def noise(self):
        """By how much the usual run was slower than the best one."""
        seconds = [seconds for seconds, _ in self.long]
        return statistics.median(seconds) / min(seconds) - 1

    def switches(self):
        return self.long[0][1]["vm_switches"] - self.short[0][1]["vm_switches"]

    def blocks(self):
        return self.long[0][1]["blocks"]["decoded"]


def run_rounds(what, cases, warm, instructions, rounds):
    for number in range(rounds):
        progress(f"{what}, round {number + 1} of {rounds}")
        for case in cases:
            case.round(warm, instructions)
    progress("")


def measure_split(name, emulator, image, instructions, rounds):
    """One row of the first table."""
    warm = MANY * WARM
    cases = {
        "one": Case(emulator, image, 1, LONG),
        "many_1ms": Case(emulator, image, MANY, LONG),
        "many_10us": Case(emulator, image, MANY, SHORT),
    }
    run_rounds(name, cases.values(), warm, instructions, rounds)
    rates = {who: instructions / case.best_seconds() / 1e6 for who, case in cases.items()}
    blocks = {who: case.blocks() for who, case in cases.items()}
    blocks["one"] = cases["one"].run((warm + instructions) // MANY)[1]["blocks"]["decoded"]
    return {
        "kernel": name,
        "rates": rates,
        "ratios": {who: rate / rates["one"] for who, rate in rates.items() if who != "one"},
        "blocks": blocks,
        "noise": max(case.noise() for case in cases.values()),
    }


def check_switches(case, quanta):
    if case.machines > 1 and case.switches() != quanta:
        sys.exit(f"{case.machines} machines: {case.switches()} switches in {quanta} quanta")


def measure_switch(name, emulator, image, each, quanta, rounds):
    """Nanoseconds of one switch by number of machines, with quanta of `each` instructions; one row of the second
    table."""
    base = Case(emulator, image, 1, LONG)
    cases = [Case(emulator, image, machines, each) for machines in SWITCH_MACHINES]
    run_rounds(name, [base, *cases], WARM_TURNS * max(SWITCH_MACHINES) * each, quanta * each, rounds)
    for case in cases:
        check_switches(case, quanta)
    return {
        "guest": name,
        "work": base.best_seconds() / quanta * 1e9,
        "cost": {case.machines: (case.best_seconds() - base.best_seconds()) / quanta * 1e9 for case in cases},
        "noise": max(case.noise() for case in [base, *cases]),
    }


def ratio_means(rows):
    return {who: geometric_mean([row["ratios"][who] for row in rows]) for who in rows[0]["ratios"]}


def print_split(rows):
    print(f"{MANY:,} machines in turn, beside one\n")
    print(f"{'':8} {'millions of instructions a second':^44}   {'ratio':^15}   {'blocks decoded':^20}   noise")
    print(f"{'kernel':<8} {'one machine':>14} {'quantum 1 ms':>14} {'10 us':>14}   {'1 ms':>7} {'10 us':>7}   "
          f"{'one':>6} {'1 ms':>6} {'10 us':>6}")
    for row in rows:
        print(f"{row['kernel']:<8} " + " ".join(f"{rate:14.1f}" for rate in row["rates"].values()) + "   "
              + " ".join(f"{ratio:7.3f}" for ratio in row["ratios"].values()) + "   "
              + " ".join(f"{count:6}" for count in row["blocks"].values()) + f"   {row['noise']:5.0%}")
    print(f"{'geomean':<8} {'':44}   " + " ".join(f"{ratio:7.3f}" for ratio in ratio_means(rows).values()))


def print_switch(rows, each):
    print(f"\nnanoseconds of a switch, with quanta of {each} instructions, by number of machines; 1 is the end of a "
          "quantum\nwithout a switch; work is what the instructions of a quantum take by themselves\n")
    print(f"{'guest':<8} {'work':>8}   " + " ".join(f"{machines:>8,}" for machines in SWITCH_MACHINES) + "   noise")
    for row in rows:
        print(f"{row['guest']:<8} {row['work']:8.0f}   " + " ".join(f"{cost:8.0f}" for cost in row["cost"].values())
              + f"   {row['noise']:5.0%}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help="the build folder")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--core", type=int, default=0, help="to run on")
    parser.add_argument("--kernel", action="append", help="this one only, in part one (may be given again)")
    parser.add_argument("--instructions", type=int, default=MANY * LONG,
                        help="of each measured run in part one (default: one turn of 1 ms for each machine)")
    parser.add_argument("--quantum", type=int, default=100, help="instructions of a quantum in part two")
    parser.add_argument("--quanta", type=int, default=1_000_000, help="in each measured run in part two")
    return parser.parse_args()


def find_image(build, folders, name):
    """Of a kernel, or else of a guest."""
    return os.path.join(folders.get(name, os.path.join(build, "guests")), name + ".elf")


def main():
    arguments = parse_arguments()
    build, emulator = arguments.build, os.path.join(arguments.build, "denali")
    folders = find_kernels(build)
    pin(arguments.core)
    split = [measure_split(name, emulator, find_image(build, folders, name), arguments.instructions, arguments.rounds)
             for name in arguments.kernel or SPLIT_KERNELS]
    print_split(split)
    switch = [measure_switch(name, emulator, find_image(build, folders, name), arguments.quantum, arguments.quanta,
                             arguments.rounds) for name in SWITCH_GUESTS]
    print_switch(switch, arguments.quantum)
    print()
    write_json(os.path.join(build, "bench", "switch.json"), {
        "host": host_model(), "rounds": arguments.rounds, "instructions": arguments.instructions, "kernels": split,
        "geometric_mean_ratios": ratio_means(split),
        "switch": {"quantum": arguments.quantum, "quanta": arguments.quanta, "unit": "nanoseconds", "guests": switch},
    })


if __name__ == "__main__":
    main()
