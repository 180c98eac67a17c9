"""The block of ParNet in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import BatchNorm, conv_norm, halved, mean


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
            self.squeeze = nn.Conv2D(c, o, 1, groups=groups, bias_attr=None if spec.gate_bias else False)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Any]:
        """x [B, C, H, W] → y [B, O, H', W'], and with ``return_attention`` the map [B, O], or {} without a gate."""
        self.check_input(x)
        spec = self.spec
        y = self.pointwise(halved(x) if spec.pool else x)  # [B, O, H', W']
        if spec.dense:
            y = y + self.dense(x)
        skip = self.skip(x) if spec.skips and spec.skip_norm else x
        gate: Any = self._gate(skip) if spec.gate else None
        if spec.skips:
            y = y + (skip * gate if spec.gate else skip)
        elif spec.gate:
            y = y * gate
        y = F.silu(y) if spec.act == "silu" else F.relu(y)
        if spec.groups > 1:
            shuffled = y.reshape([-1, spec.groups, spec.width // spec.groups, *y.shape[2:]])
            y = shuffled.transpose([0, 2, 1, 3, 4]).flatten(1, 2)
        return (y, gate.flatten(1) if spec.gate else {}) if return_attention else y

    def _gate(self, skip: Tensor) -> Tensor:
        """What each channel is multiplied by, [B, O, 1, 1]."""
        gate = F.sigmoid(self.squeeze(mean(skip, 2, 3).unsqueeze([2, 3])))
        return gate if self.spec.skips else 2 * gate
