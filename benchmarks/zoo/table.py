"""The zoo's results as a line, a table in the terminal and a table in a Markdown file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

BEGIN, END = "<!-- zoo -->", "<!-- /zoo -->"
HEADINGS = (
    "architecture", "layers paired", "verdict", "eval", "train", "backward", "float32",
    "where they part, and the cause", "put right", "s", "GiB",
)  # fmt: skip
Row = dict[str, Any]


def line(row: Row) -> str:
    """One pair in a line."""
    if "error" in row:
        return f"{row['name']}: [red]{row['error']}[/]"
    return f"{row['name']}: {'same' if row['same'] else 'DIFFERENT'}, {row['seconds']:.0f} s, {row['memory']:.1f} GiB"


def table(rows: Sequence[Row]) -> Table:
    """All pairs, for a terminal."""
    result = Table(title="torchvision against paddle.vision", title_justify="left", box=None)
    for heading in HEADINGS:
        result.add_column(heading, overflow="fold")
    for row in rows:
        result.add_row(*cells(row))
    return result


def into(path: Path, rows: Sequence[Row]) -> None:
    """Replace what lies between the marks in a Markdown file by the table."""
    head, rest = path.read_text(encoding="utf-8").split(BEGIN)
    tail = rest.split(END)[1]
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    path.write_text("\n".join([f"{head}{BEGIN}", *lines, f"{END}{tail}"]), encoding="utf-8")


def cells(row: Row) -> list[str]:
    """One pair's texts, in the order of the headings."""
    if "error" in row:
        return [row["name"], "", "error", "", "", "", "", row["error"], "", "", ""]
    alone = len(row["left_only"]), len(row["right_only"])
    phases = ("eval forward", "train forward", "backward", "float32")
    repaired = row["repaired"]
    return [
        row["name"],
        f"{row['paired']}" + (f"; {alone[0]} and {alone[1]} alone" if any(alone) else ""),
        "same" if row["same"] else "different",
        *(_number(row["worst"].get(phase)) for phase in phases),
        "; ".join(places(row)),
        "" if repaired is None else f"same, {_number(repaired['worst']['eval forward'])}" if repaired["same"] else "no",
        f"{row['seconds']:.0f}",
        f"{row['memory']:.1f}",
    ]


def places(row: Row, most: int = 4) -> list[str]:
    """Where and why, each cause once with its first place and the number of its places; the run's findings first."""
    faults = [found for found in row["findings"] if found["severity"] == "fault" and found["cause"]]
    faults.sort(key=lambda found: found["phase"] == "pairing")
    first: dict[str, Row] = {}
    count: dict[str, set[str]] = {}
    for found in faults:
        first.setdefault(found["cause"], found)
        count.setdefault(found["cause"], set()).add(_place(found))
    texts = [
        f"{cause} at {_place(found)}" + (f" and {len(count[cause]) - 1} more" if len(count[cause]) > 1 else "")
        for cause, found in first.items()
    ]
    return texts[:most] + [f"{len(texts) - most} causes more"] * (len(texts) > most)


def _place(found: Row) -> str:
    left, right = found["layer_left"] or found["after"][0], found["layer_right"] or found["after"][1]
    return left if left == right else f"{left or 'the model'} / {right or 'the model'}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.0e}"
