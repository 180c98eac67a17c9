"""Asymmetric pyramid non-local (APNB) in Paddle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.kernels.scores import affinity, narrowed
from nlblocks_paddle.layers import conv_norm, mean, number, pointwise
from nlblocks_paddle.resampling import adaptive_mean


class AsymmetricPyramidNonLocal(Block):
    """y = g([w(A·v), x]) over a pyramid: see :class:`nlblocks.specs.AsymmetricPyramidNonLocal`."""

    spec_type = specs.AsymmetricPyramidNonLocal
    spec: specs.AsymmetricPyramidNonLocal

    def __init__(
        self, spec: specs.AsymmetricPyramidNonLocal | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        self.key = conv_norm(2, spec.in_channels, spec.keys, spec.key_norm, bias=spec.conv_bias)
        self.value = pointwise(2, spec.in_channels, spec.values)
        self.context = pointwise(2, spec.values, spec.width)
        self.output = conv_norm(2, spec.width + spec.in_channels, spec.width, spec.norm, bias=spec.conv_bias)
        self.dropout = nn.Dropout2D(spec.dropout)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, C, H, W] → y [B, O, H, W], and with ``return_attention`` the map [B, N, S]."""
        self.check_input(x)
        key = F.relu(self.key(x))  # [B, D, H, W], of the queries too
        read, attention = from_pyramid(key, key, self.value(x), self.spec.pool_sizes)  # [B, E, H, W]
        joined = paddle.concat([self.context(read), x], axis=1)  # [B, O + C, H, W]
        y = self.dropout(F.relu(self.output(joined)))  # [B, O, H, W]
        return (y, attention) if return_attention else y


def from_pyramid(query: Tensor, key: Tensor, value: Tensor, sizes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Query [B, D, H, W], key [B, D, I, J], value [B, E, I, J] → what is read [B, E, H, W], and the map [B, N, S]."""
    scores = affinity(query.flatten(2).transpose([0, 2, 1]), pyramid(key, sizes))  # [B, N, S]
    scores = scores / number(math.sqrt(query.shape[1]), scores)
    attention = narrowed(F.softmax(scores, axis=-1), value)  # [B, N, S]
    read = pyramid(value, sizes) @ attention.transpose([0, 2, 1])  # [B, E, N]
    return read.reshape([query.shape[0], value.shape[1], *query.shape[2:]]), attention


def pyramid(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """x [B, C, H, W] → [B, C, S]: the means of its windows, size by size."""
    pools = [adaptive_mean(x, (size, size)).flatten(2) if size > 1 else mean(x, 2, 3).unsqueeze(2) for size in sizes]
    return paddle.concat(pools, axis=2)
