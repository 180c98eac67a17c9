"""The page of a drawing: its heading, the panels side by side where they fit, and the legend."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from nlblocks.catalogue import entry
from nlblocks.drawing import boxes, insets
from nlblocks.drawing.flow import Panel, panels
from nlblocks.drawing.ink import FONT, INK, PAINTS, PAPER, SIZE, SMALL, SOFT, Drawn, at, box, n, text, width, wrapped
from nlblocks.drawing.pictures import Pictures
from nlblocks.drawing.seen import Seen
from nlblocks.drawing.twins import is_network
from nlblocks.specs.base import describe
from nlblocks.specs.inputs import shape_text

PAGE, MARGIN, GUTTER, INSIDE = 880.0, 16.0, 20.0, 10.0
"""Pixels: the width of a page, what is left free around it, between two panels, and inside the frame of one."""
LINE, TITLE, SWATCH, KEY = 16.0, 20.0, 12.0, 26.0
ROOM = PAGE - 2 * MARGIN
KEYS = {
    "end": "input, output", "plain": "tensor", "relation": "relation", "map": "attention", "learned": "with weights",
    "operation": "without weights", "part": "part of the block",
}  # fmt: skip
"""What each colour means."""
FOLDED = (
    "An operation stands on the tensor that it makes; one that narrows has fewer channels below than above. Folded: a "
    "norm, an activation or a scaling into the operation before it, where the shape stays; what only moves elements "
    "(reshape, transpose) into the arrow, which says how the tensor is read, but for transposes into a product. "
    "Left out: axes of 1, constants, and what changes nothing, such as a division by 1."
)

ON_PICTURE = (
    "On the picture (sky, a thing, ground; positions of one kind have the same features): {} with random weights. "
    "White is 0 (of a gate its least entry), the full colour the largest entry, blue is negative."
)


@dataclass(frozen=True, slots=True)
class Placed:
    """Something on the page, with its corner."""

    drawn: Drawn
    x: float
    y: float

    @property
    def right(self) -> float:
        return self.x + self.drawn.width

    @property
    def bottom(self) -> float:
        return self.y + self.drawn.height


def svg(seen: Seen) -> str:
    """The whole drawing."""
    flows = panels(seen)
    pictures = None if is_network(seen.spec, seen.shape_in) else Pictures(seen)
    heading = _heading(seen)
    shown = [insets.inset(shown) for shown in pictures.shown()] if pictures is not None else []
    legends = (_legend(seen, flows, pictures, room) for room in (ROOM, insets.ROOM))
    top = MARGIN + heading.height + GUTTER
    pages = [_placed([*map(_framed, flows), *shown, legend], top) for legend in legends]
    placed = min(pages, key=_bottom)  # below all, or beside
    marks = [*at(heading, MARGIN, MARGIN), *(mark for part in placed for mark in at(part.drawn, part.x, part.y))]
    wide, high = max(PAGE, *(part.right + MARGIN for part in placed)), _bottom(placed) + MARGIN
    size = f'width="{n(wide)}" height="{n(high)}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {n(wide)} {n(high)}" font-family="{FONT}">',
        f"<title>{escape(describe(seen.spec))}</title>",
        f'<rect {size} fill="{PAPER}"/>',
        *marks,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _bottom(placed: Sequence[Placed]) -> float:
    return max(part.bottom for part in placed)


def _heading(seen: Seen) -> Drawn:
    about = entry(seen.spec.kind, seen.spec, seen.shape_in)
    marks, y = [text(0, 14, about.name, size=17, bold=True, anchor="start")], 16.0
    for said, fill in ((about.summary, INK), (f"{describe(seen.spec)}, input {shape_text(seen.shape_in)}", SOFT)):
        marks += _paragraph(said, y, fill)
        y += LINE * len(wrapped(said, SIZE, ROOM))
    return Drawn(tuple(marks), ROOM, y)


def _framed(panel: Panel) -> Drawn:
    """A panel; the one of a part in a frame of the colour of parts, under its name."""
    drawn = boxes.flow(panel)
    if not panel.title:
        return drawn
    wide = max(drawn.width, width(panel.title, bold=True)) + 2 * INSIDE
    high = drawn.height + TITLE + 2 * INSIDE
    frame = f'<rect width="{n(wide)}" height="{n(high)}" rx="6" fill="none" stroke="{PAINTS["part"].line}"/>'
    name = text(INSIDE, INSIDE + 9, panel.title, bold=True, anchor="start", fill=PAINTS["part"].line)
    inner = at(drawn, (wide - drawn.width) / 2, INSIDE + TITLE)
    return Drawn((frame, name, *inner), wide, high)


def _placed(found: Sequence[Drawn], top: float) -> list[Placed]:
    """Each as high as it can be, and there as far to the left, beside and below those before it."""
    placed: list[Placed] = []
    for drawn in found:
        xs = sorted({MARGIN, *(other.right + GUTTER for other in placed)})
        places = [(_highest(placed, drawn.width, x, top), x) for x in xs if x + drawn.width <= PAGE - MARGIN]
        y, x = min(places, default=(_highest(placed, PAGE, MARGIN, top), MARGIN))
        placed.append(Placed(drawn, x, y))
    return placed


def _highest(placed: Sequence[Placed], wide: float, x: float, top: float) -> float:
    """How high a panel of some width can be at x, below all that are placed there."""
    above = [panel for panel in placed if panel.x < x + wide + GUTTER and x < panel.right + GUTTER]
    return max((panel.bottom + GUTTER for panel in above), default=top)


def _legend(seen: Seen, flows: Sequence[Panel], pictures: Pictures | None, room: float) -> Drawn:
    """What letters and colours mean, and what is folded."""
    marks, y = [f'<path d="M0 0H{n(room)}" stroke="{SOFT}" stroke-width="0.5"/>'], 4.0
    paragraphs = [(_letters(seen), INK), (_numbers(seen, flows), INK), (FOLDED, SOFT)]
    if pictures is not None:
        paragraphs.append((ON_PICTURE.format(describe(pictures.twin.spec)), SOFT))
    for said, fill in paragraphs:
        marks += _paragraph(said, y, fill, room)
        y += LINE * len(wrapped(said, SIZE, room))
    x, y = 0.0, y + 8
    for kind, said in KEYS.items():
        wide = KEY + width(said, SMALL + 1)
        if kind in _kinds(flows):
            x, y = (0.0, y + LINE) if x + wide > room else (x, y)
            marks.append(box(x, y, SWATCH * 1.6, SWATCH, PAINTS[kind]))
            marks.append(text(x + KEY, y + 10, said, size=SMALL + 1, anchor="start"))
            x += wide + 16
    return Drawn(tuple(marks), room, y + SWATCH)


def _kinds(flows: Sequence[Panel]) -> set[str]:
    """The kinds of boxes that there are."""
    nodes = [node for panel in flows for node in panel.nodes]
    looks = {"operation" if node.look == "plain" else node.look for node in nodes}
    return looks | {node.tensor.role for node in nodes if node.tensor is not None}


def _letters(seen: Seen) -> str:
    """What the letters are, as the spec's docstring says."""
    said = " ".join((inspect.getdoc(type(seen.spec)) or "").replace("``", "").split())
    _, found, rest = said.partition("Letters: ")
    return f"Letters: {rest.partition('. ')[0].rstrip('.')}." if found else ""


def _numbers(seen: Seen, flows: Sequence[Panel]) -> str:
    """The number of each letter that is on the drawing."""
    drawn = [node.tensor for panel in flows for node in panel.nodes if node.tensor is not None]
    used = {letter for tensor in drawn for extent in tensor.extents for letter in extent.letters}
    letters = seen.spec.letters(seen.shape_in)
    return "Here: " + ", ".join(f"{name} {number}" for name, number in letters.items() if name in used) + "."


def _paragraph(said: str, y: float, fill: str, room: float = ROOM) -> Iterator[str]:
    for line in wrapped(said, SIZE, room):
        y += LINE
        yield text(0, y, line, fill=fill, anchor="start")
