"""Style-based recalibration in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.layers import BatchNorm, deviation


class StyleRecalibration(Block):
    """y_c = x_c · a_c: see :class:`nlblocks.specs.StyleRecalibration` for the formula, the fields and the shapes."""

    spec_type = specs.StyleRecalibration
    spec: specs.StyleRecalibration

    def __init__(
        self, spec: specs.StyleRecalibration | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        c = self.spec.in_channels
        self.cfc = nn.Conv1d(c, c, 2, groups=c, bias=False)
        self.norm = BatchNorm(c, self.spec.norm)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C]."""
        self.check_input(x)
        rows = x.flatten(2)  # [B, C, N]
        style = torch.cat([rows.mean(2, keepdim=True), deviation(rows, 2, self.spec.eps)], dim=2)  # [B, C, 2]
        attention = torch.sigmoid(self.norm(self.cfc(style))).squeeze(2)  # [B, C]
        y = x * attention.view(*attention.shape, 1, 1)  # [B, C, H, W]
        return (y, attention) if return_attention else y
