"""Squeeze-and-excitation in numtape."""

from __future__ import annotations

from typing import Any

import numtape
from numtape import Tensor

from nlblocks import specs
from nlblocks_toy.block import Block


class SqueezeExcitation(Block):
    """y_c = x_c · a_c: see :class:`nlblocks.specs.SqueezeExcitation` for the formula, the fields and the shapes."""

    spec_type = specs.SqueezeExcitation
    spec: specs.SqueezeExcitation

    def __init__(self, spec: specs.SqueezeExcitation | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        self.fc_1 = numtape.Linear(spec.in_channels, spec.inner, bias=spec.bias)
        self.fc_2 = numtape.Linear(spec.inner, spec.in_channels, bias=spec.bias)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C]."""
        spec = self.spec
        spec.check_input(x.shape)
        if spec.pool == "avg":
            pooled = numtape.mean(x, (2, 3))  # [B, C]
        else:
            pooled = numtape.largest(numtape.reshape(x, (*x.shape[:2], -1)), 2)  # [B, C]
        value = self.fc_2(numtape.relu(self.fc_1(pooled)))  # [B, C]
        attention = numtape.sigmoid(value) if spec.gate == "sigmoid" else numtape.hard_sigmoid(value, spec.slope)
        y = x * numtape.reshape(attention, (*attention.shape, 1, 1))  # [B, C, H, W]
        return (y, attention) if return_attention else y
