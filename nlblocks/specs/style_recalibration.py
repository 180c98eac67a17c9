"""Style-based recalibration: each channel is scaled by a gate computed from its own mean and deviation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Init, Param, Shape, register
from nlblocks.specs.check import check_bool, check_image, check_int, check_number, check_positions, check_type
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class StyleRecalibration(BlockSpec):
    """y_c = x_c · sigmoid(norm(w_c1 mean x_c + w_c2 std x_c)): style-based recalibration over [B, C, H, W].

    Letters: B batch, C ``in_channels``. std = √(var + ``eps``), with the unbiased variance over the N = H·W positions
    (over N - 1). ``cfc`` holds w, two numbers a channel; ``norm`` is a BatchNorm of the [B, C] that comes of it, so
    training needs at least 2 images. The attention map is the gate, [B, C]. Where a channel is the same everywhere and
    ``eps`` is 0, the deviation has no gradient.

    Defaults are the authors' code, which starts w at zero; changzy00 has ``eps`` 0 and starts w as torch starts a
    convolution.

    Raises InputError for impossible fields, and for inputs of the wrong rank or channels or of a single position, which
    has no deviation.
    """

    kind: ClassVar[str] = "style_recalibration"
    cites: ClassVar[str] = "Lee et al. 2019, SRM, arXiv:1903.10829, eq. 1-5"

    in_channels: Annotated[int, "C, channels of x"]
    eps: Annotated[float, "added to the variance"] = 1e-5
    norm: Annotated[BatchNorm, "the BatchNorm of the sum of mean and deviation"] = field(default_factory=BatchNorm)
    zero_init: Annotated[bool, "w starts at zero: every gate at sigmoid of the norm's bias"] = True

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_number(self, "eps", low=0.0)
        check_type(self, "norm", BatchNorm)
        check_bool(self, "zero_init")

    def params(self) -> tuple[Param, ...]:
        init = layers.LayerInit(Init.constant(0.0), None) if self.zero_init else layers.TORCH
        style = layers.conv(
            "cfc", self.in_channels, self.in_channels, (2,), bias=False, groups=self.in_channels, init=init
        )
        return style + layers.batch_norm("norm", self.in_channels)

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)
        check_positions(self, shape, at_least=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], self.in_channels)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="gate", grid=(self.in_channels,))}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        return shape[0] * 2 * self.in_channels

    def example_shape(self) -> Shape:
        return (3, self.in_channels, 6, 5)
