#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that each header compiles as the only file, whatever was included before it: nothing.

    headers.py SOURCE-ROOT COMPILER...
"""
import os
import subprocess
import sys

from tap import Tap
from tree import project_files

COMMON = ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-unused", "-fsyntax-only", "-x", "c"]


def compile_alone(compiler, root, header):
    """The compiler's complaints."""
    flags = ["-I", os.path.join(root, "guests/include")]
    if header.startswith("guests/"):
        flags += ["-I", os.path.join(root, "guests/lib"), "-m32", "-ffreestanding"]
        if os.path.basename(compiler[0]).startswith("clang"):
            flags += ["-nostdlibinc"]
    source = f'#include "{os.path.join(root, header)}"\n'
    done = subprocess.run([*compiler, *COMMON, *flags, "-"], input=source, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return [] if done.returncode == 0 else done.stdout.splitlines()[:10]


def main():
    root, compiler, tap = sys.argv[1], sys.argv[2:], Tap()
    for header in project_files(root, ".h"):
        tap.check(f"{header}_compiles_alone", compile_alone(compiler, root, header))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
