"""The lambda layer: keys and values become, at each position, a small linear map that is applied to its queries."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Init, Param, Shape, register
from nlblocks.specs.bottleneck_attention import START
from nlblocks.specs.check import (
    check_bool,
    check_choice,
    check_image,
    check_int,
    check_odd,
    check_sizes,
    check_type,
    refuse,
)
from nlblocks.specs.layers import BatchNorm


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaLayer(BlockSpec):
    """y_n = (Σ_m k_m v_mᵀ + Σ_m e_nm v_mᵀ)ᵀ q_n, k = softmax over positions: a lambda layer, on [B, C, H, W].

    Letters: B batch, C ``in_channels``, G ``heads``, D ``key_channels``, V ``value_channels`` (default C // G),
    H height, W width, N = H·W. One 1×1 convolution, C → U = G·D + D + V, gives the queries [B, G·D, N], the keys
    [B, D, N] and the values [B, V, N], which the heads share; BatchNorm ``norm`` follows the queries and the values. At
    a position n the content and the position make a map from D to V, which each head's query is put through; the output
    is [B, G·V, H, W]. The position term e_nm, of D numbers, is one of

    - ``kernel_size`` r: a convolution of r×r, 1 → D with bias, of each of the V values alone (the local lambda);
    - ``map_size`` (H, W): a table of offsets, [2H-1, 2W-1, D], at the place of m less that of n; H and W are fixed.

    ``pool`` 2 averages windows of 2×2 of the result; an odd last row or column is left out.
    There is no attention map to show: keys weigh positions for all positions alike.

    Raises InputError for impossible fields, and for inputs of the wrong rank, channels or extents.
    """

    kind: ClassVar[str] = "lambda_layer"
    cites: ClassVar[str] = "Bello 2021, LambdaNetworks, arXiv:2102.08602, section 3, with intra-depth 1"

    in_channels: Annotated[int, "C, channels of x"]
    heads: Annotated[int, "G, heads, which share keys and values"] = 4
    key_channels: Annotated[int, "D, width of a query and of the keys"] = 16
    value_channels: Annotated[int | None, "V, width of the values; None: C // G, at least 1"] = None
    kernel_size: Annotated[int | None, "r, the odd kernel of the local position term; None: the table"] = 9
    map_size: Annotated[tuple[int, int] | None, "H and W of the table of offsets; None: the convolution"] = None
    bias: Annotated[bool, "whether the projection has a bias"] = False
    norm: Annotated[BatchNorm, "the BatchNorm of the queries and of the values"] = field(default_factory=BatchNorm)
    pool: Annotated[int, "average pooling of the result: 1 or 2"] = 1

    def validate(self) -> None:
        for name in ("in_channels", "heads", "key_channels"):
            check_int(self, name)
        check_int(self, "value_channels", optional=True)
        check_odd(self, "kernel_size", optional=True)
        check_sizes(self, "map_size", 2, optional=True)
        if (self.kernel_size is None) == (self.map_size is None):
            raise refuse(self, "map_size", f"beside kernel_size={self.kernel_size}: give one of both, the other None")
        check_bool(self, "bias")
        check_type(self, "norm", BatchNorm)
        check_choice(self, "pool", (1, 2))

    @property
    def values(self) -> int:
        """V, the width of the values."""
        return self.value_channels or layers.reduce_channels(self.in_channels, self.heads)

    @property
    def widths(self) -> tuple[int, int, int]:
        """Channels of the queries, keys and values."""
        return self.heads * self.key_channels, self.key_channels, self.values

    def params(self) -> tuple[Param, ...]:
        d = self.key_channels
        params = layers.conv("qkv", self.in_channels, sum(self.widths), (1, 1), bias=self.bias, init=START)
        params += layers.batch_norm("norm_q", self.heads * d) + layers.batch_norm("norm_v", self.values)
        if self.kernel_size is not None:
            start = layers.LayerInit(Init.normal(1.0 / math.sqrt(d)), None)
            return params + layers.conv("position", 1, d, (self.kernel_size,) * 2, init=start)
        rows, columns = (2 * extent - 1 for extent in self.map_size or ())
        return (*params, Param("position", (rows, columns, d), Init.normal(0.02)))

    def check_input(self, shape: Shape) -> None:
        least = (self.pool,) * 2
        check_image(self, shape, channels=self.in_channels, dims=2, at_least=least, exactly=self.map_size)

    def output_shape(self, shape: Shape) -> Shape:
        self.check_input(shape)
        return (shape[0], self.heads * self.values, *(extent // self.pool for extent in shape[2:]))

    def letters(self, shape: Shape) -> dict[str, int]:
        values = {"V": self.values} if self.heads > 1 or self.value_channels else {}
        return {**BlockSpec.letters(self, shape), **values, "D": self.key_channels, "U": sum(self.widths)}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        n, d, v = math.prod(shape[2:]), self.key_channels, self.values
        reach = n if self.kernel_size is None else self.kernel_size**2
        return shape[0] * n * (self.in_channels * sum(self.widths) + d * v * (1 + reach + self.heads))

    def example_shape(self) -> Shape:
        return (2, self.in_channels, *(self.map_size or (5, 4)))
