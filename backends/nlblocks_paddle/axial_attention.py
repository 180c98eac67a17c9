"""Axial attention in Paddle."""

from __future__ import annotations

import math
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks.specs.layers import head_names
from nlblocks_paddle.block import Block
from nlblocks_paddle.kernels.scores import affinity, narrowed
from nlblocks_paddle.layers import number


class AxialAttention(Block):
    """Self-attention along each axis: see :class:`nlblocks.specs.AxialAttention` for the formula and the fields."""

    spec_type = specs.AxialAttention
    spec: specs.AxialAttention

    def __init__(self, spec: specs.AxialAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        self.axes = nn.LayerList([_Attention(self.spec, axis + 1) for axis in range(self.spec.dims)])
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Any:
        """x and y [B, C, *S], C at its axis, and with ``return_attention`` the map [B, *S, ΣS] of each head."""
        self.check_input(x)
        rows = paddle.moveaxis(x, self.spec.axis, -1)  # [B, *S, C]
        outputs: list[Any] = []
        maps = []
        for attention in self.axes:
            y, weights = attention(outputs[-1] if outputs and self.spec.join == "chain" else rows)
            outputs.append(y)  # [B, *S, C]
            maps.append(weights)  # [B, P, *S, L]
        y = outputs[-1] if self.spec.join == "chain" else paddle.stack(outputs).sum(0)
        y = paddle.moveaxis(y, -1, self.spec.axis)
        if not return_attention:
            return y
        names = head_names(self.spec.heads)
        joined = paddle.concat(maps, -1)  # [B, P, *S, ΣS]
        return y, {name: joined[:, head] for head, name in enumerate(names)} if len(names) > 1 else joined[:, 0]


class _Attention(nn.Layer):
    """Multi-head self-attention of [B, *S, C] along one axis."""

    def __init__(self, spec: specs.AxialAttention, axis: int) -> None:
        super().__init__()
        self.heads, self.axis, self.scale = spec.heads, axis, math.sqrt(spec.head_width)
        self.query = nn.Linear(spec.in_channels, spec.inner, bias_attr=False)
        self.key_value = nn.Linear(spec.in_channels, 2 * spec.inner, bias_attr=False)
        self.out = nn.Linear(spec.inner, spec.in_channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, *S, C] → y [B, *S, C] and the weights [B, P, *S, L]; L is the extent of the axis."""
        lines = paddle.moveaxis(x, self.axis, -2)  # [B, *rest, L, C]
        key, value = self.key_value(lines).chunk(2, -1)  # [B, *rest, L, D]
        query, key, value = (self._split(part) for part in (self.query(lines), key, value))  # [B, *rest, P, L, E]
        score = affinity(query, key, transpose_y=True)  # [B, *rest, P, L, L]
        weights = narrowed(F.softmax(score / number(self.scale, score), axis=-1), value)
        mixed = paddle.moveaxis(weights @ value, -3, -2).flatten(-2)  # [B, *rest, L, D]
        y = paddle.moveaxis(self.out(mixed), -2, self.axis)
        return y, paddle.moveaxis(paddle.moveaxis(weights, -3, 1), -2, self.axis + 1)

    def _split(self, x: Tensor) -> Tensor:
        parts = x.reshape([*x.shape[:-1], self.heads, x.shape[-1] // self.heads])
        return paddle.moveaxis(parts, -2, -3)
