#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The supervisor's shell, driven by what is typed to it.

    test_supervisor.py BUILD SOURCE
"""
import json
import os
import pty
import re
import subprocess
import sys
import termios
import time

from command import Command, contains, equal, run_tests

IMAGES = ("hello", "keys", "crash", "spin")
GREETING = "Supervisor. 'help' lists the commands.\n"
HEAD = "machine  state       memory   instructions  console\n"

# What is typed, and what must be on the console then.
SESSION = [
    ("images", "self\nhello\nkeys\ncrash\nspin\n"),
    ("create hello one two", "created: 1\n"),
    ("list 1", HEAD + "      1  stopped   16384 KB              0        0\n"),
    ("start 1", "started: 1\n"),
    ("run hello 3", "running: 2-4\n"),
    ("wait 1", ""),
    ("console 1", "Hello from machine 1\n"),
    ("console 1", ""),
    ("console 4", "Hello from machine 4\n"),
    ("create -m 1M keys", "created: 5\n"),
    ("list 5", HEAD + "      5  stopped    1024 KB              0        0\n"),
    ("start 5", "started: 5\n"),
    ("wait 1", ""),
    ("type 5 hä\\nz", ""),
    ("wait 1", ""),
    ("console 5", "hä\nz\n"),
    ("type 5 q", ""),
    ("wait 1", ""),
    ("type 5 q", "machine 5: it has ended\n"),
    ("run crash 2 how=illegal", "running: 6-7\n"),
    ("destroy 1-4", "destroyed: 1-4\n"),
    ("destroy 2", "machine 2: no such machine\n"),
    ("destroy all", "destroyed: 5-7\n"),
    ("destroy all", "destroyed: none\n"),
    ("run spin 2", "running: 7-6\n"),
    ("stop all", "stopped: 6-7\n"),
    ("stop 0", "machine 0: the supervisor leaves itself alone\n"),
    ("start 6", "started: 6\n"),
    ("destroy 6-7", "destroyed: 6-7\n"),
    ("run -m 8K hello 1", "1 not created: no image, or one that does not fit into so little memory\n"),
    ("run nothing 1", "'nothing' is no image: 'images' shows them, disk:N is on a disk\n"),
    ("create -m 1Q hello", "-m 1Q: write -m SIZE (such as 16M) or -d DISK\n"),
    ("create -d 0 hello", "not created: no such disk\n"),
    ("create disk:0", "not created: no such disk\n"),
    ("create disk:x", "'disk:x' is no place on a disk: write disk:N or disk:N:BLOCK\n"),
    ("run hello", "'' is no number of machines: run IMAGE COUNT ARGUMENTS\n"),
    ("start x", "'x' is no machine: write N, N-M or all\n"),
    ("console all", "'all' is no machine: write its number\n"),
    ("console 77", "machine 77: no such machine\n"),
    ("dance", "'dance' is no command; 'help' lists them\n"),
    ("lisst\b\b\b\bist 1-9", HEAD),
    ("wait long", "'long' is no time: write a number of milliseconds\n"),
    ("quit x", "'x' is no status: write a number\n"),
    ("quit", ""),
]


def supervise(denali, lines, *options):
    """Runs the shell; what is typed is in a file, so that it is all there from the start."""
    images = [word for name in IMAGES for word in ("--image", f"{name}={denali.guest(name)}")]
    path = denali.file("typed.txt", "".join(line + "\n" for line in lines).encode())
    with open(path, encoding="utf-8") as typed:
        command = [denali.program, "run", denali.guest("supervisor"), "--supervisor", *images, "--stats", "stats.json",
                   *map(str, options)]
        done = subprocess.run(command, stdin=typed, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              cwd=denali.folder, timeout=60)
    done.out, done.err = done.stdout.decode(), done.stderr.decode()
    return done


def without_news(text):
    """Machines end when they do, also while a line is typed: that is told, and what was typed so far repeated."""
    return re.sub(r"> [^\n\r]*[\n\r](\[.*\]\n)+", "", text)


def test_session_is_as_written(denali):
    done = supervise(denali, [line for line, _ in SESSION])
    expected = GREETING
    for line, answer in SESSION:
        echo = line.replace("\b", "\b \b")
        expected += f"> {echo}\n{answer}"
    equal(without_news(done.out), expected)
    equal(done.returncode, 0, done.err)


def test_session_is_the_same_under_both_engines(denali):
    lines = [line for line, _ in SESSION]
    outputs, digests = set(), set()
    for engine in ("blocks", "step"):
        done = supervise(denali, lines, "--engine", engine)
        outputs.add(done.out)
        digests.add([line for line in done.err.splitlines() if "digest" in line][0])
    equal((len(outputs), len(digests)), (1, 1), outputs)


def test_thousand_machines_come_and_go(denali):
    lines = ["run hello 1000", "list 1000", "destroy all"] * 3 + ["list", "quit"]
    done = supervise(denali, lines)
    equal(done.out.count("destroyed: 1-1000\n"), 3, done.out)
    contains(done.out, "1000  ended", "status 0")
    equal(done.out.split(HEAD)[-1].count("\n"), 2, "the supervisor and the line 'quit'")
    contains(done.err, "created 3,000 and destroyed 3,000", "1 ended, 0 failed")


def test_end_of_machines_is_told_while_the_shell_waits(denali):
    done = supervise(denali, ["run hello 1", "run crash 1 how=divide"])
    contains(done.out, "\r[machine 1 ended with status 0]\n> ", "\r[machine 2 failed: divide error]\n> ")
    done = supervise(denali, ["run hello 50"])
    contains(done.out, "\r[50 machines ended, 0 of them failed]\n> ")


def test_status_of_quit_is_the_machines(denali):
    equal(supervise(denali, ["quit"]).returncode, 0)
    done = supervise(denali, ["quit 3"])
    equal(done.returncode, 1)
    contains(done.err, "vm 0 ended with status 3")


def test_machines_to_begin_with_are_supervised_too(denali):
    done = supervise(denali, ["list", "stop 1", "destroy 2", "list", "console 1", "quit"], "-n", 3)
    contains(done.out, "stopped: 1\n", "destroyed: 2\n")


def test_figures_count_what_came_and_went(denali):
    done = supervise(denali, ["create hello", "run hello 2", "wait 1", "destroy 2", "quit"])
    with open(denali.path("stats.json"), encoding="utf-8") as file:
        stats = json.load(file)
    equal({name: stats["machines"][name] for name in ("created", "destroyed", "stopped", "terminated", "alive")},
          {"created": 3, "destroyed": 1, "stopped": 1, "terminated": 2, "alive": 1})
    equal((stats["config"]["supervisor"], stats["config"]["vms_max"], list(stats["config"]["images"])),
          (True, 65536, list(IMAGES)))
    contains(done.err, "the supervisor created 3 and destroyed 1", "1 stopped, 0 ready to run")


def test_consoles_in_files_have_every_machine(denali):
    done = supervise(denali, ["run hello 2", "console 1", "quit"], "--console", "file:consoles")
    equal((done.returncode, done.out), (0, ""))
    for i in (1, 2):
        with open(denali.path(f"consoles/vm-{i}.txt"), encoding="utf-8") as file:
            equal(file.read(), f"Hello from machine {i}\n")


def test_limit_of_machines_is_kept(denali):
    done = supervise(denali, ["run hello 10", "destroy 3", "run hello 2", "quit"], "--vms-max", 5)
    contains(done.out, "running: 1-4\n6 not created: there are as many machines as may be\n",
             "running: 3\n1 not created: there are as many machines as may be\n")


def test_want_of_frames_is_told(denali):
    done = supervise(denali, ["run hello 100", "destroy all", "run hello 3", "quit"], "--frames", "256K")
    contains(done.out, "not created: no memory left for it\n", "running: ")
    equal(done.returncode, 0, done.err)


def test_machines_boot_from_a_disk_and_get_disks(denali):
    with open(denali.guest("hello"), "rb") as file:
        hello = file.read()
    with open(denali.guest("disk"), "rb") as file:
        disk = file.read()
    blocks = -(-len(hello) // 4096)
    image = b"\0" * 8192 + hello.ljust(blocks * 4096, b"\0") + disk.ljust(-(-len(disk) // 4096) * 4096, b"\0")
    images, data = denali.file("images.img", image), denali.file("data.img", b"\0" * 16 * 4096)
    lines = ["run disk:0:2 2", f"create -d 1 disk:0:{2 + blocks}", "create -d 1 disk:0:2", "start 3", "wait 100",
             "console 1", "console 3", "create disk:0", "create disk:0:9999", "create disk:1", "create -d 2 hello",
             "create -d 0 -d 0 hello", "create -d 1 -d 0 hello", "destroy all", "quit"]
    done = supervise(denali, lines, "--disk", f"{images},ro", "--disk", data)
    equal(done.returncode, 0, done.err)
    contains(done.out, "running: 1-2\n", "created: 3\n", "machine 3: disk 0 of 16 blocks is well\n", "not created: another machine writes that disk\n",
             "> console 1\nHello from machine 1\n", "> create disk:0\nnot created: no image",
             "9999\nnot created: a number that cannot be\n", "> create disk:1\nnot created: no image",
             "-d 2 hello\nnot created: no such disk\n", "-d 0 -d 0 hello\nnot created: a number that cannot be\n",
             "> create -d 1 -d 0 hello\ncreated: 4\n")


def test_guest_without_the_feature_has_no_port(denali):
    done = denali("run", denali.guest("supervisor"))
    equal((done.returncode, done.out), (1, "this machine is no supervisor (--supervisor)\n"))


def test_endless_machine_can_be_stopped_by_a_live_user(denali):
    run = denali.start("run", denali.guest("supervisor"), "--supervisor", "--image", f"spin={denali.guest('spin')}",
                       "-q", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    run.stdin.write(b"run spin 3\n")
    run.stdin.flush()
    time.sleep(0.5)
    out, _ = run.communicate(b"stop all\ndestroy all\nquit\n", timeout=30)
    equal(run.returncode, 0)
    contains(out.decode(), "stopped: 1-3\n", "destroyed: 1-3\n")


def read_until(descriptor, part):
    text = b""
    while part not in text:
        text += os.read(descriptor, 1000)
    return text


def test_keys_of_a_terminal_are_echoed_by_the_guest_alone(denali):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(denali.program, ["denali", "run", denali.guest("supervisor"), "--supervisor", "-q"])
    read_until(terminal, b"\n> ")
    equal(termios.tcgetattr(terminal)[3] & (termios.ECHO | termios.ICANON), 0)
    os.write(terminal, b"imagex\x7fs\r")
    equal(read_until(terminal, b"\n> "), b"imagex\b \bs\r\nself\r\n> ")
    os.write(terminal, b"quit 2\r")
    read_until(terminal, b"quit 2\r\n")
    equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 1)
    both = termios.ECHO | termios.ICANON
    equal(termios.tcgetattr(terminal)[3] & both, both)
    os.close(terminal)


def test_verify_agrees_without_a_keyboard(denali):
    done = denali("verify", denali.guest("supervisor"), "--supervisor", "-n", 2)
    equal(done.returncode, 0, done.err)


def test_mistakes_are_usage_errors(denali):
    image, data = denali.guest("hello"), denali.file("blocks.img", bytes(4096))
    for options, part in {
        ("--image", f"a={image}"): "--image needs --supervisor",
        ("--vms-max", "3"): "--vms-max needs --supervisor",
        ("--supervisor", "--vms-max", "1", "-n", "2"): "1 is less than the 2 of --vms",
        ("--supervisor", "--image", "a"): "'a' is not NAME=FILE",
        ("--supervisor", "--image", f"a b={image}"): "is not NAME=FILE",
        ("--supervisor", "--image", "a="): "'a=' is not NAME=FILE",
        ("--supervisor", "--image", f"a={image}", "--image", f"a={image}"): "there is an image of the name 'a' already",
        ("--supervisor", "--image", f"self={image}"): "there is an image of the name 'self' already",
        ("--supervisor", "--image", "a=/nowhere.elf"): "/nowhere.elf: No such file",
        ("--supervisor", "--image", "a=/dev/null"): "/dev/null: not a regular file",
        ("--supervisor", "--image", f"a={data}", "--disk", data): "would be read and written at once",
        ("--supervisor", "--image", f"a={image}", "--stats", image): "would be read and written at once",
    }.items():
        done = denali("run", image, *options)
        equal((done.returncode, done.out), (2, ""), options)
        contains(done.err, part)


if __name__ == "__main__":
    run_tests(sys.modules[__name__], Command(*sys.argv[1:3]))
