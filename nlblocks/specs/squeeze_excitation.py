"""Squeeze-and-excitation: each channel is scaled by a gate computed from all channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_choice, check_image, check_int, check_number
from nlblocks.specs.layout import MapLayout

Pool = Literal["avg", "max"]
Gate = Literal["sigmoid", "hard_sigmoid"]


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class SqueezeExcitation(BlockSpec):
    """y_c = x_c · a_c, a = gate(fc_2(relu(fc_1(pool(x))))): squeeze-and-excitation over [B, C, H, W].

    Letters: B batch, C ``in_channels``, D the inner width. ``pool`` takes the mean ("avg", the paper) or the largest
    value ("max") over H·W: pool(x) is [B, C]. fc_1 is linear C → D, fc_2 linear D → C, both with ``bias`` or both
    without. The attention map a is [B, C]. Equal values under "max": the first, in row-major order, gets the gradient.

    D is ``inter_channels``, or C // ``ratio`` rounded to a multiple of ``divisor`` (halves up), at least one multiple.

    =================== ====================================================================
    ``gate``            a
    =================== ====================================================================
    sigmoid             1 / (1 + exp(-v))
    hard_sigmoid        ``slope`` · v + 0.5 clipped to [0, 1]; no gradient at 0, at 1 and beyond
    =================== ====================================================================

    Defaults are those of the widely copied senet.pytorch: mean, ratio 16, no bias, sigmoid. timm and PaddleClas have a
    bias (timm rounds to 8). ``slope`` starts at torch's 1/6; the MobileNetV3 of PaddleClas uses 0.2.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "squeeze_excitation"
    cites: ClassVar[str] = "Hu et al. 2018, Squeeze-and-Excitation Networks, arXiv:1709.01507, eq. 2-4"

    in_channels: Annotated[int, "C, channels of x"]
    inter_channels: Annotated[int | None, "the inner width itself; None: from ratio and divisor"] = None
    ratio: Annotated[int, "C // ratio is the inner width"] = 16
    divisor: Annotated[int, "the inner width is rounded to a multiple of this"] = 1
    pool: Annotated[Pool, "how x is squeezed: avg or max"] = "avg"
    bias: Annotated[bool, "whether both layers have biases"] = False
    gate: Annotated[Gate, "sigmoid, or hard_sigmoid: slope · x + 0.5 clipped to [0, 1]"] = "sigmoid"
    slope: Annotated[float, "of the hard sigmoid"] = 1 / 6

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "inter_channels", optional=True)
        check_int(self, "ratio")
        check_int(self, "divisor")
        check_choice(self, "pool", get_args(Pool))
        check_bool(self, "bias")
        check_choice(self, "gate", get_args(Gate))
        check_number(self, "slope", low=0.0, exclusive="low")

    @property
    def inner(self) -> int:
        """D, the width between fc_1 and fc_2."""
        return self.inter_channels or layers.reduce_channels(self.in_channels, self.ratio, divisor=self.divisor)

    @property
    def takes_maximum(self) -> bool:
        return self.pool == "max"

    def params(self) -> tuple[Param, ...]:
        c, d = self.in_channels, self.inner
        return layers.linear("fc_1", c, d, bias=self.bias) + layers.linear("fc_2", d, c, bias=self.bias)

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], self.in_channels)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="gate", grid=(self.in_channels,))}

    def letters(self, shape: Shape) -> dict[str, int]:
        return {**BlockSpec.letters(self, shape), "D": self.inner}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        return shape[0] * 2 * self.in_channels * self.inner

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
