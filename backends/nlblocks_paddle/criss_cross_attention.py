"""Criss-cross attention in Paddle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.kernels.lines import criss_cross_product
from nlblocks_paddle.kernels.paths import choose
from nlblocks_paddle.kernels.scores import affinity, narrowed
from nlblocks_paddle.layers import pointwise


class CrissCrossAttention(Block):
    """y = gamma · A·v(x) + x over rows and columns: see :class:`nlblocks.specs.CrissCrossAttention`."""

    spec_type = specs.CrissCrossAttention
    spec: specs.CrissCrossAttention

    def __init__(
        self, spec: specs.CrissCrossAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, d = spec.in_channels, spec.inner
        self.query = pointwise(spec.dims, c, d)
        self.key = pointwise(spec.dims, c, d)
        self.value = pointwise(spec.dims, c, c)
        self.gamma = self.create_parameter([1])
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, *S] → y [B, C, *S], and with ``return_attention`` the last map [B, *S, ΣS]; S is H, W or T, H, W."""
        self.check_input(x)
        extents, widths = x.shape[2:], (self.spec.inner, self.spec.in_channels)
        fast = choose("lines", math.prod(extents), sum(extents), widths, return_attention) == "fast"
        for _ in range(self.spec.recurrence):
            query, key, value = self.query(x), self.key(x), self.value(x)  # [B, D, *S] twice, [B, C, *S]
            if fast:
                mixed = criss_cross_product(query, key, value)  # [B, C, *S]
            else:
                attention = narrowed(self._attention(query, key), value)  # [B, *S, ΣS]
                mixed = self._gather(attention, value)  # [B, C, *S]
            x = x + self.gamma * mixed
        return (x, attention) if return_attention else x

    def _attention(self, query: Tensor, key: Tensor) -> Tensor:
        """Query, key [B, D, *S] → the map [B, *S, ΣS], with each position counted once."""
        query, key = paddle.moveaxis(query, 1, -1), paddle.moveaxis(key, 1, -1)  # [B, *S, D]
        energies = [
            paddle.moveaxis(
                affinity(paddle.moveaxis(query, axis, -2), paddle.moveaxis(key, axis, -2), transpose_y=True),
                -2, axis,
            )
            for axis in self._axes
        ]  # [B, *S, extent] for each axis  # fmt: skip
        energy = paddle.concat(energies, axis=-1)  # [B, *S, ΣS]
        # A repeated entry weighs nothing; of it Paddle's softmax on a CPU leaves exp(-64), which the product removes.
        repeated = _repeated(query.shape[1:-1])  # [*S, ΣS]
        lowest = paddle.full([], paddle.finfo(energy.dtype).min, energy.dtype)
        weights = F.softmax(paddle.where(repeated, lowest, energy), axis=-1)
        return weights * (~repeated).astype(energy.dtype)

    def _gather(self, attention: Tensor, value: Tensor) -> Tensor:
        """Attention [B, *S, ΣS], value [B, C, *S] → their product along each axis, summed, [B, C, *S]."""
        parts = attention.split(list(value.shape[2:]), axis=-1)  # [B, *S, extent] for each axis
        value = paddle.moveaxis(value, 1, -1)  # [B, *S, C]
        products: list[Any] = [
            paddle.moveaxis(paddle.moveaxis(parts[axis - 1], axis, -2) @ paddle.moveaxis(value, axis, -2), -2, axis)
            for axis in self._axes
        ]  # [B, *S, C]
        return paddle.moveaxis(sum(products[1:], products[0]), -1, 1)

    @property
    def _axes(self) -> range:
        """The spatial axes of [B, *S, channels]."""
        return range(1, self.spec.dims + 1)


def _repeated(extents: Sequence[int]) -> Tensor:
    """[*S, ΣS], true where a position meets itself on another axis than the last, on which it counts."""
    last = len(extents) - 1
    parts = []
    for index, extent in enumerate(extents):
        at = paddle.arange(extent)
        itself = at.unsqueeze(1) == (at if index < last else at - extent)  # [extent, extent]; on the last axis, nowhere
        aligned = [extent if axis == index else 1 for axis in range(len(extents))]
        parts.append(itself.reshape([*aligned, extent]).expand([*extents, extent]))  # [*S, extent]
    return paddle.concat(parts, axis=-1)
