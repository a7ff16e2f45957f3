# SPDX-License-Identifier: MIT
"""What the benchmarks share: kernels, running a command for its processor time, figures, files."""
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile


def find_kernels(build):
    """{name: folder} of the kernels that are built both ways."""
    found = {}
    for folder, _, names in os.walk(os.path.join(build, "bench")):
        for name in names:
            stem, suffix = os.path.splitext(name)
            if suffix == ".elf" and stem + ".linux" in names:
                found[stem] = folder
    return found


def choose_kernels(build, wanted):
    """Those of find_kernels() that are wanted; ends the program if one of them does not exist."""
    found = find_kernels(build)
    unknown = [name for name in wanted if name not in found]
    if unknown:
        sys.exit(f"no such kernel: {' '.join(unknown)}; there are {' '.join(sorted(found)) or 'none'}")
    return {name: found[name] for name in wanted}


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def pin(core):
    """From here on this process and all commands that it runs stay on one processor core."""
    os.sched_setaffinity(0, {core})


def run(command):
    """Processor time of the command in seconds, its own and the kernel's for it, and what it printed. Other processes
    on the core disturb its caches, but are not charged."""
    before = children_seconds()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False)
    seconds = children_seconds() - before
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stderr}")
    return seconds, done.stdout.strip()


def run_denali(command):
    """The same for a `denali run ... -- ARGUMENTS`, and its statistics."""
    with tempfile.NamedTemporaryFile(suffix=".json") as stats:
        end = command.index("--")
        seconds, printed = run(command[:end] + ["--stats", stats.name] + command[end:])
        return seconds, printed, json.load(stats)


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(value) for value in values))


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def host_model():
    """The host's processor, in its own words."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"


def write_json(path, content):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    print(f"written to {path}")
