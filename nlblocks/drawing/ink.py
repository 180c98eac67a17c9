"""Marks on a page: texts whose width is known well enough, boxes, arrows; and the colours, each with its meaning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

FONT = "Helvetica, Arial, sans-serif"
SIZE, SMALL = 12.0, 10.5
NARROW, WIDE = set("iljtfrI.,:;|!'()[]·⌊⌋⌈⌉ "), set("mwMW×→÷−+⊗%@")
NARROWEST, NORMAL, WIDEST, BOLD = 0.37, 0.61, 0.95, 1.1
"""The widths of letters in ems, as the widest of the fonts have them that stand in for Helvetica; bold is wider."""
INK, SOFT, PAPER = "#1c2127", "#5c6670", "#ffffff"


@dataclass(frozen=True, slots=True)
class Paint:
    """The colours of a kind of box: its line, and what fills it."""

    line: str
    fill: str


PAINTS = {
    "plain": Paint("#1864ab", "#e7f5ff"),
    "end": Paint("#2b8a3e", "#ebfbee"),
    "relation": Paint("#e67700", "#fff3bf"),
    "map": Paint("#d9480f", "#ffe8cc"),
    "learned": Paint("#a65200", "#fff4e6"),
    "operation": Paint("#868e96", "#f1f3f5"),
    "part": Paint("#862e9c", "#f8f0fc"),
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """Marks that stand in a rectangle from (0, 0) on."""

    marks: tuple[str, ...]
    width: float
    height: float


def width(text: str, size: float = SIZE, *, bold: bool = False) -> float:
    """About how wide a text is, in pixels."""
    ems = sum(NARROWEST if c in NARROW else WIDEST if c in WIDE else NORMAL for c in text)
    return ems * size * (BOLD if bold else 1.0)


def text(
    x: float, y: float, said: str, *, size: float = SIZE, fill: str = INK, bold: bool = False, anchor: str = "middle",
    name: str = "",
) -> str:  # fmt: skip
    """A line of text whose base line is at y, behind a ``name`` in bold if there is one."""
    head = f'<tspan font-weight="bold">{escape(name)}</tspan>' if name else ""
    more = ' font-weight="bold"' if bold else ""
    place = f'x="{n(x)}" y="{n(y)}" font-size="{n(size)}" text-anchor="{anchor}"'
    return f'<text {place} fill="{fill}"{more}>{head}{escape(said)}</text>'


def box(x: float, y: float, w: float, h: float, paint: Paint, *, round_: float = 3.0, line: float = 1.0) -> str:
    """A rectangle."""
    return (
        f'<rect x="{n(x)}" y="{n(y)}" width="{n(w)}" height="{n(h)}" rx="{n(round_)}" fill="{paint.fill}" '
        f'stroke="{paint.line}" stroke-width="{n(line)}"/>'
    )


def shape(points: Iterable[tuple[float, float]], paint: Paint) -> str:
    """A polygon."""
    said = " ".join(f"{n(x)},{n(y)}" for x, y in points)
    return f'<polygon points="{said}" fill="{paint.fill}" stroke="{paint.line}" stroke-linejoin="round"/>'


def arrow(way: Sequence[tuple[float, float]]) -> str:
    """An arrow from above to below along some points, with a tip at its end."""
    (x, y), parts = way[0], [f"M{n(way[0][0])} {n(way[0][1])}"]
    for (x, y), (to_x, to_y) in pairwise((*way[:-1], (way[-1][0], way[-1][1] - 5))):
        half = (y + to_y) / 2
        straight = abs(x - to_x) < 0.5
        parts.append(f"V{n(to_y)}" if straight else f"C{n(x)} {n(half)} {n(to_x)} {n(half)} {n(to_x)} {n(to_y)}")
    x, y = way[-1]
    tip = f'<path d="M{n(x - 3.5)} {n(y - 7)}h7l-3.5 7z" fill="{SOFT}"/>'
    return f'<path d="{"".join(parts)}" fill="none" stroke="{SOFT}" stroke-width="1.1"/>{tip}'


def wrapped(said: str, size: float, room: float) -> list[str]:
    """A text in lines that fit a width."""
    lines: list[str] = []
    for word in said.split():
        if lines and width(f"{lines[-1]} {word}", size) <= room:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines


def n(value: float) -> str:
    """A number with at most one decimal, the same on every machine."""
    found = f"{value:.1f}"
    return found.removesuffix(".0") if found != "-0.0" else "0"


def at(drawn: Drawn, x: float, y: float) -> Iterator[str]:
    """Marks, moved to a place."""
    yield f'<g transform="translate({n(x)} {n(y)})">'
    yield from drawn.marks
    yield "</g>"
