"""Squeeze-and-excitation in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import hard_sigmoid, maximum, mean


class SqueezeExcitation(Block):
    """y_c = x_c · a_c: see :class:`nlblocks.specs.SqueezeExcitation` for the formula, the fields and the shapes."""

    spec_type = specs.SqueezeExcitation
    spec: specs.SqueezeExcitation

    def __init__(self, spec: specs.SqueezeExcitation | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        self.fc_1 = nn.Linear(spec.in_channels, spec.inner, bias_attr=None if spec.bias else False)
        self.fc_2 = nn.Linear(spec.inner, spec.in_channels, bias_attr=None if spec.bias else False)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C]."""
        spec = self.spec
        self.check_input(x)
        pooled = mean(x, 2, 3) if spec.pool == "avg" else maximum(x.flatten(2), 2)  # [B, C]
        value = self.fc_2(F.relu(self.fc_1(pooled)))  # [B, C]
        attention = F.sigmoid(value) if spec.gate == "sigmoid" else hard_sigmoid(value, spec.slope)
        y = x * attention.unsqueeze([2, 3])  # [B, C, H, W]
        return (y, attention) if return_attention else y
