"""Selective kernel: branches with kernels of different sizes, of which each channel chooses."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_image, check_int, check_odd_sizes, check_type, refuse
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout

LEAST = 32
"""The paper's L: the inner width is no less, whatever the ratio."""


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class SelectiveKernel(BlockSpec):
    """y_c = Σ_r a_rc · u_rc, a = softmax_r(fc_2(f(mean(Σ_r u_r)))), u_r = relu(norm(conv_r(x))), of [B, C, H, W].

    Letters: B batch, C ``in_channels``, O ``out_channels``, R the branches, D the inner width. The mean is over H·W, a
    is [B, R, O], and the softmax is over the branches, for each channel. fc_1 is linear O → D and fc_2 linear D → R·O,
    one layer where ``joined``, else one for each branch: the same function. D is ``inter_channels``, or
    max(O // ``ratio``, 32).

    ================ ===========================================================================================
    ``reduce_norm``  f(v)
    ================ ===========================================================================================
    True             relu(norm(fc_1(v))): the paper. In training it needs a batch of at least 2
    False            fc_1(v): no ReLU either, as in External-Attention-pytorch
    ================ ===========================================================================================

    Branch r has a kernel k of ``kernel_sizes``, or where ``dilated`` one of 3 × 3 with dilation (k - 1) / 2, which
    reaches as far. ``dilation`` multiplies it. The padding keeps the extents; ``stride`` divides them, rounded up.
    ``split_input`` (timm): each branch reads its own S = C / R channels, not all.

    The output is [B, O, H', W'] with H' = ⌈H / stride⌉. There is no residual, so no start at the identity.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "selective_kernel"
    cites: ClassVar[str] = "Li et al. 2019, Selective Kernel Networks, arXiv:1903.06586, section 3.1"

    in_channels: Annotated[int, "C, channels of x"]
    out_channels: Annotated[int | None, "O, channels of the output; None: in_channels"] = None
    kernel_sizes: Annotated[tuple[int, ...], "the kernel of each branch, odd"] = (3, 5)
    dilated: Annotated[bool, "whether each kernel is 3 x 3, dilated to reach as far"] = True
    dilation: Annotated[int, "multiplies the dilation of every branch"] = 1
    stride: Annotated[int, "of every branch"] = 1
    groups: Annotated[int, "of every convolution"] = 1
    split_input: Annotated[bool, "whether each branch reads its own share of the channels"] = False
    conv_bias: Annotated[bool, "whether the convolutions have biases"] = False
    inter_channels: Annotated[int | None, "D, the inner width; None: from ratio"] = None
    ratio: Annotated[int, "O // ratio is the inner width, at least 32"] = 16
    reduce_norm: Annotated[bool, "whether norm and ReLU follow fc_1"] = True
    fc_bias: Annotated[bool, "whether the linear layers have biases"] = False
    joined: Annotated[bool, "whether fc_2 is one layer, and not one for each branch"] = True
    norm: Annotated[BatchNorm, "every BatchNorm"] = field(default_factory=BatchNorm)

    def validate(self) -> None:
        for name in ("in_channels", "dilation", "stride", "groups", "ratio"):
            check_int(self, name)
        for name in ("out_channels", "inter_channels"):
            check_int(self, name, optional=True)
        check_odd_sizes(self, "kernel_sizes", at_least=3 if self.dilated else 1)
        for name in ("dilated", "split_input", "conv_bias", "reduce_norm", "fc_bias", "joined"):
            check_bool(self, name)
        check_type(self, "norm", BatchNorm)
        if self.split_input and self.in_channels % self.branches:
            raise refuse(self, "in_channels", f"must be a multiple of the {self.branches} branches to be split")
        if self.branch_channels % self.groups or self.width % self.groups:
            rule = f"must divide the {self.branch_channels} channels that a branch reads and its {self.width} outputs"
            raise refuse(self, "groups", rule)

    @property
    def branches(self) -> int:
        """R."""
        return len(self.kernel_sizes)

    @property
    def width(self) -> int:
        """O."""
        return self.out_channels or self.in_channels

    @property
    def branch_channels(self) -> int:
        """The channels that each branch reads."""
        return self.in_channels // self.branches if self.split_input else self.in_channels

    @property
    def inner(self) -> int:
        """D, the width between fc_1 and fc_2."""
        return self.inter_channels or layers.reduce_channels(self.width, self.ratio, at_least=LEAST)

    @property
    def windows(self) -> tuple[tuple[int, int], ...]:
        """(kernel, dilation) of each branch."""
        return tuple((3, self.dilation * (k // 2)) if self.dilated else (k, self.dilation) for k in self.kernel_sizes)

    def params(self) -> tuple[Param, ...]:
        params: tuple[Param, ...] = ()
        for index, (k, _) in enumerate(self.windows):
            params += layers.conv_norm(
                f"branches.{index}", self.branch_channels, self.width, (k, k), bias=self.conv_bias, groups=self.groups
            )
        params += layers.linear("fc_1", self.width, self.inner, bias=self.fc_bias)
        params += layers.batch_norm("norm", self.inner) if self.reduce_norm else ()
        if self.joined:
            return params + layers.linear("fc_2", self.inner, self.branches * self.width, bias=self.fc_bias)
        for index in range(self.branches):
            params += layers.linear(f"fc_2.{index}", self.inner, self.width, bias=self.fc_bias)
        return params

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def output_shape(self, shape: Shape) -> Shape:
        self.check_input(shape)
        return (shape[0], self.width, *(-(-n // self.stride) if n >= 0 else n for n in shape[2:]))

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], self.branches, self.width)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="choice", grid=(self.width,), count=self.branches)}

    def letters(self, shape: Shape) -> dict[str, int]:
        own = {"D": self.inner} if self.out_channels is None else {"O": self.out_channels, "D": self.inner}
        own |= {"S": self.branch_channels} if self.split_input else {}
        return {**BlockSpec.letters(self, shape), **own}

    def macs(self, shape: Shape) -> int:
        positions = math.prod(self.output_shape(shape)[2:])
        window = sum(k * k for k, _ in self.windows)
        convolutions = positions * self.width * window * (self.branch_channels // self.groups)
        return shape[0] * (convolutions + (1 + self.branches) * self.width * self.inner)

    def example_shape(self) -> Shape:
        return (3, self.in_channels, 6, 5)
