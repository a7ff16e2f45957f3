#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Same bytes everywhere: one simulation under every build, both engines, traced and not.

    same_bytes.py GUESTS CAPTURE BUILD...        (BUILD: a folder that has `denali` in it)

Every run is of the same images (those in the folder GUESTS). Digest, consoles and the capture of what the machines sent
must be equal to the byte. Prints TAP.
"""
import hashlib
import json
import os
import subprocess
import sys
import tempfile

ENGINES = {
    "blocks": ["--engine", "blocks"],
    "step": ["--engine", "step"],
    "traced": ["--trace", "all", "--trace-to", "/dev/null"],
}


def run(denali, image, options, arguments, typed, folder):
    """Everything a run leaves behind that must not depend on how it was run."""
    out, stats = os.path.join(folder, "out.pcapng"), os.path.join(folder, "stats.json")
    disk = os.path.join(folder, "disk.img")
    with open(disk, "wb") as file:
        file.truncate(64 * 4096)
    options = [option.replace("{out}", out).replace("{disk}", disk) for option in options]
    with tempfile.TemporaryFile() as keys:  # no pipe: all of it is there from the start
        keys.write(typed)
        keys.seek(0)
        done = subprocess.run([denali, "run", image, "--quiet", "--stats", stats, *options, "--", *arguments],
                              stdout=subprocess.PIPE, stdin=keys)
    with open(stats, encoding="utf-8") as file:
        figures = json.load(file)
    written = open(out, "rb").read() if os.path.exists(out) else b""
    kept = open(disk, "rb").read()
    same = ("digest", "instructions", "virtual_ns", "frames", "interrupts", "vm_switches", "disks", "memory", "failed")
    return {"status": done.returncode, "console": hashlib.sha256(done.stdout).hexdigest(),
            "capture": hashlib.sha256(written).hexdigest(), "disk": hashlib.sha256(kept).hexdigest(),
            **{name: figures[name] for name in same if name != "memory"},
            "frames of memory": figures["memory"]["frames"]}


def main():
    guests, capture, builds = sys.argv[1], sys.argv[2], sys.argv[3:]
    scenes = {
        "a hundred machines answer a capture":
            ("echo", ["--vms", "100", "--net", f"pcap:in={capture},out={{out}}"], []),
        "immediate interrupts on a slow processor":
            ("echo", ["--vms", "30", "--cpu-mhz", "5", "--interrupts", "immediate",
                      "--net", f"pcap:in={capture},out={{out}}"], []),
        "what the kernel does takes time":
            ("echo", ["--vms", "100", "--cost", "denali2002", "--net", f"pcap:in={capture},out={{out}}"], []),
        "machines with disks that take time":
            ("disk", ["--vms", "10", "--cost", "denali2002", "--disk", "{disk},cow"], []),
        "machines with disks that fail":
            ("disk", ["--vms", "10", "--disk", "{disk},ro,errors=0.1", "--seed", "3"], ["do=rate"]),
        "a disk that persists": ("disk", ["--disk", "{disk}"], ["do=log", "until=100"]),
        "more machines than memory holds":
            ("echo", ["--vms", "100", "--cost", "denali2002", "--frames", "420K", "--swap", "zstd:64M", "--swap-block", "8K",
                      "--net", f"pcap:in={capture},out={{out}}"], []),
        "machines that compute": ("primes", ["--vms", "5", "--quantum", "10us"], ["n=10000"]),
        "a supervisor": ("supervisor", ["--supervisor", "--image", f"clock={guests}/clock.elf", "--image",
                                        f"crash={guests}/crash.elf", "--vms-max", "200"], [],
                         b"run clock 150 count=2\nrun crash 100 how=double\nlist\ndestroy 20-100\nconsole 7\n"
                         b"run -m 1M clock 9\nstop 3-9\nwait 3000\nlist\ndestroy all\nquit\n"),
        "machines that crash": ("crash", ["--vms", "20", "--vm-instructions", "100k"], ["how=recursion"]),
    }
    number, failures = 0, 0
    for scene, (guest, options, arguments, *typed) in scenes.items():
        first = None
        for build in builds:
            for engine, flags in ENGINES.items():
                with tempfile.TemporaryDirectory() as folder:
                    got = run(os.path.join(build, "denali"), os.path.join(guests, guest + ".elf"), options + flags,
                              arguments, typed[0] if typed else b"", folder)
                first = first or got
                number += 1
                differences = [name for name in got if got[name] != first[name]]
                failures += bool(differences)
                print(f"{'not ok' if differences else 'ok'} {number} - {scene}: {os.path.basename(build)}, {engine}")
                for name in differences:
                    print(f"# {name}: {got[name]}, not {first[name]}")
    print(f"1..{number}")
    return 1 if failures else 0


sys.exit(main())
