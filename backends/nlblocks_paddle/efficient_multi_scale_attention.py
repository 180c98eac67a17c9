"""Efficient multi-scale attention in Paddle."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import mean
from nlblocks_paddle.norms import GroupNorm


class EfficientMultiScaleAttention(Block):
    """A gate per position and group: see :class:`nlblocks.specs.EfficientMultiScaleAttention` for the formula."""

    spec_type = specs.EfficientMultiScaleAttention
    spec: specs.EfficientMultiScaleAttention

    def __init__(
        self, spec: specs.EfficientMultiScaleAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        d = self.spec.width
        self.norm = GroupNorm(d, d)
        self.line = nn.Conv2D(d, d, 1)
        self.local = nn.Conv2D(d, d, 3, padding=1)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, G, H, W]."""
        self.check_input(x)
        (height, width), g, d = x.shape[2:], self.spec.groups, self.spec.width
        u = x.reshape([x.shape[0] * g, d, height, width])  # [BG, D, H, W]
        lines = paddle.concat([mean(u, 3), mean(u, 2)], 2)  # [BG, D, H + W]
        rows, columns = F.sigmoid(self.line(lines.unsqueeze(3))).split([height, width], 2)
        p = self.norm(u * rows * columns.transpose([0, 1, 3, 2])).flatten(2)  # [BG, D, N]
        q = self.local(u)  # [BG, D, H, W]
        of_q = F.softmax(mean(q, 2, 3), axis=1).unsqueeze(1)  # [BG, 1, D]
        of_p = F.softmax(self.norm.bias, axis=0)  # [D]: the mean of p is the norm's bias
        score = (of_q @ p).squeeze(1) + of_p @ q.flatten(2)  # [BG, N]
        attention = F.sigmoid(score).reshape([x.shape[0], g, height, width])
        y = x.reshape([x.shape[0], g, d, height, width]) * attention.unsqueeze(2)  # [B, G, D, H, W]
        y = y.flatten(1, 2)  # [B, C, H, W]
        return (y, attention) if return_attention else y
