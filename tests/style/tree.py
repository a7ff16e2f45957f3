#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the source tree: who includes whom, licence lines, length of functions, a test for each source file.

    tree.py SOURCE-ROOT
"""
import fnmatch
import json
import os
import re
import shutil
import statistics
import subprocess
import sys

from tap import Tap

LIBRARY = ("cpu", "devices", "emu", "sched")
FUNCTION_LINES_MAX = 100
SOURCE_NAMES = re.compile(r"\.(c|h|def|S|ld|map|py|sh)$|(^|/)(meson\.build|meson_options\.txt|dev|run|make-capture)$")

# Which folders a folder's files may include from, beside its own and guests/include.
MAY_INCLUDE = {
    "cpu": set(),
    "devices": set(),
    "sched": set(),
    "emu": {"cpu", "devices", "sched"},
    "guests": set(),
}

# Source files (patterns) without a test of their own, and why.
NO_TWIN = {
    "cpu/handlers.c": "tests/oracle compares every handler with the real CPU",
    "cpu/x87_*.c": "tests/cpu/test_x87.c compares every x87 instruction with the real CPU",
    "cpu/vector_*.c": "tests/cpu/test_vector.c compares every row with the real CPU",
    "emu/kernel.c": "tests/emu/test_simulation.c runs it, with real guests",
    "emu/intake.c": "tests/emu/test_input.c runs it, with a clock and input of its own",
    "emu/networks.c": "tests/emu/test_input.c and tests/net run it",
    "devices/host/bulk.c": "tests/net sends it datagrams",
    "devices/host/capture_pair.c": "tests/emu/test_simulation.c runs captures through it",
    "devices/host/host_clock.c": "one call",
    "devices/host/live.c": "tests/net runs it where it may",
    "devices/host/tap.c": "tests/net runs it where it may",
    "emu/main.c": "tests/cli runs it",
    "emu/command_run.c": "tests/cli runs it",
    "emu/command_verify.c": "tests/cli runs it",
    "emu/command_doctor.c": "tests/net runs it",
    "emu/command_inspect.c": "tests/cli runs it",
    "emu/session.c": "tests/cli runs it",
    "emu/keyboard_mode.c": "tests/cli types on a terminal",
    "emu/progress.c": "tests/cli reads what it prints",
    "emu/summary.c": "tests/cli reads what it prints",
    "emu/stats_json.c": "tests/cli reads what it writes",
    "emu/options_print.c": "tests/cli reads what it prints",
}


def project_files(root, suffix=""):
    """Paths, relative to the root, of the project's own files."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in (".git", "__pycache__")
                      and not os.path.exists(os.path.join(folder, name, "meson-private"))
                      and not (folder == root and name.startswith("build"))]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names if name.endswith(suffix)]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def wrong_includes(root, folder):
    """Includes that cross a border between folders."""
    for path in project_files(root):
        if not path.startswith(folder + "/") or not path.endswith((".c", ".h", ".def")):
            continue
        for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', read(root, path), re.MULTILINE):
            target = os.path.relpath(os.path.normpath(os.path.join(os.path.dirname(path), name)))
            other = target.split("/")[0]
            if os.path.exists(os.path.join(root, target)) and other != folder and other not in MAY_INCLUDE[folder] \
                    and target != "guests/include/denali.h":
                yield f"{path} includes {target}"


def functions(root):
    """(length in lines, name, place) of every C function, by universal-ctags."""
    files = [path for path in project_files(root, ".c") if path.split("/")[0] in LIBRARY + ("guests",)]
    listing = subprocess.run(["ctags", "--output-format=json", "--kinds-C=f", "--fields=+ne", "-f", "-", *files],
                             cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout
    tags = [json.loads(line) for line in listing.splitlines()]
    return sorted((tag["end"] - tag["line"] + 1, tag["name"], f"{tag['path']}:{tag['line']}")
                  for tag in tags if "end" in tag)


def long_functions(root):
    """Prints the distribution as TAP comments and yields those over the limit."""
    found = functions(root)
    if not found:
        yield "ctags finds no function at all"
        return
    lengths = [length for length, _, _ in found]
    over_50 = sum(length > 50 for length in lengths)
    print(f"# {len(found)} functions: median {statistics.median(lengths):.0f} lines, "
          f"{over_50} over 50 ({100 * over_50 / len(found):.0f} %), longest {lengths[-1]}")
    for length, name, place in found:
        if length > FUNCTION_LINES_MAX:
            yield f"{place}: {name} has {length} lines; the limit is {FUNCTION_LINES_MAX}"


def without_licence(root):
    for path in project_files(root):
        if SOURCE_NAMES.search(path) and "SPDX-License-Identifier: MIT" not in read(root, path)[:300]:
            yield path


def without_test(root):
    sources = [path for path in project_files(root, ".c") if path.split("/")[0] in LIBRARY]
    tests = {path for path in project_files(root, ".c") if path.startswith("tests/")}
    for path in sources:
        folder, name = os.path.split(path)
        twins = {f"tests/{folder}/test_{name}", f"tests/{folder.split('/')[0]}/test_{name}"}
        if not twins & tests and not any(fnmatch.fnmatch(path, pattern) for pattern in NO_TWIN):
            yield f"{path} has no {min(twins)}, nor a reason in NO_TWIN"
    for pattern in NO_TWIN:
        if not fnmatch.filter(sources, pattern):
            yield f"NO_TWIN names {pattern}, which is not there"


def unlisted_tests(root):
    """Test files that no meson.build mentions would never run."""
    for path in project_files(root, ".c"):
        name = os.path.basename(path)[:-2]
        if not path.startswith("tests/") or not name.startswith("test_"):
            continue
        folder, text = os.path.dirname(path), ""
        while folder:
            build = os.path.join(folder, "meson.build")
            text += read(root, build) if os.path.exists(os.path.join(root, build)) else ""
            folder = os.path.dirname(folder)
        if not re.search(rf"'([a-z/_]*/)?({name}|{name[5:]})(\.c)?'", text):
            yield f"{path} is in no meson.build"


def main():
    root, tap = sys.argv[1], Tap()
    os.chdir(root)
    for folder in MAY_INCLUDE:
        tap.check(f"{folder}_includes_stay_within_borders", wrong_includes(root, folder))
    if shutil.which("ctags"):
        tap.check("functions_length_limited", long_functions(root))
    tap.check("sources_name_their_licence", without_licence(root))
    tap.check("sources_have_tests", without_test(root))
    tap.check("tests_are_listed", unlisted_tests(root))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
