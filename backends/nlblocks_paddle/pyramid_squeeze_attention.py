"""Pyramid squeeze attention in Paddle."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import mean


class PyramidSqueezeAttention(Block):
    """y = [a_R u_R, ..., a_1 u_1]: see :class:`nlblocks.specs.PyramidSqueezeAttention` for the formula and shapes."""

    spec_type = specs.PyramidSqueezeAttention
    spec: specs.PyramidSqueezeAttention

    def __init__(
        self, spec: specs.PyramidSqueezeAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, s, d = spec.in_channels, spec.share, spec.inner
        self.branches = nn.LayerList(
            nn.Conv2D(c, s, k, spec.stride, k // 2, groups=groups, bias_attr=False)
            for k, groups in zip(spec.kernel_sizes, spec.branch_groups, strict=True)
        )
        self.fc_1 = nn.Linear(s, d)
        self.fc_2 = nn.Linear(d, s)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, O, H', W'], and with ``return_attention`` the map [B, R, S]."""
        self.check_input(x)
        features = paddle.stack([branch(x) for branch in self.branches], axis=1)  # [B, R, S, H', W']
        gates = F.sigmoid(self.fc_2(F.relu(self.fc_1(mean(features, 3, 4)))))  # [B, R, S]
        attention = F.softmax(gates, axis=1)
        chosen = features * attention.unsqueeze([3, 4])
        y = paddle.flip(chosen, [1]).flatten(1, 2)  # [B, O, H', W']
        return (y, attention) if return_attention else y
