"""Efficient channel attention in numtape."""

from __future__ import annotations

from typing import Any

import numtape
from numtape import Tensor

from nlblocks import specs
from nlblocks_toy.block import Block


class EfficientChannelAttention(Block):
    """y_c = x_c · a_c: see :class:`nlblocks.specs.EfficientChannelAttention` for the formula, fields and shapes."""

    spec_type = specs.EfficientChannelAttention
    spec: specs.EfficientChannelAttention

    def __init__(
        self, spec: specs.EfficientChannelAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        kernel = self.spec.kernel
        padding = 0 if self.spec.padding_mode == "circular" else kernel // 2
        self.conv = numtape.Conv(1, 1, (kernel,), padding=padding, bias=False)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C]."""
        spec, batch = self.spec, x.shape[0]
        spec.check_input(x.shape)
        row = numtape.reshape(numtape.mean(x, (2, 3)), (batch, 1, spec.in_channels))  # [B, 1, C]
        if spec.padding_mode == "circular":
            row = numtape.wrap(row, spec.kernel // 2)
        attention = numtape.reshape(numtape.sigmoid(self.conv(row)), (batch, spec.in_channels))  # [B, C]
        y = x * numtape.reshape(attention, (batch, spec.in_channels, 1, 1))  # [B, C, H, W]
        return (y, attention) if return_attention else y
