"""Shuffle attention: half of each group of channels is scaled by a channel's mean, half by where it stands out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_image, check_int, refuse
from nlblocks.specs.layout import MapLayout


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class ShuffleAttention(BlockSpec):
    """y = shuffle(x · a), a_c = sigmoid(w_c mean(x_c) + b_c) or sigmoid(v_c norm(x_c) + u_c): SA over [B, C, H, W].

    Letters: B batch, C ``in_channels``, D half of a group: C / (2 ``groups``). x is cut into ``groups`` groups of 2 D
    channels. In the first D of each, the gate comes from the channel's mean over H·W, scaled and shifted by
    ``channel_weight`` w and ``channel_bias`` b. In the last D it comes from the channel itself, each position less
    the channel's mean and by its deviation (a group norm of one channel a group, eps 1e-5, with ``norm``), scaled and
    shifted by ``spatial_weight`` v and ``spatial_bias`` u. All groups share the same 6 D numbers. The shuffle puts
    channel i of the first half of C beside channel i of the second. The attention map a is [B, C, H, W], in the order
    of x's channels.

    All gates start at sigmoid(1), as in SA-Net, whose default are 64 groups; fightingcv's copy has 8.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "shuffle_attention"
    cites: ClassVar[str] = "Zhang and Yang 2021, SA-Net: Shuffle Attention, arXiv:2102.00240, eq. 1-4"

    in_channels: Annotated[int, "C, channels of x"]
    groups: Annotated[int, "groups that share their weights; C is a multiple of twice as many"] = 64

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "groups")
        if self.in_channels % (2 * self.groups):
            raise refuse(self, "in_channels", f"must be a multiple of {2 * self.groups}, twice groups={self.groups}")

    @property
    def half(self) -> int:
        """D, the channels of either half of a group."""
        return self.in_channels // (2 * self.groups)

    def params(self) -> tuple[Param, ...]:
        shape = (self.half,)
        return (
            Param("channel_weight", shape, layers.ZEROS),
            Param("channel_bias", shape, layers.ONES),
            Param("spatial_weight", shape, layers.ZEROS),
            Param("spatial_bias", shape, layers.ONES),
            *layers.scale_shift("norm", self.half),
        )

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": tuple(shape)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="masks", grid=tuple(shape[2:]), count=self.in_channels)}

    def letters(self, shape: Shape) -> dict[str, int]:
        return {**BlockSpec.letters(self, shape), "D": self.half}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        return math.prod(shape) + shape[0] * self.in_channels // 2

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
