#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the compiled library: no mutable data in any object, and no import that a library must not need.

    objects.py LIBDENALI.A
"""
import re
import subprocess
import sys

from tap import Tap

MUTABLE = re.compile(r"^\.(data|bss|tdata|tbss)(\.(?!rel\.ro).*)?$")

# What the library may ask of others. Time, randomness, standard output and leaving the process are not in it: a run is
# a pure function of its configuration, and errors are values.
ALLOWED = re.compile(
    r"^(cs_|pcap_|slirp_|XXH|ZSTD_|__(asan|ubsan|stack_chk)_|_GLOBAL_OFFSET_TABLE_$|__(start|stop)_)|^_?_?("
    r"malloc|calloc|realloc|free|strdup|strndup|posix_memalign|aligned_alloc|reallocarray|"
    r"fe[gs]etenv|bcmp|mem(cpy|move|set|cmp|chr|rchr|mem)|(stp|str)n?cpy|str(n?cmp|n?len|chr|chrnul|rchr|str|spn|cspn|pbrk|error|error_r|"
    r"toull?|toul|sep)|qsort|bsearch|t(search|find|delete|destroy)|"
    r"v?snprintf|v?fprintf|fputs|fputc|putc|fwrite|fread|fopen|fdopen|fclose|fflush|ferror|feof|fileno|fseeko?|ftello?|"
    r"getc|fgetc|setvbuf|fopencookie|open_memstream|isatty|"
    r"open|close|read|write|pread|pwrite|preadv|pwritev|fdatasync|ftruncate|fallocate|fstat|stat|lseek|mmap|munmap|mremap|madvise|sysconf|poll|ppoll|mkdir|unlink|"
    r"fcntl|ioctl|inet_pton|socket|bind|sendto|sendmmsg|recv|recvfrom|[gs]etsockopt|htons|if_nametoindex|if_indextoname|errno_location|assert_fail|ctype_b_loc|ctype_tolower_loc|isoc99_sscanf|u?divti3|u?modti3|udivmodti4|popcountdi2|"
    r"(mem|str|stp|v?snprintf|v?fprintf|read|fread|poll)[a-z]*_chk)(64)?$"
)
# The configuration's defaults name these streams, and one function reads the host's clock; nobody else does.
ALLOWED_IN = {"clock_gettime": ["devices_host_host_clock.c.o"], "stdout": ["emu_simulation.c.o"], "stderr": ["emu_simulation.c.o"]}


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def objects(archive):
    """For each object in the archive its name and {section: size}."""
    result, sections = {}, None
    for line in output("size", "-A", archive).splitlines():
        head = re.match(r"^(\S+)\s+\(ex .*\):$", line)
        if head:
            sections = result.setdefault(head.group(1), {})
        elif line.startswith(".") and sections is not None:
            name, size = line.split()[:2]
            sections[name] = sections.get(name, 0) + int(size)
    return result


def imports(archive):
    """{symbol: objects that need it}, without what other objects of the archive define."""
    needed, defined, member = {}, set(), None
    for line in output("nm", archive).splitlines():
        words = line.split()
        if line.endswith(":"):
            member = line[:-1]
        elif len(words) == 2 and words[0] in "UwWvV":
            needed.setdefault(words[1].split("@")[0], []).append(member)
        elif len(words) == 3 and words[1] in "TDBRVWtdbr":
            defined.add(words[2])
    return {name: members for name, members in needed.items() if name not in defined}


def main():
    archive, tap = sys.argv[1], Tap()
    found = objects(archive)
    tap.check("library_archive_has_objects", [] if len(found) > 5 else [f"only {len(found)} objects in {archive}"])
    for name, sections in sorted(found.items()):
        tap.check(f"{name}_mutable_data_none",
                  [f"{size} bytes in {section}" for section, size in sections.items() if size and MUTABLE.match(section)])
    tap.check("library_imports_allowed",
              [f"{name}, needed by {' '.join(members)}" for name, members in sorted(imports(archive).items())
               if not ALLOWED.match(name) and ALLOWED_IN.get(name) != members])
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
