"""Efficient channel attention in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import ChannelConv, mean


class EfficientChannelAttention(Block):
    """y_c = x_c · a_c: see :class:`nlblocks.specs.EfficientChannelAttention` for the formula, fields and shapes."""

    spec_type = specs.EfficientChannelAttention
    spec: specs.EfficientChannelAttention

    def __init__(
        self, spec: specs.EfficientChannelAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        self.conv = ChannelConv(self.spec.kernel, circular=self.spec.padding_mode == "circular")
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C]."""
        self.check_input(x)
        pooled = mean(x, 2, 3)  # [B, C]
        attention = F.sigmoid(self.conv(pooled))  # [B, C]
        y = x * attention.unsqueeze([2, 3])  # [B, C, H, W]
        return (y, attention) if return_attention else y
