"""Triplet attention: three gates, each over two of the axes channel, height and width, and their mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_image, check_odd, check_type
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout
from nlblocks.specs.spatial_gate import authors_norm


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class TripletAttention(BlockSpec):
    """y_chw = x_chw · a_chw, a the mean of three gates over [B, C, H, W], each over two of its axes.

    Letters: B batch, C channels (any number), H height, W width, K ``kernel_size`` (odd). A gate takes the maximum and
    the mean of x along the third axis, in this order, as the two channels of an image, and is
    sigmoid(norm(conv(·))), where conv is K×K, 2 → 1 channels, padded with zeros, without bias:

    =================== ==================== =======================
    gate                third axis           its image, and map
    =================== ==================== =======================
    cw                  height               channels × width
    hc                  width                height × channels
    hw                  channels             height × width
    =================== ==================== =======================

    The attention map a is their mean, [B, C, H, W]. Without ``spatial`` there is no hw, and a is the mean of two. Equal
    values: the first along the axis gets the gradient of the maximum.

    ``norm`` is the BatchNorm of each gate, of one channel; the authors' has momentum 0.01, as CBAM's.

    Raises InputError for impossible fields and for inputs of the wrong rank.
    """

    kind: ClassVar[str] = "triplet_attention"
    cites: ClassVar[str] = (
        "Misra et al. 2021, Rotate to Attend: Convolutional Triplet Attention Module, arXiv:2010.03045"
    )

    kernel_size: Annotated[int, "the kernel of every gate, odd"] = 7
    spatial: Annotated[bool, "whether there is the gate over height and width"] = True
    norm: Annotated[BatchNorm, "the BatchNorm of each gate"] = field(default_factory=authors_norm)

    def validate(self) -> None:
        check_odd(self, "kernel_size")
        check_bool(self, "spatial")
        check_type(self, "norm", BatchNorm)

    @property
    def gates(self) -> tuple[str, ...]:
        """The gates, by their two axes."""
        return ("cw", "hc", "hw") if self.spatial else ("cw", "hc")

    @property
    def takes_maximum(self) -> bool:
        return True

    def params(self) -> tuple[Param, ...]:
        kernel = (self.kernel_size,) * 2
        return tuple(param for gate in self.gates for param in layers.conv_norm(gate, 2, 1, kernel))

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=None, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": tuple(shape)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="masks", grid=tuple(shape[2:]), count=shape[1])}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        b, c, h, w = shape
        images = {"cw": c * w, "hc": h * c, "hw": h * w}
        return b * 2 * self.kernel_size**2 * sum(images[gate] for gate in self.gates)

    def example_shape(self) -> Shape:
        return (2, 4, 6, 5)
