"""A map or a relation on the picture as marks: all its entries, and one row of them as what it weighs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from nlblocks.backend import Array
from nlblocks.drawing.ink import INK, PAINTS, PAPER, SMALL, SOFT, Drawn, at, n, text, width, wrapped
from nlblocks.drawing.pictures import Shown

ROOM = 390.0
"""Pixels: how wide an inset is."""
TITLE, LINE, CAPTION, GAP = 32.0, 14.0, 16.0, 26.0
PICTURE, MATRIX, THUMB, LARGEST = 84.0, 128.0, 20.0, 16.0
"""Pixels: how wide a picture, a matrix and a channel are, and the largest cell of a matrix."""
COLOURS = ("#a5d8ff", "#ffd43b", "#8ce99a")
"""Of the kinds of positions: sky, the thing, ground."""
MORE, LESS = PAINTS["map"].line, PAINTS["plain"].line
"""The colours of the largest entry, and of one as far below zero."""
LEVELS = 40
"""Shades that are told apart."""
TIE = 1e-6
"""A share of a level: what lies between two levels but for rounding is the upper one on every machine."""
FEW = 8
"""Channels that are shown."""
CLOSE = 0.05
"""Entries that differ by no more are written with one more digit."""
Shade = Callable[[float], str]


def inset(shown: Shown) -> Drawn:
    """One map or relation, under its title."""
    marks, x, high = [text(0, 10, shown.title, bold=True, anchor="start", fill=MORE)], 0.0, 0.0
    for figure in _figures(shown):
        marks += at(figure, x, TITLE)
        x, high = x + figure.width + GAP, max(high, figure.height)
    y = TITLE + high + 4
    for said in shown.lines:
        for line in wrapped(said, SMALL + 1, ROOM):
            y += LINE
            marks.append(text(0, y, line, size=SMALL + 1, anchor="start"))
    return Drawn(tuple(marks), max(ROOM, x - GAP), y + 4)


def _figures(shown: Shown) -> Iterator[Drawn]:
    """The picture, the matrix, and a row over the picture or the channels that it weighs."""
    shade = _shades(shown.values)
    if shown.row is not None:
        yield _picture(shown)
    if shown.values.ndim > 1:
        yield _matrix(shown, shade)
    if shown.row is not None:
        yield _row(shown, shade)
    elif shown.channels is not None:
        yield _channels(shown, shade)


def _picture(shown: Shown) -> Drawn:
    cell = _cell(shown.picture.shape)
    marks, frame = list(_cells(shown.picture, cell, lambda kind: COLOURS[int(kind)])), shown.picture.shape
    single = shown.values.ndim == 1
    marks += () if single else (_outline(*_corner(shown.i, frame, cell), cell, cell),)
    return _captioned(marks, shown.picture.shape, cell, "the picture" if single else "the picture, and i")


def _row(shown: Shown, shade: Shade) -> Drawn:
    """A row, or a mask, over the picture: its values may be of windows of positions."""
    assert shown.row is not None
    cell, frame = _cell(shown.picture.shape), shown.picture.shape
    values = shown.row.repeat(shown.window[0], 0).repeat(shown.window[1], 1).repeat(shown.window[2], 2)
    marks = list(_cells(values, cell, shade))
    if shown.values.ndim > 1:
        marks.append(_outline(*_corner(shown.i, frame, cell), cell, cell))
    said = "row i over it"
    if shown.values.ndim == 1:
        said = f"the entries over it: {_short(shown.row.min(), 3)} to {_short(shown.row.max(), 3)}"
    return _captioned(marks, frame, cell, said)


def _matrix(shown: Shown, shade: Shade) -> Drawn:
    rows, columns = shown.values.shape
    cell = min(LARGEST, MATRIX / max(rows, columns))
    marks = list(_cells(shown.values[None], cell, shade))
    marks.append(_outline(0, shown.i * cell, columns * cell, cell))
    marks.append(text(-6, (shown.i + 0.5) * cell + 4, "i", bold=True))
    if shown.j >= 0:
        marks.append(_outline(shown.j * cell, shown.i * cell, cell, cell))
        marks.append(text((shown.j + 0.5) * cell, -3, "j", bold=True))
    inner = Drawn(tuple(marks), columns * cell, rows * cell)
    said = f"{rows} × {columns} entries"
    moved = tuple(at(inner, 10, 0))
    wide = max(inner.width + 10, width(said, SMALL))
    return Drawn((*moved, _caption(said, 10, rows * cell)), wide, rows * cell + CAPTION)


def _channels(shown: Shown, shade: Shade) -> Drawn:
    """Channels as pictures, each above what it is multiplied by, and what comes of their sum."""
    assert shown.channels is not None
    row = shown.values[shown.i] if shown.values.ndim > 1 else shown.values
    few, cell = min(FEW, len(row)), THUMB / max(shown.channels.shape[2], shown.channels.shape[3])
    of_channels, step, marks = _shades(shown.channels), THUMB + 5, list[str]()
    frames, digits = shown.channels.shape[1], 2 if np.ptp(row) > CLOSE else 3
    for channel in range(few):
        x = channel * step * frames
        thumb = _cells(shown.channels[channel], cell, of_channels)
        marks += at(Drawn(tuple(thumb), 0, 0), x, 0)
        wide = THUMB * frames
        marks.append(
            f'<rect x="{n(x)}" y="{n(THUMB + 4)}" width="{n(wide)}" height="12" fill="{shade(row[channel])}" '
            f'stroke="{SOFT}" stroke-width="0.5"/>'
        )
        marks.append(text(x + wide / 2, THUMB + 27, _short(row[channel], digits), size=8.5, fill=SOFT))
    x = few * step * frames
    if shown.result is not None and few == len(row):
        marks.append(text(x + 4, THUMB / 2 + 4, "→"))
        result = _cells(shown.result, cell, _shades(shown.result))
        marks += at(Drawn(tuple(result), 0, 0), x + 14, 0)
        x += 14 + THUMB * frames
    said = "channels, row i, and what channel i becomes" if shown.result is not None else "channels, and their entries"
    said += "" if few == len(row) else f": {few} of {len(row)}"
    y = THUMB + 30
    return Drawn((*marks, _caption(said, 0, y)), max(x, width(said, SMALL)), y + CAPTION)


def _short(value: float, digits: int = 2) -> str:
    return f"{math.floor(value * 10**digits + 0.5 + TIE) / 10**digits:.{digits}f}".replace("-", "−")


def _cell(shape: Sequence[int]) -> float:
    """How wide a position of a picture is."""
    frames, _, columns = shape
    return min(PICTURE / 4, MATRIX / (columns * frames))


def _corner(position: int, shape: Sequence[int], cell: float) -> tuple[float, float]:
    """Where a position of a picture stands: frames stand side by side."""
    frame, row, column = np.unravel_index(position, tuple(shape))
    return float(frame) * (shape[2] * cell + 4) + float(column) * cell, float(row) * cell


def _cells(values: Array, cell: float, colour: Shade) -> Iterator[str]:
    """Cells of [frames, rows, columns], those of one colour in one path; NaN is left white, with a thin line around."""
    paths = defaultdict(list)
    for index, value in np.ndenumerate(values):
        x, y = _corner(int(np.ravel_multi_index(index, values.shape)), values.shape, cell)
        fill = PAPER if np.isnan(value) else colour(float(value))
        paths[fill].append(f"M{n(x)} {n(y)}h{n(cell)}v{n(cell)}h-{n(cell)}z")
    for fill, found in paths.items():
        yield f'<path d="{"".join(found)}" fill="{fill}" stroke="#dee2e6" stroke-width="0.5"/>'


def _outline(x: float, y: float, wide: float, high: float) -> str:
    place = f'x="{n(x)}" y="{n(y)}" width="{n(wide)}" height="{n(high)}"'
    return f'<rect {place} fill="none" stroke="{INK}" stroke-width="1.6"/>'


def _captioned(marks: Sequence[str], shape: Sequence[int], cell: float, said: str) -> Drawn:
    wide, high = shape[0] * (shape[2] * cell + 4) - 4, shape[1] * cell
    return Drawn((*marks, _caption(said, 0, high)), max(wide, width(said, SMALL)), high + CAPTION)


def _caption(said: str, x: float, y: float) -> str:
    return text(x, y + 12, said, size=SMALL, fill=SOFT, anchor="start")


def _shades(values: Array) -> Shade:
    """The colours of numbers: white for zero, the full colour for the largest, another for what is as far below zero.

    Those of a gate or a mask, which lie close together, go from the least to the largest.
    """
    if values.ndim == 1:
        return partial(_shade, low=float(values.min()), high=float(values.max()))
    return partial(_shade, low=0.0, high=float(np.abs(values).max()))


def _shade(value: float, low: float, high: float) -> str:
    share = 0.0 if high == low else min(abs(value - low) / (high - low), 1.0)
    level = math.floor(share * LEVELS + 0.5 + TIE) / LEVELS
    full = MORE if value >= low else LESS
    parts = (round(255 + (int(full[k : k + 2], 16) - 255) * level) for k in (1, 3, 5))
    return "#" + "".join(f"{part:02x}" for part in parts)
