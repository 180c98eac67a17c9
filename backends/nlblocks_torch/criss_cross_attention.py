"""Criss-cross attention in torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.kernels.lines import criss_cross_product
from nlblocks_torch.kernels.paths import choose
from nlblocks_torch.kernels.scores import affinity, narrowed
from nlblocks_torch.layers import pointwise


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
        self.gamma = nn.Parameter(torch.zeros(1))
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
        query, key = _channels_last(query), _channels_last(key)  # [B, *S, D]
        last = self.spec.dims  # of the axes before the channels
        energies = [
            affinity(query.movedim(axis, last), key.movedim(axis, last + 1)).movedim(last, axis) for axis in self._axes
        ]  # [B, *S, extent] for each axis
        energy = torch.cat(energies, dim=-1)  # [B, *S, ΣS]
        # A repeated entry weighs nothing: exp of the lowest number, less the largest energy, is 0.
        repeated = _repeated(query.shape[1:-1], query.device)  # [*S, ΣS]
        return energy.masked_fill(repeated, torch.finfo(energy.dtype).min).softmax(dim=-1)

    def _gather(self, attention: Tensor, value: Tensor) -> Tensor:
        """Attention [B, *S, ΣS], value [B, C, *S] → their product along each axis, summed, [B, C, *S]."""
        parts = attention.split(list(value.shape[2:]), dim=-1)  # [B, *S, extent] for each axis
        value = _channels_last(value)  # [B, *S, C]
        last = self.spec.dims
        products = [
            (part.movedim(axis, last) @ value.movedim(axis, last)).movedim(last, axis)  # [B, *S, C]
            for axis, part in zip(self._axes, parts, strict=True)
        ]
        return sum(products[1:], products[0]).movedim(last + 1, 1)

    @property
    def _axes(self) -> range:
        """The spatial axes of [B, *S, channels]."""
        return range(1, self.spec.dims + 1)


def _channels_last(x: Tensor) -> Tensor:
    """[B, C, *S] → [B, *S, C], so that the products along every axis find their rows whole."""
    return x.movedim(1, x.ndim - 1).contiguous()


def _repeated(extents: Sequence[int], device: torch.device) -> Tensor:
    """[*S, ΣS], true where a position meets itself on another axis than the last, on which it counts."""
    last = len(extents) - 1
    parts = []
    for index, extent in enumerate(extents):
        at = torch.arange(extent, device=device)
        itself = at[:, None] == (at if index < last else at - extent)  # [extent, extent]; on the last axis, nowhere
        aligned = [extent if axis == index else 1 for axis in range(len(extents))]
        parts.append(itself.reshape(*aligned, extent).expand(*extents, extent))  # [*S, extent]
    return torch.cat(parts, dim=-1)
