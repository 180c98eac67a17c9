"""Position-sensitive axial attention: self-attention along one axis that knows how far apart two positions are."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, get_args

from nlblocks.errors import InputError
from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Init, Param, Shape, register
from nlblocks.specs.check import check_choice, check_image, check_int, check_type, refuse
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout

Along = Literal["height", "width"]


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class PositionSensitiveAxialAttention(BlockSpec):
    """z_i = Σ_j a_ij (v_j + r^v_i-j), a = softmax_j(q_i·k_j + q_i·r^q_i-j + k_j·r^k_j-i): along the columns or rows.

    Letters: B batch, C ``in_channels``, O ``out_channels`` (default C), P ``heads``, G = O / P, which is even, H
    height, W width, L = ``span``, the extent of the axis that is attended ``along``, which every input must have. x is
    [B, C, H, W], y [B, O, H, W]. On each line of that axis, with every norm a BatchNorm ``norm``:

    - q, k and v, of Q, Q and G channels in each head, Q = G / 2, are qkv_norm(qkv(x)), ``qkv`` 1×1, C → J = 2O, without
      bias;
    - r^q, r^k and r^v, of as many, are the rows of ``relative`` [K, 2L - 1], K = 2G; offset d is its column d + L - 1;
    - the three terms of the score are 3P channels of score_norm, all heads of the first, of the second, of the third;
    - the two terms of z are 2O channels of output_norm, beside each other for each of the O, and are then added.

    score_norm.bias moves every score of a head alike and so has no effect. ``stride`` s > 1 takes means of s × s
    positions of y, what does not fit left out: y is [B, O, H // s, W // s].

    The maps are of the heads: "head_1", "head_2" ..., "attention" of one alone, [B, H, W, H + W]: how much a position
    reads of those of its column, then of its row; the entries of the axis that is not attended along are 0.

    Raises InputError for impossible fields and for inputs of the wrong rank, channels or extents.
    """

    kind: ClassVar[str] = "position_sensitive_axial_attention"
    cites: ClassVar[str] = "Wang et al. 2020, Axial-DeepLab, arXiv:2003.07853, eq. 4"

    in_channels: Annotated[int, "C, channels of x"]
    span: Annotated[int, "L, the extent of the axis that is attended along, fixed"]
    out_channels: Annotated[int | None, "O, channels of y; None: C"] = None
    heads: Annotated[int, "P, attention heads"] = 8
    along: Annotated[Along, "which axis: height (columns) or width (rows)"] = "height"
    stride: Annotated[int, "y holds means of stride × stride positions"] = 1
    norm: Annotated[BatchNorm, "every BatchNorm"] = field(default_factory=BatchNorm)

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "span")
        check_int(self, "out_channels", optional=True)
        check_int(self, "heads")
        check_choice(self, "along", get_args(Along))
        check_int(self, "stride")
        check_type(self, "norm", BatchNorm)
        if self.width % (2 * self.heads):
            raise refuse(
                self, "heads", f"must divide half of the {self.width} channels of y: queries have half a head's"
            )

    @property
    def width(self) -> int:
        """O, channels of y."""
        return self.out_channels or self.in_channels

    @property
    def head_width(self) -> int:
        """G, channels of a head's values."""
        return self.width // self.heads

    @property
    def parts(self) -> tuple[int, int, int]:
        """How many channels of a head, and rows of ``relative``, are for queries, keys and values."""
        return (self.head_width // 2, self.head_width // 2, self.head_width)

    def params(self) -> tuple[Param, ...]:
        o, start = self.width, Init.normal(1.0 / math.sqrt(self.head_width))
        qkv = layers.LayerInit(Init.normal(1.0, "in"), layers.ZEROS)
        return (
            *layers.conv("qkv", self.in_channels, 2 * o, (1, 1), bias=False, init=qkv),
            *layers.batch_norm("qkv_norm", 2 * o),
            Param("relative", (2 * self.head_width, 2 * self.span - 1), start),
            *layers.batch_norm("score_norm", 3 * self.heads),
            *layers.batch_norm("output_norm", 2 * o),
        )

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2, at_least=(self.stride, self.stride))
        extent = shape[2 if self.along == "height" else 3]
        if 0 <= extent != self.span:
            raise InputError(
                f"PositionSensitiveAxialAttention: input of shape {tuple(shape)} has {self.along} {extent}; it must be "
                f"span={self.span}: [B, C, H, W]"
            )

    def fixed(self, shape: Shape) -> dict[str, Any]:
        return {**BlockSpec.fixed(self, shape), "span": shape[2 if self.along == "height" else 3]}

    def output_shape(self, shape: Shape) -> Shape:
        self.check_input(shape)
        return (shape[0], self.width, shape[2] // self.stride, shape[3] // self.stride)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return dict.fromkeys(layers.head_names(self.heads), (shape[0], *shape[2:], sum(shape[2:])))

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return dict.fromkeys(layers.head_names(self.heads), MapLayout(meaning="lines", grid=tuple(shape[2:])))

    def letters(self, shape: Shape) -> dict[str, int]:
        own = {"O": self.width} if self.width != self.in_channels else {}
        own |= {"G": self.head_width} if self.heads > 1 else {}
        own |= {"K": 2 * self.head_width} if self.heads > 2 else {}  # of two heads it is O
        return {**BlockSpec.letters(self, shape), **own, "Q": self.head_width // 2, "J": 2 * self.width}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        n, o, g = math.prod(shape[2:]), self.width, self.head_width
        return shape[0] * n * (2 * self.in_channels * o + self.span * self.heads * (3 * g // 2 + 2 * g))

    def example_shape(self) -> Shape:
        extents = (self.span, self.span + 1)
        return (2, self.in_channels, *(extents if self.along == "height" else extents[::-1]))
