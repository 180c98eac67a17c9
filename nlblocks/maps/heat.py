"""One map as it is drawn: where its entries lie on the image, and from what to what its colours go."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nlblocks.backend import Array
from nlblocks.maps.images import Picture
from nlblocks.maps.looking import Layer

COLOURS = {False: "magma", True: "RdBu_r"}
"""matplotlib's colours of a map, and of one that has negative entries: those have white at 0."""
QUERIES = 3
"""How many positions are looked from where none is given."""
FINEST = 14
"""Cells on a side, at most, among which those positions are chosen."""

Pixel = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """A grid of values [h, w] over the image's rectangle from (0, 0) to ``reach`` (y, x), in pixels.

    NaN is what is not attended to. Colours go from ``low`` to ``high``.
    """

    values: Array
    reach: tuple[float, float]
    low: float
    high: float


def cell_of(layer: Layer, picture: Picture, query: Pixel) -> tuple[int, int]:
    """The position of the layer's grid that a pixel (y, x) lies in: the grid is stretched over the whole image."""
    (y, x), (height, width), (rows, columns) = query, picture.size, layer.layout.grid
    return y * rows // height, x * columns // width


def diverging(layer: Layer) -> bool:
    """Whether the layer's colours have a middle: where its map has negative entries."""
    return bool(layer.values.min() < 0)


def limits(values: Array, layer: Layer) -> tuple[Array, Array]:
    """From what to what the colours of each row of ``values`` [rows, entries] go: two arrays [rows].

    The attention of one position, and an affinity, from 0, or as far below it as above; gates and masks from their
    least entry: they lie close together.
    """
    if diverging(layer):
        high = np.abs(values).max(1)
        return -high, high
    high = values.max(1)
    return (values.min(1) if layer.layout.meaning in ("gate", "mask") else np.zeros_like(high)), high


def heat(layer: Layer, picture: Picture, query: Pixel) -> Heat:
    """A layer that lies over the image, as seen from a pixel (y, x); a mask is the same from each."""
    layout, size = layer.layout, picture.size
    if layout.one_image:
        values, entries, reach = layer.values, layer.values, (float(size[0]), float(size[1]))
    else:
        y, x = cell_of(layer, picture, query)
        entries = layer.values[y, x]
        values, reach = _laid(layer, (y, x), entries), _reach(layer, picture)
    low, high = limits(entries.reshape(1, -1), layer)
    return Heat(values=values, reach=reach, low=float(low[0]), high=float(high[0]))


def _laid(layer: Layer, cell: tuple[int, int], entries: Array) -> Array:
    """The entries of one position on the grid that they are of."""
    layout = layer.layout
    if layout.meaning == "positions":
        return entries.reshape(layout.keys)
    values = np.full(layout.grid, np.nan)
    rows = layout.grid[0]
    values[:, cell[1]] = entries[:rows]
    values[cell[0], :] = entries[rows:]  # the position itself lies on both axes, and counts on the last
    return values


def _reach(layer: Layer, picture: Picture) -> tuple[float, float]:
    """How far the keys reach over the image: pooling leaves out what does not fill a window."""
    layout = layer.layout
    if layout.meaning != "positions":
        return float(picture.size[0]), float(picture.size[1])
    pool = layout.pool or (1, 1)
    y, x = (
        keys * window * extent / cells
        for keys, window, extent, cells in zip(layout.keys, pool, picture.size, layout.grid, strict=True)
    )
    return y, x


def standing_out(picture: Picture) -> list[Pixel]:
    """A few positions (y, x) to look from: in each third of what stands out, what does most.

    That is what is unlike most of the image, and rather in its middle than at its border.
    """
    grey = picture.shown.mean(2)
    height, width = grey.shape
    ys, xs = (np.linspace(0, n, min(n, FINEST) + 1).astype(int) for n in (height, width))
    sums = np.add.reduceat(np.add.reduceat(np.abs(grey - np.median(grey)), ys[:-1], 0), xs[:-1], 1)
    middle = np.outer(*(np.sin(np.pi * (np.arange(len(n) - 1) + 0.5) / (len(n) - 1)) for n in (ys, xs)))
    cells = middle * sums / np.outer(np.diff(ys), np.diff(xs))
    rows = np.flatnonzero(cells.max(1) > cells.max() / 2)
    if not rows.size:
        return [(height // 2, width // 2)]
    bands = np.linspace(rows[0], rows[-1] + 1, QUERIES + 1).astype(int)
    found = []
    for start, stop in pairwise(bands):
        if start < stop:
            y, x = np.unravel_index(int(cells[start:stop].argmax()), (stop - start, cells.shape[1]))
            found.append((int(ys[start + y] + ys[start + y + 1]) // 2, int(xs[x] + xs[x + 1]) // 2))
    return found
