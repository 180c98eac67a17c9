"""Large kernel attention: x times what a large kernel, taken apart into three small ones, makes of x."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_image, check_int, check_odd
from nlblocks.specs.layout import MapLayout


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class LargeKernelAttention(BlockSpec):
    """y = x · a, a = mix(distant(local(x))): large kernel attention over [B, C, H, W].

    Letters: B batch, C ``in_channels``. ``local`` and ``distant`` convolve each channel alone: ``local`` with
    ``kernel_size`` squared taps, ``distant`` with ``distant_kernel_size`` squared, ``dilation`` apart; ``mix`` is 1×1,
    C → C. Each has a bias and pads with zeros so that H, W are kept. The attention map a, one value per channel and
    position, is [B, C, H, W]; nothing bounds it.

    ============= ==================================================================
    ``residual``  y
    ============= ==================================================================
    False         x · a(x): LKA
    True          x + proj_2(u · a(u)), u = gelu(proj_1(x)), gelu by its error function: the Attention of VAN;
                  proj_1 and proj_2 are 1×1, C → C, with biases
    ============= ==================================================================

    Defaults and initialisation are those of VAN: N(0, 2 / fan-out per group), biases 0.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "large_kernel_attention"
    cites: ClassVar[str] = "Guo et al. 2022, Visual Attention Network, arXiv:2202.09741, eq. 1-2"

    in_channels: Annotated[int, "C, channels of x"]
    kernel_size: Annotated[int, "odd kernel of the local convolution"] = 5
    distant_kernel_size: Annotated[int, "odd kernel of the dilated convolution"] = 7
    dilation: Annotated[int, "how far apart the taps of the dilated convolution are"] = 3
    residual: Annotated[bool, "whether it stands between two projections and is added to x"] = False

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_odd(self, "kernel_size")
        check_odd(self, "distant_kernel_size")
        check_int(self, "dilation")
        check_bool(self, "residual")

    def params(self) -> tuple[Param, ...]:
        c, start = self.in_channels, layers.PADDLE_CONV  # in and out are equally many: the fan-in is the fan-out
        sizes = {"local": self.kernel_size, "distant": self.distant_kernel_size}
        own = [layers.conv(name, c, c, (size, size), groups=c, init=start) for name, size in sizes.items()]
        names = ("mix", "proj_1", "proj_2") if self.residual else ("mix",)
        mixing = [layers.conv(name, c, c, (1, 1), init=start) for name in names]
        return sum((*own, *mixing), ())

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
        taps = self.kernel_size**2 + self.distant_kernel_size**2 + mixing
        return shape[0] * self.in_channels * math.prod(shape[2:]) * taps

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
