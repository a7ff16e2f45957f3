#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `denali` says of itself and of wrong command lines. Nothing here runs a machine.

    test_usage.py BUILD SOURCE
"""
import os
import re
import shutil
import subprocess
import sys

from command import Command, contains, equal, run_tests


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


def test_version_is_printed(denali):
    done = denali("--version")
    equal(done.returncode, 0)
    assert re.match(r"denali \d+\.\d+\.\d+ ", done.out), done.out
    equal(done.err, "")


def test_help_goes_to_standard_output(denali):
    for arguments in (["help"], ["--help"], ["run", "--help"], ["-h"]):
        done = denali(*arguments)
        equal((done.returncode, done.err), (0, ""), arguments)
        contains(done.out, "denali run IMAGE", "--vms", "--stats", "130")


def test_help_fits_terminal(denali):
    for line in denali("help").out.splitlines():
        assert len(line) <= 110 and line == line.rstrip(), repr(line)


def test_manual_has_every_option_of_help(denali):
    manual = denali("help", "--man").out
    missing = options_in(denali("help").out) - options_in(manual.replace("\\", "")) - {"--version"}
    equal(missing, set())


def test_manual_is_valid_scdoc(denali):
    if not shutil.which("scdoc"):
        return
    manual = denali("help", "--man").out
    done = subprocess.run(["scdoc"], input=manual, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    equal((done.returncode, done.stderr), (0, ""))
    contains(done.stdout, ".TH \"denali\" \"1\"", "--vms")


def completions(denali, *words):
    """What bash offers for the last word."""
    script = denali("help", "--completion", "bash").out
    script += "COMP_WORDS=(" + " ".join(f"'{word}'" for word in words) + f"); COMP_CWORD={len(words) - 1}\n"
    script += '_denali; printf "%s\\n" "${COMPREPLY[@]}"\n'
    return subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, text=True, check=True).stdout.split()


def test_completion_offers_commands_options_and_values(denali):
    equal(completions(denali, "denali", "ver"), ["verify"])
    equal(completions(denali, "denali", "run", "--qu"), ["--quantum", "--queue", "--quiet"])
    equal(completions(denali, "denali", "run", "--engine", ""), ["blocks", "step"])
    equal(completions(denali, "denali", "run", "--console", ""), ["stdio", "file:", "none"])
    assert "--engine" not in completions(denali, "denali", "verify", "--e")


def test_command_absent_is_usage_error(denali):
    done = denali()
    equal((done.returncode, done.out), (2, ""))
    contains(done.err, "denali help")


def test_mistakes_are_usage_errors_with_one_line(denali):
    for line, part in {
        "rn x": "nearest is 'run'",
        "replay x": "not in this version",
        "run": "needs a file",
        "run x --memry 16M": "nearest is --memory",
        "run x --jobs 4": "not in this version",
        "run x --until 5": "ns, us, ms, s, min or h",
        "run x -m 3": "multiple of 4K",
        "run x --engine quick": "blocks|step",
        "run x y": "'y'",
        "info": "needs a file",
        "verify x --stats f": "--stats",
    }.items():
        done = denali(*line.split())
        equal((done.returncode, done.out), (2, ""), line)
        contains(done.err, part)
        equal(done.err.count("\n"), 1, line)


def test_absent_files_are_named(denali):
    for line in ("run nothere", "verify nothere", "disasm nothere", "info nothere",
                 f"run {denali.guest('hello')} --net pcap:in=nothere"):
        done = denali(*line.split())
        equal(done.returncode, 2, line)
        assert re.search("nothere: .*No such file or directory", done.err), done.err


def test_image_malformed_is_refused_with_its_name(denali):
    with open(denali.guest("hello"), "rb") as file:
        good = file.read()
    bad = {"empty": b"", "text": b"hello\n" * 100, "half": good[:40], "class": good[:4] + b"\2" + good[5:],
           "segments": good[:28] + b"\xff\xff\xff\x7f" + good[32:]}
    for name, content in bad.items():
        path = denali.file(name + ".elf", content)
        for command in ("run", "verify", "disasm"):
            done = denali(command, path)
            equal((done.returncode, done.out), (2, ""), f"{command} {name}")
            contains(done.err, name + ".elf: ")


def test_capture_malformed_is_refused_with_its_name(denali):
    path = denali.file("noise.pcap", bytes(range(256)))
    for arguments in (["info", path], ["run", denali.guest("hello"), "--net", f"pcap:in={path}"]):
        done = denali(*arguments)
        equal(done.returncode, 2)
        contains(done.err, "noise.pcap: ")


def test_input_named_as_output_stays_as_it_was(denali):
    path = denali.file("precious.pcap", open(denali.capture, "rb").read())
    os.link(path, denali.path("alias.pcap"))
    for option in (["--net", f"pcap:in={path},out={path}"], ["--net", f"pcap:in={path},out=alias.pcap"],
                   ["--net", f"pcap:in={path}", "--stats", path],
                   ["--net", f"pcap:in={path}", "--trace", "all", "--trace-to", path]):
        done = denali("run", denali.guest("hello"), *option)
        equal(done.returncode, 2, option)
        contains(done.err, "read and written at once")
    equal(open(path, "rb").read(), open(denali.capture, "rb").read())


def test_outputs_that_are_one_file_are_refused(denali):
    done = denali("run", denali.guest("hello"), "--stats", "same", "--trace", "all", "--trace-to", "same")
    equal(done.returncode, 2)
    contains(done.err, "for two purposes")


def test_output_not_writable_is_host_trouble(denali):
    for option in (["--stats", "no/dir"], ["--net", "pcap:out=no/dir"], ["--trace", "all", "--trace-to", "no/dir"],
                   ["--console", "file:no/dir"]):
        done = denali("run", denali.guest("hello"), *option)
        equal((done.returncode, done.out), (3, ""), option)
        contains(done.err, "no/dir: No such file or directory")


def test_help_to_full_device_is_host_trouble(denali):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = denali("help", stdout=full)
    equal(done.returncode, 3)
    contains(done.err, "No space left on device")


def objdump_lines(path):
    """{address: bytes} of objdump's disassembly."""
    listing = subprocess.run(["objdump", "-d", "-w", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    return dict(re.findall(r"^\s*([0-9a-f]+):\t((?:[0-9a-f]{2} )+)", listing, re.MULTILINE))


def test_disasm_cuts_instructions_as_objdump_does(denali):
    for guest in ("hello", "echo", "crash"):
        done = denali("disasm", denali.guest(guest))
        equal((done.returncode, done.err), (0, ""))
        ours = dict(re.findall(r"^ *([0-9a-f]+)  ((?:[0-9a-f]{2} )+)", done.out, re.MULTILINE))
        theirs = objdump_lines(denali.guest(guest))
        # objdump knows the two virtual instructions not: it goes on in the middle of them.
        lines = {at: code for at, code in ours.items() if not code.startswith("0f 3f")}
        assert len(lines) > 100, guest
        strange = [(at, code) for at, code in lines.items() if theirs.get(at, "").strip() != code.strip()]
        assert len(strange) <= 2 * (len(ours) - len(lines)), f"{guest}: {strange[:5]}"


def test_disasm_names_functions_and_virtual_instructions(denali):
    text = denali("disasm", denali.guest("hello")).out
    contains(text, "\n_start:\n", "\nmain:\n", "call", "<main>")
    assert re.search(r"0f 3f 01 +terminate\n", text)


def test_info_of_image_agrees_with_readelf(denali):
    header = subprocess.run(["readelf", "-h", denali.guest("echo")], stdout=subprocess.PIPE, text=True, check=True).stdout
    entry = int(re.search(r"Entry point address:\s+(0x[0-9a-f]+)", header).group(1), 16)
    done = denali("info", denali.guest("echo"))
    equal(done.returncode, 0)
    contains(done.out, f"entry    0x{entry:08x} (_start)", "segment ", "symbols ")


def test_info_of_capture_agrees_with_tshark(denali):
    if not shutil.which("tshark"):
        return
    fields = subprocess.run(["tshark", "-n", "-r", denali.capture, "-T", "fields", "-e", "eth.type"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout.splitlines()
    done = denali("info", denali.capture)
    equal(done.returncode, 0)
    contains(done.out, f"capture, {len(fields):,} frames", f" {fields.count('0x0806'):,} ARP")


if __name__ == "__main__":
    run_tests(sys.modules[__name__], Command(*sys.argv[1:3]))
