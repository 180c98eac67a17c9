"""A guard: a small process beside this one, which says so when this one is killed.

A process that is killed says nothing, and one whose partner is killed may be ended by its framework in the middle of a
call: neither has a chance to print a line.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SCRIPT = "import sys\nif not sys.stdin.read():\n    print(sys.argv[1], file=sys.stderr, flush=True)\n"
"""What it reads ends with this process, whatever ends that; a word before then says that all is well."""


@contextmanager
def guarded(line: str) -> Iterator[None]:
    """Within, a guard prints the line to stderr should this process end; exceptions are none of its business."""
    guard = subprocess.Popen(
        [sys.executable, "-S", "-c", SCRIPT, line], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        start_new_session=True,  # what ends this process and its group, such as Ctrl-C, leaves the guard
    )  # fmt: skip
    try:
        yield
    finally:
        with suppress(BrokenPipeError):  # the guard itself was ended
            guard.communicate("well")
