"""Gaussian context in Paddle."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import deviation, mean, number


class GaussianContext(Block):
    """y_c = x_c · exp(-z_c² / (2 c²)): see :class:`nlblocks.specs.GaussianContext` for the formula and the fields."""

    spec_type = specs.GaussianContext
    spec: specs.GaussianContext

    def __init__(self, spec: specs.GaussianContext | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        self.theta = self.create_parameter([1]) if self.spec.learned else None
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C]."""
        spec = self.spec
        self.check_input(x)
        pooled = mean(x, 2, 3)  # [B, C]
        centred = pooled - pooled.mean(1, keepdim=True)
        eps = number(spec.eps, pooled)
        if spec.deviation == "unbiased":
            z = centred / (deviation(pooled, 1) + eps)  # [B, C]
        else:
            z = centred / (centred.square().mean(1, keepdim=True) + eps).sqrt()  # [B, C]
        attention = paddle.exp(-z.square() / self._spread(z))  # [B, C]
        y = x * attention.unsqueeze([2, 3])  # [B, C, H, W]
        return (y, attention) if return_attention else y

    def _spread(self, like: Tensor) -> Any:
        """2 c²."""
        spec = self.spec
        if self.theta is None:
            return number(2 * spec.c * spec.c, like)
        c = F.sigmoid(self.theta) * number(spec.alpha, like) + number(spec.beta, like)  # [1]
        return c * 2 * c
