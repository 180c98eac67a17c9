"""The block of ParNet: a 3×3 and a 1×1 convolution beside a skip that is squeezed and excited in one layer."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.errors import InputError
from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_choice, check_image, check_int, check_type, refuse
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout

Act = Literal["silu", "relu"]


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class ParNetAttention(BlockSpec):
    """y = act(norm(conv3(x)) + norm(conv1(x)) + s · a), a = sigmoid(gate(mean(s))), of [B, C, H, W].

    Letters: B batch, C ``in_channels``, O ``out_channels``. conv3 is 3×3 with padding 1, conv1 1×1, both C → O with
    ``stride`` and ``groups``; without ``dense`` there is no conv3. s is the skip: norm(x), or x itself without
    ``skip_norm`` (External-Attention-pytorch). gate is 1×1 with ``groups`` too, over the mean of s, [B, O, 1, 1].
    Without ``gate`` a is 1.

    Where the block changes the shape, by O ≠ C or by the stride, there is no skip, and all is gated instead:
    y = act((norm(conv3(x)) + norm(conv1(x))) · a), a = 2 · sigmoid(gate(mean(x))). With ``pool`` the stride, of 2, of
    conv1 is a mean of 2×2, so H and W must be even (I = H / 2, J = W / 2). Where there are several groups the channels
    are shuffled at the end: channel i of group g becomes i · groups + g.

    The map is a, [B, O]. The output is [B, O, H', W'], H' = ⌈H / stride⌉.

    Raises InputError for impossible fields and for inputs of the wrong rank, channels or extents.
    """

    kind: ClassVar[str] = "parnet_attention"
    cites: ClassVar[str] = "Goyal et al. 2021, Non-deep Networks, arXiv:2110.07641, section 3.1"

    in_channels: Annotated[int, "C, channels of x"]
    out_channels: Annotated[int | None, "O, channels of the output; None: C"] = None
    stride: Annotated[int, "of both convolutions"] = 1
    groups: Annotated[int, "of all convolutions; their channels are shuffled at the end"] = 1
    dense: Annotated[bool, "whether there is a 3 x 3 convolution"] = True
    gate: Annotated[bool, "whether the skip, or the whole, is gated"] = True
    skip_norm: Annotated[bool, "whether the skip has a norm"] = True
    pool: Annotated[bool, "whether the stride of the 1 x 1 convolution is a mean of 2 x 2"] = False
    conv_bias: Annotated[bool, "whether the convolutions before a norm have biases"] = False
    gate_bias: Annotated[bool, "whether the gate has a bias"] = False
    act: Annotated[Act, "the activation at the end: silu or relu"] = "silu"
    norm: Annotated[BatchNorm, "every BatchNorm"] = field(default_factory=BatchNorm)

    def validate(self) -> None:
        for name in ("in_channels", "stride", "groups"):
            check_int(self, name)
        check_int(self, "out_channels", optional=True)
        for name in ("dense", "gate", "skip_norm", "pool", "conv_bias", "gate_bias"):
            check_bool(self, name)
        check_choice(self, "act", get_args(Act))
        check_type(self, "norm", BatchNorm)
        if self.in_channels % self.groups or self.width % self.groups:
            rule = f"must divide the {self.in_channels} channels of x and the {self.width} of the output"
            raise refuse(self, "groups", rule)
        if self.pool and self.stride != 2:
            raise refuse(self, "pool", f"is a stride of 2; received stride={self.stride}")

    @property
    def width(self) -> int:
        """O."""
        return self.out_channels or self.in_channels

    @property
    def skips(self) -> bool:
        """Whether there is a skip."""
        return self.width == self.in_channels and self.stride == 1

    def params(self) -> tuple[Param, ...]:
        c, o = self.in_channels, self.width
        params = layers.batch_norm("skip", c) if self.skips and self.skip_norm else ()
        if self.dense:
            params += layers.conv_norm("dense", c, o, (3, 3), bias=self.conv_bias, groups=self.groups)
        params += layers.conv_norm("pointwise", c, o, (1, 1), bias=self.conv_bias, groups=self.groups)
        return params + (
            layers.conv("squeeze", c, o, (1, 1), bias=self.gate_bias, groups=self.groups) if self.gate else ()
        )

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)
        if self.pool and any(n % 2 for n in shape[2:] if n >= 0):
            raise InputError(
                f"ParNetAttention: input of shape {tuple(shape)} has extents {tuple(shape[2:])}; with pool=True they "
                "must be even: [B, C, H, W]"
            )

    def output_shape(self, shape: Shape) -> Shape:
        self.check_input(shape)
        return (shape[0], self.width, *(-(-n // self.stride) if n >= 0 else n for n in shape[2:]))

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], self.width)} if self.gate else {}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="gate", grid=(self.width,))} if self.gate else {}

    def letters(self, shape: Shape) -> dict[str, int]:
        own = {} if self.out_channels is None else {"O": self.out_channels}
        own |= dict(zip("IJ", self.output_shape(shape)[2:], strict=True)) if self.pool else {}
        return {**BlockSpec.letters(self, shape), **own}

    def macs(self, shape: Shape) -> int:
        positions = math.prod(self.output_shape(shape)[2:])
        taps = positions * (10 if self.dense else 1) + (1 if self.gate else 0)
        return shape[0] * taps * self.width * self.in_channels // self.groups

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 4)
