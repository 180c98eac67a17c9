"""Coordinate attention in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.layers import BatchNorm, hard_sigmoid, hard_swish, mean


class CoordinateAttention(Block):
    """y = x · a: see :class:`nlblocks.specs.CoordinateAttention` for the formula, the fields and the shapes."""

    spec_type = specs.CoordinateAttention
    spec: specs.CoordinateAttention

    def __init__(
        self, spec: specs.CoordinateAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        self.reduce = nn.Conv2d(spec.in_channels, spec.inner, 1, bias=spec.bias)
        if spec.norm is not None:
            self.norm = BatchNorm(spec.inner, spec.norm)
        self.rows = nn.Conv2d(spec.inner, spec.in_channels, 1, bias=spec.bias)
        self.columns = nn.Conv2d(spec.inner, spec.in_channels, 1, bias=spec.bias)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C, H, W]."""
        spec = self.spec
        self.check_input(x)
        z = self.reduce(torch.cat([mean(x, 3), mean(x, 2)], 2).unsqueeze(3))  # [B, D, H + W, 1]
        if spec.norm is not None:
            z = self.norm(z)
        z = hard_swish(z) if spec.activation == "hard_swish" else torch.relu(z)
        rows, columns = z.split([x.shape[2], x.shape[3]], 2)  # [B, D, H, 1], [B, D, W, 1]
        down = self._gate(self.rows(rows))  # [B, C, H, 1]
        across = self._gate(self.columns(columns.transpose(2, 3)))  # [B, C, 1, W]
        attention = down * across  # [B, C, H, W]
        y = x * attention
        if spec.skip:
            y = y + x
        return (y, attention) if return_attention else y

    def _gate(self, value: Tensor) -> Tensor:
        return torch.sigmoid(value) if self.spec.gate == "sigmoid" else hard_sigmoid(value, 1 / 6)
