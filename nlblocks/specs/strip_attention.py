"""Strip attention: each position is scaled by a gate computed from the means of its row and of its column."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_choice, check_image, check_int, check_odd, check_type, refuse
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout
from nlblocks.specs.squeeze_excitation import Gate

Output = Literal["scaled", "skip", "gate"]


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class StripAttention(BlockSpec):
    """y = x · a, a_hw = gate(f(down(mean over W of x)_h + across(mean over H of x)_w)): over [B, C, H, W].

    Letters: B batch, C ``in_channels``, O ``out_channels``, or C. ``down`` and ``across`` convolve the strips
    [B, C, H] and [B, C, W], C → O, with ``kernel_size`` taps, each channel alone if ``depthwise``, with ``bias`` or
    without; ``kernel_size`` None leaves the strips as they are. ``norm`` is a BatchNorm after each of them, or None.
    f is ``mix``, a 1×1 convolution O → O with a bias, after a relu; or nothing, without ``mix``. gate is "sigmoid" or
    "hard_sigmoid", relu6(x + 3) / 6. The attention map a is [B, O, H, W]; where it is the
    output there is no map beside it.

    ============= ==================================================================
    ``output``    y
    ============= ==================================================================
    scaled        x · a
    skip          x · a + x
    gate          a itself, of O channels: the SPBlock of SPNet, whose caller multiplies
    ============= ==================================================================

    Defaults are those of SPNet, which starts as torch does; timm's StripAttn has neither norm nor mix and is depthwise.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "strip_attention"
    cites: ClassVar[str] = "Hou et al. 2020, Strip Pooling, arXiv:2003.13328, eq. 1-4; timm, layers/coord_attn.py"

    in_channels: Annotated[int, "C, channels of x"]
    out_channels: Annotated[int | None, "O, channels of the gate; None: C. Another number needs output='gate'"] = None
    kernel_size: Annotated[int | None, "odd taps of the convolutions along the strips; None: no convolution"] = 3
    depthwise: Annotated[bool, "whether they see each channel alone"] = False
    bias: Annotated[bool, "whether they have biases"] = False
    norm: Annotated[BatchNorm | None, "the BatchNorm after each of them, or None"] = field(default_factory=BatchNorm)
    mix: Annotated[bool, "whether a relu and a 1×1 convolution come before the gate"] = True
    gate: Annotated[Gate, "sigmoid, or hard_sigmoid: relu6(x + 3) / 6"] = "sigmoid"
    output: Annotated[Output, "scaled: x · a; skip: x · a + x; gate: a itself"] = "scaled"

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "out_channels", optional=True)
        check_odd(self, "kernel_size", optional=True)
        for name in ("depthwise", "bias", "mix"):
            check_bool(self, name)
        check_type(self, "norm", BatchNorm, optional=True)
        check_choice(self, "gate", get_args(Gate))
        check_choice(self, "output", get_args(Output))
        if self.width != self.in_channels and (self.depthwise or self.kernel_size is None):
            raise refuse(self, "out_channels", f"needs convolutions that are not depthwise; C is {self.in_channels}")
        if self.width != self.in_channels and self.output != "gate":
            raise refuse(self, "out_channels", f"needs output='gate': x has {self.in_channels} channels to scale")
        if self.kernel_size is None and (self.bias or self.depthwise):
            raise refuse(self, "kernel_size", "leaves no convolution to have a bias or be depthwise; set both False")

    @property
    def width(self) -> int:
        """O, the channels of the gate."""
        return self.out_channels or self.in_channels

    def params(self) -> tuple[Param, ...]:
        c, o = self.in_channels, self.width
        params: tuple[Param, ...] = ()
        for name in ("down", "across"):
            if self.kernel_size is not None:
                groups = c if self.depthwise else 1
                params += layers.conv(name, c, o, (self.kernel_size,), bias=self.bias, groups=groups)
            if self.norm is not None:
                params += layers.batch_norm(f"{name}_norm", o)
        return params + (layers.conv("mix", o, o, (1, 1)) if self.mix else ())

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def output_shape(self, shape: Shape) -> Shape:
        self.check_input(shape)
        return (shape[0], self.width, *shape[2:])

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        y = self.output_shape(shape)
        return {} if self.output == "gate" else {"attention": y}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        maps = self.attention_shapes(shape)
        return {name: MapLayout(meaning="masks", grid=tuple(shape[2:]), count=self.width) for name in maps}

    def letters(self, shape: Shape) -> dict[str, int]:
        return {**BlockSpec.letters(self, shape), **({} if self.out_channels is None else {"O": self.width})}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        seen = (1 if self.depthwise else self.in_channels) * (self.kernel_size or 0)
        positions = math.prod(shape[2:]) * ((self.width if self.mix else 0) + (self.output != "gate"))
        return shape[0] * self.width * (sum(shape[2:]) * seen + positions)

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
