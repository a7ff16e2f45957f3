# SPDX-License-Identifier: MIT
"""Programs compiled for 32 bits and linked twice from the same object file: as a Linux program, for the host's
processor, and as a guest of denali. Both must print the same and end in the same way."""
import errno
import json
import os
import re
import resource
import shutil
import signal
import subprocess
from collections import namedtuple

FOLDER = os.path.dirname(os.path.abspath(__file__))
GUEST_LIB = os.path.normpath(os.path.join(FOLDER, "../../guests/lib"))

COMPILE = ["-c", "-pipe", "-m32", "-march=i686", "-std=gnu17", "-ffreestanding", "-fno-pic", "-fno-pie",
           "-fno-math-errno", "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fcf-protection=none",
           "-isystem", os.path.join(FOLDER, "include"), "-include", "builtins.h", "-isystem", GUEST_LIB]
LINK = ["ld", "-m", "elf_i386", "-static", "--gc-sections", "--build-id=none", "-z", "noexecstack"]
DENALI_LINK = ["-T", os.path.join(GUEST_LIB, "guest.ld")]

X87, SSE2, SSE42 = ["-mfpmath=387"], ["-msse2", "-mfpmath=sse"], ["-msse4.2", "-mpopcnt", "-mfpmath=sse"]
# At -O3 gcc makes vectors of loops, so that is where the later instructions are.
OPTION_SETS = {f"{level}-x87": [f"-{level}", *X87] for level in ("O0", "O1", "O2", "O3", "Os")}
OPTION_SETS |= {f"{level}-sse2": [f"-{level}", *SSE2] for level in ("O0", "O1", "O2", "Os")}
OPTION_SETS["O3-sse4.2"] = ["-O3", *SSE42]

COMPILE_SECONDS = 60
NATIVE_SECONDS = 1              # of processor time; what takes longer is taken for endless
MACHINE_INSTRUCTIONS = 10**10   # more than any processor executes in NATIVE_SECONDS
MACHINE_SECONDS = 1200

# What a program printed, and how it ended: "status 0", "another status", "fault" or "no end".
Outcome = namedtuple("Outcome", "printed end")


class Unusable(Exception):
    """This program or build cannot be compared; the text tells the reason in a few words."""


class Refused(Exception):
    """The compiler or the linker says no, and this."""


def run(command, folder, seconds, cpu_seconds=None):
    """Exit status (negative: the signal), standard output, standard error."""
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        if cpu_seconds:
            resource.prlimit(process.pid, resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return -signal.SIGXCPU, "", ""
    return process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


class Twice:
    """Builds and runs programs with one build of denali."""

    def __init__(self, build, folder):
        """`folder` is for a moment's files."""
        self.denali = os.path.join(os.path.abspath(build), "denali")
        self.runtimes = {kind: os.path.join(os.path.abspath(build), "tests/programs", f"runtime-{kind}.o")
                         for kind in ("denali", "linux")}
        self.native, self.native_name = [], "the host's processor"
        self.find_native(folder)

    def find_native(self, folder):
        """A kernel without 32-bit programs refuses to start one: then qemu-i386 has to do."""
        probe = os.path.join(folder, "probe")
        self.compile("gcc", ["-O1", *X87], os.path.join(FOLDER, "own/nbody.c"), probe, folder)
        try:
            run([probe + ".linux"], folder, MACHINE_SECONDS)
        except OSError as error:
            if error.errno != errno.ENOEXEC or not shutil.which("qemu-i386"):
                raise
            self.native = ["qemu-i386"]
            version = subprocess.run(["qemu-i386", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
            self.native_name = version.splitlines()[0] + ", since this host runs no 32-bit programs"

    def commands(self, compiler, options, source, stem):
        """What makes STEM.o, STEM.linux and STEM.elf of the source."""
        yield [compiler, *COMPILE, *options, source, "-o", stem + ".o"]
        yield [*LINK, stem + ".o", self.runtimes["linux"], "-o", stem + ".linux"]
        yield [*LINK, *DENALI_LINK, stem + ".o", self.runtimes["denali"], "-o", stem + ".elf"]

    def compile(self, compiler, options, source, stem, folder):
        for command in self.commands(compiler, options, source, stem):
            status, _, err = run(command, folder, COMPILE_SECONDS)
            if status == -signal.SIGXCPU:
                raise Unusable("compiler takes too long")
            if status != 0:
                raise Refused(next(iter(re.findall(".*(?:error|undefined).*", err)), err))

    def native_command(self, stem, arguments=()):
        return [*self.native, stem + ".linux", *arguments]

    def denali_command(self, stem, engine="blocks", arguments=()):
        return [self.denali, "run", stem + ".elf", "--quiet", "--keyboard", "none", "--engine", engine,
                "--vm-instructions", str(MACHINE_INSTRUCTIONS), "--stats", stem + ".json", "--", *arguments]

    def run_native(self, stem, folder, arguments=()):
        status, printed, _ = run(self.native_command(stem, arguments), folder, 60 * NATIVE_SECONDS, NATIVE_SECONDS)
        if status in (-signal.SIGXCPU, -signal.SIGKILL):
            raise Unusable("endless natively")
        return Outcome(printed, "fault" if status < 0 else "another status" if status > 0 else "status 0")

    def run_elsewhere(self, stem, folder):
        """Natively, linked at another address: some programs of csmith compute with addresses."""
        other = stem + "-elsewhere"
        run([*LINK, "-Ttext-segment=0x9123000", stem + ".o", self.runtimes["linux"], "-o", other + ".linux"], folder,
            COMPILE_SECONDS)
        return self.run_native(other, folder)

    def run_denali(self, stem, folder, engine="blocks", arguments=()):
        """The outcome and the number of instructions."""
        command = self.denali_command(stem, engine, arguments)
        status, printed, err = run(command, folder, MACHINE_SECONDS)
        if status == -signal.SIGXCPU:
            return Outcome(printed, "no end"), 0
        if status not in (0, 1):
            raise SystemExit(f"{' '.join(command)}: status {status}\n{err}")
        with open(stem + ".json", encoding="utf-8") as file:
            stats = json.load(file)
        if stats["failed"]:
            endless = stats["instructions"] >= MACHINE_INSTRUCTIONS
            return Outcome(printed, "no end" if endless else "fault"), stats["instructions"]
        ended_badly = stats["machines"]["status_not_0"]
        return Outcome(printed, "another status" if ended_badly else "status 0"), stats["instructions"]


def first_difference(expected, found):
    """The first line in which two outcomes differ, in words."""
    lines = zip(expected.printed.splitlines() + ["(the end)"], found.printed.splitlines() + ["(the end)"])
    for number, (one, other) in enumerate(lines, 1):
        if one != other:
            return f"line {number}: expected {one!r}, denali {other!r}"
    return f"expected to end with {expected.end}, denali with {found.end}"
