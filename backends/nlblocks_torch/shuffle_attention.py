"""Shuffle attention in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.layers import mean
from nlblocks_torch.norms import GroupNorm


class ShuffleAttention(Block):
    """y = shuffle(x · a): see :class:`nlblocks.specs.ShuffleAttention` for the formula, the fields and the shapes."""

    spec_type = specs.ShuffleAttention
    spec: specs.ShuffleAttention

    def __init__(self, spec: specs.ShuffleAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        half = self.spec.half
        self.channel_weight = nn.Parameter(torch.empty(half))
        self.channel_bias = nn.Parameter(torch.empty(half))
        self.spatial_weight = nn.Parameter(torch.empty(half))
        self.spatial_bias = nn.Parameter(torch.empty(half))
        self.norm = GroupNorm(half, half)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C, H, W]."""
        self.check_input(x)
        (b, c, h, w), half = x.shape, self.spec.half
        groups = x.reshape(b * self.spec.groups, 2, half, h, w)
        first, last = groups[:, 0], groups[:, 1]  # [B·G, D, H, W] each
        pooled = mean(first, 2, 3)  # [B·G, D]
        gate = torch.sigmoid(pooled * self.channel_weight + self.channel_bias)[:, :, None, None]
        normal = self.norm(last)  # [B·G, D, H, W]
        mask = torch.sigmoid(normal * self.spatial_weight.view(-1, 1, 1) + self.spatial_bias.view(-1, 1, 1))
        y = torch.stack([first * gate, last * mask], dim=1)  # [B·G, 2, D, H, W]
        y = y.reshape(b, 2, c // 2, h, w).transpose(1, 2).reshape(b, c, h, w)
        if not return_attention:
            return y
        return y, torch.stack([gate.expand_as(mask), mask], dim=1).reshape(b, c, h, w)
