"""Object attention in Paddle."""

from __future__ import annotations

import math
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.kernels.scores import affinity, narrowed
from nlblocks_paddle.layers import conv_norm, number


class ObjectAttention(Block):
    """y = g([u(A·v(o)), x]): see :class:`nlblocks.specs.ObjectAttention` for the formula, the fields and the shapes."""

    spec_type = specs.ObjectAttention
    spec: specs.ObjectAttention

    def __init__(self, spec: specs.ObjectAttention | None = None, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(spec, options)
        c, d = self.spec.in_channels, self.spec.keys
        self.query = nn.LayerList([self._layer(c, d), self._layer(d, d)])
        self.key = nn.LayerList([self._layer(c, d), self._layer(d, d)])
        self.value = self._layer(c, d)
        self.up = self._layer(d, c)
        self.output = self._layer(2 * c, self.spec.width)
        self.dropout = nn.Dropout2D(self.spec.dropout)
        self.reset_parameters(seed)

    def _layer(self, before: int, after: int) -> nn.Sequential:
        return conv_norm(2, before, after, self.spec.norm, bias=self.spec.conv_bias)

    def forward(self, x: Tensor, objects: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W], objects [B, C, K, 1] → y [B, O, H, W], and with ``return_attention`` the map [B, N, K]."""
        self.check_input(x, objects)
        query, key = x, objects
        for layer in self.query:
            query = F.relu(layer(query))  # [B, D, H, W]
        for layer in self.key:
            key = F.relu(layer(key))  # [B, D, K, 1]
        value = F.relu(self.value(objects)).flatten(2)  # [B, D, K]
        scores = affinity(query.flatten(2).transpose([0, 2, 1]), key.flatten(2))  # [B, N, K]
        scores = scores / number(math.sqrt(self.spec.keys), scores)
        attention = narrowed(F.softmax(scores, axis=-1), value)  # [B, N, K]
        read = value @ attention.transpose([0, 2, 1])  # [B, D, N]
        context = F.relu(self.up(read.reshape([x.shape[0], self.spec.keys, *x.shape[2:]])))  # [B, C, H, W]
        y = self.dropout(F.relu(self.output(paddle.concat([context, x], axis=1))))  # [B, O, H, W]
        return (y, attention) if return_attention else y
