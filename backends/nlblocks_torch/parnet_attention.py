"""The block of ParNet in torch."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlblocks import specs
from nlblocks_torch.block import Block
from nlblocks_torch.layers import BatchNorm, conv_norm, halved, mean


class ParNetAttention(Block):
    """Two convolutions beside a gated skip: see :class:`nlblocks.specs.ParNetAttention` for formula, fields, shapes."""

    spec_type = specs.ParNetAttention
    spec: specs.ParNetAttention

    def __init__(self, spec: specs.ParNetAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, o, groups, bias = spec.in_channels, spec.width, spec.groups, spec.conv_bias
        if spec.skips and spec.skip_norm:
            self.skip = BatchNorm(c, spec.norm)
        if spec.dense:
            self.dense = conv_norm(2, c, o, spec.norm, 3, stride=spec.stride, groups=groups, bias=bias)
        stride = 1 if spec.pool else spec.stride
        self.pointwise = conv_norm(2, c, o, spec.norm, stride=stride, groups=groups, bias=bias)
        if spec.gate:
            self.squeeze = nn.Conv2d(c, o, 1, groups=groups, bias=spec.gate_bias)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Any]:
        """x [B, C, H, W] → y [B, O, H', W'], and with ``return_attention`` the map [B, O], or {} without a gate."""
        self.check_input(x)
        spec = self.spec
        y = self.pointwise(halved(x) if spec.pool else x)  # [B, O, H', W']
        if spec.dense:
            y = y + self.dense(x)
        skip = self.skip(x) if spec.skips and spec.skip_norm else x
        gate = None
        if spec.gate:
            gate = torch.sigmoid(self.squeeze(mean(skip, 2, 3).unsqueeze(-1).unsqueeze(-1)))  # [B, O, 1, 1]
            gate = gate if spec.skips else 2 * gate
        if spec.skips:
            y = y + (skip if gate is None else skip * gate)
        elif gate is not None:
            y = y * gate
        y = F.silu(y) if spec.act == "silu" else torch.relu(y)
        if spec.groups > 1:
            y = y.unflatten(1, (spec.groups, -1)).transpose(1, 2).flatten(1, 2)
        return (y, {} if gate is None else gate.flatten(1)) if return_attention else y
