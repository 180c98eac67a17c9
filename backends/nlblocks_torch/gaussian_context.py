"""Gaussian context in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.layers import deviation, mean


class GaussianContext(Block):
    """y_c = x_c · exp(-z_c² / (2 c²)): see :class:`nlblocks.specs.GaussianContext` for the formula and the fields."""

    spec_type = specs.GaussianContext
    spec: specs.GaussianContext

    def __init__(self, spec: specs.GaussianContext | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        self.theta = nn.Parameter(torch.zeros(1)) if self.spec.learned else None
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C]."""
        spec = self.spec
        self.check_input(x)
        pooled = mean(x, 2, 3)  # [B, C]
        centred = pooled - pooled.mean(1, keepdim=True)
        if spec.deviation == "unbiased":
            z = centred / (deviation(pooled, 1) + spec.eps)  # [B, C]
        else:
            z = centred / (centred.square().mean(1, keepdim=True) + spec.eps).sqrt()  # [B, C]
        attention = torch.exp(-z.square() / self._spread())  # [B, C]
        y = x * attention.view(*attention.shape, 1, 1)  # [B, C, H, W]
        return (y, attention) if return_attention else y

    def _spread(self) -> Any:
        """2 c²."""
        spec = self.spec
        c = spec.c if self.theta is None else torch.sigmoid(self.theta) * spec.alpha + spec.beta  # [1]
        return c * 2 * c
