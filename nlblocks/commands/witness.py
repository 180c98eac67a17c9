"""``nlblocks verify --onnx``: every spec as an ONNX file of each framework, run by others."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from nlblocks.specs.base import BlockSpec, describe
from nlblocks.statuses import Status, judged
from nlblocks.weights.files.atomic import write_json

if TYPE_CHECKING:
    from nlblocks.exchange.witness import Hearing

COLUMNS = {
    "64\neval": ("float64", [("evaluator", "float64")]),
    "64\nruntime": ("float64", [("onnxruntime", "float64")]),
    "64\nNumPy": ("float64", [("reference", "float64")]),
    "32 as\n64": ("float32", [("evaluator", "float64"), ("onnxruntime", "float64")]),
    "32\nruntime": ("float32", [("onnxruntime", "float32")]),
}
"""By heading: the dtype that a file has, and who ran it in which."""
CAPTION = (
    "Worst error of an exported file's output or maps, relative to the tensor's largest value, against the native "
    "module. 64: a float64 file, by onnx's reference evaluator, by onnxruntime, and against the NumPy reference. "
    "32 as 64: a float32 file made float64, by both; its numbers are float32 by format. 32 runtime: as users run it. "
    "?: nobody could run it, see the notes."
)


def cache_folder() -> Path | None:
    """Where results are kept, by all that they depend on: in the user's cache; None for a user without a home."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nlblocks" / "onnx"
    except RuntimeError:
        return None


def verify_files(specs: Sequence[BlockSpec], frameworks: Sequence[str], seed: int, json_file: Path | None) -> Status:
    """Hear what everybody says of every spec, print a table, and write it all down where that is asked for."""
    os.environ.setdefault("GLOG_minloglevel", "2")  # Paddle's, read when it is imported: it says what it does
    from nlblocks.exchange.witness import hear  # here: nothing else needs onnx

    console = Console()
    if not console.is_terminal:
        console = Console(width=140)  # a log has no width of its own
    start = time.perf_counter()
    found: list[list[Hearing]] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("exporting", total=len(specs))
        for spec in specs:
            progress.update(task, description=describe(spec)[:60])
            found.append(hear(spec, frameworks, seed=seed, cache=cache_folder()))
            progress.advance(task)
    seconds, said = time.perf_counter() - start, [each for heard in found for each in heard]
    failed = [each for each in said if not each]
    if json_file is not None:
        write_json(json_file, {"agree": not failed, "seconds": seconds, "files": [each.to_dict() for each in said]})
    console.print(_table(found, frameworks))
    for each in failed:
        console.print(f"[bold red]✗[/] {each}", highlight=False, soft_wrap=True)
    for note in dict.fromkeys(f"{describe(each.spec)}, {each.framework}: {n}" for each in said for n in each.notes):
        console.print(f"note: {note}", highlight=False, soft_wrap=True, markup=False)
    different = sum(bool(each.failed) for each in failed)
    words = f"DIFFERENT in {different}" if different else f"NOT COMPARED: {len(failed)}"
    verdict = f"[bold red]{words}[/]" if failed else "[bold green]the same[/]"
    everything = "" if json_file is None else f" Everything: {json_file}"
    kept = sum(each.kept for each in said)
    console.print(
        f"{len(specs)} specs, {len(said)} files of {', '.join(frameworks)}: {verdict}. {seconds:.1f} s; {kept} of the "
        f"files as they were found before.{everything}", highlight=False, soft_wrap=True,
    )  # fmt: skip
    return judged(different=different > 0, same=not failed)


def _table(found: Sequence[Sequence[Hearing]], frameworks: Sequence[str]) -> Table:
    result = Table(box=None, padding=(0, 1, 0, 0), caption=CAPTION, caption_justify="left")
    result.add_column("spec", overflow="fold", min_width=20)
    for framework in frameworks:
        for index, heading in enumerate(COLUMNS):
            first, second = heading.split("\n")
            result.add_column(f"{framework if not index else ''}\n{first}\n{second}", justify="right", no_wrap=True)
    for heard in found:
        by = {(each.framework, each.dtype): each for each in heard}
        cells = [
            _cell(by[framework, dtype].worst, runners)
            for framework in frameworks
            for dtype, runners in COLUMNS.values()
        ]
        result.add_row(describe(heard[0].spec), *cells)
    return result


def _cell(worst: Mapping[tuple[str, str], float], runners: Sequence[tuple[str, str]]) -> str:
    known = [worst[runner] for runner in runners if runner in worst]
    return f"{max(known):.0e}" if known else "?"
