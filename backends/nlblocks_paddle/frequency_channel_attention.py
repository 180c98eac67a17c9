"""Frequency channel attention in Paddle."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.resampling import adaptive_mean, known_extents


class FrequencyChannelAttention(Block):
    """y_c = x_c · a_c: see :class:`nlblocks.specs.FrequencyChannelAttention` for the formula, fields and shapes."""

    spec_type = specs.FrequencyChannelAttention
    spec: specs.FrequencyChannelAttention

    def __init__(
        self, spec: specs.FrequencyChannelAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        self.register_buffer("table", paddle.zeros([spec.in_channels, *spec.table_size]))
        self.fc_1 = nn.Linear(spec.in_channels, spec.inner, bias_attr=False)
        self.fc_2 = nn.Linear(spec.inner, spec.in_channels, bias_attr=False)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C]."""
        self.check_input(x)
        same = tuple(known_extents(x)) == self.spec.table_size
        pooled = x if same else adaptive_mean(x, self.spec.table_size)  # [B, C, T, R]
        squeezed = (pooled * self.table).sum([2, 3])  # [B, C]
        attention = F.sigmoid(self.fc_2(F.relu(self.fc_1(squeezed))))  # [B, C]
        y = x * attention.unsqueeze([2, 3])  # [B, C, H, W]
        return (y, attention) if return_attention else y
