"""Multi-scale convolutional attention: x times what pairs of strip convolutions of several lengths make of x."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_image, check_int, check_odd, check_odd_sizes
from nlblocks.specs.layout import MapLayout


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class MultiScaleConvolutionalAttention(BlockSpec):
    """y = x · a, a = mix(u + Σ_i column_i(row_i(u))), u = local(x): the MSCA of SegNeXt over [B, C, H, W].

    Letters: B batch, C ``in_channels``; s_i are the ``strip_sizes``. All but ``mix`` convolve each channel alone:
    ``local`` with ``kernel_size`` squared taps, ``strips.i.row`` 1×s_i along W, ``strips.i.column`` s_i×1 along H;
    ``mix`` is 1×1, C → C. Each has a bias and pads with zeros so that H, W are kept. The attention map a, one value
    per channel and position, is [B, C, H, W]; nothing bounds it.

    ============= ==================================================================
    ``residual``  y
    ============= ==================================================================
    False         x · a(x)
    True          x + proj_2(v · a(v)), v = gelu(proj_1(x)), gelu by its error function: the spatial attention of
                  SegNeXt; proj_1 and proj_2 are 1×1, C → C, with biases
    ============= ==================================================================

    Defaults and initialisation are those of SegNeXt: N(0, 2 / fan-out per group), biases 0.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "multi_scale_convolutional_attention"
    cites: ClassVar[str] = "Guo et al. 2022, SegNeXt, arXiv:2209.08575, eq. 1-2"

    in_channels: Annotated[int, "C, channels of x"]
    kernel_size: Annotated[int, "odd kernel of the local convolution"] = 5
    strip_sizes: Annotated[tuple[int, ...], "s_i, odd lengths of the pairs of strips"] = (7, 11, 21)
    residual: Annotated[bool, "whether it stands between two projections and is added to x"] = False

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_odd(self, "kernel_size")
        check_odd_sizes(self, "strip_sizes")
        check_bool(self, "residual")

    def params(self) -> tuple[Param, ...]:
        c, start = self.in_channels, layers.PADDLE_CONV  # in and out are equally many: the fan-in is the fan-out
        params = layers.conv("local", c, c, (self.kernel_size,) * 2, groups=c, init=start)
        for i, size in enumerate(self.strip_sizes):
            params += layers.conv(f"strips.{i}.row", c, c, (1, size), groups=c, init=start)
            params += layers.conv(f"strips.{i}.column", c, c, (size, 1), groups=c, init=start)
        for name in ("mix", "proj_1", "proj_2") if self.residual else ("mix",):
            params += layers.conv(name, c, c, (1, 1), init=start)
        return params

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": tuple(shape)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="masks", grid=tuple(shape[2:]), count=self.in_channels)}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        mixing = 3 * self.in_channels if self.residual else self.in_channels
        taps = self.kernel_size**2 + 2 * sum(self.strip_sizes) + mixing
        return shape[0] * self.in_channels * math.prod(shape[2:]) * taps

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
