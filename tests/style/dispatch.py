#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the handlers that the compiler has made: the fast ones call nothing and end by jumping to the next operation,
and those of the most frequent instructions need no stack (docs/engine.md).

    dispatch.py LIBDENALI.A
"""
import re
import subprocess
import sys
import tempfile

from tap import Tap

# Fast handlers by the end of their names (cpu/handlers.c).
FAST = re.compile(r"^op_\w+_((any|base)_unseen|known(_unseen)?_[0-7][0-8]|(any|base)_fused_[A-Z]+|known_fused_[A-Z]+_0[0-8]|indexed_[0-7][0-3]|base)$")
# What programs consist of, 32-bit: ADD and its kin, TEST, MOV, LEA, PUSH, POP, CALL, RET. They need no stack.
FREQUENT = re.compile(r"^op_1_([0-3][139B]|8[13]_[0-7]|85|89|8[BD]|50|58|68|6A|E8|C3)_\w*32_")
# Leaves for the run loop.
NARROW_CALL = re.compile(r"^op_1_E8___16_base$")

# Among them there must be: MOV r, [r], ADD r, r, PUSH r, CMP r, r with JE, CALL.
EXPECTED = ["op_1_8B___m32_known_00", "op_1_01___r32_any_unseen", "op_1_50___32_known_00", "op_1_39___r32_known_fused_E_00",
            "op_1_E8___32_base"]

CALL = re.compile(r"call|ret")
STACK = re.compile(r"push|pop|.*%rsp")
NEXT = re.compile(r"jmp\s+\*")


def disassemble(archive):
    """{name: instructions} of the functions in handlers.c, with those that the compiler has put aside (.cold)."""
    with tempfile.NamedTemporaryFile(suffix=".o") as file:
        subprocess.run(["ar", "p", archive, "cpu_handlers.c.o"], check=True, stdout=file)
        listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", file.name], check=True, stdout=subprocess.PIPE,
                                 text=True).stdout
    functions, code = {}, []
    for line in listing.splitlines():
        head = re.match(r"^[0-9a-f]+ <(\S+?)(\.cold)?>:$", line)
        if head:
            code = functions.setdefault(head.group(1), [])
        elif "\t" in line:
            code.append(line.split("\t", 1)[1])
    return functions


def having(functions, pattern):
    """One line for each function that has such an instruction."""
    for name, code in functions.items():
        found = [insn for insn in code if pattern.match(insn)]
        if found:
            yield f"{name}: {found[0]}"


def main():
    archive, tap = sys.argv[1], Tap()
    fast = {name: code for name, code in disassemble(archive).items() if FAST.match(name)}
    frequent = {name: code for name, code in fast.items() if FREQUENT.match(name)}
    tap.check("handlers_fast_exist", [name for name in EXPECTED if name not in fast])
    tap.check("handlers_fast_call_nothing", having(fast, CALL))
    tap.check("handlers_frequent_need_no_stack", having(frequent, STACK))
    tap.check("handlers_fast_jump_to_next", [name for name, code in fast.items() if not NARROW_CALL.match(name)
                                             and not any(NEXT.match(insn) for insn in code)])
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
