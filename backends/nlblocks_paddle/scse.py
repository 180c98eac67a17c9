"""Concurrent spatial and channel squeeze and excitation in Paddle."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import mean, pointwise


class SCSE(Block):
    """y_cn = x_cn a_c + x_cn s_n: see :class:`nlblocks.specs.SCSE` for the formula, the fields and the shapes."""

    spec_type = specs.SCSE
    spec: specs.SCSE

    def __init__(self, spec: specs.SCSE | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        c, d = self.spec.in_channels, self.spec.inner
        self.fc_1 = nn.Linear(c, d)
        self.fc_2 = nn.Linear(d, c)
        self.conv = pointwise(2, c, 1)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the maps [B, C] and [B, H, W]."""
        self.check_input(x)
        channel = F.sigmoid(self.fc_2(F.relu(self.fc_1(mean(x, 2, 3)))))  # [B, C]
        spatial = F.sigmoid(self.conv(x))  # [B, 1, H, W]
        by_channel, by_position = x * channel.unsqueeze([2, 3]), x * spatial  # [B, C, H, W] each
        y = by_channel + by_position if self.spec.join == "sum" else paddle.maximum(by_channel, by_position)
        return (y, {"channel": channel, "spatial": spatial.squeeze(1)}) if return_attention else y
