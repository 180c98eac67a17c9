"""Split attention in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import BatchNorm, mean


class SplitAttention(Block):
    """y_c = Σ_r a_rc · u_rc: see :class:`nlblocks.specs.SplitAttention` for the formula, the fields and the shapes."""

    spec_type = specs.SplitAttention
    spec: specs.SplitAttention

    def __init__(self, spec: specs.SplitAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        o, d, r, g, norm = spec.outer, spec.inner, spec.radix, spec.groups, spec.norm
        self.conv = nn.Conv2D(
            spec.in_channels, r * o, spec.kernel_size, spec.stride, spec.sides, spec.dilation, r * g,
            bias_attr=None if spec.bias else False,
        )  # fmt: skip
        self.norm_1 = BatchNorm(r * o, norm) if norm is not None else None
        self.fc_1 = nn.Conv2D(o, d, 1, groups=g, bias_attr=None if spec.fc_1_bias else False)
        self.norm_2 = BatchNorm(d, norm) if norm is not None else None
        self.fc_2 = nn.Conv2D(d, r * o, 1, groups=g)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, O, X, Y], and with ``return_attention`` the map [B, R, O], or [B, O] where R is 1."""
        spec = self.spec
        self.check_input(x)
        value = self.conv(x)  # [B, R·O, X, Y]
        value = F.relu(value if self.norm_1 is None else self.norm_1(value))
        branches = value.reshape([value.shape[0], spec.radix, spec.outer, *value.shape[2:]])  # [B, R, O, X, Y]
        attention = self._attention(mean(branches.sum(1), 2, 3))  # [B, R, O]
        y = (branches * attention.unsqueeze([3, 4])).sum(1)  # [B, O, X, Y]
        return (y, attention.squeeze(1) if spec.radix == 1 else attention) if return_attention else y

    def _attention(self, pooled: Tensor) -> Tensor:
        """[B, O] → what a channel takes of each branch, [B, R, O]."""
        spec = self.spec
        hidden = self.fc_1(pooled.unsqueeze([2, 3]))  # [B, D, 1, 1]
        hidden = F.relu(hidden if self.norm_2 is None else self.norm_2(hidden))
        axes = [pooled.shape[0], spec.groups, spec.radix, spec.outer // spec.groups]
        value = self.fc_2(hidden).reshape(axes).transpose([0, 2, 1, 3])  # [B, R, G, P]
        gate = F.sigmoid(value) if spec.radix == 1 else F.softmax(value, axis=1)
        return gate.flatten(2)
