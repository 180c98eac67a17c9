"""The page docs/works.md, from what was found."""

from __future__ import annotations

from benchmarks.works.judge import ROUNDINGS, Cell, Way
from nlblocks.numerics import tolerance

Found = dict[str, dict[str, dict[str, Cell]]]
"""Framework → block → way → what came of it."""
TITLES = {"torch": "torch", "paddle": "Paddle"}
MARKS = {"works": "yes", "fails": "**no**", "not here": "?", "nothing": "–"}


def page(found: Found, ways: dict[str, dict[str, tuple[Way, ...]]], versions: dict[str, str], python: str) -> str:
    """The whole page, in Markdown."""
    said = ", ".join(f"{TITLES[name]} {version}" for name, version in versions.items())
    parts = [
        "# What works",
        f"Made by `make works`, which runs it all: Python {python}, {said}, on a CPU.",
        "Each way of using a block was tried on one block of each kind of the first family and on the networks (the "
        "others are compiled, exported and halved in the test-suite), with random weights, running statistics and "
        "inputs, and held against the block's plain run in float64 on the same: the output, and where the way can "
        "train the gradients of the input and of every parameter.",
        "- **yes**: the same. In float64 within "
        f"{tolerance.MODEL_LIMIT:.0e} of the largest value; in a shorter format the output within {ROUNDINGS:.0f} "
        "times what rounding the weights and the input to it makes of the plain run, and every gradient finite.\n"
        "- **no**: it fails, and a note says by what.\n"
        "- **?**: this machine cannot tell: a note says what it lacks.\n"
        "- **–**: the block has nothing to use it on.",
        "Where torch's `compile` fails and `compile, aot_eager` does not, the graph is right, and the code that "
        "torch's compiler (inductor) makes of it is not.",
    ]
    for framework, rows in found.items():
        notes: list[str] = []
        parts.append(f"## {TITLES[framework]}")
        parts.append(_ways(rows, ways[framework]))
        parts += [_blocks(title, rows, group, notes) for title, group in ways[framework].items()]
        parts += [f"### Notes on {TITLES[framework]}", "\n".join(f"{n}. {note}" for n, note in enumerate(notes, 1))]
    return "\n\n".join(parts).rstrip() + "\n"


def _ways(rows: dict[str, dict[str, Cell]], groups: dict[str, tuple[Way, ...]]) -> str:
    """A row per way: how it was written, how many blocks it works on, and the worst error of those."""
    lines = ["| way | as written | blocks | worst error |", "|---|---|---|---|"]
    for way in (way for group in groups.values() for way in group):
        cells = [row[way.name] for row in rows.values()]
        good = [one.error for one in cells if one.verdict == "works"]
        judged = sum(one.verdict in ("works", "fails") for one in cells)
        count = f"{len(good)} of {judged}" if judged else MARKS["not here"]
        lines.append(f"| {way.name} | `{way.code}` | {count} | {f'{max(good):.0e}' if good else ''} |")
    return "\n".join(lines)


def _blocks(title: str, rows: dict[str, dict[str, Cell]], group: tuple[Way, ...], notes: list[str]) -> str:
    """A row per block, a column per way; reasons are numbered, each once."""
    lines = [f"### {title}", "", f"| block | {' | '.join(way.name for way in group)} |", "|---|" + "---|" * len(group)]
    for block, row in rows.items():
        lines.append(f"| {block} | {' | '.join(_mark(block, row[way.name], way, notes) for way in group)} |")
    return "\n".join(lines)


def _mark(block: str, one: Cell, way: Way, notes: list[str]) -> str:
    if one.verdict in ("works", "nothing"):
        return MARKS[one.verdict]
    note = f"{way.name}: {one.why}".replace(f" {block.split()[0]}: ", " ")  # one note for all blocks
    if note not in notes:
        notes.append(note)
    return f"{MARKS[one.verdict]} ({notes.index(note) + 1})"
