"""What the entries of an attention map mean, and so how it is laid out over an image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Meaning = Literal["positions", "regions", "region", "lines", "channels", "gate", "choice", "mask", "masks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapLayout:
    """One attention map of one image; ``shape`` are its extents, the batch left out and its positions on a grid.

    Letters: S the spatial extents (H, W), M keys, C and D channels; K, R and G are ``count``.

    ============= =============== ====================================================================
    ``meaning``   ``shape``       an entry
    ============= =============== ====================================================================
    positions     [*S, M]         how much a position reads of each key; a key is ``pool`` positions
    regions       [*S, K]         how much it reads of each of K things without a place: objects, bases, slots
    region        [*S]            how much a position reads of one of them
    lines         [*S, ΣS]        how much it reads of each position on the axes through it, in order:
                                  in 2D its column, then its row
    channels      [D, D]          how much the first channel reads of the second
    gate          [C]             what a channel is multiplied by
    choice        [R, C]          what a channel takes of each of R branches
    mask          [*S]            what a position is multiplied by
    masks         [G, *S]         what it is multiplied by in each of G groups of channels
    ============= =============== ====================================================================

    ``grid`` are the extents that are looked at one by one: S, [D, D] or [C] ("choice" too).
    """

    meaning: Meaning
    grid: tuple[int, ...]
    pool: tuple[int, ...] = ()
    count: int = 0

    @property
    def keys(self) -> tuple[int, ...]:
        """The grid of the keys of "positions": a window that does not fit whole is left out."""
        return tuple(extent // size for extent, size in zip(self.grid, self.pool or (1,) * len(self.grid), strict=True))

    @property
    def shape(self) -> tuple[int, ...]:
        if self.meaning == "positions":
            return (*self.grid, math.prod(self.keys))
        if self.meaning == "regions":
            return (*self.grid, self.count)
        if self.meaning in ("masks", "choice"):
            return (self.count, *self.grid)
        return (*self.grid, sum(self.grid)) if self.meaning == "lines" else self.grid

    @property
    def from_each(self) -> bool:
        """Whether each position has a map of its own."""
        return self.meaning in ("positions", "regions", "lines")

    @property
    def one_image(self) -> bool:
        """Whether it is one image, the same from wherever it is looked at."""
        return self.meaning in ("mask", "region")

    @property
    def spatial(self) -> bool:
        """Whether it lies over the image."""
        return self.from_each or self.one_image or self.meaning == "masks"
