# SPDX-License-Identifier: MIT
"""Runs the command `denali` for the tests in this folder, and collects tests by name."""
import json
import os
import subprocess
import sys
import tempfile

TIMEOUT = 60  # seconds; a run that takes longer hangs


class Command:
    """The built command, its guests, and a folder for what it writes."""

    def __init__(self, build, source):
        self.build, self.source = os.path.abspath(build), os.path.abspath(source)
        self.program = os.path.join(self.build, "denali")
        self.capture = os.path.join(self.source, "tests/data/lan-100.pcap")
        self.folder = tempfile.mkdtemp(prefix="denali-cli-")

    def guest(self, name):
        return os.path.join(self.build, "guests", name + ".elf")

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name, content):
        """A file of the test's own."""
        with open(self.path(name), "wb") as file:
            file.write(content)
        return self.path(name)

    def __call__(self, *arguments, stdin=b"", stdout=subprocess.PIPE, timeout=TIMEOUT):
        """Runs it; the result has returncode, out and err (text)."""
        done = subprocess.run([self.program, *map(str, arguments)], input=stdin, stdout=stdout, stderr=subprocess.PIPE,
                              timeout=timeout, cwd=self.folder, check=False)
        done.out = (done.stdout or b"").decode("utf-8", "replace")
        done.err = done.stderr.decode("utf-8", "replace")
        return done

    def stats(self, *arguments, **options):
        """Runs it with --stats; the result has .stats too."""
        path = self.path("stats.json")
        if os.path.exists(path):
            os.unlink(path)
        done = self(*with_option(arguments, "--stats", path), **options)
        with open(path, encoding="utf-8") as file:
            done.stats = json.load(file)
        return done

    def start(self, *arguments, **options):
        """Starts it and does not wait."""
        return subprocess.Popen([self.program, *map(str, arguments)], cwd=self.folder, **options)


def with_option(arguments, *option):
    """Options go before the machines' arguments."""
    arguments = list(map(str, arguments))
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at] + list(option) + arguments[at:]


def run_tests(module, *arguments):
    """Calls every test_* of the module with the arguments and reports in TAP; why one failed is told on standard error,
    which Meson shows. A failed test raises AssertionError."""
    tests = [(name, value) for name, value in vars(module).items() if name.startswith("test_") and callable(value)]
    failed = 0
    print(f"1..{len(tests)}")
    for number, (name, test) in enumerate(tests, 1):
        try:
            test(*arguments)
            print(f"ok {number} - {name[5:]}", flush=True)
        except (AssertionError, subprocess.TimeoutExpired, OSError, ValueError, KeyError, IndexError) as error:
            failed += 1
            print(f"not ok {number} - {name[5:]}", flush=True)
            print(name[5:], file=sys.stderr)
            for line in f"{type(error).__name__}: {error}".splitlines()[:30]:
                print(line, file=sys.stderr)
            trace = error.__traceback__
            while trace:
                print(f"  {os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}", file=sys.stderr)
                trace = trace.tb_next
    sys.exit(1 if failed else 0)


def equal(actual, expected, about=""):
    assert actual == expected, f"{about}{': ' if about else ''}{actual!r}, not {expected!r}"


def contains(text, *parts):
    for part in parts:
        assert part in text, f"no {part!r} in:\n{text}"
