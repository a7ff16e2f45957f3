# SPDX-License-Identifier: MIT
"""Test Anything Protocol for the checks in this folder (https://testanything.org)."""
import sys


class Tap:
    """Collects results; done() prints the plan and gives the exit status. Problems go to standard error, which Meson
    shows."""

    def __init__(self):
        self.count = self.failed = 0

    def check(self, name, problems):
        """One test: passes if `problems` is empty, else shows them."""
        self.count += 1
        problems = list(problems)
        print(f"{'not ok' if problems else 'ok'} {self.count} - {name}")
        for problem in problems:
            print(problem, file=sys.stderr)
        self.failed += bool(problems)

    def done(self):
        print(f"1..{self.count}")
        return 1 if self.failed else 0
