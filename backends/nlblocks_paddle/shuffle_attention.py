"""Shuffle attention in Paddle."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import mean
from nlblocks_paddle.norms import GroupNorm


class ShuffleAttention(Block):
    """y = shuffle(x · a): see :class:`nlblocks.specs.ShuffleAttention` for the formula, the fields and the shapes."""

    spec_type = specs.ShuffleAttention
    spec: specs.ShuffleAttention

    def __init__(self, spec: specs.ShuffleAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        half = self.spec.half
        self.channel_weight = self.create_parameter([half])
        self.channel_bias = self.create_parameter([half])
        self.spatial_weight = self.create_parameter([half])
        self.spatial_bias = self.create_parameter([half])
        self.norm = GroupNorm(half, half)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C, H, W]."""
        self.check_input(x)
        c, half, spatial = self.spec.in_channels, self.spec.half, x.shape[2:]
        groups = x.reshape([x.shape[0] * self.spec.groups, 2, half, *spatial])
        first, last = groups[:, 0], groups[:, 1]  # [B·G, D, H, W] each
        pooled = mean(first, 2, 3)  # [B·G, D]
        gate = F.sigmoid(pooled * self.channel_weight + self.channel_bias).unsqueeze([2, 3])
        normal = self.norm(last)  # [B·G, D, H, W]
        mask = F.sigmoid(normal * self.spatial_weight.reshape([-1, 1, 1]) + self.spatial_bias.reshape([-1, 1, 1]))
        y = paddle.stack([first * gate, last * mask], axis=1)  # [B·G, 2, D, H, W]
        y = y.reshape([x.shape[0], 2, c // 2, *spatial]).transpose([0, 2, 1, 3, 4])
        y = y.reshape([x.shape[0], c, *spatial])
        if not return_attention:
            return y
        gates = paddle.stack([gate.expand_as(mask), mask], axis=1)  # [B·G, 2, D, H, W]
        return y, gates.reshape([x.shape[0], c, *spatial])
