"""Strip pooling: what a picture's rows, columns and coarse parts hold on average, added to each position."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_image, check_int, check_sizes, check_type
from nlblocks.specs.layers import BatchNorm


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class StripPooling(BlockSpec):
    """y = relu(x + join([relu(long(relu(s))), relu(short(relu(t)))])): the mixed pooling of SPNet over [B, C, H, W].

    s_hw = down(mean over W of u)_h + across(mean over H of u)_w, u = relu(reduce_long(x)): strips, each repeated over
    the axis that its mean was taken of. t = whole(v) + Σ_i up(pooled_i(pool_i(v))), v = relu(reduce_short(x)): pool_i
    takes means over ``pool_sizes``[i] squared parts of H×W (adaptive average pooling), up is bilinear, with
    ``align_corners`` or without.

    Letters: B batch, C ``in_channels``, D the inner width: ``inter_channels``, or C // 4. Each named layer is a
    convolution without bias and its BatchNorm ``norm``: ``reduce_long`` and ``reduce_short`` 1×1, C → D; ``down`` and
    ``across`` 3 along the strip, ``whole``, ``pooled.i``, ``long`` and ``short`` 3×3, D → D; ``join`` 1×1, 2D → C.

    There is no attention map: what is added to a position is no weight of another.

    Defaults are those of SPNet, for pictures of about 60×60; it starts as torch does.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "strip_pooling"
    cites: ClassVar[str] = "Hou et al. 2020, Strip Pooling, arXiv:2003.13328, fig. 3"

    in_channels: Annotated[int, "C, channels of x"]
    inter_channels: Annotated[int | None, "D, the inner width; None: C // 4, at least 1"] = None
    pool_sizes: Annotated[tuple[int, ...], "extents of the pooled maps"] = (20, 12)
    align_corners: Annotated[bool, "whether bilinear interpolation lays the corners on each other"] = True
    norm: Annotated[BatchNorm, "the BatchNorm after each convolution"] = field(default_factory=BatchNorm)

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "inter_channels", optional=True)
        check_sizes(self, "pool_sizes")
        check_bool(self, "align_corners")
        check_type(self, "norm", BatchNorm)

    @property
    def inner(self) -> int:
        """D, the width between the first and the last convolution."""
        return self.inter_channels or layers.reduce_channels(self.in_channels, 4)

    def params(self) -> tuple[Param, ...]:
        c, d = self.in_channels, self.inner
        params = layers.conv_norm("reduce_long", c, d, (1, 1)) + layers.conv_norm("reduce_short", c, d, (1, 1))
        params += layers.conv_norm("down", d, d, (3,)) + layers.conv_norm("across", d, d, (3,))
        pooled = [f"pooled.{i}" for i in range(len(self.pool_sizes))]
        for name in ("whole", *pooled, "long", "short"):
            params += layers.conv_norm(name, d, d, (3, 3))
        return params + layers.conv_norm("join", 2 * d, c, (1, 1))

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def letters(self, shape: Shape) -> dict[str, int]:
        return {**BlockSpec.letters(self, shape), "D": self.inner}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        c, d, positions = self.in_channels, self.inner, math.prod(shape[2:])
        squares = 9 * (3 * positions + sum(size**2 for size in self.pool_sizes))
        return shape[0] * (4 * positions * c * d + d * d * (squares + 3 * sum(shape[2:])))

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 7, 5)
