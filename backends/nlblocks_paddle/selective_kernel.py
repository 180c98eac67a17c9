"""Selective kernel in Paddle."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import BatchNorm, conv_norm, mean


class SelectiveKernel(Block):
    """y_c = Σ_r a_rc · u_rc: see :class:`nlblocks.specs.SelectiveKernel` for the formula, the fields and the shapes."""

    spec_type = specs.SelectiveKernel
    spec: specs.SelectiveKernel

    def __init__(self, spec: specs.SelectiveKernel | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, o, d, bias_attr = spec.branch_channels, spec.width, spec.inner, None if spec.fc_bias else False
        self.branches = nn.LayerList(
            conv_norm(
                2, c, o, spec.norm, kernel,
                stride=spec.stride, dilation=dilation, groups=spec.groups, bias=spec.conv_bias,
            )
            for kernel, dilation in spec.windows
        )  # fmt: skip
        self.fc_1 = nn.Linear(o, d, bias_attr=bias_attr)
        if spec.reduce_norm:
            self.norm = BatchNorm(d, spec.norm)
        self.fc_2 = (
            nn.Linear(d, spec.branches * o, bias_attr=bias_attr)
            if spec.joined
            else nn.LayerList(nn.Linear(d, o, bias_attr=bias_attr) for _ in range(spec.branches))
        )
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, O, H', W'], and with ``return_attention`` the map [B, R, O]."""
        self.check_input(x)
        read = paddle.chunk(x, self.spec.branches, axis=1) if self.spec.split_input else [x] * self.spec.branches
        features = [F.relu(branch(read[index])) for index, branch in enumerate(self.branches)]  # [B, O, H', W'] each
        attention = self._attention(mean(sum(features[1:], features[0]), 2, 3))  # [B, R, O]
        shares = paddle.unbind(attention, axis=1)  # [B, O] each
        chosen = [feature * shares[index].unsqueeze([2, 3]) for index, feature in enumerate(features)]
        y = sum(chosen[1:], chosen[0])  # [B, O, H', W']
        return (y, attention) if return_attention else y

    def _attention(self, pooled: Tensor) -> Tensor:
        """The means [B, O] → what each channel takes of each branch, [B, R, O]."""
        reduced = self.fc_1(pooled)  # [B, D]
        if self.spec.reduce_norm:
            reduced = F.relu(self.norm(reduced))
        if isinstance(self.fc_2, nn.LayerList):
            logits = paddle.stack([layer(reduced) for layer in self.fc_2], axis=1)
        else:
            logits = self.fc_2(reduced).reshape([-1, self.spec.branches, self.spec.width])
        return F.softmax(logits, axis=1)
