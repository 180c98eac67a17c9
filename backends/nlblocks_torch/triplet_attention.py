"""Triplet attention in torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.layers import conv_norm, maximum, mean


class TripletAttention(Block):
    """y_chw = x_chw · a_chw: see :class:`nlblocks.specs.TripletAttention` for the formula, fields and shapes."""

    spec_type = specs.TripletAttention
    spec: specs.TripletAttention

    def __init__(self, spec: specs.TripletAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        for gate in self.spec.gates:
            self.add_module(gate, conv_norm(2, 2, 1, self.spec.norm, self.spec.kernel_size))
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C, H, W]."""
        self.check_input(x)
        total = self._gate("cw", x, 2).transpose(1, 2)  # [B, C, 1, W]
        total = total + self._gate("hc", x.transpose(1, 2), 3).permute(0, 3, 2, 1)  # [B, C, H, W]
        if self.spec.spatial:
            total = total + self._gate("hw", x, 1)
        attention = total / len(self.spec.gates)
        y = x * attention
        return (y, attention) if return_attention else y

    def _gate(self, name: str, x: Tensor, axis: int) -> Tensor:
        """x with four axes, one of which is pooled → the gate of the other two, [B, 1, ·, ·]."""
        image = torch.stack([maximum(x, axis), mean(x, axis)], dim=1)
        return torch.sigmoid(self.get_submodule(name)(image))
