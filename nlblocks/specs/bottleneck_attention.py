"""Bottleneck attention: multi-head self-attention over a map of a fixed size, whose logits know relative positions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Init, Param, Shape, register
from nlblocks.specs.check import check_bool, check_choice, check_image, check_int, check_sizes, refuse
from nlblocks.specs.layout import MapLayout

Position = Literal["relative", "absolute"]
Projection = Literal["qkv", "qk_v"]
START = layers.LayerInit(Init.normal(1.0, "in"), None)
"""How timm starts projections: N(0, 1/fan-in), which it truncates at ±2; a bias as torch does."""


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class BottleneckAttention(BlockSpec):
    """y_n = Σ_m a_nm v_m, a = softmax_m(s · q_n·k_m + p_nm): the attention of BoTNet, on [B, C, H, W].

    Letters: B batch, C ``in_channels``, G ``heads``, D ``key_channels``, V ``value_channels`` (default C // G),
    H, W ``map_size``, N = H·W positions, s = 1/√D. Queries and keys are [B, G·D, H, W], values [B, G·V, H, W], 1×1
    convolutions of x: one for all ("qkv", P = G·(2D + V) channels), or one for queries and keys and one for values
    ("qk_v"). Each head attends alone; the output is [B, G·V, H, W]. For a query at (i, j) and a key at (k, l):

    ============ ===================================================================
    ``position`` p
    ============ ===================================================================
    relative     q·height[k - i + H - 1] + q·width[l - j + W - 1], tables [2H-1, D] and [2W-1, D]
    absolute     q·(height[k] + width[l]), tables [H, D] and [W, D]
    ============ ===================================================================

    ``scale_position``: p is multiplied by s as well (lucidrains, PaddleViT; timm does not by default).
    ``pool`` 2 averages windows of 2×2 of the result; an odd last row or column is left out.
    The maps are the heads' a, [B, N, N] each: "head_1", "head_2" ..., or "attention" of a single head.

    In float16 the logits and their softmax are computed in float32.

    Raises InputError for impossible fields, and for inputs of the wrong rank, channels or size.
    """

    kind: ClassVar[str] = "bottleneck_attention"
    cites: ClassVar[str] = "Srinivas et al. 2021, Bottleneck Transformers, arXiv:2101.11605, section 3 and figure 4"

    in_channels: Annotated[int, "C, channels of x"]
    map_size: Annotated[tuple[int, int], "H and W, fixed"]
    heads: Annotated[int, "G, heads"] = 4
    key_channels: Annotated[int | None, "D, width of a head's queries and keys; None: V"] = None
    value_channels: Annotated[int | None, "V, width of a head's values; None: C // G, at least 1"] = None
    position: Annotated[Position, "relative or absolute"] = "relative"
    scale_position: Annotated[bool, "whether the position term is divided by √D as well"] = False
    projection: Annotated[Projection, "one convolution (qkv), or one for queries and keys (qk_v)"] = "qkv"
    bias: Annotated[bool, "whether the projections have biases"] = False
    pool: Annotated[int, "average pooling of the result: 1 or 2"] = 1

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_sizes(self, "map_size", 2)
        check_int(self, "heads")
        check_int(self, "key_channels", optional=True)
        check_int(self, "value_channels", optional=True)
        check_choice(self, "position", get_args(Position))
        check_bool(self, "scale_position")
        check_choice(self, "projection", get_args(Projection))
        check_bool(self, "bias")
        check_choice(self, "pool", (1, 2))
        if self.pool > min(self.map_size):
            raise refuse(self, "pool", f"leaves nothing of map_size={self.map_size}; make it 1")

    @property
    def values(self) -> int:
        """V, the width of a head's values."""
        return self.value_channels or layers.reduce_channels(self.in_channels, self.heads)

    @property
    def keys(self) -> int:
        """D, the width of a head's queries and keys."""
        return self.key_channels or self.values

    @property
    def scale(self) -> float:
        """s, what the logits are multiplied by."""
        return 1.0 / math.sqrt(self.keys)

    def params(self) -> tuple[Param, ...]:
        c, queries, values = self.in_channels, self.heads * self.keys, self.heads * self.values
        widths = {"qkv": 2 * queries + values} if self.projection == "qkv" else {"qk": 2 * queries, "v": values}
        params: tuple[Param, ...] = ()
        for name, width in widths.items():
            params += layers.conv(name, c, width, (1, 1), bias=self.bias, init=START)
        for name, extent in zip(("height", "width"), self.map_size, strict=True):
            rows = 2 * extent - 1 if self.position == "relative" else extent
            params += (Param(name, (rows, self.keys), Init.normal(self.scale)),)
        return params

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2, exactly=self.map_size)

    def output_shape(self, shape: Shape) -> Shape:
        self.check_input(shape)
        return (shape[0], self.heads * self.values, *(extent // self.pool for extent in shape[2:]))

    @property
    def map_names(self) -> tuple[str, ...]:
        """The heads' maps by name, in order."""
        return layers.head_names(self.heads)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        n = math.prod(shape[2:])
        return dict.fromkeys(self.map_names, (shape[0], n, n))

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return dict.fromkeys(self.map_names, MapLayout(meaning="positions", grid=tuple(shape[2:])))

    def letters(self, shape: Shape) -> dict[str, int]:
        values = {"V": self.values} if self.heads > 1 or self.value_channels else {}
        keys = {"D": self.keys, "P": self.heads * (2 * self.keys + self.values)} if self.key_channels else {}
        return {**BlockSpec.letters(self, shape), **values, **keys}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        n, d, v = math.prod(shape[2:]), self.keys, self.values
        position = n * d * (sum(self.map_size) if self.position == "relative" else n)
        return shape[0] * self.heads * (n * self.in_channels * (2 * d + v) + position + n * n * (d + v))

    def example_shape(self) -> Shape:
        return (2, self.in_channels, *self.map_size)
