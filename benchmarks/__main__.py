"""``python -m benchmarks``: every block and mode, ours against the public form, the convolutions and the products.

Times come from interleaved rounds in one process, memory from a fresh process per measurement.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks import report
from benchmarks.cases import CASES, DIRECTIONS
from nlblocks.errors import InputError, known

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 60.0
"""Seconds that one call of the public form may be expected to take; the next size takes 16 times the last."""


@click.command()
@click.option("--quick", is_flag=True, help="Sides 14 and 28, C=64, short rounds: about two minutes.")
@click.option("--blocks", default=",".join(CASES), help="Which blocks and modes.", show_default=False)
@click.option("--backends", default="torch,paddle", show_default=True)
@click.option("--sides", default="14,28,56,112", show_default=True)
@click.option("--channels", default="64,256", show_default=True)
@click.option("--seconds", default=2.0, show_default=True, help="How long the rounds of one comparison go on.")
@click.option("--threads", type=int, help="Threads of the frameworks; default: theirs.")
@click.option(
    "--clock", type=click.Choice(["wall", "cpu"]), default="wall", show_default=True,
    help="cpu (with --threads 1) is the honest clock on a machine that others use too.",
)  # fmt: skip
@click.option("--no-memory", is_flag=True, help="Times only.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("nlblocks-bench"), show_default=True,
              help="Where NAME.json and NAME.png go.")  # fmt: skip
def main(
    quick: bool, blocks: str, backends: str, sides: str, channels: str, seconds: float, threads: int | None,
    clock: str, no_memory: bool, output: Path,
) -> None:  # fmt: skip
    """Time and memory of every block, beside the public form, its convolutions and its two products."""
    if quick:
        sides, channels, seconds = "14,28", "64", 0.3
    names = blocks.split(",")
    unknown = [name for name in names if name not in CASES]
    if unknown:
        raise click.UsageError(f"--blocks: {known(unknown)} is unknown; it must be one of {known(CASES)}")
    grid = [
        (backend, name, int(c), direction, int(side))
        for backend in backends.split(",")
        for name in names
        for c in channels.split(",")
        for direction in DIRECTIONS
        for side in sides.split(",")
    ]
    rows, skipped = [], []
    console = Console() if Console().is_terminal else Console(width=140)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("measuring", total=len(grid))
        previous: dict[str, Any] = {}
        for point in grid:
            progress.update(task, description=" ".join(map(str, point)))
            if (
                previous
                and (previous["backend"], previous["case"], previous["channels"], previous["direction"]) != point[:4]
            ):
                previous = {}
            row = _measure(point, seconds, threads, previous, not no_memory)
            skipped += [f"{' '.join(map(str, point))}: {reason}" for reason in row.pop("skipped")]
            rows.append(row)
            previous = row
            progress.advance(task)
            _write(output, rows, skipped, clock, threads)
    console.print(report.table(rows, clock))
    for line in skipped:
        console.print(f"skipped {line}", highlight=False, soft_wrap=True)
    report.picture(rows, clock, output.with_suffix(".png"))
    console.print(
        f"{len(rows)} rows. Everything: {output.with_suffix('.json')}, {output.with_suffix('.png')}", highlight=False
    )


def _measure(
    point: tuple[str, str, int, str, int], seconds: float, threads: int | None, previous: dict[str, Any], memory: bool
) -> dict[str, Any]:
    backend, name, channels, direction, side = point
    base = {"backend": backend, "case": name, "channels": channels, "direction": direction, "side": side}
    forms = ["ours", "public", "convolutions", "products"]
    skipped = []
    reason = _too_much(CASES[name].public_bytes(channels, side, direction), previous, side)
    if reason:
        own = name == "relation_aware"  # its map is part of the formula, whoever writes it
        forms = [form for form in forms if form not in (("ours", "public") if own else ("public", "products"))]
        skipped.append(("every form: " if own else "the public form and the products: ") + reason)
    times = _worker({**base, "forms": forms, "seconds": seconds}, threads) if "ours" in forms else {}
    found = {}
    for form in ("ours", "public"):
        if memory and form in times:
            found[form] = _worker({**base, "form": form}, threads).get("bytes")
    if "ours" in forms and not times:
        skipped.append("the process died, most likely for want of memory")
    return {**base, "times": times, "memory": found, "skipped": skipped}


def _too_much(needed: float, previous: dict[str, Any], side: int) -> str:
    """Why the public form is not run at this size, or nothing."""
    free = _free_memory()
    if needed > 0.7 * free:
        return f"needs about {needed / 1e9:.0f} GB, {free / 1e9:.0f} GB are free"
    before = previous.get("times", {}).get("public")
    if previous and needed and before is None:
        return "the size before it was skipped"
    expected = before["wall"] * (side / previous["side"]) ** 4 if before and needed else 0.0
    return f"would take about {expected:.0f} s a call" if expected > LONGEST else ""


def _free_memory() -> float:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return 8e9


def _worker(task: dict[str, Any], threads: int | None) -> dict[str, Any]:
    paths = [str(ROOT), str(ROOT / "backends"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    if threads is not None:
        environment |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.worker", json.dumps(task)],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if found.returncode < 0:
        return {}
    if found.returncode:
        raise InputError(f"benchmark {task} failed: {found.stderr.strip().splitlines()[-1]}")
    result: dict[str, Any] = json.loads(found.stdout.strip().splitlines()[-1])
    return result


def _write(output: Path, rows: list[dict[str, Any]], skipped: list[str], clock: str, threads: int | None) -> None:
    libraries = sorted({"torch": "torch", "paddle": "paddlepaddle"}[row["backend"]] for row in rows)
    data = {
        "clock": clock, "threads": threads, "cores": os.cpu_count(), "rows": rows, "skipped": skipped,
        "versions": {library: version(library) for library in {*libraries}},
    }  # fmt: skip
    output.with_suffix(".json").write_text(json.dumps(data, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
