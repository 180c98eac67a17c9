"""Effective squeeze-and-excitation in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import hard_sigmoid, maximum, mean


class EffectiveSqueezeExcitation(Block):
    """y_c = x_c · a_c: see :class:`nlblocks.specs.EffectiveSqueezeExcitation` for the formula, fields and shapes."""

    spec_type = specs.EffectiveSqueezeExcitation
    spec: specs.EffectiveSqueezeExcitation

    def __init__(
        self, spec: specs.EffectiveSqueezeExcitation | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        self.fc = nn.Linear(self.spec.in_channels, self.spec.in_channels)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C]."""
        spec = self.spec
        self.check_input(x)
        pooled = mean(x, 2, 3)  # [B, C]
        if spec.pool == "avg_max":
            pooled = pooled * 0.5 + maximum(x.flatten(2), 2) * 0.5  # [B, C]
        value = self.fc(pooled)  # [B, C]
        attention = F.sigmoid(value) if spec.gate == "sigmoid" else hard_sigmoid(value, spec.slope)
        y = x * attention.unsqueeze([2, 3])  # [B, C, H, W]
        return (y, attention) if return_attention else y
