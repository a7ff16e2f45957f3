#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`denali run --swap` from outside: files, compressed memory, what is refused, what is reported.

    test_swap.py BUILD SOURCE
"""
import os
import resource
import sys

from command import Command, contains, equal, run_tests

PRESSED = ["--frames", "420K", "-n", "20", "-q"]
PRIMES = ["--", "n=200000"]


def pressed(denali, *options):
    return denali.stats("run", denali.guest("primes"), *PRESSED, *options, *PRIMES)


def test_files_and_memory_give_the_same_run(denali):
    plain = denali("run", denali.guest("primes"), "-n", 20, "-q", *PRIMES)
    memory = pressed(denali, "--swap", "zstd:64M")
    files = pressed(denali, "--swap", "one,two,three")
    for done in (memory, files):
        equal(done.returncode, 0, done.err)
        equal(sorted(done.out.splitlines()), sorted(plain.out.splitlines()))
        assert done.stats["swap"]["in"] > 0 and done.stats["swap"]["out"] > 0, done.stats["swap"]
    equal(files.stats["digest"], memory.stats["digest"])
    for name in ("one", "two", "three"):
        equal(os.path.getsize(denali.path(name)), 0, f"{name} at the end")


def test_frames_alone_do_not_suffice(denali):
    done = denali("run", denali.guest("primes"), *PRESSED, *PRIMES)
    equal(done.returncode, 1)
    done = denali("run", denali.guest("primes"), *PRESSED[:2], "-n", 20, "--swap", "none", *PRIMES)
    equal(done.returncode, 1)
    contains(done.err, "no physical frame left")
    assert "swap " not in done.err, done.err


def test_each_policy_runs_to_the_end(denali):
    for block in ("4K", "8K", "16K"):
        for policy in (["--replacement", "lru"], ["--admission", "open"], ["--scheduler", "lottery", "--seed", "7"]):
            done = pressed(denali, "--swap", "zstd:64M", "--swap-block", block, *policy)
            equal(done.returncode, 0, f"{block} {policy}: {done.err}")
            assert done.stats["swap"]["in"] > 0, f"{block} {policy}"


def test_seed_decides_the_lottery(denali):
    runs = [pressed(denali, "--swap", "zstd:64M", "--scheduler", "lottery", "--seed", seed).stats
            for seed in ("1", "1", "2")]
    figures = [(run["digest"], run["vm_switches"], run["swap"]) for run in runs]
    equal(figures[0], figures[1])
    assert figures[0] != figures[2], figures


def test_mistakes_are_usage_errors_with_one_line(denali):
    for options, part in {
        ("--swap", ""): "empty file name",
        ("--swap", "a,,b"): "empty file name",
        ("--swap", "a,"): "empty file name",
        ("--swap", "zstd:0"): "above 0",
        ("--swap", "zstd:much"): "--swap",
        ("--swap", "a", "--swap-block", "12K"): "4K, 8K, 16K, 32K or 64K",
        ("--swap", "a", "--swap-block", "128K"): "4K, 8K, 16K, 32K or 64K",
        ("--swap", "a", "--swap-block", "0"): "4K, 8K, 16K, 32K or 64K",
        ("--swap", "a", "--replacement", "fifo"): "wsclock|lru",
        ("--swap", "a", "--admission", "shut"): "fifo|open",
        ("--swap", "a", "--scheduler", "fair"): "round-robin|lottery",
        ("--swap", "a", "--seed", "x"): "--seed",
        ("--swap", "a", "--frames", "200K"): "swapping needs 272 KB",
        ("--swap", ",".join(f"f{i}" for i in range(17))): "more than 16 files",
    }.items():
        done = denali("run", denali.guest("hello"), *options)
        equal((done.returncode, done.out), (2, ""), options)
        contains(done.err, part)
        equal(done.err.count("\n"), 1, options)


def test_file_that_cannot_be_made_is_host_trouble(denali):
    for paths, named in (("no/dir", "no/dir"), ("good,no/dir", "no/dir"), ("/", "/")):
        done = denali("run", denali.guest("hello"), "--swap", paths)
        equal((done.returncode, done.out), (3, ""), paths)
        contains(done.err, f"{named}: ")


def test_file_that_serves_something_else_stays_as_it_was(denali):
    image = denali.file("image.elf", open(denali.guest("hello"), "rb").read())
    capture = denali.file("precious.pcap", open(denali.capture, "rb").read())
    os.link(capture, denali.path("alias"))
    for name in ("image.elf", "precious.pcap", "alias", "new,./image.elf"):
        done = denali("run", image, "--net", f"pcap:in={capture}", "--swap", name)
        equal((done.returncode, done.out), (2, ""), name)
        contains(done.err, "would be read and written at once")
    equal(open(image, "rb").read(), open(denali.guest("hello"), "rb").read())
    equal(open(capture, "rb").read(), open(denali.capture, "rb").read())


def test_two_uses_of_one_file_are_refused(denali):
    stats = denali.file("stats", b"of yesterday")
    for options in (["--swap", "twice,twice"], ["--swap", "one,./one"], ["--swap", "stats", "--stats", "stats"],
                    ["--swap", "a,./stats", "--stats", "stats"], ["--swap", "out", "--net", "pcap:out=out"],
                    ["--swap", "trace", "--trace", "all", "--trace-to", "./trace"]):
        done = denali("run", denali.guest("hello"), *options)
        equal((done.returncode, done.out), (2, ""), options)
        contains(done.err, "for two purposes")
    equal(open(stats, "rb").read(), b"of yesterday")


def test_summary_shows_swap(denali):
    done = denali("run", denali.guest("primes"), *PRESSED[:4], "--swap", "zstd:64M", *PRIMES)
    contains(done.err, "  swap          ", "blocks out", "asleep now")
    done = denali("run", denali.guest("hello"), "--swap", "zstd:64M")
    assert "  swap " not in done.err, "nothing was swapped"


def test_stats_have_the_figures_and_how_it_was_run(denali):
    done = pressed(denali, "--swap", "a,b", "--swap-block", "8K", "--replacement", "lru", "--admission", "open",
                   "--scheduler", "lottery", "--seed", "77")
    config, swap = done.stats["config"], done.stats["swap"]
    equal([config[name] for name in ("swap", "swap_block", "replacement", "admission", "scheduler", "seed")],
          ["a,b", 8192, "lru", "open", "lottery", 77])
    for name in ("in", "out", "dropped", "pages", "hibernated", "woken", "asleep"):
        assert isinstance(swap[name], int), name
    config = denali.stats("run", denali.guest("hello"), "--seed", str(2**64 - 1)).stats["config"]
    equal([config[name] for name in ("swap", "swap_block", "replacement", "admission", "scheduler", "seed")],
          [None, 16384, "wsclock", "fifo", "round-robin", str(2**64 - 1)])
    config = denali.stats("run", denali.guest("hello"), "--swap", "zstd:1M").stats["config"]
    equal(config["swap"], "zstd:1048576")


def test_full_swap_ends_machines_with_a_report_and_others_go_on(denali):
    for swap, why in (("zstd:4K", "no room left"), ("/dev/full", "No space left on device")):
        done = denali("run", denali.guest("primes"), *PRESSED[:4], "--swap", swap, *PRIMES)
        equal(done.returncode, 1, swap)
        contains(done.err, why)
        assert 0 < len(done.out.splitlines()) < 20, done.out


def limited(denali, *arguments):
    """With files of at most 64 KB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, hard))
    try:
        return denali(*arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_limit_on_the_size_of_files_ends_machines_and_not_the_process(denali):
    done = limited(denali, "run", denali.guest("primes"), *PRESSED[:4], "--swap", "small", *PRIMES)
    equal(done.returncode, 1, done.err)
    contains(done.err, "small: block ", "File too large")


def test_verify_swaps_each_run_to_files_of_its_own(denali):
    done = denali("verify", denali.guest("primes"), *PRESSED[:4], "--swap", "v1,v2", "--cost", "denali2002", "--", "n=20000")
    equal(done.returncode, 0, done.err)
    contains(done.err, "blocks and step agree")
    equal([os.path.exists(denali.path(name)) for name in ("v1", "v2", "v1.step", "v2.step")],
          [True, True, False, False])


if __name__ == "__main__":
    run_tests(sys.modules[__name__], Command(*sys.argv[1:3]))
