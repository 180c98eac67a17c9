"""Criss-cross attention in Paddle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import paddle
from paddle import Tensor

from nlblocks import specs
from nlblocks_paddle.block import Block
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
        """X [B, C, *S] → y [B, C, *S], and with ``return_attention`` the last map [B, *S, ΣS]; S is H, W or T, H, W."""
        self.spec.check_input(tuple(x.shape))
        for _ in range(self.spec.recurrence):
            attention = self._attention(self.query(x), self.key(x))  # [B, *S, ΣS]
            x = x + self.gamma * self._gather(attention, self.value(x))  # [B, C, *S]
        return (x, attention) if return_attention else x

    def _attention(self, query: Tensor, key: Tensor) -> Tensor:
        """Query, key [B, D, *S] → the map [B, *S, ΣS], with each position counted once."""
        axes = self.spec.axes
        energies: list[Any] = [
            paddle.einsum(f"bd{axes},bd{axes.replace(axis, 'k')}->b{axes}k", query, key) for axis in axes
        ]  # [B, *S, extent] for each axis
        energy = paddle.concat(energies, axis=-1)  # [B, *S, ΣS]
        repeated = _repeated(query.shape[2:])  # [*S, ΣS]
        # A repeated entry stands for one that counts, so that the largest is among those, and weighs nothing.
        energy = paddle.where(repeated, energy[..., -1:], energy)
        weights = (energy - energy.detach().max(axis=-1, keepdim=True)).exp() * (~repeated).astype(energy.dtype)
        return weights / weights.sum(axis=-1, keepdim=True)

    def _gather(self, attention: Tensor, value: Tensor) -> Tensor:
        """Attention [B, *S, ΣS], value [B, C, *S] → their product along each axis, summed, [B, C, *S]."""
        axes = self.spec.axes
        parts = attention.split(list(value.shape[2:]), axis=-1)  # [B, *S, extent] for each axis
        products: list[Any] = [
            paddle.einsum(f"b{axes}k,bc{axes.replace(axis, 'k')}->bc{axes}", parts[index], value)
            for index, axis in enumerate(axes)
        ]
        return paddle.add_n(products)


def _repeated(extents: Sequence[int]) -> Tensor:
    """[*S, ΣS], true where a position meets itself on another axis than the last, on which it counts."""
    last = len(extents) - 1
    parts = []
    for index, extent in enumerate(extents):
        itself = paddle.eye(extent) * float(index < last)  # [extent, extent]
        aligned = [extent if axis == index else 1 for axis in range(len(extents))]
        parts.append(itself.astype("bool").reshape([*aligned, extent]).expand([*extents, extent]))  # [*S, extent]
    return paddle.concat(parts, axis=-1)
