"""The table judged by a peer's suite: ``python -m benchmarks.port.peer TESTS --docs docs/port_peer.md``.

PaConvert (``pip install paconvert``; this benchmark alone needs it) turns torch snippets into Paddle. TESTS is the
folder of the tests in its public repository: they are read where they lie, and their snippets run. Snippet → PaConvert
→ Paddle → ``nlblocks port`` → torch, against the original snippet.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import warnings
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks.port.peer import table
from benchmarks.port.peer.judge import judge, pa_convert
from benchmarks.port.peer.read import snippets
from nlblocks.port import WatchedText

NEEDED = ("paddle", "torch", "paconvert.converter")
"""Imported once, before the forks, with what a first port loads."""


@click.command()
@click.argument("tests", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--log", type=click.Path(path_type=Path), default=Path("peer.jsonl"), show_default=True,
              help="A line a snippet; what it has already is not run again.")  # fmt: skip
@click.option("--only", default="*", help="Patterns of torch APIs, comma-separated, e.g. torch.nn.*,torch.sum.")
@click.option("--most", type=int, help="So many snippets, in turns through the files: an even sample.")
@click.option("--again", default="", help="Outcomes that are run again, comma-separated, e.g. error,different.")
@click.option("--docs", type=click.Path(path_type=Path, exists=True), help="Write the tables into this Markdown file.")
def main(tests: Path, log: Path, only: str, most: int | None, again: str, docs: Path | None) -> None:
    """Judge the port's table by PaConvert's tests, each snippet in processes of its own, one after the other."""
    if find_spec("paconvert") is None:
        raise click.UsageError("PaConvert is not installed, which this benchmark alone needs: pip install paconvert")
    chosen = [s for s in snippets(tests) if any(fnmatch(s.api, pattern) for pattern in only.split(","))][:most]
    if not chosen:
        raise click.UsageError(f"{tests} has no tests of PaConvert for {only}")
    rows = _kept(log)
    waiting = [s for s in chosen if s.key not in rows or rows[s.key]["outcome"] in again.split(",")]
    _imported()
    console = Console(width=160)
    for number, snippet in enumerate(waiting, start=1):
        row = judge(snippet, pa_convert).to_dict()
        rows[snippet.key] = row
        with log.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        if row["outcome"] in ("different", "error"):
            console.print(f"{row['outcome']}: {snippet.key}: {row.get('why', '')}", markup=False, highlight=False)
        if number % 200 == 0:
            console.print(f"{number} of {len(waiting)}: {table.summary(list(rows.values()))}", highlight=False)
    found = [rows[s.key] for s in chosen]
    console.print(table.summary(found), highlight=False, soft_wrap=True)
    if docs:
        table.into(docs, found)
    sys.exit(1 if any(row["outcome"] == "different" for row in found) else 0)


def _kept(log: Path) -> dict[str, dict[str, Any]]:
    """The last line of each snippet."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return {row["key"]: row for row in map(json.loads, lines)}


def _imported() -> None:
    os.environ.setdefault("GLOG_minloglevel", "3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in NEEDED:
            importlib.import_module(name)
        WatchedText("import paddle\npaddle.abs").port()


if __name__ == "__main__":
    main()
