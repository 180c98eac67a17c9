"""Bottleneck attention in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.kernels.scores import affinity, narrowed, relative_affinity
from nlblocks_torch.layers import halved, pointwise


class BottleneckAttention(Block):
    """y_n = Σ_m a_nm v_m per head: see :class:`nlblocks.specs.BottleneckAttention` for the formula and the fields."""

    spec_type = specs.BottleneckAttention
    spec: specs.BottleneckAttention

    def __init__(
        self, spec: specs.BottleneckAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, queries, values = spec.in_channels, spec.heads * spec.keys, spec.heads * spec.values
        if spec.projection == "qkv":
            self.qkv = pointwise(2, c, 2 * queries + values, bias=spec.bias)
        else:
            self.qk = pointwise(2, c, 2 * queries, bias=spec.bias)
            self.v = pointwise(2, c, values, bias=spec.bias)
        rows, columns = (2 * size - 1 if spec.position == "relative" else size for size in spec.map_size)
        self.height = nn.Parameter(torch.empty(rows, spec.keys))
        self.width = nn.Parameter(torch.empty(columns, spec.keys))
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Any]:
        """x [B, C, H, W] → y [B, G·V, H, W], and with ``return_attention`` the heads' maps [B, N, N] by name."""
        self.check_input(x)
        spec = self.spec
        b, g, (h, w) = x.shape[0], spec.heads, spec.map_size
        joint = self.qkv(x) if spec.projection == "qkv" else torch.cat([self.qk(x), self.v(x)], dim=1)
        query, key, value = joint.split([g * spec.keys, g * spec.keys, g * spec.values], dim=1)
        query = query.reshape(b, g, spec.keys, h * w).transpose(2, 3)  # [B, G, N, D]
        key = key.reshape(b, g, spec.keys, h * w)  # [B, G, D, N]
        value = value.reshape(b, g, spec.values, h * w)  # [B, G, V, N]

        logits = affinity(query, key)  # [B, G, N, N]
        position = self._position(query)  # [B, G, N, N]
        scale = spec.scale
        logits = (logits + position) * scale if spec.scale_position else logits * scale + position
        attention = narrowed(logits.softmax(dim=-1), value)
        y = (value @ attention.transpose(2, 3)).reshape(b, g * spec.values, h, w)
        y = halved(y) if spec.pool == 2 else y
        if not return_attention:
            return y
        maps = {name: attention[:, head] for head, name in enumerate(spec.map_names)}
        return y, maps if g > 1 else maps["attention"]

    def _position(self, query: Tensor) -> Tensor:
        """The position term of the logits, [B, G, N, N], of queries [B, G, N, D]."""
        h, w = self.spec.map_size
        if self.spec.position == "relative":
            grid = query.reshape(*query.shape[:2], h, w, self.spec.keys)  # [B, G, H, W, D]
            return relative_affinity(grid, self.height, self.width)
        places = self.height.unsqueeze(1) + self.width.unsqueeze(0)  # [H, W, D]
        return affinity(query, places.flatten(0, 1).transpose(0, 1))
