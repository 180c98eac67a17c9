"""Position attention in numtape."""

from __future__ import annotations

from typing import Any

import numpy as np
import numtape
from numtape import Tensor

from nlblocks import specs
from nlblocks_toy.block import Block


class PositionAttention(Block):
    """y = gamma · A·v(x) + x over positions: see :class:`nlblocks.specs.PositionAttention`."""

    spec_type = specs.PositionAttention
    spec: specs.PositionAttention

    def __init__(self, spec: specs.PositionAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        c, d = self.spec.in_channels, self.spec.inner
        self.query = numtape.Conv(c, d, (1, 1))
        self.key = numtape.Conv(c, d, (1, 1))
        self.value = numtape.Conv(c, c, (1, 1))
        self.gamma = numtape.parameter(np.zeros(1))
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, N, N]."""
        self.spec.check_input(x.shape)
        maps = (self.query(x), self.key(x), self.value(x))
        query, key, value = (numtape.reshape(y, (*y.shape[:2], -1)) for y in maps)  # [B, D, N] twice, [B, C, N]
        attention = numtape.softmax(numtape.matmul(numtape.transpose(query), key), -1)  # [B, N, N]
        mixed = numtape.matmul(value, numtape.transpose(attention))  # [B, C, N]
        y = x + self.gamma * numtape.reshape(mixed, x.shape)
        return (y, attention) if return_attention else y
