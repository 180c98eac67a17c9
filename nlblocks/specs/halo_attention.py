"""Halo attention: each block of positions attends to itself and to a halo around it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.errors import InputError
from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Init, Param, Shape, register
from nlblocks.specs.bottleneck_attention import START
from nlblocks.specs.check import check_bool, check_choice, check_image, check_int, refuse

Rows = Literal["by_head", "keys_first"]


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class HaloAttention(BlockSpec):
    """y_n = Σ_m a_nm v_m, a = softmax_m(s · q_n·k_m + p_nm), m over the window of n's block, on [B, C, H, W].

    Letters: B batch, C ``in_channels``, G ``heads``, D ``key_channels``, V ``value_channels`` (default C // G),
    b ``block_size``, n = b + 2·``halo_size``, s = 1/√D. The map is cut into blocks of b×b positions, R = H / b down and
    Q = W / b across, M in all, and each attends to the window of n×n around it: side by side they are I×J, I = R·n,
    J = Q·n. H and W are multiples of b. Queries q [B, G·D, H, W] and, joined, keys and values kv [B, P, H, W],
    P = G·(D + V), are 1×1 convolutions of x. ``kv_rows``: kv holds keys and values of the first head, then of the next
    ("by_head": timm, PaddleViT), or the keys of all heads first ("keys_first": lucidrains). For the query at (i, j) of
    its block and the key at (k, l) of its window, tables of [2n-1, D] say

        p = q·height[k - i + n - 1] + q·width[l - j + n - 1]

    ``scale_position``: p is multiplied by s as well. ``mask_padding``: places outside the map are not attended to; else
    they are keys like others, with k = v = 0 (timm, PaddleViT), and p. ``query_stride`` t takes every t-th query of a
    row and of a column, and counts i and j in those (timm). ``pool`` 2 averages windows of 2×2 of the result.
    ``output``: a 1×1 convolution with bias, G·V → C, after the heads, before the pooling. The output is
    [B, G·V or C, H / t, W / t], halved where it is pooled.

    There is no attention map to show: each block has a window of its own, which may lie outside the image in part.
    In float16 the logits and their softmax are computed in float32.

    Raises InputError for impossible fields, and for inputs of the wrong rank, channels or extents.
    """

    kind: ClassVar[str] = "halo_attention"
    cites: ClassVar[str] = "Vaswani et al. 2021, Scaling Local Self-Attention, arXiv:2103.12731, section 2.2"

    in_channels: Annotated[int, "C, channels of x"]
    heads: Annotated[int, "G, heads"] = 8
    key_channels: Annotated[int | None, "D, width of a head's queries and keys; None: V"] = None
    value_channels: Annotated[int | None, "V, width of a head's values; None: C // G, at least 1"] = None
    block_size: Annotated[int, "b, positions a side of a block"] = 8
    halo_size: Annotated[int, "positions around a block that it attends to"] = 3
    query_stride: Annotated[int, "t: every t-th position asks; a divisor of b"] = 1
    scale_position: Annotated[bool, "whether the position term is divided by √D as well"] = False
    mask_padding: Annotated[bool, "whether places outside the map are left out"] = False
    kv_rows: Annotated[Rows, "the order of kv: by_head or keys_first"] = "by_head"
    bias: Annotated[bool, "whether q and kv have biases"] = False
    output: Annotated[bool, "a 1×1 convolution to C channels after the heads"] = False
    pool: Annotated[int, "average pooling of the result: 1 or 2"] = 1

    def validate(self) -> None:
        for name in ("in_channels", "heads", "block_size", "query_stride"):
            check_int(self, name)
        check_int(self, "key_channels", optional=True)
        check_int(self, "value_channels", optional=True)
        check_int(self, "halo_size", at_least=0)
        for name in ("scale_position", "mask_padding", "bias", "output"):
            check_bool(self, name)
        check_choice(self, "kv_rows", get_args(Rows))
        check_choice(self, "pool", (1, 2))
        if self.block_size % self.query_stride != 0:
            raise refuse(self, "query_stride", f"must divide block_size={self.block_size}")

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

    @property
    def window(self) -> int:
        """n, positions a side of a window."""
        return self.block_size + 2 * self.halo_size

    @property
    def queries(self) -> int:
        """b / t, queries a side of a block."""
        return self.block_size // self.query_stride

    def params(self) -> tuple[Param, ...]:
        c, g, d, v = self.in_channels, self.heads, self.keys, self.values
        params = layers.conv("q", c, g * d, (1, 1), bias=self.bias, init=START)
        params += layers.conv("kv", c, g * (d + v), (1, 1), bias=self.bias, init=START)
        for name in ("height", "width"):
            params += (Param(name, (2 * self.window - 1, d), Init.normal(self.scale)),)
        return params + (layers.conv("out", g * v, c, (1, 1)) if self.output else ())

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2, at_least=(self.query_stride * self.pool,) * 2)
        if any(extent % self.block_size != 0 for extent in shape[2:] if extent >= 0):
            raise InputError(
                f"HaloAttention: input of shape {tuple(shape)} has extents {tuple(shape[2:])}; they must be multiples "
                f"of block_size={self.block_size}: [B, C, H, W]"
            )

    def output_shape(self, shape: Shape) -> Shape:
        self.check_input(shape)
        channels = self.in_channels if self.output else self.heads * self.values
        return (shape[0], channels, *(extent // self.query_stride // self.pool for extent in shape[2:]))

    def letters(self, shape: Shape) -> dict[str, int]:
        values = {"V": self.values} if self.heads > 1 or self.value_channels else {}
        keys = {"D": self.keys, "P": self.heads * (self.keys + self.values)} if self.key_channels else {}
        down, across = (extent // self.block_size for extent in shape[2:])
        windows = {"I": down * self.window, "J": across * self.window} if self.halo_size else {}
        blocks = {"R": down, "Q": across, "M": down * across} if self.block_size > 1 else {}
        return {**BlockSpec.letters(self, shape), **values, **keys, **blocks, **windows}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        n, c, g, d, v = math.prod(shape[2:]), self.in_channels, self.heads, self.keys, self.values
        asked = n // self.query_stride**2
        attention = asked * self.window * (2 * d + self.window * (d + v))
        out = asked * v * c if self.output else 0
        return shape[0] * g * (asked * c * d + n * c * (d + v) + attention + out)

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 2 * self.block_size, 3 * self.block_size)
