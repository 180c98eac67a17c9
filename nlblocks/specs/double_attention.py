"""Double attention: a few descriptors are gathered from all positions, then each position takes its mixture of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_image, check_int, refuse
from nlblocks.specs.layout import MapLayout


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleAttention(BlockSpec):
    """y_n = reconstruct(Σ_k d_nk g_k), g_k = Σ_n s_nk features(x_n): double attention (A²) over [B, C, H, W].

    s = softmax over n of gather(x), d = softmax over k of distribute(x).

    Letters: B batch, C ``in_channels``, D ``inter_channels``, K ``descriptors``, N = H·W positions; D and K default to
    C // 4, at least 1. ``features`` (C → D), ``gather`` and ``distribute`` (C → K) and ``reconstruct`` (D → C) are 1×1
    convolutions with biases. g is [B, D, K]. The attention maps are "gather" s, the share of each position in each
    descriptor, and "distribute" d, that of each descriptor at each position, both [B, N, K].

    ``reconstruct`` False leaves that convolution out: y is [B, D, H, W]. ``residual`` adds x, which the paper's network
    does around the block and the public class leaves to its caller.

    Shares sum to one, so that features and reconstruct may act on the K descriptors as well as on the N positions: the
    fast path does that.

    fightingcv's copy takes both softmaxes over the batch, which makes one picture depend on the others: it is not this.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "double_attention"
    cites: ClassVar[str] = "Chen et al. 2018, A²-Nets: Double Attention Networks, arXiv:1810.11579, eq. 3-5"

    in_channels: Annotated[int, "C, channels of x"]
    inter_channels: Annotated[int | None, "D, width of the features; None: C // 4, at least 1"] = None
    descriptors: Annotated[int | None, "K, how many descriptors; None: C // 4, at least 1"] = None
    reconstruct: Annotated[bool, "whether a convolution leads back to C channels"] = True
    residual: Annotated[bool, "whether x is added"] = False

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "inter_channels", optional=True)
        check_int(self, "descriptors", optional=True)
        check_bool(self, "reconstruct")
        check_bool(self, "residual")
        if self.residual and not self.reconstruct:
            raise refuse(self, "residual", "needs reconstruct=True, which gives as many channels as x has")

    @property
    def inner(self) -> int:
        """D, the width of the features."""
        return self.inter_channels or layers.reduce_channels(self.in_channels, 4)

    @property
    def count(self) -> int:
        """K, how many descriptors there are."""
        return self.descriptors or layers.reduce_channels(self.in_channels, 4)

    def params(self) -> tuple[Param, ...]:
        c, d, k = self.in_channels, self.inner, self.count
        params = layers.conv("features", c, d, (1, 1))
        params += layers.conv("gather", c, k, (1, 1)) + layers.conv("distribute", c, k, (1, 1))
        return params + (layers.conv("reconstruct", d, c, (1, 1)) if self.reconstruct else ())

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def output_shape(self, shape: Shape) -> Shape:
        self.check_input(shape)
        return (shape[0], self.in_channels if self.reconstruct else self.inner, *shape[2:])

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return dict.fromkeys(("gather", "distribute"), (shape[0], math.prod(shape[2:]), self.count))

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        layout = MapLayout(meaning="regions", grid=tuple(shape[2:]), count=self.count)
        return dict.fromkeys(("gather", "distribute"), layout)

    def letters(self, shape: Shape) -> dict[str, int]:
        names = {**BlockSpec.letters(self, shape), "D": self.inner}
        return names | ({"K": self.count} if self.count != self.inner else {})  # equal extents have one letter

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        c, d, k = self.in_channels, self.inner, self.count
        features = c * d * (2 if self.reconstruct else 1)
        return shape[0] * math.prod(shape[2:]) * (features + 2 * c * k + 2 * d * k)

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
