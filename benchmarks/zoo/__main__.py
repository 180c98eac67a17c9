"""Every architecture that both zoos define, compared without a hand-written mapping: ``python -m benchmarks.zoo``."""

from __future__ import annotations

import json
import multiprocessing
import sys
import warnings
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks.zoo.judge import child, shared
from benchmarks.zoo.table import into, line, table


@click.command()
@click.option("--only", default="*", help="Patterns of names, comma-separated, e.g. resnet50,vgg*.")
@click.option("--batch", default=2, show_default=True)
@click.option("--size", type=int, help="Side of the image; default 224, or 299 for Inception.")
@click.option("--eval-only", is_flag=True, help="Compare the evaluation forward only.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write all of it here, after each pair.")
@click.option("--docs", type=click.Path(path_type=Path, exists=True), help="Write the table into this Markdown file.")
@click.option("--verbose", is_flag=True, help="Print each report.")
def main(
    only: str, batch: int, size: int | None, eval_only: bool, out: Path | None, docs: Path | None, verbose: bool
) -> None:
    """Compare torchvision with paddle.vision, architecture by architecture, each in a process of its own."""
    warnings.simplefilter("ignore")  # the zoos' own, about their weights
    console = Console(width=160)
    names = [name for name in shared() if any(fnmatch(name, pattern) for pattern in only.split(","))]
    if not names:
        raise click.UsageError(f"--only {only} names none of {', '.join(shared())}")
    rows: list[dict[str, Any]] = []
    context = multiprocessing.get_context("spawn")
    for name in names:
        queue = context.Queue()
        process = context.Process(target=child, args=(queue, name, batch, size, not eval_only))
        process.start()
        while process.is_alive() and queue.empty():
            process.join(0.2)
        rows.append({"name": name, "error": f"exit status {process.exitcode}"} if queue.empty() else queue.get())
        process.join()
        console.print(line(rows[-1]), highlight=False, soft_wrap=True)
        if verbose:
            console.print(rows[-1].get("text", ""), markup=False, highlight=False, soft_wrap=True)
        if out:
            out.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    console.print(table(rows))
    if docs:
        into(docs, rows)
    sys.exit(0 if all("error" not in row for row in rows) else 1)


if __name__ == "__main__":
    main()
