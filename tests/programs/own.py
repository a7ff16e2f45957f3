#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the programs in own/ on the host's processor and on denali, with every option set; TAP.

    own.py BUILD
"""
import glob
import os
import shutil
import sys
import tempfile

import twice

sys.path.insert(0, os.path.join(twice.FOLDER, "../style"))
from tap import Tap

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wshadow"]
# gcc aligns the stack in main(); clang takes it to be aligned.
CLANG_SETS = {name: ["clang", *twice.OPTION_SETS[name], "-mstackrealign", *WARNINGS]
              for name in ("O2-x87", "O3-sse4.2")}
# Where qemu-i386 (7.2) prints something else than a processor.
NOT_ON_QEMU = {"edges"}


def differences(programs, compiler, options, source, stem):
    folder = os.path.dirname(stem)
    try:
        programs.compile(compiler, options, source, stem, folder)
        native = programs.run_native(stem, folder)
    except (twice.Unusable, twice.Refused) as error:
        return [str(error)]
    if not native.printed:
        return ["printed nothing"]
    machine, _ = programs.run_denali(stem, folder)
    return [] if machine == native else [twice.first_difference(native, machine)]


def main():
    sets = {"gcc " + name: ["gcc", *options, *WARNINGS] for name, options in twice.OPTION_SETS.items()}
    if shutil.which("clang"):
        sets |= {"clang " + name: options for name, options in CLANG_SETS.items()}
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="denali-own-") as folder:
        programs = twice.Twice(sys.argv[1], folder)
        print(f"# expected results are those of {programs.native_name}")
        for source in sorted(glob.glob(os.path.join(twice.FOLDER, "own/*.c"))):
            name = os.path.splitext(os.path.basename(source))[0]
            if programs.native and name in NOT_ON_QEMU:
                print(f"# {name} is left out: qemu-i386 is no measure for it")
                continue
            for set_name, (compiler, *options) in sets.items():
                tap.check(f"{name} {set_name}",
                          differences(programs, compiler, options, source, os.path.join(folder, name)))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
