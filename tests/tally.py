#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts test cases in meson's JUnit logs (a TAP line is a case) and in TAP files; prints `N passed, N failed`."""
import argparse
import sys
import xml.etree.ElementTree as ElementTree


def tally(path):
    """Passed and failed cases of one log, and the names of those that failed."""
    passed, failed = 0, []
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        cases = list(suite.iter("testcase"))
        bad = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
        skipped = [case for case in cases if case.find("skipped") is not None]
        passed += len(cases) - len(bad) - len(skipped)
        failed += [f"{suite.get('name')}: {case.get('name')}" for case in bad]
        # A program that dies before its plan is done has fewer cases, and no bad one among them.
        unaccounted = int(suite.get("errors", 0)) + int(suite.get("failures", 0)) - len(bad)
        failed += [f"{suite.get('name')}: ended early"] * max(unaccounted, 0)
    return passed, failed


def tally_tap(path):
    """The same of a TAP file, which must have its plan."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    passed = sum(line.startswith("ok ") for line in lines)
    failed = [line for line in lines if line.startswith("not ok ")]
    if f"1..{passed + len(failed)}" not in lines:
        failed.append("ended early")
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broken", type=int, default=0, help="builds that failed")
    parser.add_argument("--failed-runs", type=int, default=0, help="runs that meson reported as failed")
    parser.add_argument("logs", nargs="*")
    arguments = parser.parse_args()
    passed, failed = 0, []
    for path in arguments.logs:
        one_passed, one_failed = tally_tap(path) if path.endswith(".tap") else tally(path)
        passed += one_passed
        failed += [f"{path}: {name}" for name in one_failed]
    failed += ["a build failed"] * arguments.broken
    if arguments.failed_runs and not failed:
        failed.append("meson reports a failure that its log does not show")
    for name in failed:
        print(f"failed: {name}", file=sys.stderr)
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
