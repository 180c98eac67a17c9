"""CBAM's channel gate in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import ChannelConv, maximum, mean


class ChannelGate(Block):
    """y_c = x_c · a_c: see :class:`nlblocks.specs.ChannelGate` for the formula, the fields and the shapes."""

    spec_type = specs.ChannelGate
    spec: specs.ChannelGate

    def __init__(self, spec: specs.ChannelGate | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        if spec.mode == "conv":
            self.conv = ChannelConv(spec.kernel)
        else:
            self.fc_1 = nn.Linear(spec.in_channels, spec.inner, bias_attr=None if spec.mlp_bias else False)
            self.fc_2 = nn.Linear(spec.inner, spec.in_channels, bias_attr=None if spec.mlp_bias else False)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C]."""
        self.check_input(x)
        average, largest = mean(x, 2, 3), maximum(x.flatten(2), 2)  # [B, C], [B, C]
        attention = F.sigmoid(self._shared(average) + self._shared(largest))  # [B, C]
        y = x * attention.unsqueeze([2, 3])  # [B, C, H, W]
        return (y, attention) if return_attention else y

    def _shared(self, pooled: Tensor) -> Tensor:
        """[B, C] → [B, C], the same weights for both pools."""
        if self.spec.mode == "conv":
            return self.conv(pooled)
        return self.fc_2(F.relu(self.fc_1(pooled)))
