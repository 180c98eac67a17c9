"""The tables of a study: what the runs came to, the blocks against the baseline, the backends against each other."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from nlblocks.specs.base import BlockSpec
from nlblocks.training.reporting.results import Results, Value, spread

Cell = Callable[[str, str], dict[int, float]]
"""What a variant came to in a backend, by seed."""
WIDTH = 400
"""More characters than a table has: a file is not cut to a terminal."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as text: its name, a title, what it says, and its cells; of a head in two lines, a comma divides them."""

    name: str
    title: str
    about: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def grids(results: Results) -> list[Grid]:
    """All tables that there is something to fill with."""
    return [grid for grid in (outcome(results), gains(results), apart(results), lockstep(results)) if grid is not None]


def outcome(results: Results) -> Grid:
    """What the runs that are done came to, all backends side by side."""
    backends = results.backends

    def last(value: Value) -> Cell:
        return lambda name, backend: results.last(name, backend, value)

    kinds = [
        ("top-1 %", "range", last(lambda epoch: 100 * epoch.top1)),
        ("top-5 %", ".1f", last(lambda epoch: 100 * epoch.top5)),
        ("forward ms", "#.3g", results.forward),
        ("s / epoch", "#.3g", last(lambda epoch: epoch.seconds)),
    ]
    heads = ["model", "parameters", *(f"{what}, {backend}" for what, _, _ in kinds for backend in backends)]
    rows = [
        [name, f"{parameters(results.model(name)):,}"]
        + [_cell(value(name, backend), how) for _, how, value in kinds for backend in backends]
        for name in results.variants
    ]
    asked = (result.run.answers() for result in results.runs)
    size = next((found.batch_size for found in asked if found is not None), 0)
    about = f"After epoch {results.recipe.epochs}: {_over(results)}."
    about += f" Forward: evaluation of {size} images." if size else ""
    return Grid("results", "Results", about, heads, rows)


def gains(results: Results) -> Grid | None:
    """How far each block ends above the baseline; None of a baseline alone."""
    backends = results.backends
    heads = ["model", *(f"{what}, {name}" for what in ("points of top-1", "seeds above") for name in backends)]
    rows = []
    for name in results.variants:
        if name != results.baseline:
            found = [results.gains(name, backend, lambda epoch: 100 * epoch.top1) for backend in backends]
            above = [f"{sum(gain > 0 for gain in one.values())} of {len(one)}" for one in found]
            rows.append([name, *(_cell(one, "gain") for one in found), *above])
    if not rows or results.baseline not in results.variants:
        return None
    about = f"Each block against {results.baseline} on the same seed, in points of top-1 %: {_over(results)}."
    return Grid("gains", "Against the baseline", about, heads, rows)


def apart(results: Results) -> Grid | None:
    """How far apart two backends end on one seed, and two seeds in one backend; None where there is no pair of each."""
    heads = ["model", "two frameworks, median", "two frameworks, most", "two seeds, median", "two seeds, most"]
    rows = []
    for name in results.variants:
        pairs = results.apart(name, lambda epoch: 100 * epoch.top1)
        if not all(pairs):
            return None
        found = [number for one in map(spread, pairs) if one is not None for number in (one.middle, one.high)]
        rows.append([name, *(f"{number:.1f}" for number in found)])
    about = "How far runs end apart, in points of top-1 %: two frameworks on one seed, two seeds in one framework."
    return Grid("apart", "Framework against framework", about, heads, rows)


def lockstep(results: Results) -> Grid | None:
    """What lockstep found; None where no report of it lies in the folder."""
    heads = ["model", "precision", "steps", "losses apart", "a nudge makes", "verdict"]
    rows = []
    for report in results.lockstep:
        finite = [row for row in report["losses"] if None not in row.values()]
        far = max((abs(row["first"] - row["second"]) for row in finite), default=0.0)
        nudge = max((row["nudge"] for row in finite), default=0.0)
        verdict = report["verdict"]
        if report["parting"]:
            verdict += f" in step {report['parting']['step']}"
        rows.append([report["model"], report["precision"], str(report["steps"]), f"{far:.1e}", f"{nudge:.1e}", verdict])
    about = (
        "Trained side by side, dropout off; each step is judged from the same bits, by what a nudge of one unit in the "
        "last place makes of it. The losses are those of the runs left to themselves, and of one that began nudged."
    )
    return Grid("lockstep", "Lockstep", about, heads, rows) if rows else None


def parameters(model: BlockSpec) -> int:
    """How many numbers a model learns."""
    return sum(math.prod(param.shape) for param in model.params() if param.trainable)


def texts(results: Results) -> str:
    """All tables for a terminal."""
    return "\n\n".join(map(text, grids(results)))


def text(grid: Grid) -> str:
    """A table for a terminal, as wide as it is."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    above = ""
    for number, head in enumerate(grid.heads):
        first, _, second = head.partition(", ")
        upper = "" if second and first == above else first
        table.add_column(f"{upper}\n{second}", justify="right" if number else "left")
        above = first
    for row in grid.rows:
        table.add_row(*row)
    console = Console(file=io.StringIO(), width=WIDTH)
    with console.capture() as capture:
        console.print(table)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    return "\n".join([grid.about, "", *lines])


def markdown(grid: Grid) -> str:
    """A table for a page in Markdown."""
    rule = ["---", *["--:"] * (len(grid.heads) - 1)]
    lines = [grid.heads, rule, *grid.rows]
    return f"{grid.about}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _over(results: Results) -> str:
    return "median of the seeds (least–greatest)" if len(results.seeds) > 1 else f"seed {results.seeds[0]}"


def _cell(by_seed: dict[int, float], how: str) -> str:
    found = spread(by_seed.values())
    if found is None:
        return "–"
    sign = "+" if how == "gain" else ""
    if how not in ("range", "gain"):
        return format(found.middle, how).rstrip(".")
    if len(found.values) == 1:
        return f"{found.middle:{sign}z.1f}"
    dash = " to " if sign else "–"
    return f"{found.middle:{sign}z.1f} ({found.low:{sign}z.1f}{dash}{found.high:{sign}z.1f})"
