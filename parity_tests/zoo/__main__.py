"""Every architecture that both zoos define, compared without a hand-written mapping: ``python -m parity_tests.zoo``."""

from __future__ import annotations

import json
import multiprocessing
import sys
import warnings
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from parity_tests.zoo.judge import child, shared


@click.command()
@click.option("--only", default="", help="Run the architectures whose name contains one of these, comma-separated.")
@click.option("--batch", default=2, show_default=True)
@click.option("--size", type=int, help="Side of the image; default 224, or 299 for Inception.")
@click.option("--eval-only", is_flag=True, help="Compare the evaluation forward only.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write all of it here, after each pair.")
@click.option("--verbose", is_flag=True, help="Print each report.")
def main(only: str, batch: int, size: int | None, eval_only: bool, out: Path | None, verbose: bool) -> None:
    """Compare torchvision with paddle.vision, architecture by architecture, each in a process of its own."""
    warnings.simplefilter("ignore")
    console = Console(width=160)
    names = [name for name in shared() if any(part in name for part in only.split(","))]
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
            out.write_text(json.dumps(rows, indent=1))
    console.print(table(rows))
    sys.exit(0 if all("error" not in row for row in rows) else 1)


def line(row: dict[str, Any]) -> str:
    if "error" in row:
        return f"{row['name']}: [red]{row['error']}[/]"
    return f"{row['name']}: {'same' if row['same'] else 'DIFFERENT'}, {row['seconds']:.0f} s, {row['memory']:.1f} GiB"


def table(rows: list[dict[str, Any]]) -> Table:
    result = Table(title="torchvision against paddle.vision", title_justify="left", box=None)
    for heading in (
        "architecture",
        "layers paired",
        "verdict",
        "eval",
        "train",
        "backward",
        "where",
        "cause",
        "s",
        "GiB",
    ):
        result.add_column(heading, overflow="fold")
    for row in rows:
        if "error" in row:
            result.add_row(row["name"], "", f"[red]{row['error']}[/]")
            continue
        alone = len(row["left_only"]), len(row["right_only"])
        found = row["finding"]
        where = (
            ""
            if found is None
            else f"{found['layer_left'] or found['after'][0]} / {found['layer_right'] or found['after'][1]}"
        )
        worst = [row["worst"].get(phase) for phase in ("eval forward", "train forward", "backward")]
        result.add_row(
            row["name"], f"{row['paired']}" + (f", alone {alone[0]} and {alone[1]}" if any(alone) else ""),
            "[green]same[/]" if row["same"] else "[red]different[/]",
            *("–" if value is None else f"{value:.0e}" for value in worst), where, (found or {}).get("cause") or "",
            f"{row['seconds']:.0f}", f"{row['memory']:.1f}",
        )  # fmt: skip
    return result


if __name__ == "__main__":
    main()
