#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disks from outside: they persist, what was flushed survives kill -9, what would destroy data is refused.

    test_disk.py BUILD SOURCE [KILLS]
"""
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import time

from command import Command, contains, equal, run_tests

BLOCK = 4096
KILLS = int(sys.argv[3]) if len(sys.argv) > 3 else 5


def image(denali, name, blocks, fill=b"\0"):
    return denali.file(name, fill * (blocks * BLOCK))


def content(path):
    with open(path, "rb") as file:
        return file.read()


def test_disk_keeps_its_blocks_over_runs(denali):
    path = image(denali, "count.img", 4)
    for number in range(1, 4):
        done = denali("run", denali.guest("disk"), "--disk", path, "-q", "--", "do=count")
        equal((done.returncode, done.out), (0, f"run {number}\n"))
    equal(struct.unpack_from("<I", content(path))[0], 3)


def test_overlay_and_read_only_leave_the_file_as_it_was(denali):
    path = image(denali, "base.img", 20, b"x")
    before = content(path)
    done = denali("run", denali.guest("disk"), "-n", 5, "--disk", path + ",cow", "--disk", path + ",ro", "-q")
    equal((done.returncode, done.out.count("is well")), (0, 5), done.err)
    equal(content(path), before)


def test_machines_have_files_of_their_own(denali):
    for vm in range(40):
        image(denali, f"own-{vm}.img", 2)
    done = denali("run", denali.guest("disk"), "-n", 40, "--disk", denali.path("own-{vm}.img"), "-q")
    equal((done.returncode, done.out.count("is well")), (0, 40), done.err)
    equal(len({content(denali.path(f"own-{vm}.img")) for vm in range(40)}), 40)


def test_file_missing_for_one_machine_is_named(denali):
    image(denali, "part-0.img", 1)
    done = denali("run", denali.guest("disk"), "-n", 2, "--disk", denali.path("part-{vm}.img"))
    equal(done.returncode, 2)
    contains(done.err, "machine 1: ", "part-1.img: No such file or directory")


def test_machine_boots_from_a_disk(denali):
    elf = content(denali.guest("hello"))
    path = denali.file("boot.img", elf + b"\0" * (-len(elf) % BLOCK))
    done = denali("run", "disk:1", "-n", 2, "--disk", image(denali, "data.img", 1) + ",ro", "--disk", path + ",ro", "-q")
    equal((done.returncode, sorted(done.out.splitlines())),
          (0, ["vm 0: Hello from machine 0", "vm 1: Hello from machine 1"]), done.err)
    done = denali("run", "disk:0", "--disk", path.replace("boot", "data"))
    equal(done.returncode, 2)
    contains(done.err, "disk:0: not an ELF file")
    done = denali("run", "disk:1", "--disk", path)
    equal(done.returncode, 2)
    contains(done.err, "disk:1: there is no such disk, of 1")


def test_disk_that_is_no_disk_is_refused(denali):
    for path, part in ((denali.file("odd.img", b"12345"), "5 bytes are no whole blocks"),
                       (denali.folder, "not a regular file"), ("nothere", "nothere: No such file or directory")):
        done = denali("run", denali.guest("disk"), "--disk", str(path) + ",ro")
        equal((done.returncode, done.out), (2, ""), path)
        contains(done.err, part)


def test_disk_that_is_something_else_too_is_refused(denali):
    path, image_copy = image(denali, "twice.img", 4), denali.file("guest.elf", content(denali.guest("disk")))
    os.link(path, denali.path("alias.img"))
    own = image(denali, "each-1.img", 1)
    image(denali, "each-0.img", 1)
    each = ["-n", 2, "--disk", denali.path("each-{vm}.img")]
    for options, part in ((["--disk", path, "--stats", path], "is a disk"),
                          (["--disk", path + ",ro", "--trace", "all", "--trace-to", "alias.img"], "is a disk"),
                          ([*each, "--stats", own], "is a disk"),
                          (["--disk", path, "--disk", "alias.img,ro"], "would be two disks"),
                          ([*each, "--disk", own + ",ro"], "would be two disks"),
                          (["-n", 2, "--disk", path], "several machines would write one disk"),
                          (["--disk", image_copy], "read and written at once")):
        done = denali("run", image_copy, *options)
        equal((done.returncode, done.out), (2, ""), options)
        contains(done.err, part)
    equal(content(path), b"\0" * (4 * BLOCK))


def test_verify_leaves_disks_as_they_were(denali):
    path = image(denali, "verify.img", 10)
    done = denali("verify", denali.guest("disk"), "--disk", path, "--cost", "denali2002")
    equal(done.returncode, 0, done.err)
    equal(content(path), b"\0" * (10 * BLOCK))


def test_stats_have_the_disks(denali):
    path = image(denali, "stats.img", 10)
    done = denali.stats("run", denali.guest("disk"), "--disk", path + ",errors=0.5,seed=3", "--seed", 9, "--", "do=rate")
    disks, config = done.stats["disks"], done.stats["config"]
    equal(disks["failed"], disks["injected"])
    equal(disks["reads"] + disks["failed"], 1000)
    assert 400 < disks["failed"] < 600, disks
    equal((disks["trouble"], config["seed"]), (None, 9))
    equal(config["disks"], [{"file": path, "read_only": False, "copy_on_write": False, "errors_per_million": 500000,
                             "seed": 3}])
    contains(done.err, "blocks read", "of them injected")


def test_seed_decides_what_fails(denali):
    path = image(denali, "seed.img", 10)

    def digest(seed):
        return denali.stats("run", denali.guest("disk"), "--disk", path + ",ro,errors=0.5", "--seed", seed, "-q", "--",
                            "do=rate").stats["digest"]

    equal(digest(1), digest(1))
    assert digest(1) != digest(2)


def limit_file_size():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5 * BLOCK, 5 * BLOCK))


def test_host_that_refuses_is_an_error_for_that_machine_only(denali):
    for vm, blocks in ((0, 5), (1, 50), (2, 5)):
        image(denali, f"full-{vm}.img", blocks)
    process = denali.start("run", denali.guest("disk"), "-n", 3, "--disk", denali.path("full-{vm}.img"),
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=limit_file_size, text=True)
    out, err = process.communicate(timeout=60)
    equal(process.returncode, 1)
    contains(out, "vm 0: machine 0: disk 0 of 5 blocks is well", "vm 2: machine 2: disk 0 of 5 blocks is well",
             "vm 1: machine 1, disk 0: status of a transfer: -28, not 1")
    contains(err, "full-1.img: File too large")


def flushed_until(denali, path, delay):
    """Lets the guest write and flush, kills the process, and returns what it had said was flushed."""
    with open(denali.path("console"), "wb+") as console:
        process = denali.start("run", denali.guest("disk"), "--disk", path, "-q", "--", "do=log", stdout=console,
                               stdin=subprocess.DEVNULL)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        console.seek(0)
        lines = [line for line in console.read().decode().split("\n")[:-1]]
    return int(lines[-1].split()[1]) if lines else None


def test_kill_loses_nothing_that_was_flushed(denali):
    """Block N % blocks is full of N, for each N up to the last; the guest goes on at what it finds in block 0."""
    blocks, kills, chance = 7, 0, random.Random(1)
    path = image(denali, "killed.img", blocks)
    while kills < KILLS:
        before = struct.unpack_from("<I", content(path))[0]
        said = flushed_until(denali, path, 0.02 + chance.random() * 0.3)
        if said is None:
            continue
        kills += 1
        assert said > before, f"kill {kills}: flushed {said}, began at {before}"
        data = content(path)
        for at in range(blocks):
            words = set(struct.unpack_from("<1024I", data, at * BLOCK))
            last = said - (said - at) % blocks
            equal(len(words), 1, f"kill {kills}: block {at} is in pieces")
            found = words.pop()
            assert found >= last or last <= before, f"kill {kills}: block {at} has {found}, but {last} was flushed"
            equal(found % blocks, at if found else 0, f"kill {kills}: block {at}")


if __name__ == "__main__":
    run_tests(sys.modules[__name__], Command(*sys.argv[1:3]))
