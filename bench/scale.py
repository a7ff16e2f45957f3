#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What many machines cost. docs/scale.md tells what is measured, what came out, and what bounds it.

Every part prints a table, and beside it whether the goal is reached that the project has set itself. Machines are run
by bench/scale.c through the library, but for the last part, which runs the command. Seconds are those on the clock;
in parentheses, of the processor, which do not count what else goes on in the host. Throughput is charged with the
latter.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

import chart
from common import host_model, pin, progress, run_denali, write_json

PAGE = 4096
MB, GB = 1 << 20, 1 << 30
HOUR = 3600
BUSY = 16  # machines that compute, in part three
ASLEEP_FEW = 10_000  # of which most are swapped out already

# In part four: a server's pages, those in use, what it has besides (registers, data, stack), and what it answers.
PAGES, SPREAD, OWN_PAGES = 64, 16, 3
BLOCKS = ["4K", "16K", "64K"]


class Goals:
    """Figures to reach, and whether they are."""

    def __init__(self):
        self.rows = []

    def add(self, what, value, limit, unit, at_least=False):
        met = value >= limit if at_least else value <= limit
        self.rows.append({"what": what, "value": value, "limit": limit, "unit": unit, "at_least": at_least, "met": met})

    def print(self):
        print("\ngoals\n")
        for row in self.rows:
            print(f"  {'reached' if row['met'] else 'MISSED ':8} {row['what']:<58} {row['value']:12,.2f} {row['unit']:<11} "
                  f"({'at least' if row['at_least'] else 'at most'} {row['limit']:,g})")


def probe(build, *arguments):
    """What bench/scale.c prints."""
    command = [os.path.join(build, "bench", "scale"), *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: status {done.returncode}")
    return json.loads(done.stdout)


def guest(build, name):
    return os.path.join(build, "guests", name + ".elf")


def took(step):
    return f"{step['seconds']:8.3f} ({step['cpu_seconds']:7.3f})"


# Part one: machines that idle -----------------------------------------------------------------------------------------

def measure_machines(build, counts):
    rows = []
    for count in counts:
        progress(f"{count:,} idle machines")
        row = probe(build, "machines", guest(build, "echo"), count)
        if row["idle"] != count:
            sys.exit(f"{row['idle']} of {count} machines idle")
        pages = (row["frames_booted"] - row["frames_created"] + count) * PAGE  # one was touched when it was created
        row.update(machines=count, bytes_each=row["rss_booted"] / count,
                   fixed_bytes_each=(row["rss_booted"] - row["rss_before"] - pages) / count)
        rows.append(row)
    progress("")
    return rows


def print_machines(rows):
    print("machines that idle (guest echo); memory is the resident memory of the whole process\n")
    print(f"{'machines':>9} {'memory MB':>10} {'bytes each':>11} {'beside pages':>13} {'files':>6}   "
          f"{'create, s':^18} {'boot, s':^18} {'free, s':^18} {'created/s':>10}")
    for row in rows:
        print(f"{row['machines']:9,} {row['rss_booted'] / MB:10,.1f} {row['bytes_each']:11,.0f} "
              f"{row['fixed_bytes_each']:13,.0f} {row['descriptors']:6}   {took(row['create'])} {took(row['boot'])} "
              f"{took(row['free'])} {row['machines'] / row['create']['seconds']:10,.0f}")


def judge_machines(goals, rows):
    for row in rows:
        name, seconds = f"{row['machines']:,} machines", row["create"]["seconds"] + row["boot"]["seconds"]
        if row["machines"] == 10_000:
            goals.add(f"{name}: resident", row["rss_peak"] / GB, 1, "GiB")
            goals.add(f"{name}: created and booted", seconds, 10, "s")
            goals.add(f"{name}: file descriptors", row["descriptors"], 64, "")
        if row["machines"] == 100_000:
            goals.add(f"{name}: resident", row["rss_peak"] / GB, 6, "GiB")
            goals.add(f"{name}: created and booted", seconds, 60, "s")
        if row["machines"] == max(other["machines"] for other in rows):
            goals.add(f"{name}: created in a second", row["machines"] / row["create"]["seconds"], 20_000, "",
                      at_least=True)
            goals.add(f"{name}: fixed cost of one beside its pages", row["fixed_bytes_each"], 4096, "bytes")


def draw_machines(path, rows):
    count = [row["machines"] for row in rows]

    def series(value):
        return list(zip(count, map(value, rows)))

    chart.write_lines(path + "-memory.svg", "Memory of a machine that idles", "resident memory of the process, guest echo",
                      ("machines", "bytes per machine"), {
                          "whole process": series(lambda row: row["bytes_each"]),
                          "beside its pages": series(lambda row: max(1, row["fixed_bytes_each"]))})
    chart.write_lines(path + "-time.svg", "Time that a machine takes", "processor time, guest echo",
                      ("machines", "microseconds per machine"), {
                          step: series(lambda row, step=step: row[step]["cpu_seconds"] / row["machines"] * 1e6)
                          for step in ("create", "boot", "free")})


def measure_asleep(build, count, directory):
    """Bytes of a machine that is swapped out as a whole: of so many, hardly any of which find room in memory."""
    progress(f"{count:,} machines swapped out")
    rows = [probe(build, "machines", guest(build, "echo"), machines, 16 * MB, os.path.join(directory, "swap"))
            for machines in (ASLEEP_FEW, count)]
    progress("")
    few, many = rows
    return {"machines": count, "asleep": many["asleep"], "boot": many["boot"],
            "bytes_each": (many["rss_booted"] - few["rss_booted"]) / (many["asleep"] - few["asleep"])}


# Part two: time that passes -------------------------------------------------------------------------------------------

def measure_hours(build, count, seconds):
    rows = []
    for name, image, arguments in (("no timers", "echo", ""), ("a timer of 1 s each", "crowd", "period=1000")):
        virtual = HOUR if image == "echo" else seconds
        progress(f"{count:,} machines idle, {name}")
        row = probe(build, "idle", guest(build, image), count, virtual, arguments)
        rows.append({"name": name, "machines": count, "virtual_seconds": virtual, **row})
    progress("")
    return rows


def judge_hours(goals, rows):
    for row, limit in zip(rows, (1, 60)):
        seconds = row["boot"]["seconds"] + row["idle"]["seconds"] * HOUR / row["virtual_seconds"]
        goals.add(f"an idle hour of {row['machines']:,} machines, {row['name']}", seconds, limit, "s")


def print_hours(rows):
    print("\nvirtual time that passes while all machines idle\n")
    print(f"{'machines':>9} {'timers':<20} {'virtual s':>10} {'interrupts':>12}   {'boot, s':^18} {'then, s':^18}")
    for row in rows:
        print(f"{row['machines']:9,} {row['name']:<20} {row['virtual_seconds']:10,} {row['interrupts']:12,}   "
              f"{took(row['boot'])} {took(row['idle'])}")


# Part three: machines that work beside machines that idle -------------------------------------------------------------

def measure_beside(build, counts, rounds, quanta):
    rows = []
    for count in counts:
        progress(f"{BUSY} machines compute beside {count:,}")
        row = probe(build, "beside", guest(build, "crowd"), BUSY, count, rounds, quanta)
        ratios = [crowded / alone for alone, crowded in row["rates"]]
        rows.append({"idle": count, "ratio": statistics.median(ratios), "ratio_min": min(ratios),
                     "ratio_max": max(ratios), "alone": statistics.median(alone for alone, _ in row["rates"]),
                     "crowded": statistics.median(crowded for _, crowded in row["rates"])})
    progress("")
    return rows


def print_beside(rows):
    print(f"\n{BUSY} machines compute beside machines that idle: millions of instructions a second, in turn with {BUSY} "
          "alone\n")
    print(f"{'idle':>9} {'alone':>9} {'beside':>9} {'ratio: median (min - max)':>28}")
    for row in rows:
        print(f"{row['idle']:9,} {row['alone']:9.1f} {row['crowded']:9.1f} "
              f"{row['ratio']:10.3f} ({row['ratio_min']:.3f} - {row['ratio_max']:.3f})")


def draw_beside(path, rows):
    chart.write_lines(path + "-beside.svg", "Throughput beside machines that idle",
                      f"{BUSY} machines that compute, in turn with the same number alone: rounds in pairs",
                      ("idle machines", "rate, where 1 is that of the same machines alone"), {
                          name: [(row["idle"], row[key]) for row in rows]
                          for name, key in (("most", "ratio_max"), ("median", "ratio"), ("least", "ratio_min"))})


# Part four: more machines than memory holds ---------------------------------------------------------------------------

class Servers:
    """The guest zipf with the costs of the paper's machine, three disks, and so much memory."""

    def __init__(self, build, directory, frames, requests):
        self.build, self.frames, self.requests = build, frames, requests
        self.swap = ",".join(os.path.join(directory, f"disk-{i}") for i in range(3))

    def run(self, servers, block="16K", options=(), **arguments):
        """Requests a virtual second, and what swapping did. The client has compared every byte."""
        settings = {"alpha": 100, "warm": self.requests, "requests": self.requests, "pages": PAGES, "spread": SPREAD,
                    **arguments}
        command = [os.path.join(self.build, "denali"), "run", guest(self.build, "zipf"), "-n", str(servers + 1),
                   "--quiet", "--cost", "denali2002", "--queue", "1024", "--frames", str(self.frames), "--swap", self.swap,
                   "--swap-block", block, *options, "--", f"servers={servers}",
                   *(f"{name}={value}" for name, value in settings.items())]
        seconds, printed, stats = run_denali(command)
        found = re.fullmatch(r"vm 0: (\d+) answers, (\d+) bytes in (\d+) us", printed)
        if not found or int(found[1]) != settings["requests"]:
            sys.exit(f"{' '.join(command)}: {printed}")
        return {"servers": servers, "rate": settings["requests"] / int(found[3]) * 1e6, "cpu_seconds": seconds,
                "times_memory": servers * (PAGES + OWN_PAGES) * PAGE / self.frames, **stats["swap"]}


# Name, option for each run, most servers.
SERIES = {
    "4 KB blocks": {"block": "4K"},
    "16 KB blocks": {"block": "16K"},
    "64 KB blocks": {"block": "64K"},
    "alpha 0": {"alpha": 0},
    "134,007 bytes": {"object": 134007, "window": 4},
    "LRU": {"options": ["--replacement", "lru"]},
    "open gate": {"options": ["--admission", "open"]},
}
LARGE_MOST = 512  # servers of large objects: enough to see

# Charts: what they show, and which series.
SERVER_CHARTS = {
    "popularity": ("Requests that many servers answer", {"alpha 1": "16 KB blocks", "alpha 0": "alpha 0",
                                                        "134,007 bytes": "134,007 bytes"}),
    "blocks": ("The size of a block that is swapped", {name: name for name in list(SERIES)[:3]}),
    "policies": ("Who leaves memory, and who waits", {"WSClock, FIFO": "16 KB blocks", "LRU, FIFO": "LRU",
                                                     "WSClock, open": "open gate"}),
}


def measure_servers(servers, counts, names):
    rows = {}
    for name in names:
        arguments = dict(SERIES[name])
        if "object" in arguments:
            arguments.update(requests=servers.requests // 10, warm=servers.requests // 10)
        rows[name] = []
        for count in counts:
            if "object" in arguments and count > LARGE_MOST:
                break
            progress(f"{name}: {count:,} servers")
            rows[name].append(servers.run(count, **arguments))
    progress("")
    return rows


def measure_tenth(servers):
    """All of ten times as much memory as there is, in use: each answer is from every page of a server."""
    count = round(10 * servers.frames / ((PAGES + OWN_PAGES) * PAGE))
    rows = {}
    for block in BLOCKS:
        progress(f"memory for a tenth, {block}")
        rows[block] = servers.run(count, block, spread=1, object=PAGES * 1024, window=4,
                                  warm=servers.requests // 10, requests=servers.requests // 10)
    progress("")
    return rows


def print_servers(rows, tenth, frames):
    print(f"\nservers (guest zipf) in {frames / MB:.0f} MB of memory with the costs of the paper's machine: requests a "
          "virtual second\n")
    counts = sorted({row["servers"] for series in rows.values() for row in series})
    print(f"{'servers':<15}" + "".join(f"{count:>10,}" for count in counts))
    print(f"{'x memory':<15}" + "".join(f"{count * (PAGES + OWN_PAGES) * PAGE / frames:10.2f}" for count in counts))
    for name, series in rows.items():
        print(f"{name:<15}" + "".join(f"{row['rate']:10,.0f}" for row in series))
    for block, row in tenth.items():
        print(f"\nall in use, {block} blocks, {row['servers']:,} servers, {row['times_memory']:.1f} x memory: "
              f"{row['rate']:,.2f} requests a virtual second of {PAGES} KB each; {row['in']:,} blocks in, {row['out']:,} out",
              end="")
    print("\nevery byte of every answer was compared")


def draw_servers(path, rows, frames):
    for name, (title, series) in SERVER_CHARTS.items():
        lines = {label: [(row["servers"], row["rate"]) for row in rows[key]]
                 for label, key in series.items() if key in rows}
        if len(lines) > 1:
            chart.write_lines(f"{path}-{name}.svg", title,
                              f"{frames / MB:.0f} MB of memory, {(PAGES + OWN_PAGES) * 4} KB a server, costs of denali2002",
                              ("servers", "requests per virtual second"), lines)


PARTS = ["machines", "hours", "beside", "servers"]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help="the build folder")
    parser.add_argument("--quick", action="store_true", help="about a minute, and less exact")
    parser.add_argument("--part", action="append", choices=PARTS, help="this one only (may be given again)")
    parser.add_argument("--core", type=int, help="to run on")
    parser.add_argument("--swap-directory", help="where files for swapping are made (default: the build folder)")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    build, quick, parts = arguments.build, arguments.quick, arguments.part or PARTS
    path, goals = os.path.join(build, "bench", "scale"), Goals()
    results = {"host": host_model(), "quick": quick}
    if arguments.core is not None:
        pin(arguments.core)
    with tempfile.TemporaryDirectory(dir=arguments.swap_directory or build) as directory:
        if "machines" in parts:
            rows = measure_machines(build, [10 ** power for power in range(6)])
            asleep = measure_asleep(build, 20_000 if quick else 40_000, directory)
            print_machines(rows)
            print(f"\na machine that is swapped out as a whole: {asleep['bytes_each']:,.0f} bytes")
            judge_machines(goals, rows)
            goals.add("a machine that is swapped out as a whole", asleep["bytes_each"], 255, "bytes")
            draw_machines(path, rows)
            results.update(machines=rows, asleep=asleep)
        if "hours" in parts:
            rows = measure_hours(build, 10_000, 120 if quick else HOUR)
            print_hours(rows)
            judge_hours(goals, rows)
            results.update(hours=rows)
        if "beside" in parts:
            rows = measure_beside(build, [1_000, 10_000, 100_000], 5 if quick else 20, 64 if quick else 256)
            print_beside(rows)
            for row in rows:
                goals.add(f"throughput beside {row['idle']:,} idle machines, of alone", row["ratio"], 0.9, "",
                          at_least=True)
            draw_beside(path, rows)
            results.update(beside=rows)
        if "servers" in parts:
            servers = Servers(build, directory, (16 if quick else 32) * MB, 500 if quick else 2000)
            rows = measure_servers(servers, [16, 64, 256, 1024] if quick else [2 ** power for power in range(4, 12)],
                                   list(SERIES)[:3] if quick else list(SERIES))
            tenth = measure_tenth(servers)
            print_servers(rows, tenth, servers.frames)
            draw_servers(path, rows, servers.frames)
            results.update(servers=rows, tenth=tenth)
    goals.print()
    print()
    write_json(path + ".json", {**results, "goals": goals.rows})


if __name__ == "__main__":
    main()
