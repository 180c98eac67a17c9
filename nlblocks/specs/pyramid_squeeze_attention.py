"""Pyramid squeeze attention: kernels of several sizes side by side, and gates that compete between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_image, check_int, check_odd_sizes, check_sizes, refuse
from nlblocks.specs.layout import MapLayout


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class PyramidSqueezeAttention(BlockSpec):
    """y = [a_R u_R, ..., a_1 u_1] joined, a = softmax_r(g_r), of [B, C, H, W]: the module of EPSANet.

    Letters: B batch, C ``in_channels``, O ``out_channels``, R the branches, S = O / R, D the inner width. Branch r is a
    convolution without bias, C → S, with a kernel of ``kernel_sizes`` and a count of ``branch_groups`` groups;
    ``stride`` is that of all. u_r is what it computes, and g_r = sigmoid(fc_2(relu(fc_1(mean(u_r))))), over S channels:
    fc_1 is linear S → D, fc_2 linear D → S, both with biases, and all branches share the two. D is ``inter_channels``,
    or S // ``ratio``, at least 1. The softmax is over the branches, for each channel; the attention map a is [B, R, S],
    in the order of ``kernel_sizes``.

    The branches are joined in the reverse order, the last kernel first, as the authors' code does; the paper has them
    in order. The output is [B, O, H', W'], H' = ⌈H / stride⌉. There is no residual, so no start at the identity.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "pyramid_squeeze_attention"
    cites: ClassVar[str] = "Zhang et al. 2021, EPSANet, arXiv:2105.14447, section 3.2"

    in_channels: Annotated[int, "C, channels of x"]
    out_channels: Annotated[int | None, "O, channels of the output, a multiple of the branches; None: C"] = None
    kernel_sizes: Annotated[tuple[int, ...], "the kernel of each branch, odd"] = (3, 5, 7, 9)
    branch_groups: Annotated[tuple[int, ...], "the groups of each branch"] = (1, 4, 8, 16)
    stride: Annotated[int, "of every branch"] = 1
    inter_channels: Annotated[int | None, "D, the inner width; None: from ratio"] = None
    ratio: Annotated[int, "S // ratio is the inner width"] = 16

    def validate(self) -> None:
        for name in ("in_channels", "stride", "ratio"):
            check_int(self, name)
        for name in ("out_channels", "inter_channels"):
            check_int(self, name, optional=True)
        check_odd_sizes(self, "kernel_sizes")
        check_sizes(self, "branch_groups", self.branches)
        if self.width % self.branches:
            rule = f"must be a multiple of the {self.branches} branches that it is made of"
            raise refuse(self, "in_channels" if self.out_channels is None else "out_channels", rule)
        if any(self.in_channels % count or self.share % count for count in self.branch_groups):
            rule = f"must each divide the {self.in_channels} channels of x and the {self.share} of a branch"
            raise refuse(self, "branch_groups", rule)

    @property
    def branches(self) -> int:
        """R."""
        return len(self.kernel_sizes)

    @property
    def width(self) -> int:
        """O."""
        return self.out_channels or self.in_channels

    @property
    def share(self) -> int:
        """S, the channels of one branch."""
        return self.width // self.branches

    @property
    def inner(self) -> int:
        """D."""
        return self.inter_channels or layers.reduce_channels(self.share, self.ratio)

    def params(self) -> tuple[Param, ...]:
        params: tuple[Param, ...] = ()
        for index, (k, groups) in enumerate(zip(self.kernel_sizes, self.branch_groups, strict=True)):
            params += layers.conv(f"branches.{index}", self.in_channels, self.share, (k, k), bias=False, groups=groups)
        return params + layers.linear("fc_1", self.share, self.inner) + layers.linear("fc_2", self.inner, self.share)

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def output_shape(self, shape: Shape) -> Shape:
        self.check_input(shape)
        return (shape[0], self.width, *(-(-n // self.stride) if n >= 0 else n for n in shape[2:]))

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], self.branches, self.share)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="choice", grid=(self.share,), count=self.branches)}

    def letters(self, shape: Shape) -> dict[str, int]:
        own = {"S": self.share, "D": self.inner} | ({} if self.out_channels is None else {"O": self.out_channels})
        return {**BlockSpec.letters(self, shape), **own}

    def macs(self, shape: Shape) -> int:
        positions = math.prod(self.output_shape(shape)[2:])
        reads = zip(self.kernel_sizes, self.branch_groups, strict=True)
        taps = sum(k * k * self.in_channels // groups for k, groups in reads)
        return shape[0] * (positions * self.share * taps + self.branches * 2 * self.share * self.inner)

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
