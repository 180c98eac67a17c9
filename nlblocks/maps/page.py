"""The page: every map of every picture as data, and a script that draws the one under the pointer."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.maps.heat import COLOURS, Pixel, diverging, limits
from nlblocks.maps.images import Picture
from nlblocks.maps.looking import Layer
from nlblocks.parity.rendering import elements

LIMIT = 24_000_000
"""Entries that a page holds: a byte each, 32 MB as text. Browsers open that in a second or two."""
LEVELS = 255
"""Steps between the least and the largest value of a row: what colours show, and one byte holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A layer in ``codes``, one byte an entry: low + code / LEVELS · (high - low), with ``low`` and ``high`` a row.

    Of every ``step`` positions (channels) along each axis of the grid the first is kept. A row is what one position
    looks at; a gate, a mask and an affinity are one row.
    """

    layer: Layer
    step: int
    codes: Array
    low: Array
    high: Array

    @classmethod
    def of(cls, layer: Layer, step: int = 1) -> Stored:
        every = slice(None, None, step)
        kept = layer.values[(every,) * len(layer.layout.grid)]
        rows = kept.reshape(-1, kept.shape[-1]) if layer.layout.from_each else kept.reshape(1, -1)
        low, high = limits(rows, layer)
        span = np.where(high > low, high - low, 1.0)
        codes = ((rows - low[:, None]) / span[:, None] * LEVELS).round().astype(np.uint8)
        return cls(layer=layer, step=step, codes=codes, low=low.astype(np.float32), high=high.astype(np.float32))

    def data(self) -> dict[str, Any]:
        layout = self.layer.layout
        return {
            "name": self.layer.name, "meaning": layout.meaning, "grid": layout.grid, "step": self.step,
            "keys": layout.keys, "pool": layout.pool or (1,) * len(layout.grid),
            "diverging": diverging(self.layer), "codes": _text(self.codes), "low": _text(self.low),
            "high": _text(self.high),
        }  # fmt: skip


class Page:
    """A page of ``count`` pictures, added one by one, so that only their bytes are kept."""

    def __init__(self, title: str, count: int) -> None:
        self._title = title
        self._share = LIMIT // count
        self._pictures: list[dict[str, Any]] = []
        self.notes: list[str] = []

    def add(self, picture: Picture, layers: Sequence[Layer], start: Pixel) -> None:
        """A picture with its maps, as seen from a pixel (y, x) at first."""
        steps = _steps(layers, self._share)
        self.notes += [
            f"{layer.name} on {picture.name}: the page has one of every {step} positions along each axis, so that it "
            f"holds at most {LIMIT:,} entries"
            for layer, step in zip(layers, steps, strict=True)
            if step > 1
        ]
        self._pictures.append({
            "name": picture.name, "size": picture.size, "start": start, "png": _text(_png(picture)),
            "layers": [Stored.of(layer, step).data() for layer, step in zip(layers, steps, strict=True)],
        })  # fmt: skip

    def html(self) -> str:
        """The whole page, with nothing outside it."""
        data = {
            "pictures": self._pictures,
            "colours": {str(middle).lower(): _text(_colours(name)) for middle, name in COLOURS.items()},
        }
        own = files("nlblocks.maps")
        names = dict.fromkeys(layer["name"] for picture in self._pictures for layer in picture["layers"])
        text = json.dumps(data).replace("<", "\\u003c")  # no name may end the script
        parts = [
            _head(self._title, len(self._pictures), len(names), self.notes),
            (own / "page.html").read_text("utf-8"),
            f'<script type="application/json" id="maps">{text}</script>',
            f"<script>{(own / 'page.js').read_text('utf-8')}</script>",
        ]
        return elements.document(self._title, parts, ", ".join(names), (own / "page.css").read_text("utf-8"))


def _head(title: str, pictures: int, layers: int, notes: Sequence[str]) -> str:
    about = f"{layers} layer{'s' * (layers != 1)} on {pictures} image{'s' * (pictures != 1)}"
    told = "".join(f'<div class="note">{escape(note)}</div>' for note in notes)
    return f'<div class="card"><h1>{escape(title)}</h1><div class="soft">{about}</div>{told}</div>'


def _steps(layers: Sequence[Layer], limit: int) -> list[int]:
    """How far apart the kept positions of each layer lie, so that all together have at most ``limit`` entries."""
    steps = [1] * len(layers)

    def entries(index: int) -> int:
        layout = layers[index].layout
        kept = math.prod(-(-extent // steps[index]) for extent in layout.grid)
        return kept * math.prod(layout.shape[len(layout.grid) :])

    while sum(map(entries, range(len(layers)))) > limit:
        thinner = [index for index, layer in enumerate(layers) if steps[index] < max(layer.layout.grid)]
        if not thinner:
            break  # one position is left of each
        steps[max(thinner, key=entries)] += 1
    return steps


def _colours(name: str) -> Array:
    """matplotlib's 256 colours of a name, [256, 3] uint8."""
    from matplotlib import colormaps

    return (colormaps[name](np.arange(256))[:, :3] * 255).round().astype(np.uint8)


def _png(picture: Picture) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture.shown).save(stream, format="PNG")
    return stream.getvalue()


def _text(value: Array | bytes) -> str:
    return base64.b64encode(value if isinstance(value, bytes) else np.ascontiguousarray(value).tobytes()).decode()
