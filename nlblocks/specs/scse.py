"""Concurrent spatial and channel squeeze and excitation: what a channel's gate leaves, and what a position's does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_choice, check_image, check_int
from nlblocks.specs.layout import MapLayout

Join = Literal["sum", "max"]


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class SCSE(BlockSpec):
    """y_cn = x_cn a_c + x_cn s_n, a = sigmoid(fc_2(relu(fc_1(mean(x))))), s = sigmoid(conv(x)): scSE over [B, C, H, W].

    Letters: B batch, C ``in_channels``, D the inner width, N = H·W positions. fc_1 is linear C → D, fc_2 linear D → C,
    ``conv`` a 1×1 convolution C → 1, all three with biases. mean(x) is taken over the positions. The attention maps
    are "channel" a [B, C] and "spatial" s [B, H, W].

    D is ``inter_channels``, or C // ``ratio``, at least 1.

    =========== =================================================================
    ``join``    y
    =========== =================================================================
    sum         x a + x s (segmentation_models.pytorch, whose ratio is 16)
    max         max(x a, x s), the authors' code, whose ratio is 2
    =========== =================================================================

    Equal values under "max", as where x is 0: each gets half of the gradient.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "scse"
    cites: ClassVar[str] = "Roy et al. 2018, Concurrent Spatial and Channel Squeeze & Excitation, arXiv:1803.02579"

    in_channels: Annotated[int, "C, channels of x"]
    inter_channels: Annotated[int | None, "the inner width itself; None: from ratio"] = None
    ratio: Annotated[int, "C // ratio is the inner width"] = 16
    join: Annotated[Join, "how both are joined: sum or max"] = "sum"

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "inter_channels", optional=True)
        check_int(self, "ratio")
        check_choice(self, "join", get_args(Join))

    @property
    def inner(self) -> int:
        """D, the width between fc_1 and fc_2."""
        return self.inter_channels or layers.reduce_channels(self.in_channels, self.ratio)

    @property
    def takes_maximum(self) -> bool:
        return self.join == "max"

    def params(self) -> tuple[Param, ...]:
        c, d = self.in_channels, self.inner
        return layers.linear("fc_1", c, d) + layers.linear("fc_2", d, c) + layers.conv("conv", c, 1, (1, 1))

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"channel": (shape[0], self.in_channels), "spatial": (shape[0], *shape[2:])}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {
            "channel": MapLayout(meaning="gate", grid=(self.in_channels,)),
            "spatial": MapLayout(meaning="mask", grid=tuple(shape[2:])),
        }

    def letters(self, shape: Shape) -> dict[str, int]:
        return {**BlockSpec.letters(self, shape), "D": self.inner}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        return shape[0] * self.in_channels * (2 * self.inner + math.prod(shape[2:]))

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
