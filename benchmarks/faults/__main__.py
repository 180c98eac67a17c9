"""The fault benchmark: ``python -m benchmarks.faults``. Exit status 1 where a figure misses its target."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.faults.case import Case
from benchmarks.faults.rows import SETS

EXPLAINED = 0.9
YES, NO, LOST = "[green]✓[/]", "[red]✗[/]", "[yellow]–[/]"
LEGEND = "✓ right   ✗ wrong   – failed to run"


@click.command()
@click.option("--only", default="", help="Run the cases whose name or family contains this.")
@click.option("--set", "which", type=click.Choice(list(SETS)), default="tuned", help="What the engine grew up with?")
@click.option("--seed", default=0, help="Other weights and other inputs for parity.compare.")
@click.option("--rivals/--no-rivals", default=True, help="Also run assert_close, PaDiff and reprod-log.")
@click.option("--json", "out", type=click.Path(dir_okay=False, path_type=Path), help="Write every outcome here.")
@click.option("--verbose", is_flag=True, help="Print what was expected and found wherever a case is not perfect.")
def main(only: str, which: str, seed: int, rivals: bool, out: Path | None, verbose: bool) -> None:
    """Put every planted fault and every correct pair through parity.compare, and through other tools."""
    warnings.simplefilter("ignore")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the models are too small to gain by more
    console = Console(width=None if sys.stdout.isatty() else 150)
    faults, correct = ([c for c in cases if only in c.name or only in c.family] for cases in SETS[which])
    if not faults and not correct:
        raise click.UsageError(f"no case's name or family contains {only!r}")
    outcomes = run(console, [*faults, *correct], seed)
    ours = {outcome.case.name: outcome for outcome in outcomes}
    theirs = others(console, [c.name for c in (*faults, *correct)]) if rivals else {}
    if faults:
        console.print(fault_table([ours[c.name] for c in faults], theirs))
    if correct:
        console.print(correct_table([ours[c.name] for c in correct], theirs))
    if verbose:
        explain(console, outcomes)
    for name, row in theirs.items():
        if "error" in row:
            console.print(f"[dim]{name}: {row['error']}[/]", highlight=False, soft_wrap=True)
    if out:
        out.write_text(json.dumps([as_dict(o, theirs) for o in outcomes], indent=1))
    met = summary(console, outcomes, theirs)
    sys.exit(0 if met else 1)


def run(console: Console, cases: Sequence[Case], seed: int) -> list[Any]:
    from benchmarks.faults.judge import judge

    outcomes = []
    with bar(console) as progress:
        task = progress.add_task("parity.compare", total=len(cases))
        for case in cases:
            progress.update(task, description=f"parity.compare: {case.name}")
            outcomes.append(judge(case, seed))
            progress.advance(task)
    return outcomes


def others(console: Console, names: Sequence[str]) -> dict[str, dict[str, str]]:
    from benchmarks.faults.contest import contest, install

    with tempfile.TemporaryDirectory() as folder, bar(console) as progress:
        task = progress.add_task("other tools: installing", total=len(names))
        for package, reason in install(Path(folder)).items():
            console.print(f"[yellow]{package} could not be installed: {reason}[/]")
        rows = {}
        for row in contest(Path(folder), names):
            rows[row["name"]] = row
            progress.update(task, advance=1, description=f"other tools: {row['name']}")
        return rows


def bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<60}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def fault_table(outcomes: Sequence[Any], theirs: dict[str, dict[str, str]]) -> Table:
    table = Table(title=f"{len(outcomes)} faults: who noticed", title_justify="left", caption=LEGEND)
    for heading in ("fault", "trap", "caught", "located", "explained", *columns(theirs)):
        table.add_column(heading, no_wrap=True)
    for o in outcomes:
        row = theirs.get(o.case.name, {})
        table.add_row(
            o.case.name, "✓" if o.case.trap else "", *(YES if x else NO for x in (o.caught, o.located, o.explained)),
            *(cell(row[c], "differ") for c in columns(theirs)),
        )  # fmt: skip
    return table


def correct_table(outcomes: Sequence[Any], theirs: dict[str, dict[str, str]]) -> Table:
    table = Table(title=f"{len(outcomes)} correct pairs: who passes them", title_justify="left", caption=LEGEND)
    for heading in ("pair", "passed", *columns(theirs)):
        table.add_column(heading, no_wrap=True)
    for o in outcomes:
        row = theirs.get(o.case.name, {})
        table.add_row(
            o.case.name, YES if o.passed else NO,
            *(cell(row[c], "agree") for c in columns(theirs)),
        )  # fmt: skip
    return table


def columns(theirs: dict[str, dict[str, str]]) -> tuple[str, ...]:
    from benchmarks.faults.rivals import COLUMNS

    return COLUMNS if theirs else ()


def cell(value: str, right: str) -> str:
    return YES if value == right else LOST if value == "failed to run" else NO


def explain(console: Console, outcomes: Sequence[Any]) -> None:
    for o in outcomes:
        if o.complete if o.case.is_fault else o.passed:
            continue
        lines = [o.case.name]
        if o.case.is_fault:
            lines += [f"  expected {' or '.join(o.case.cause)} at {' or '.join(o.case.at)}, {o.case.phase}"]
        lines += [f"  {o.crashed or f'found {o.cause} at {o.place}'}", f"  {o.said[:600]}"]
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def summary(console: Console, outcomes: Sequence[Any], theirs: dict[str, dict[str, str]]) -> bool:
    """Print the figures beside their targets; whether all are met."""
    faults = [o for o in outcomes if o.case.is_fault]
    traps = [o for o in faults if o.case.trap]
    correct = [o for o in outcomes if not o.case.is_fault]
    figures = [
        ("faults caught", sum(o.caught for o in faults), len(faults), 1.0, "differ", faults),
        ("faults located", sum(o.located for o in faults), len(faults), 1.0, "", faults),
        ("faults explained, those in TRAPS.md", sum(o.explained for o in traps), len(traps), EXPLAINED, "", traps),
        ("faults explained, all", sum(o.explained for o in faults), len(faults), 0.0, "", faults),
        ("correct pairs passed", sum(o.passed for o in correct), len(correct), 1.0, "agree", correct),
    ]
    table = Table(title="The fault benchmark", title_justify="left")
    for heading in ("figure", "parity.compare", "must be", *columns(theirs)):
        table.add_column(heading)
    for name, count, total, target, verdict, cases in figures:
        met = not total or count / total >= target
        must = "all" if target == 1.0 else f"≥{target:.0%}" if target else ""
        found = f"{count} of {total}" + (f" ({count / total:.0%})" if total else "")
        rest = [str(sum(theirs[o.case.name][c] == verdict for o in cases)) if verdict else "" for c in columns(theirs)]
        table.add_row(name, f"[{'green' if met else 'red'}]{found}[/]", must, *rest)
    if theirs:
        lost = [str(sum(row[c] == "failed to run" for row in theirs.values())) for c in columns(theirs)]
        table.add_row("failed to run", str(sum(bool(o.crashed) for o in outcomes)), "", *lost)
    console.print(table)
    slowest = max(outcomes, key=lambda o: o.seconds)
    total_seconds = sum(o.seconds for o in outcomes)
    console.print(
        f"{total_seconds:.0f} s in parity.compare; the slowest was {slowest.case.name}, {slowest.seconds:.1f} s"
    )
    return all(not total or count / total >= target for _, count, total, target, _, _ in figures)


def as_dict(outcome: Any, theirs: dict[str, dict[str, str]]) -> dict[str, Any]:
    case = outcome.case
    return {
        "name": case.name, "family": case.family, "trap": case.trap, "fault": case.is_fault, "phase": case.phase,
        "at": list(case.at), "expected": list(case.cause), "caught": outcome.caught, "located": outcome.located,
        "explained": outcome.explained, "place": outcome.place, "cause": outcome.cause, "crashed": outcome.crashed,
        "seconds": round(outcome.seconds, 2), "said": outcome.said, "others": theirs.get(case.name, {}),
    }  # fmt: skip


if __name__ == "__main__":
    main()
