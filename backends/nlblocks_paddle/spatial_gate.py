"""CBAM's spatial gate in Paddle."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import BatchNorm, maximum


class SpatialGate(Block):
    """y_n = x_n · a_n: see :class:`nlblocks.specs.SpatialGate` for the formula, the fields and the shapes."""

    spec_type = specs.SpatialGate
    spec: specs.SpatialGate

    def __init__(self, spec: specs.SpatialGate | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        self.conv = nn.Conv2D(
            2, 1, spec.kernel_size, padding=spec.kernel_size // 2, bias_attr=None if spec.bias else False
        )
        self.norm = BatchNorm(1, spec.norm) if spec.norm is not None else None
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, H, W]."""
        self.check_input(x)
        pools = {"max": maximum(x, 1), "mean": x.mean(axis=1)}  # [B, H, W] each
        value = self.conv(paddle.stack([pools[name] for name in self.spec.order], axis=1))  # [B, 1, H, W]
        if self.norm is not None:
            value = self.norm(value)
        attention = F.sigmoid(value)  # [B, 1, H, W]
        y = x * attention.expand(x.shape)  # many times faster than to broadcast over channels; [B, C, H, W]
        return (y, attention.squeeze(1)) if return_attention else y
