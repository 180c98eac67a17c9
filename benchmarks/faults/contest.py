"""Install the other tools for this run only, put every case through them, and collect what they said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.faults.rivals import COLUMNS, FAILED

PACKAGES = ("padiff", "pyyaml", "reprod-log")
"""PaDiff imports yaml and does not say so."""


def install(folder: Path) -> dict[str, str]:
    """Each package into ``folder``; by name, why it could not be had."""
    missing = {}
    for package in PACKAGES:
        call = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), package]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        if done.returncode:
            missing[package] = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
    return missing


def contest(folder: Path, names: Sequence[str]) -> Iterator[dict[str, str]]:
    """A row per case, in order. Where a tool takes the process down, the row says so and a new process goes on."""
    out = folder / "rivals.jsonl"
    out.write_text("")
    given = 0
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    while given < len(names):
        call = [sys.executable, "-m", "benchmarks.faults.rivals", str(folder), str(out), *names[given:]]
        process = subprocess.Popen(  # in the folder, where PaDiff leaves its logs
            call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, cwd=folder
        )
        ended = False
        while not ended:
            try:
                process.wait(timeout=0.5)
                ended = True
            except subprocess.TimeoutExpired:
                pass
            for line in out.read_text().splitlines()[given:]:
                given += 1
                yield json.loads(line)
        if given < len(names):
            row = {"name": names[given], **dict.fromkeys(COLUMNS, FAILED)}
            row["error"] = f"the process ended with status {process.returncode}"
            with open(out, "a", encoding="utf-8") as lines:
                lines.write(json.dumps(row) + "\n")
            given += 1
            yield row
