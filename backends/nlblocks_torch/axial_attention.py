"""Axial attention in torch."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks.specs.layers import head_names
from nlblocks_torch.block import Block
from nlblocks_torch.kernels.scores import affinity, narrowed


class AxialAttention(Block):
    """Self-attention along each axis: see :class:`nlblocks.specs.AxialAttention` for the formula and the fields."""

    spec_type = specs.AxialAttention
    spec: specs.AxialAttention

    def __init__(self, spec: specs.AxialAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        self.axes = nn.ModuleList(_Attention(self.spec, axis + 1) for axis in range(self.spec.dims))
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Any:
        """x and y [B, C, *S], C at its axis, and with ``return_attention`` the map [B, *S, ΣS] of each head."""
        self.check_input(x)
        rows = x.movedim(self.spec.axis, -1)  # [B, *S, C]
        outputs: list[Tensor] = []
        maps = []
        for attention in self.axes:
            y, weights = attention(outputs[-1] if outputs and self.spec.join == "chain" else rows)
            outputs.append(y)  # [B, *S, C]
            maps.append(weights)  # [B, P, *S, L]
        y = outputs[-1] if self.spec.join == "chain" else torch.stack(outputs).sum(0)
        y = y.movedim(x.ndim - 1, self.spec.axis)  # torch.onnx writes a wrong file of a negative source
        if not return_attention:
            return y
        names = head_names(self.spec.heads)
        joined = torch.cat(maps, -1)  # [B, P, *S, ΣS]
        return y, {name: joined[:, head] for head, name in enumerate(names)} if len(names) > 1 else joined[:, 0]


class _Attention(nn.Module):
    """Multi-head self-attention of [B, *S, C] along one axis."""

    def __init__(self, spec: specs.AxialAttention, axis: int) -> None:
        super().__init__()
        self.heads, self.axis, self.scale = spec.heads, axis, math.sqrt(spec.head_width)
        self.query = nn.Linear(spec.in_channels, spec.inner, bias=False)
        self.key_value = nn.Linear(spec.in_channels, 2 * spec.inner, bias=False)
        self.out = nn.Linear(spec.inner, spec.in_channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, *S, C] → y [B, *S, C] and the weights [B, P, *S, L]; L is the extent of the axis."""
        lines = x.movedim(self.axis, -2)  # [B, *rest, L, C]
        key, value = self.key_value(lines).chunk(2, -1)  # [B, *rest, L, D]
        query, key, value = (self._split(part) for part in (self.query(lines), key, value))  # [B, *rest, P, L, E]
        weights = (affinity(query, key.transpose(-2, -1)) / self.scale).softmax(-1)
        weights = narrowed(weights, value)  # [B, *rest, P, L, L]
        mixed = (weights @ value).transpose(-3, -2).flatten(-2)  # [B, *rest, L, D]
        y = self.out(mixed).movedim(x.ndim - 2, self.axis)
        rest = list(range(1, x.ndim - 2))
        spatial = [*rest[: self.axis - 1], x.ndim - 1, *rest[self.axis - 1 :]]
        return y, weights.permute(0, x.ndim - 2, *spatial, x.ndim)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)
