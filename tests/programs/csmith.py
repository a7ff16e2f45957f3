#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random C programs (csmith), compiled with ten option sets, on the host's processor and on denali: equal or not.

Program N is the same with the same csmith, whatever the number of jobs. A difference is kept in BUILD/csmith/N/.
"""
import argparse
import collections
import concurrent.futures
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

import twice

INCLUDE = "/usr/include/csmith"
GENERATE_SECONDS = 30
# So that a program compiles in a fraction of a second.
SIZE = ["--max-funcs", "8", "--max-block-depth", "4", "--max-expr-complexity", "8"]
LINES_MIN = 250                 # csmith often writes a program that does nothing: then the next seed has its turn
SEEDS_A_PROGRAM = 1000
# What csmith reads from a file, as it writes its programs for its own host otherwise.
PLATFORM = "integer size = 4\npointer size = 4\n"
COMPILE = ["-w", "-isystem", INCLUDE]
# Options for csmith and the compiler, by number modulo 4: no floating point; float; double, which csmith does not know.
VARIANTS = [([], []), (["--float"], []), (["--float"], []), (["--float"], ["-Dfloat=double"])]

# What became of one build: its kind; why it was skipped or refused, or where it differs; the guest's instructions.
KINDS = ("equal", "different", "refused", "skipped")
FAILURES = ("different", "refused")
Result = collections.namedtuple("Result", "option_set kind reason instructions")


def generate(seed, folder):
    """Writes program.c into the folder."""
    with open(os.path.join(folder, "platform.info"), "w", encoding="utf-8") as file:
        file.write(PLATFORM)
    source = os.path.join(folder, "program.c")
    for attempt in range(SEEDS_A_PROGRAM):
        command = ["csmith", "--seed", str(seed * SEEDS_A_PROGRAM + attempt), "--builtins", *SIZE,
                   *VARIANTS[seed % len(VARIANTS)][0], "--output", source]
        try:
            done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  check=False, timeout=GENERATE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        with open(source, encoding="utf-8") as file:
            if done.returncode == 0 and sum(1 for _ in file) >= LINES_MIN:
                return source
    raise twice.Unusable("no program of that size")


def write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


class Program:
    """One random program with all its builds, in a folder of its own."""

    def __init__(self, programs, seed, folder):
        self.programs, self.seed, self.folder = programs, seed, folder

    def stem(self, option_set):
        return os.path.join(self.folder, option_set)

    def options(self, option_set):
        return [*twice.OPTION_SETS[option_set], *COMPILE, *VARIANTS[self.seed % len(VARIANTS)][1]]

    def compare(self, source, option_set):
        """The result of one build."""
        stem = self.stem(option_set)
        try:
            self.programs.compile("gcc", self.options(option_set), source, stem, self.folder)
            native = self.programs.run_native(stem, self.folder)
        except twice.Unusable as error:
            return Result(option_set, "skipped", str(error), 0)
        except twice.Refused as error:
            return Result(option_set, "refused", str(error), 0)
        machine, instructions = self.programs.run_denali(stem, self.folder)
        if machine == native:
            return Result(option_set, "equal", "", instructions)
        if self.programs.run_elsewhere(stem, self.folder) != native:
            return Result(option_set, "skipped", "depending on its address natively", instructions)
        return Result(option_set, "different", self.explain(source, option_set, native, machine), instructions)

    def explain(self, source, option_set, native, machine):
        """Writes down both runs and how to repeat them. Returns the first difference, in words."""
        stem = self.stem(option_set)
        stepped, _ = self.programs.run_denali(stem, self.folder, "step")
        engines = "both engines agree" if stepped == machine else "the engines do not agree"
        place = f"{twice.first_difference(native, machine)}; {engines}"
        for name, outcome in (("native", native), ("denali", machine), ("denali-step", stepped)):
            write(self.folder, f"{option_set}.{name}.txt", f"{outcome.printed}({outcome.end})\n")
        # With the argument 1 a program prints its checksum after each variable: the first that differs is a trace.
        details = twice.first_difference(self.programs.run_native(stem, self.folder, ["1"]),
                                         self.programs.run_denali(stem, self.folder, arguments=["1"])[0])
        commands = [*self.programs.commands("gcc", self.options(option_set), source, stem),
                    self.programs.native_command(stem, ["1"]), self.programs.denali_command(stem, arguments=["1"])]
        write(self.folder, f"{option_set}.report.txt", "\n".join([place, "with argument 1: " + details,
                                                                  *map(shlex.join, commands), ""]))
        return place

    def results(self, option_sets, keep):
        """The results of all builds. A program that does not end in the first is not tried in the others."""
        os.makedirs(self.folder)
        try:
            source = generate(self.seed, self.folder)
        except twice.Unusable as error:
            return [Result(name, "skipped", str(error), 0) for name in option_sets]
        found = []
        for option_set in option_sets:
            endless = found and found[0].reason == "endless natively"
            found.append(found[0]._replace(option_set=option_set) if endless else self.compare(source, option_set))
        if not keep and all(result.kind not in FAILURES for result in found):
            shutil.rmtree(self.folder)
        return found


def arguments_parse():
    parser = argparse.ArgumentParser(prog="./dev csmith", description=__doc__)
    parser.add_argument("build", help=argparse.SUPPRESS)
    parser.add_argument("programs", nargs="?", type=int, default=20, help="how many (default 20)")
    parser.add_argument("--seed", type=int, default=1, help="number of the first program (default 1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="programs at the same time (default: cores)")
    parser.add_argument("--sets", default=",".join(twice.OPTION_SETS), help="option sets, with commas (default: all)")
    parser.add_argument("--keep", action="store_true", help="keep all programs, not only those that differ")
    parser.add_argument("--tap", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.build, arguments.sets = os.path.abspath(arguments.build), arguments.sets.split(",")
    for name in arguments.sets:
        if name not in twice.OPTION_SETS:
            parser.error(f"no option set {name}; there are {', '.join(twice.OPTION_SETS)}")
    if arguments.programs < 1 or arguments.jobs < 1 or arguments.seed < 0:
        parser.error("programs and jobs are numbers above 0, a seed is not negative")
    return arguments


class Report:
    """Tells about results, in the order of the programs."""

    def __init__(self, arguments):
        self.arguments, self.started, self.tests = arguments, time.monotonic(), 0
        self.kinds, self.reasons = collections.Counter(), collections.Counter()
        self.programs = self.instructions = 0

    def add(self, seed, results):
        self.programs += 1
        for result in results:
            self.kinds[result.kind] += 1
            self.instructions += result.instructions
            if result.kind == "skipped":
                self.reasons[result.reason] += 1
            if result.kind in FAILURES:
                self.say(f"{result.kind}: program {seed}, {result.option_set}: {result.reason}; "
                         f"see {os.path.join(self.arguments.build, 'csmith', str(seed))}")
            if self.arguments.tap:
                self.tap(seed, result)
        if sys.stderr.isatty():
            print(f"\r{self.programs} of {self.arguments.programs} programs, {self.kinds['different']} differences ",
                  end="", file=sys.stderr, flush=True)

    def say(self, line):
        print(("# " if self.arguments.tap else "") + line, flush=True)

    def tap(self, seed, result):
        self.tests += 1
        skipped = f" # SKIP {result.reason}" if result.kind == "skipped" else ""
        verdict = "not ok" if result.kind in FAILURES else "ok"
        print(f"{verdict} {self.tests} - program {seed} {result.option_set}{skipped}")

    def done(self):
        if sys.stderr.isatty():
            print(file=sys.stderr)
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.reasons.items()))
        kinds = ", ".join(f"{self.kinds[kind]} {kind}" for kind in KINDS)
        self.say(f"{self.programs} programs, {sum(self.kinds.values())} builds: {kinds}"
                 f"{f' ({reasons})' if reasons else ''}; {self.instructions:,} guest instructions, "
                 f"{time.monotonic() - self.started:.0f} s")
        if self.arguments.tap:
            print(f"1..{self.tests}")
        return 1 if any(self.kinds[kind] for kind in FAILURES) or not self.kinds["equal"] else 0


def main():
    arguments = arguments_parse()
    if not shutil.which("csmith") or not os.path.isdir(INCLUDE):
        missing = "csmith or libcsmith-dev is not installed"
        print(f"1..0 # SKIP {missing}" if arguments.tap else missing)
        return 0 if arguments.tap else 77
    report = Report(arguments)
    kept = os.path.join(arguments.build, "csmith")
    seeds = range(arguments.seed, arguments.seed + arguments.programs)
    with tempfile.TemporaryDirectory(prefix="denali-csmith-") as folder:
        programs = twice.Twice(arguments.build, folder)
        report.say(f"expected results are those of {programs.native_name}")

        def one(seed):
            place = os.path.join(kept, str(seed))
            shutil.rmtree(place, ignore_errors=True)
            return Program(programs, seed, place).results(arguments.sets, arguments.keep)

        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            try:
                for seed, results in zip(seeds, pool.map(one, seeds)):
                    report.add(seed, results)
            except KeyboardInterrupt:
                pool.shutdown(cancel_futures=True)
    return report.done()


if __name__ == "__main__":
    sys.exit(main())
