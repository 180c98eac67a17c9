"""Strip attention in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import BatchNorm, hard_sigmoid, mean


class StripAttention(Block):
    """y = x · a: see :class:`nlblocks.specs.StripAttention` for the formula, the fields and the shapes."""

    spec_type = specs.StripAttention
    spec: specs.StripAttention

    def __init__(self, spec: specs.StripAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        if spec.kernel_size is not None:
            self.down = _strip(spec, spec.kernel_size)
            self.across = _strip(spec, spec.kernel_size)
        if spec.norm is not None:
            self.down_norm = BatchNorm(spec.width, spec.norm)
            self.across_norm = BatchNorm(spec.width, spec.norm)
        if spec.mix:
            self.mix = nn.Conv2D(spec.width, spec.width, 1)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], the gate [B, O, H, W]; with ``return_attention`` the map [B, O, H, W]."""
        spec = self.spec
        self.check_input(x)
        rows, columns = mean(x, 3), mean(x, 2)  # [B, C, H], [B, C, W]
        if spec.kernel_size is not None:
            rows, columns = self.down(rows), self.across(columns)  # [B, O, H], [B, O, W]
        if spec.norm is not None:
            rows, columns = self.down_norm(rows), self.across_norm(columns)
        value = rows.unsqueeze(3) + columns.unsqueeze(2)  # [B, O, H, W]
        if spec.mix:
            value = self.mix(F.relu(value))
        attention = F.sigmoid(value) if spec.gate == "sigmoid" else hard_sigmoid(value, 1 / 6)
        y = attention if spec.output == "gate" else x * attention
        if spec.output == "skip":
            y = y + x
        return (y, attention) if return_attention else y


def _strip(spec: specs.StripAttention, size: int) -> nn.Layer:
    groups = spec.in_channels if spec.depthwise else 1
    bias = None if spec.bias else False
    return nn.Conv1D(spec.in_channels, spec.width, size, padding=size // 2, groups=groups, bias_attr=bias)
