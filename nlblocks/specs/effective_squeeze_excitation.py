"""Effective squeeze-and-excitation: one layer from all channels to all gates, with no narrow middle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_choice, check_image, check_int, check_number
from nlblocks.specs.layout import MapLayout
from nlblocks.specs.squeeze_excitation import Gate

EffectivePool = Literal["avg", "avg_max"]


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveSqueezeExcitation(BlockSpec):
    """y_c = x_c · a_c, a = gate(fc(pool(x))): effective squeeze-and-excitation over [B, C, H, W].

    Letters: B batch, C ``in_channels``. fc is linear C → C with a bias. The attention map a is [B, C].

    =================== ====================================================================
    ``pool``            pool(x), of [B, C]
    =================== ====================================================================
    avg                 the mean over H·W (the paper)
    avg_max             half of the mean and half of the largest value; of equal values the
                        first, in row-major order, gets the gradient
    =================== ====================================================================

    =================== ====================================================================
    ``gate``            a
    =================== ====================================================================
    hard_sigmoid        ``slope`` · v + 0.5 clipped to [0, 1]; no gradient at 0, at 1 and beyond
    sigmoid             1 / (1 + exp(-v))
    =================== ====================================================================

    Defaults are those of timm and PaddleDetection; PaddleClas (PP-HGNet) has the sigmoid. The layer starts as torch's.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "effective_squeeze_excitation"
    cites: ClassVar[str] = "Lee and Park 2020, CenterMask, arXiv:1911.06667, eq. 3-4"

    in_channels: Annotated[int, "C, channels of x"]
    pool: Annotated[EffectivePool, "how x is squeezed: avg, or avg_max: half mean, half maximum"] = "avg"
    gate: Annotated[Gate, "hard_sigmoid: slope · x + 0.5 clipped to [0, 1], or sigmoid"] = "hard_sigmoid"
    slope: Annotated[float, "of the hard sigmoid"] = 1 / 6

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_choice(self, "pool", get_args(EffectivePool))
        check_choice(self, "gate", get_args(Gate))
        check_number(self, "slope", low=0.0, exclusive="low")

    @property
    def takes_maximum(self) -> bool:
        return self.pool == "avg_max"

    def params(self) -> tuple[Param, ...]:
        return layers.linear("fc", self.in_channels, self.in_channels)

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], self.in_channels)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="gate", grid=(self.in_channels,))}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        return shape[0] * self.in_channels**2

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
