"""Spatial gather in torch."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from nlblocks import specs
from nlblocks_torch.block import Block


class SpatialGather(Block):
    """o = x · softmax(scale · logits) over positions: see :class:`nlblocks.specs.SpatialGather`."""

    spec_type = specs.SpatialGather
    spec: specs.SpatialGather

    def __init__(self, spec: specs.SpatialGather | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)

    def forward(self, x: Tensor, logits: Tensor) -> Tensor:
        """x [B, C, H, W], logits [B, K, H, W] → objects [B, C, K, 1]."""
        self.check_input(x, logits)
        weights = (logits.flatten(2) * self.spec.scale).softmax(dim=-1)  # [B, K, N]
        objects = x.flatten(2) @ weights.transpose(1, 2)  # [B, C, K]
        return objects.unsqueeze(3)
