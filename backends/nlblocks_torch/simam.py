"""SimAM in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.kernels.scores import narrowed
from nlblocks_torch.layers import mean


class SimAM(Block):
    """y_n = x_n · a_n: see :class:`nlblocks.specs.SimAM` for the formula, the field and the shapes."""

    spec_type = specs.SimAM
    spec: specs.SimAM

    def __init__(self, spec: specs.SimAM | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C, H, W]."""
        self.check_input(x)
        wide = x.float() if x.dtype == torch.float16 else x  # squares pass its largest number
        squares = (wide - mean(wide, 2, 3)[:, :, None, None]).square()  # [B, C, H, W]
        variance = squares.sum((2, 3), keepdim=True) / (x.shape[2] * x.shape[3] - 1)  # [B, C, 1, 1]
        attention = narrowed(torch.sigmoid(squares / (4 * (variance + self.spec.e_lambda)) + 0.5), x)
        y = x * attention
        return (y, attention) if return_attention else y
