"""Split attention: branches of one convolution, joined channel by channel by a softmax over the branches."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_image, check_int, check_type, refuse
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout

LEAST = 32
"""The authors' least inner width."""


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class SplitAttention(BlockSpec):
    """y_c = Σ_r a_rc · u_rc: R branches u of a convolution, weighed against each other in each channel.

    Letters: B batch, C ``in_channels``, O ``out_channels`` (default C), R ``radix``, G ``groups``, K ``kernel_size``,
    D the inner width, X and Y the extents after the convolution. x is [B, C, H, W] and y [B, O, X, Y].

    - u = relu(norm_1(conv(x))), V = R·O channels, [B, V, X, Y], branch after branch: ``conv`` is K×K with
      ``stride``, ``padding`` and ``dilation``, in R·G groups, with ``bias`` or without;
    - v = fc_2(relu(norm_2(fc_1(mean(Σ_r u_r))))), [B, V]: the mean is over X·Y, fc_1 and fc_2 are 1×1 convolutions
      O → D → V in G groups, fc_2 with a bias, fc_1 with ``fc_1_bias``;
    - a is the softmax of v over r. v is laid out group after group, and in a group branch after branch, while u is
      branch after branch: v has the axes [B, G, R, P], P = O / G, and a [B, R, O]. Where R is 1, a is sigmoid(v),
      [B, O].

    D is ``inter_channels``, or C·R // ``ratio``, at least 32; ``padding`` None is half of what the kernel spans,
    which keeps the extents at stride 1. ``norm`` is both BatchNorms, or None: with it, fc_1's bias has no effect on
    training, and a training batch needs two images.

    Defaults are the authors' (ResNeSt), with BatchNorm. timm rounds D to a multiple of 8, PaddleClas leaves fc_1's bias
    out.

    Raises InputError for impossible fields, and for inputs of the wrong rank, channels or smaller than the kernel.
    """

    kind: ClassVar[str] = "split_attention"
    cites: ClassVar[str] = "Zhang et al. 2020, ResNeSt: Split-Attention Networks, arXiv:2004.08955, section 3.1"

    in_channels: Annotated[int, "C, channels of x"]
    out_channels: Annotated[int | None, "O, channels of y; None: C"] = None
    radix: Annotated[int, "R, branches; 1: one branch and a sigmoid"] = 2
    groups: Annotated[int, "G, groups of channels (the cardinality)"] = 1
    kernel_size: Annotated[int, "K, of the convolution"] = 3
    stride: Annotated[int, "of the convolution"] = 1
    padding: Annotated[int | None, "zeros at each side; None: half of what the kernel spans"] = None
    dilation: Annotated[int, "of the convolution"] = 1
    bias: Annotated[bool, "whether the convolution has a bias"] = False
    inter_channels: Annotated[int | None, "D, the inner width; None: from ratio"] = None
    ratio: Annotated[int, "C · R // ratio is the inner width, at least 32"] = 4
    fc_1_bias: Annotated[bool, "whether fc_1 has a bias"] = True
    norm: Annotated[BatchNorm | None, "the BatchNorm after conv and after fc_1, or None"] = field(
        default_factory=BatchNorm
    )

    def validate(self) -> None:
        for name in ("in_channels", "radix", "groups", "kernel_size", "stride", "dilation", "ratio"):
            check_int(self, name)
        check_int(self, "out_channels", optional=True)
        check_int(self, "inter_channels", optional=True)
        check_int(self, "padding", at_least=0, optional=True)
        check_bool(self, "bias")
        check_bool(self, "fc_1_bias")
        check_type(self, "norm", BatchNorm, optional=True)
        if self.in_channels % (self.groups * self.radix):
            raise refuse(self, "in_channels", f"must be a multiple of groups · radix = {self.groups * self.radix}")
        for name, width in (("out_channels", self.outer), ("inter_channels", self.inner)):
            if width % self.groups:
                raise refuse(self, name, f"gives {width} channels, no multiple of groups={self.groups}")

    @property
    def outer(self) -> int:
        """O, the channels of y."""
        return self.out_channels or self.in_channels

    @property
    def inner(self) -> int:
        """D, the width between fc_1 and fc_2."""
        return self.inter_channels or layers.reduce_channels(self.in_channels * self.radix, self.ratio, at_least=LEAST)

    @property
    def sides(self) -> int:
        """The zeros at each side of x."""
        return self.dilation * (self.kernel_size - 1) // 2 if self.padding is None else self.padding

    def params(self) -> tuple[Param, ...]:
        o, d, r, g = self.outer, self.inner, self.radix, self.groups
        kernel = (self.kernel_size,) * 2
        params = layers.conv("conv", self.in_channels, r * o, kernel, bias=self.bias, groups=r * g)
        params += layers.batch_norm("norm_1", r * o) if self.norm is not None else ()
        params += layers.conv("fc_1", o, d, (1, 1), bias=self.fc_1_bias, groups=g)
        params += layers.batch_norm("norm_2", d) if self.norm is not None else ()
        return params + layers.conv("fc_2", d, r * o, (1, 1), groups=g)

    def check_input(self, shape: Shape) -> None:
        least = max(1, self.dilation * (self.kernel_size - 1) + 1 - 2 * self.sides)
        check_image(self, shape, channels=self.in_channels, dims=2, at_least=(least, least))

    def output_shape(self, shape: Shape) -> Shape:
        self.check_input(shape)
        span = self.dilation * (self.kernel_size - 1) + 1 - 2 * self.sides
        return (shape[0], self.outer, *((n - span) // self.stride + 1 if n >= 0 else n for n in shape[2:]))

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], *self.map_layouts(shape)["attention"].shape)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        if self.radix == 1:
            return {"attention": MapLayout(meaning="gate", grid=(self.outer,))}
        return {"attention": MapLayout(meaning="choice", grid=(self.outer,), count=self.radix)}

    def letters(self, shape: Shape) -> dict[str, int]:
        own = {"D": self.inner} if self.outer == self.in_channels else {"O": self.outer, "D": self.inner}
        own |= {} if self.groups == 1 else {"P": self.outer // self.groups}
        own |= {} if 1 in (self.groups, self.radix) else {"V": self.radix * self.outer}
        return {**BlockSpec.letters(self, shape), **own}

    def macs(self, shape: Shape) -> int:
        positions = math.prod(self.output_shape(shape)[2:])
        weights = {param.name: math.prod(param.shape) for param in self.params()}
        joined = 2 * positions * self.radix * self.outer  # the sum over branches, and the weighted one
        return shape[0] * (
            positions * weights["conv.weight"] + joined + weights["fc_1.weight"] + weights["fc_2.weight"]
        )

    def example_shape(self) -> Shape:
        return (3, self.in_channels, 6, 5)
