"""Spatial gather in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import number


class SpatialGather(Block):
    """o = x · softmax(scale · logits) over positions: see :class:`nlblocks.specs.SpatialGather`."""

    spec_type = specs.SpatialGather
    spec: specs.SpatialGather

    def __init__(self, spec: specs.SpatialGather | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)

    def forward(self, x: Tensor, logits: Tensor) -> Tensor:
        """x [B, C, H, W], logits [B, K, H, W] → objects [B, C, K, 1]."""
        self.check_input(x, logits)
        weights = F.softmax(logits.flatten(2) * number(self.spec.scale, logits), axis=-1)  # [B, K, N]
        objects = x.flatten(2) @ weights.transpose([0, 2, 1])  # [B, C, K]
        return objects.unsqueeze(3)
