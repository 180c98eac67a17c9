"""Contextual window attention in Paddle."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.kernels.paths import choose
from nlblocks_paddle.layers import conv_norm


class ContextualWindowAttention(Block):
    """y_cn = k_cn + a_cn · v_cn: see :class:`nlblocks.specs.ContextualWindowAttention` for formula and fields."""

    spec_type = specs.ContextualWindowAttention
    spec: specs.ContextualWindowAttention

    def __init__(
        self, spec: specs.ContextualWindowAttention | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, d, norm = spec.in_channels, spec.inner, spec.norm
        self.key = conv_norm(2, c, c, norm, spec.kernel_size, groups=spec.key_groups)
        self.value = conv_norm(2, c, c, norm)
        self.mix = conv_norm(2, 2 * c, d, norm)
        self.weigh = nn.Conv2D(d, c * spec.kernel_size**2, 1)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, C, H, W]."""
        spec = self.spec
        self.check_input(x)
        key = F.relu(self.key(x))  # [B, C, H, W]
        hidden = F.relu(self.mix(paddle.concat([key, x], axis=1)))  # [B, D, H, W]
        parts, n = [spec.in_channels, spec.kernel_size**2], x.shape[2] * x.shape[3]
        if choose("folded", n, n, (spec.inner, spec.in_channels), return_attention) == "fast":
            weight, bias = (tensor.unflatten(0, parts).mean(1) for tensor in (self.weigh.weight, self.weigh.bias))
            scores = F.conv2d(hidden, weight, bias)  # [B, C, H, W]
        else:
            scores = self.weigh(hidden).reshape([x.shape[0], *parts, *x.shape[2:]]).mean(2)  # [B, C, H, W]
        attention = F.softmax(scores.flatten(2), axis=2).reshape(x.shape)  # [B, C, H, W]
        y = key + attention * self.value(x)
        return (y, attention) if return_attention else y
