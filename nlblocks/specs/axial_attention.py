"""Axial attention: multi-head self-attention along each axis of an image, summed or one after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.errors import InputError
from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_choice, check_int, refuse
from nlblocks.specs.layout import MapLayout

Join = Literal["sum", "chain"]


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class AxialAttention(BlockSpec):
    """y = Σ_a attention_a(x), or attention_2(attention_1(x)): self-attention along one axis a at a time.

    Letters: B batch, C ``in_channels``, P ``heads``, E the width of a head (``head_channels``, default C // P), D the
    width of all, P·E, T, H and W the extents, N their product. x and y are [B, C, T], [B, C, H, W] or [B, C, T, H, W]
    by ``dims``, or have C at another ``axis``. Along an axis of L positions, on each line of it and in each head:

        a_ij = softmax_j(q_i·k_j / √E),  z_i = Σ_j a_ij v_j,  out of the heads' z beside each other, D → C

    ``query`` C → D and ``key_value`` C → K = 2D (keys, then values) have no bias, ``out`` has; each axis has its own.
    ``join`` "sum" adds what the axes give, "chain" gives each the output of the one before. There is no residual.

    The maps are of the heads: "head_1", "head_2" ..., "attention" of one alone, each [B, *S, ΣS] for the extents S: how
    much a position reads of those on the axes through it, by axes. Along each axis they sum to 1. In "chain" a later
    axis reads what the one before gave.

    In float16 the affinity and its softmax are computed in float32.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "axial_attention"
    cites: ClassVar[str] = "Ho et al. 2019, Axial Attention in Multidimensional Transformers, arXiv:1912.12180"

    in_channels: Annotated[int, "C, channels of x"]
    heads: Annotated[int, "P, attention heads"] = 8
    head_channels: Annotated[int | None, "E, width of a head; None: C // heads"] = None
    dims: Annotated[int, "axes to attend along: 1, 2 or 3"] = 2
    axis: Annotated[int, "which axis of x holds the channels: 1 to dims + 1"] = 1
    join: Annotated[Join, "sum: every axis reads x; chain: one axis after the other"] = "sum"

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "heads")
        check_int(self, "head_channels", optional=True)
        check_choice(self, "dims", (1, 2, 3))
        check_choice(self, "axis", tuple(range(1, self.dims + 2)))
        check_choice(self, "join", get_args(Join))
        if self.head_channels is None and self.in_channels % self.heads:
            raise refuse(self, "heads", f"must divide in_channels={self.in_channels}, or give head_channels")

    @property
    def head_width(self) -> int:
        """E, the width of a head."""
        return self.head_channels or self.in_channels // self.heads

    @property
    def inner(self) -> int:
        """D, the width of all heads."""
        return self.heads * self.head_width

    @property
    def channel_axis(self) -> int:
        return self.axis

    def input_of(self, batch: int, channels: int, spatial: Shape) -> Shape:
        before = self.axis - 1
        return (batch, *spatial[:before], channels, *spatial[before:])

    def extents(self, shape: Shape) -> Shape:
        """The extents of the axes that are attended along."""
        return (*shape[1 : self.axis], *shape[self.axis + 1 :])

    def params(self) -> tuple[Param, ...]:
        c, d = self.in_channels, self.inner
        params: tuple[Param, ...] = ()
        for index in range(self.dims):
            params += layers.linear(f"axes.{index}.query", c, d, bias=False)
            params += layers.linear(f"axes.{index}.key_value", c, 2 * d, bias=False)
            params += layers.linear(f"axes.{index}.out", d, c)
        return params

    def check_input(self, shape: Shape) -> None:
        letters = "THW"[-self.dims :] if self.dims > 1 else "T"
        axes = f"[{', '.join(('B', *letters[: self.axis - 1], 'C', *letters[self.axis - 1 :]))}]"
        said = f"AxialAttention: input of shape {tuple(shape)} has"
        if len(shape) != self.dims + 2:
            raise InputError(f"{said} {len(shape)} axes; it must have {self.dims + 2}: {axes}")
        channels = shape[self.axis]
        if 0 <= channels != self.in_channels:
            raise InputError(f"{said} {channels} channels; it must have {self.in_channels}: {axes}")
        if 0 in self.extents(shape):
            raise InputError(f"{said} extents {self.extents(shape)}; they must be at least 1: {axes}")

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        lines = (shape[0], *self.extents(shape), sum(self.extents(shape)))
        return dict.fromkeys(layers.head_names(self.heads), lines)

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        layout = MapLayout(meaning="lines", grid=self.extents(shape))
        return dict.fromkeys(layers.head_names(self.heads), layout)

    def letters(self, shape: Shape) -> dict[str, int]:
        self.check_input(shape)
        extents = self.extents(shape)
        spatial = dict(zip("THW"[-self.dims :], extents, strict=True)) if self.dims > 1 else {}
        own = {"D": self.inner} if self.inner != self.in_channels else {}
        own |= {"E": self.head_width, "K": 2 * self.inner} if self.heads > 1 else {}
        return {"B": shape[0], "C": self.in_channels, **spatial, "N": math.prod(extents), **own}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        extents, c, d = self.extents(shape), self.in_channels, self.inner
        return shape[0] * math.prod(extents) * (self.dims * 4 * c * d + 2 * sum(extents) * d)

    def example_shape(self) -> Shape:
        return self.input_of(2, self.in_channels, {1: (7,), 2: (4, 5), 3: (3, 4, 5)}[self.dims])
