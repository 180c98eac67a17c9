"""A panel as marks: each operation on top of the tensor that it makes, and arrows from tensor to operation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from nlblocks.drawing.flow import Node, Panel, Tensor
from nlblocks.drawing.ink import INK, PAINTS, SIZE, SMALL, SOFT, Drawn, arrow, box, shape, text, width
from nlblocks.drawing.layout import Layout, Point, layout

LINE, SMALL_LINE, PAD, STEM = 15.0, 13.0, 6.0, 7.0
"""Heights in pixels: of a line of text, of a small one, around texts, and between an operation and its tensor."""
SIDE, SLANT = 11.0, 12.0
"""Pixels beside a text, and how far the side of an operation slants that changes how many channels there are."""
PORT = 22.0
"""Pixels between two arrows into one box."""


def flow(panel: Panel) -> Drawn:
    """The boxes and arrows of a panel."""
    plan = layout([size(node) for node in panel.nodes], panel.edges)
    marks = [arrow(way) for way in _ways(panel, plan)]
    for node, middle in zip(panel.nodes, plan.boxes, strict=True):
        marks += _node(node, middle)
    return Drawn(tuple(marks), plan.width, plan.height)


def size(node: Node) -> tuple[float, float]:
    """How wide and high a node is."""
    wide, high = 0.0, 0.0
    if node.look == "move":
        wide, high = max(width(line, SMALL) for line in node.lines), SMALL_LINE * len(node.lines) + 2
    elif _operation(node):
        wide, high = max(width(line, SIZE, bold=bold) for line, bold in _operation(node)), _operation_height(node)
        wide += SLANT if node.change else 0.0
    if node.tensor is not None:
        name, axes, numbers = _tensor(node.tensor)
        wide = max(wide, width(name, SIZE, bold=True) + width(axes), width(numbers, SMALL))
        high += 2 * LINE + PAD + (STEM if high else 0.0)
    return wide + 2 * SIDE, high


def _operation(node: Node) -> list[tuple[str, bool]]:
    """What an operation says, line by line, and which of it is bold."""
    head = [(node.title, True)] if node.title else []
    change = [(f"{node.change[0].text} → {node.change[1].text}", True)] if node.change else []
    return [*head, *((line, False) for line in node.lines if line), *change]


def _operation_height(node: Node) -> float:
    return LINE * len(_operation(node)) + PAD


def _tensor(tensor: Tensor) -> tuple[str, str, str]:
    """A tensor's name, its letters and its numbers."""
    axes = ", ".join(extent.text for extent in tensor.extents)
    numbers = " × ".join(str(extent.number) for extent in tensor.extents)
    return f"{tensor.name} " if tensor.name else "", f"[{axes}]", numbers


def _node(node: Node, middle: Point) -> Iterator[str]:
    (x, y), (wide, high) = middle, size(node)
    top, left = y - high / 2, x - wide / 2
    if node.look == "move":
        for index, line in enumerate(node.lines):
            yield text(x, top + 11 + SMALL_LINE * index, line, size=SMALL, fill=SOFT)
        return
    if _operation(node):
        yield from _pill(node, left, top, wide)
        top += _operation_height(node)
        if node.tensor is not None:
            yield f'<path d="M{x:.1f} {top:.1f}v{STEM:g}" stroke="{SOFT}" stroke-width="1.1"/>'
            top += STEM
    if node.tensor is not None:
        name, axes, numbers = _tensor(node.tensor)
        paint = PAINTS[node.tensor.role]
        yield box(left, top, wide, 2 * LINE + PAD, paint, line=1.0 if node.tensor.role == "plain" else 1.6)
        yield text(x, top + LINE + 1, axes, name=name)
        yield text(x, top + 2 * LINE, numbers, size=SMALL, fill=SOFT)


def _pill(node: Node, left: float, top: float, wide: float) -> Iterator[str]:
    """An operation: narrower below where it leaves fewer channels, wider where it makes more."""
    paint = PAINTS["part" if node.look == "part" else "learned" if node.look == "learned" else "operation"]
    high = _operation_height(node)
    right, bottom = left + wide, top + high
    if node.change is None:
        yield box(left, top, wide, high, paint, round_=8.0, line=1.6 if node.look == "part" else 1.0)
    else:
        shrinks = node.change[1].number < node.change[0].number
        above, below = (0.0, SLANT) if shrinks else (SLANT, 0.0)
        yield shape([(left + above, top), (right - above, top), (right - below, bottom), (left + below, bottom)], paint)
    for index, (line, bold) in enumerate(_operation(node)):
        changes = node.change is not None and index == len(_operation(node)) - 1
        yield text(left + wide / 2, top + LINE * (index + 1) - 1, line, bold=bold, fill=paint.line if changes else INK)


def _ways(panel: Panel, plan: Layout) -> Iterator[tuple[Point, ...]]:
    """The way of each arrow; those into one box come in side by side, in the order in which they come."""
    coming = defaultdict(list)
    for source, target in panel.edges:
        coming[target].append(source)
    for target, sources in coming.items():
        sources.sort(key=lambda source: plan.ways[source, target][-2][0])
        room = size(panel.nodes[target])[0] - 2 * (SIDE + SLANT)
        step = min(PORT, room / max(len(sources) - 1, 1))
        for index, source in enumerate(sources):
            *way, (x, y) = plan.ways[source, target]
            yield (*way, (x + step * (index - (len(sources) - 1) / 2), y))
