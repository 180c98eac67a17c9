"""Spatial group-wise enhance in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.kernels.scores import affinity, narrowed
from nlblocks_paddle.layers import deviation, number


class SpatialGroupEnhance(Block):
    """y_n = x_n · a_gn: see :class:`nlblocks.specs.SpatialGroupEnhance` for the formula, the fields and the shapes."""

    spec_type = specs.SpatialGroupEnhance
    spec: specs.SpatialGroupEnhance

    def __init__(
        self, spec: specs.SpatialGroupEnhance | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        self.gate_weight = self.create_parameter([self.spec.groups])
        self.gate_bias = self.create_parameter([self.spec.groups])
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, G, H, W]."""
        self.check_input(x)
        b, c, h, w = x.shape
        groups = self.spec.groups
        rows = x.reshape([b, groups, c // groups, h * w])  # [B, G, K, N]
        likeness = affinity(rows.mean(3).unsqueeze(2), rows).squeeze(2)  # [B, G, N]
        centred = likeness - likeness.mean(2, keepdim=True)
        t = centred / (deviation(likeness, 2) + number(self.spec.eps, likeness))  # [B, G, N]
        gate = F.sigmoid(t * self.gate_weight.unsqueeze(1) + self.gate_bias.unsqueeze(1))
        attention = narrowed(gate, rows)  # [B, G, N]
        y = (rows * attention.unsqueeze(2)).reshape([b, c, h, w])  # [B, C, H, W]
        return (y, attention.reshape([b, groups, h, w])) if return_attention else y
