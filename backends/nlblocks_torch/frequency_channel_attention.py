"""Frequency channel attention in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.resampling import adaptive_mean


class FrequencyChannelAttention(Block):
    """y_c = x_c · a_c: see :class:`nlblocks.specs.FrequencyChannelAttention` for the formula, fields and shapes."""

    spec_type = specs.FrequencyChannelAttention
    spec: specs.FrequencyChannelAttention
    table: Tensor

    def __init__(
        self, spec: specs.FrequencyChannelAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        self.register_buffer("table", torch.zeros(spec.in_channels, *spec.table_size))
        self.fc_1 = nn.Linear(spec.in_channels, spec.inner, bias=False)
        self.fc_2 = nn.Linear(spec.inner, spec.in_channels, bias=False)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C]."""
        self.check_input(x)
        pooled = x if x.shape[2:] == self.spec.table_size else adaptive_mean(x, self.spec.table_size)  # [B, C, T, R]
        squeezed = (pooled * self.table).sum((2, 3))  # [B, C]
        attention = torch.sigmoid(self.fc_2(torch.relu(self.fc_1(squeezed))))  # [B, C]
        y = x * attention.view(*attention.shape, 1, 1)  # [B, C, H, W]
        return (y, attention) if return_attention else y
