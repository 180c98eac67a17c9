"""``python -m benchmarks.startup``: what a command costs before it works, beside an import of numpy and click.

Each round starts every program once, in a process of its own, one after the other; the figures are medians of
:data:`ROUNDS` and their ratios to the first program, so the machine's own speed is left out. The files are read from
memory: the first round is not counted.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 15
PROGRAMS = {
    "import numpy, click": ("-c", "import numpy, click"),
    "nlblocks --help": ("-m", "nlblocks", "--help"),
    "nlblocks compare --help": ("-m", "nlblocks", "compare", "--help"),
    "nlblocks list": ("-m", "nlblocks", "list"),
    "import nlblocks": ("-c", "import nlblocks"),
}


def seconds(arguments: tuple[str, ...]) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def main() -> None:
    rounds = [{name: seconds(words) for name, words in PROGRAMS.items()} for _ in range(ROUNDS + 1)][1:]
    median = {name: statistics.median(found[name] for found in rounds) for name in PROGRAMS}
    first = next(iter(median.values()))
    for name, found in median.items():
        print(f"{name:<24} {found:.3f} s  {found / first:.2f}")


if __name__ == "__main__":
    main()
