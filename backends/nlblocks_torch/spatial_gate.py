"""CBAM's spatial gate in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.layers import BatchNorm, maximum, mean


class SpatialGate(Block):
    """y_n = x_n · a_n: see :class:`nlblocks.specs.SpatialGate` for the formula, the fields and the shapes."""

    spec_type = specs.SpatialGate
    spec: specs.SpatialGate

    def __init__(self, spec: specs.SpatialGate | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        self.conv = nn.Conv2d(2, 1, spec.kernel_size, padding=spec.kernel_size // 2, bias=spec.bias)
        self.norm = BatchNorm(1, spec.norm) if spec.norm is not None else None
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, H, W]."""
        self.check_input(x)
        pools = {"max": maximum(x, 1), "mean": mean(x, 1)}  # [B, H, W] each
        value = self.conv(torch.stack([pools[name] for name in self.spec.order], dim=1))  # [B, 1, H, W]
        if self.norm is not None:
            value = self.norm(value)
        attention = torch.sigmoid(value)  # [B, 1, H, W]
        y = x * attention  # [B, C, H, W]
        return (y, attention.squeeze(1)) if return_attention else y
