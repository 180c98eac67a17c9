"""The error of every operation as a picture (SVG), on a log scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from nlblocks.parity.rendering.upwards import upwards

FLOOR, TOP = -18.0, 2.0
"""The picture's powers of ten: below float64's rounding, and above any share of the largest value that says more."""
HEIGHT, LEFT, RIGHT, HEAD, FOOT = 300, 48, 16, 30, 34
WIDEST, NARROWEST = 1040, 4
GOOD = 1e-11
"""An operation is drawn as one that differs from here on: roundings of many layers stay below. It decides nothing."""
COLOURS = {"on": "good", "off": "bad", "shape": "note"}


def picture(layers: Sequence[Mapping[str, Any]], finding: Mapping[str, Any] | None) -> str:
    """A dot for each operation of ``LabReport.layers``; the first that differs is marked where there is a finding."""
    if not layers:
        return ""
    width = max(WIDEST, LEFT + RIGHT + NARROWEST * len(layers))
    inner = width - LEFT - RIGHT
    radius = 4 if inner / len(layers) >= 9 else 3
    items = _grid(width)
    marked = finding is None
    for index, row in enumerate(layers):
        x = LEFT + inner * (index + 0.5) / len(layers)
        y = _height(1e2 if row["error"] is None else row["error"])
        text = f"{index + 1}. {row['op']}, {_name(row)}: {value(row)}"
        items.append(
            f'<circle class="dot {kind(row)}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">'
            f"<title>{escape(text)}</title></circle>"
        )
        if not marked and kind(row) != "on":
            items += _mark(x, _name(row), row["op"], left=index < len(layers) / 2)
            marked = True
    items.append(f'<text x="{LEFT}" y="{HEIGHT - 8}">operations in execution order →</text>')
    bad = sum(kind(row) != "on" for row in layers)
    label = f"error of each of {len(layers)} operations; {bad} differ or have no partner; the same as a table below"
    drawn = f'<svg width="{width}" height="{HEIGHT}" role="img" aria-label="{label}">{"".join(items)}</svg>'
    legend = (
        '<div class="legend"><span><b class="good">●</b> agrees</span><span><b class="bad">●</b> differs</span>'
        '<span><b class="note">○</b> no partner of this shape</span>'
        "<span>evaluation in float64; the difference in units of the largest value, on a log scale</span></div>"
    )
    return (
        '<div class="card"><h2>Where the error arises</h2>'
        f'<div class="scroll picture" tabindex="0" role="region" aria-label="picture">{drawn}</div>{legend}</div>'
    )


def kind(row: Mapping[str, Any]) -> str:
    """What is said of an operation: "on", it agrees; "off", it differs; "shape", it has no partner of its shape."""
    return "shape" if row["error"] is None else "off" if row["error"] > GOOD else "on"


def value(row: Mapping[str, Any]) -> str:
    """The error of an operation in words."""
    if row["error"] is None:
        return "other shapes" if "shapes" in row else "no partner"
    return number(row["error"])


def number(error: float) -> str:
    return "0" if error == 0 else upwards(error)


def _grid(width: int) -> list[str]:
    items = []
    for power in range(int(FLOOR), int(TOP) + 1, 4):
        y = _height(10.0**power if power > FLOOR else 0.0)
        label = f"1e{power}" if power > FLOOR else "0"
        items.append(f'<line class="grid" x1="{LEFT}" x2="{width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        items.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    return items


def _mark(x: float, name: str, op: str, *, left: bool) -> list[str]:
    """A line at the first operation that differs, and its name above the picture, cut where it is long."""
    short = name if len(name) <= 70 else f"{name[:34]}…{name[-34:]}"
    return [
        f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{HEAD - 22}" y2="{HEIGHT - FOOT}"/>',
        f'<text x="{x + (8 if left else -8):.1f}" y="{HEAD - 14}" text-anchor="{"start" if left else "end"}">'
        f"{escape(short)} ({escape(op)})</text>",
    ]


def _height(error: float) -> float:
    level = FLOOR if error <= 0 else min(max(math.log10(error), FLOOR), TOP)
    return HEAD + (HEIGHT - HEAD - FOOT) * (TOP - level) / (TOP - FLOOR)


def _name(row: Mapping[str, Any]) -> str:
    left, right = row["left"] or "the model itself", row["right"]
    return left if right is None or right == row["left"] else f"{left} / {right or 'the model itself'}"
