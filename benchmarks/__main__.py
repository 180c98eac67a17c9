"""``python -m benchmarks``: every block and mode, ours against the public form, the convolutions and the products.

Times come from interleaved rounds in one process, memory from a fresh process per measurement.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks import growth, report
from benchmarks.cases import CASES, DIRECTIONS, Case
from nlblocks.errors import InputError, known

ROOT = Path(__file__).resolve().parent.parent
BACKENDS = ("torch", "paddle")
Row = dict[str, Any]
Point = tuple[str, str, int, str, int]
"""Backend, case, channels, direction, side."""


@click.command()
@click.option("--quick", is_flag=True, help="Sides 14 and 28, C=64, short rounds: about a minute.")
@click.option("--blocks", default=",".join(CASES), help="Which blocks and modes.", show_default=False)
@click.option("--backends", default=",".join(BACKENDS), show_default=True)
@click.option("--sides", default="14,28,56,112", show_default=True)
@click.option("--channels", default="64,256", show_default=True)
@click.option("--seconds", default=2.0, show_default=True, help="How long the rounds of one comparison go on.")
@click.option("--longest", default=60.0, show_default=True,
              help="A public form whose one call is expected to take more seconds is skipped.")  # fmt: skip
@click.option("--threads", type=int, help="Threads of the frameworks; default: theirs.")
@click.option(
    "--clock", type=click.Choice(["wall", "cpu"]), default="wall", show_default=True,
    help="cpu (with --threads 1) is the honest clock on a machine that others use too.",
)  # fmt: skip
@click.option("--no-memory", is_flag=True, help="Times only.")
@click.option("--resume", is_flag=True, help="Keep the rows that NAME.json has, and measure only the others.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("nlblocks-bench"), show_default=True,
              help="Where NAME.json, NAME.md and NAME.png go.")  # fmt: skip
def main(
    quick: bool, blocks: str, backends: str, sides: str, channels: str, seconds: float, longest: float,
    threads: int | None, clock: str, no_memory: bool, resume: bool, output: Path,
) -> None:  # fmt: skip
    """Time and memory of every block, beside the public form, its convolutions and its two products."""
    if quick:
        sides, channels, seconds = "14,28", "64", 0.3
    names, libraries = _chosen("blocks", blocks, CASES), _chosen("backends", backends, BACKENDS)
    grid: list[Point] = [
        (backend, name, c, direction, side)
        for backend in libraries
        for name in names
        for c in _numbers("channels", channels)
        for direction in DIRECTIONS
        for side in _numbers("sides", sides)
    ]
    rows = _kept(output) if resume else {}
    console = Console() if Console().is_terminal else Console(width=160)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress, _workers(threads) as ask:
        task = progress.add_task("measuring", total=len(grid))
        for point in grid:
            progress.update(task, description=" ".join(map(str, point)))
            if point not in rows:
                rows[point] = _measure(ask, point, _smaller(rows, point), seconds, longest, not no_memory)
                _write(output, list(rows.values()), clock, threads)
            progress.advance(task)
    found = list(rows.values())
    console.print(report.table(found, clock))
    report.picture(found, clock, output.with_suffix(".png"))
    page = output.with_suffix(".md")
    page.write_text(report.markdown(found, clock) + growth.kept(page), encoding="utf-8")
    written = ", ".join(str(output.with_suffix(suffix)) for suffix in (".json", ".md", ".png"))
    console.print(f"{len(found)} rows. Everything: {written}", highlight=False)


def _chosen(option: str, text: str, known_names: Any) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in known_names]
    if unknown:
        raise click.UsageError(f"--{option}: {known(unknown)} is unknown; it must be one of {known(known_names)}")
    return names


def _numbers(option: str, text: str) -> list[int]:
    """Sorted, so that each size can be predicted from the one before."""
    if not all(part.isdecimal() and int(part) for part in text.split(",")):
        raise click.UsageError(f"--{option}: {text!r} must be whole numbers such as 14,28")
    return sorted({int(part) for part in text.split(",")})


def _point(row: Row) -> Point:
    return row["backend"], row["case"], row["channels"], row["direction"], row["side"]


def _kept(output: Path) -> dict[Point, Row]:
    path = output.with_suffix(".json")
    if not path.exists():
        return {}
    return {_point(row): row for row in json.loads(path.read_text(encoding="utf-8"))["rows"]}


def _smaller(rows: dict[Point, Row], point: Point) -> Row | None:
    """The row of the next smaller side."""
    sides = [row for other, row in rows.items() if other[:4] == point[:4] and other[4] < point[4]]
    return max(sides, key=lambda row: row["side"], default=None)


def _measure(ask: Any, point: Point, smaller: Row | None, seconds: float, longest: float, memory: bool) -> Row:
    backend, name, channels, direction, side = point
    row = {"backend": backend, "case": name, "channels": channels, "direction": direction, "side": side}
    skipped = {}
    reason = _too_much(CASES[name], row, smaller, longest)
    if reason:
        skipped["public"] = reason
        if CASES[name].maps(channels)[0] and name != "concatenation":
            skipped["products"] = reason
    forms = [form for form in ("ours", "half", "public", "convolutions", "products") if form not in skipped]
    times = ask(backend, {**row, "forms": forms, "seconds": seconds})
    if not times:
        skipped["ours"] = "the process was killed, most likely for want of memory"
    measured = [form for form in ("ours", "public") if memory and form in times]
    found = {form: ask(backend, {**row, "form": form}).get("bytes") for form in measured}
    return {**row, "times": times, "memory": found, "skipped": skipped}


def _too_much(case: Case, row: Row, smaller: Row | None, longest: float) -> str:
    """Why the public form is not run at this size, with the size or time that is expected, or nothing."""
    needed, free = case.public_bytes(row["channels"], row["side"], row["direction"]), _free_memory()
    if needed > 0.7 * free:
        return f"{needed / 1e9:.0f} GB"
    if smaller is None or not needed:
        return ""
    growth = (row["side"] / smaller["side"]) ** case.power
    before = smaller["times"].get("public")
    if before is not None:
        expected = before["wall"] * growth
    elif "s" in smaller["skipped"].get("public", "").split():
        expected = float(smaller["skipped"]["public"].split()[0]) * growth
    else:
        return ""
    return f"{expected:.0f} s" if expected > longest else ""


def _free_memory() -> float:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return 8e9


@contextmanager
def _workers(threads: int | None) -> Iterator[Any]:
    """A function (backend, task) → result; one process per backend, started when it is first asked."""
    if not hasattr(os, "fork"):
        raise InputError("bench: each measurement is a fork of a process, which this system does not have")
    paths = [str(ROOT), str(ROOT / "backends"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    if threads is not None:
        environment |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    started: dict[str, subprocess.Popen[str]] = {}

    def ask(backend: str, task: dict[str, Any]) -> dict[str, Any]:
        if backend not in started:
            started[backend] = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.worker", backend], env=environment, cwd=ROOT, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        worker = started[backend]
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(json.dumps(task) + "\n")
        worker.stdin.flush()
        line = worker.stdout.readline()
        if not line:
            raise InputError(f"bench: the process ended; try `python -m benchmarks.worker {backend}`")
        result: dict[str, Any] = json.loads(line)
        if "error" in result:
            raise InputError(f"benchmark {task} failed: {result['error']}")
        return result

    try:
        yield ask
    finally:
        for worker in started.values():
            worker.communicate()


def _write(output: Path, rows: list[Row], clock: str, threads: int | None) -> None:
    libraries = sorted({"torch": "torch", "paddle": "paddlepaddle"}[row["backend"]] for row in rows)
    data = {
        "clock": clock, "threads": threads, "cores": os.cpu_count(), "rows": rows,
        "versions": {library: version(library) for library in {*libraries}},
    }  # fmt: skip
    partial = output.with_suffix(".json.partial")
    partial.write_text(json.dumps(data, indent=1), encoding="utf-8")
    partial.replace(output.with_suffix(".json"))


if __name__ == "__main__":
    main()
