"""Triplet attention in Paddle."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import conv_norm, maximum, mean, number


class TripletAttention(Block):
    """y_chw = x_chw · a_chw: see :class:`nlblocks.specs.TripletAttention` for the formula, fields and shapes."""

    spec_type = specs.TripletAttention
    spec: specs.TripletAttention
    cw: nn.Layer
    hc: nn.Layer
    hw: nn.Layer

    def __init__(self, spec: specs.TripletAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        for gate in self.spec.gates:
            self.add_sublayer(gate, conv_norm(2, 2, 1, self.spec.norm, self.spec.kernel_size))
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C, H, W]."""
        self.check_input(x)
        total = _gate(self.cw, x, 2).transpose([0, 2, 1, 3])  # [B, C, 1, W]
        total = total + _gate(self.hc, x.transpose([0, 2, 1, 3]), 3).transpose([0, 3, 2, 1])  # [B, C, H, W]
        if self.spec.spatial:
            total = total + _gate(self.hw, x, 1)
        attention = total / number(len(self.spec.gates), total)
        y = x * attention
        return (y, attention) if return_attention else y


def _gate(layer: nn.Layer, x: Tensor, axis: int) -> Tensor:
    """x with four axes, one of which is pooled → the gate of the other two, [B, 1, ·, ·]."""
    return F.sigmoid(layer(paddle.stack([maximum(x, axis), mean(x, axis)], axis=1)))
