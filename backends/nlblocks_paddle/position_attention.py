"""Position attention in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.kernels.paths import choose
from nlblocks_paddle.kernels.products import softmax_product
from nlblocks_paddle.kernels.scores import affinity, narrowed
from nlblocks_paddle.layers import pointwise


class PositionAttention(Block):
    """y = gamma · A·v(x) + x over positions: see :class:`nlblocks.specs.PositionAttention`."""

    spec_type = specs.PositionAttention
    spec: specs.PositionAttention

    def __init__(self, spec: specs.PositionAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        c, d = self.spec.in_channels, self.spec.inner
        self.query = pointwise(2, c, d)
        self.key = pointwise(2, c, d)
        self.value = pointwise(2, c, c)
        self.gamma = self.create_parameter([1])
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, C, H, W], and with ``return_attention`` the map [B, N, N]."""
        self.check_input(x)
        query = self.query(x).flatten(2)  # [B, D, N]
        key = self.key(x).flatten(2)  # [B, D, N]
        value = self.value(x).flatten(2)  # [B, C, N]

        positions, widths = query.shape[2], (query.shape[1], value.shape[1])
        if choose("softmax", positions, positions, widths, return_attention) == "fast":
            mixed = softmax_product(query, key, value)  # [B, C, N]
        else:
            attention = F.softmax(affinity(query.transpose([0, 2, 1]), key), axis=-1)  # [B, N, N]
            attention = narrowed(attention, value)
            mixed = value @ attention.transpose([0, 2, 1])  # [B, C, N]
        y = x + self.gamma * mixed.reshape(x.shape)
        return (y, attention) if return_attention else y
