"""A layer on a picture as a PNG: where each position looks; gates as bars and masks; affinities as a matrix."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

from nlblocks.maps.heat import COLOURS, Heat, Pixel, cell_of, diverging, heat, limits
from nlblocks.maps.images import Picture
from nlblocks.maps.looking import Layer

PAIRS = 3
"""Positions side by side; more go into further rows."""
TILE = 2.6
"""Inches of a tile's side."""
DPI = 120
STRENGTH = 0.65
"""How much of the colours is seen over the image."""
MARK = "#00e5ff"
"""The frame of a position: a colour that neither a grey image nor a heat map has."""


def panel(layer: Layer, picture: Picture, queries: Sequence[Pixel]) -> bytes:
    """The PNG of a layer on a picture, as seen from pixels (y, x)."""
    stream = io.BytesIO()
    figure_of(layer, picture, queries).savefig(stream, format="png", dpi=DPI)
    return stream.getvalue()


def figure_of(layer: Layer, picture: Picture, queries: Sequence[Pixel]) -> Any:
    """The same as matplotlib's figure: the image beside each drawing of the layer."""
    from matplotlib.figure import Figure

    from_each = layer.layout.from_each
    shown = queries if from_each else queries[:1]
    columns = 2 * min(PAIRS, len(shown))
    rows = math.ceil(2 * len(shown) / columns)
    figure = Figure(figsize=(TILE * (columns + 0.3), TILE * rows + 0.9), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.axis("off")
    for left, right, query in zip(axes[::2], axes[1::2], shown, strict=False):
        left.axis("on")
        right.axis("on")
        left.imshow(picture.shown)
        _bare(left)
        if from_each:
            y, x = cell_of(layer, picture, query)
            left.set_title(f"from ({y}, {x}) of {_times(layer.layout.grid)}", fontsize=9)
            _mark(left, layer, picture, (y, x))
        DRAWN[layer.layout.meaning](figure, right, layer, picture, query)
    figure.suptitle(f"{layer.name} on {picture.name}\n{TITLES[layer.layout.meaning]}", fontsize=11)
    return figure


TITLES = {
    "positions": "how much the marked position reads of each other",
    "lines": "how much the marked position reads of its column and row",
    "region": "how much each position reads of the region",
    "mask": "what each position is multiplied by",
    "gate": "what each channel is multiplied by",
    "channels": "how much each channel reads of each other",
}
"""What is seen, by what the map's entries mean."""


def _over(figure: Any, axis: Any, layer: Layer, picture: Picture, query: Pixel) -> None:
    """Heat over the grey image."""
    found: Heat = heat(layer, picture, query)
    height, width = picture.size
    axis.imshow(picture.shown.mean(2), cmap="gray", vmin=0, vmax=255)
    y, x = found.reach
    drawn = axis.imshow(
        found.values, cmap=COLOURS[diverging(layer)], vmin=found.low, vmax=found.high, alpha=STRENGTH,
        extent=(-0.5, x - 0.5, y - 0.5, -0.5), interpolation="nearest",
    )  # fmt: skip
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    _bare(axis)
    if not layer.layout.one_image:
        _mark(axis, layer, picture, cell_of(layer, picture, query))
    if layer.layout.meaning == "positions" and layer.layout.keys != layer.layout.grid:
        axis.set_title(f"{_times(layer.layout.keys)} keys", fontsize=9)
    figure.colorbar(drawn, ax=axis, shrink=0.7).ax.tick_params(labelsize=7)


def _matrix(figure: Any, axis: Any, layer: Layer, picture: Picture, query: Pixel) -> None:
    low, high = limits(layer.values.reshape(1, -1), layer)
    drawn = axis.imshow(layer.values, cmap=COLOURS[diverging(layer)], vmin=low[0], vmax=high[0])
    axis.set_xlabel("channel that is read", fontsize=8)
    axis.set_ylabel("channel that reads", fontsize=8)
    axis.tick_params(labelsize=7)
    figure.colorbar(drawn, ax=axis, shrink=0.7).ax.tick_params(labelsize=7)


def _bars(figure: Any, axis: Any, layer: Layer, picture: Picture, query: Pixel) -> None:
    axis.bar(range(len(layer.values)), layer.values, width=1.0, color="#1f77b4")
    axis.set_box_aspect(1)
    axis.set_xlabel("channel", fontsize=8)
    axis.tick_params(labelsize=7)


DRAWN = {"positions": _over, "lines": _over, "mask": _over, "region": _over, "gate": _bars, "channels": _matrix}


def _mark(axis: Any, layer: Layer, picture: Picture, cell: tuple[int, int]) -> None:
    """A frame around a position of the layer's grid."""
    from matplotlib.patches import Rectangle

    (y, x), (height, width), (rows, columns) = cell, picture.size, layer.layout.grid
    corner = (x * width / columns - 0.5, y * height / rows - 0.5)
    axis.add_patch(Rectangle(corner, width / columns, height / rows, fill=False, ec=MARK, lw=1.6))


def _bare(axis: Any) -> None:
    axis.set_xticks([])
    axis.set_yticks([])


def _times(extents: Sequence[int]) -> str:
    return "×".join(map(str, extents))
