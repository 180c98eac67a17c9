"""Criss-cross attention: every position attends to its row and its column."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_choice, check_image, check_int
from nlblocks.specs.layout import MapLayout


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class CrissCrossAttention(BlockSpec):
    """y_u = gamma · Σ_j a_uj v(x_j) + x_u, where j runs over the positions on the axes through u.

    Letters: B batch, C ``in_channels``, D the width of queries and keys, T time, H height, W width. q, k (C → D) and
    v (C → C) are 1×1 convolutions with bias, ``gamma`` is a learned scalar (1,) that starts at 0. x and y are
    [B, C, H, W], or with ``dims`` 3 [B, C, T, H, W]. a_u is the softmax of q(x_u)·k(x_j) over the H + W - 1 (in 3D
    T + H + W - 2) positions j that differ from u in at most one coordinate; u itself is one of them, counted once.

    The map is [B, H, W, H + W], its last axis [column of u | row of u], in 3D [B, T, H, W, T + H + W] with the last
    axis [T | H | W]. u lies on every axis: its weight stands on the last one, W; its entries on the others are
    exactly 0 and get no gradient. No infinity is used to exclude them, so that half precision and export work.

    ``recurrence`` applies the block that many times with the same weights (the paper's network uses 2, after which
    every position has seen every other; in 3D it takes 3). The map is that of the last pass.

    D is ``inter_channels``, or where that is None C // ``reduction``, at least 1.

    In float16 the affinity and its softmax are computed in float32: scores pass 65504 where features do not.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "criss_cross_attention"
    cites: ClassVar[str] = "Huang et al. 2019, CCNet: Criss-Cross Attention, arXiv:1811.11721, eq. 1-2"

    in_channels: Annotated[int, "C, channels of x"]
    reduction: Annotated[int, "C // reduction is the width of queries and keys"] = 8
    inter_channels: Annotated[int | None, "the width itself; None: from reduction"] = None
    dims: Annotated[int, "spatial dimensions: 2 or 3"] = 2
    recurrence: Annotated[int, "how often the block is applied, with the same weights"] = 1

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "reduction")
        check_int(self, "inter_channels", optional=True)
        check_choice(self, "dims", (2, 3))
        check_int(self, "recurrence")

    @property
    def inner(self) -> int:
        """D, the width of queries and keys."""
        return self.inter_channels or layers.reduce_channels(self.in_channels, self.reduction)

    @property
    def axes(self) -> str:
        """A letter for each spatial axis, in order: "hw" or "thw"."""
        return "thw"[-self.dims :]

    def params(self) -> tuple[Param, ...]:
        c, d, kernel = self.in_channels, self.inner, (1,) * self.dims
        params = layers.conv("query", c, d, kernel) + layers.conv("key", c, d, kernel)
        return (*params, *layers.conv("value", c, c, kernel), layers.GAMMA)

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=self.dims)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], *shape[2:], sum(shape[2:]))}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="lines", grid=tuple(shape[2:]))}

    def letters(self, shape: Shape) -> dict[str, int]:
        return {**BlockSpec.letters(self, shape), "D": self.inner}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        n, m, c, d = math.prod(shape[2:]), sum(shape[2:]), self.in_channels, self.inner
        return shape[0] * self.recurrence * (n * c * (2 * d + c) + n * m * (d + c))

    def example_shape(self) -> Shape:
        return (2, self.in_channels, *{2: (5, 7), 3: (3, 4, 5)}[self.dims])
