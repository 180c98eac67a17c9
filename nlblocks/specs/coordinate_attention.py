"""Coordinate attention: each channel is scaled by a gate of its row and a gate of its column."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_choice, check_image, check_int, check_type
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout
from nlblocks.specs.squeeze_excitation import Gate

Activation = Literal["hard_swish", "relu"]


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinateAttention(BlockSpec):
    """y_chw = x_chw · a_chw, a_chw = gate(rows(z))_ch · gate(columns(z))_cw: coordinate attention over [B, C, H, W].

    z = act(norm(reduce([mean over W; mean over H]))): the H means of rows and the W means of columns lie side by side,
    [B, C, H + W], so that ``norm`` takes one set of statistics from both; then ``rows`` sees the first H and
    ``columns`` the last W.

    Letters: B batch, C ``in_channels``, D the inner width: ``inter_channels``, or C // ``ratio``, at least 8. All are
    1×1 convolutions, ``reduce`` C → D, ``rows`` and ``columns`` D → C, with ``bias`` or without. act is ``activation``:
    "hard_swish", x · relu6(x + 3) / 6, or "relu". gate is "sigmoid" or "hard_sigmoid", relu6(x + 3) / 6. ``skip`` adds
    x. The attention map a is [B, C, H, W].

    Defaults and initialisation are those of the authors' code; timm has no biases and rounds D another way.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "coordinate_attention"
    cites: ClassVar[str] = "Hou et al. 2021, Coordinate Attention for Efficient Mobile Network Design, arXiv:2103.02907"

    in_channels: Annotated[int, "C, channels of x"]
    inter_channels: Annotated[int | None, "D, the inner width; None: C // ratio, at least 8"] = None
    ratio: Annotated[int, "C // ratio is the inner width, where that is at least 8"] = 32
    bias: Annotated[bool, "whether the three convolutions have biases"] = True
    norm: Annotated[BatchNorm | None, "after the first convolution; None: none"] = field(default_factory=BatchNorm)
    activation: Annotated[Activation, "after the norm: hard_swish or relu"] = "hard_swish"
    gate: Annotated[Gate, "sigmoid, or hard_sigmoid: relu6(x + 3) / 6"] = "sigmoid"
    skip: Annotated[bool, "whether x is added to the scaled x"] = False

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "inter_channels", optional=True)
        check_int(self, "ratio")
        check_bool(self, "bias")
        check_type(self, "norm", BatchNorm, optional=True)
        check_choice(self, "activation", get_args(Activation))
        check_choice(self, "gate", get_args(Gate))
        check_bool(self, "skip")

    @property
    def inner(self) -> int:
        """D, the width between reduce and the gates."""
        return self.inter_channels or layers.reduce_channels(self.in_channels, self.ratio, at_least=8)

    def params(self) -> tuple[Param, ...]:
        c, d = self.in_channels, self.inner
        reduce = layers.conv("reduce", c, d, (1, 1), bias=self.bias)
        gates = [layers.conv(name, d, c, (1, 1), bias=self.bias) for name in ("rows", "columns")]
        norm = layers.batch_norm("norm", d) if self.norm is not None else ()
        return (*reduce, *norm, *gates[0], *gates[1])

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": tuple(shape)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="masks", grid=tuple(shape[2:]), count=self.in_channels)}

    def letters(self, shape: Shape) -> dict[str, int]:
        return {**BlockSpec.letters(self, shape), "D": self.inner}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        lines = sum(shape[2:])
        return shape[0] * (2 * lines * self.in_channels * self.inner + self.in_channels * math.prod(shape[2:]))

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
