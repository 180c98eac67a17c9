"""Asymmetric fusion non-local (AFNB) in Paddle."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.asymmetric_pyramid_non_local import from_pyramid
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import conv_norm, pointwise


class AsymmetricFusionNonLocal(Block):
    """y = g([w(A·v(low)), high]): see :class:`nlblocks.specs.AsymmetricFusionNonLocal` for fields and shapes."""

    spec_type = specs.AsymmetricFusionNonLocal
    spec: specs.AsymmetricFusionNonLocal

    def __init__(
        self, spec: specs.AsymmetricFusionNonLocal | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        low, high, bias = spec.low_channels, spec.high_channels, spec.conv_bias
        self.query = conv_norm(2, high, spec.keys, spec.norm, bias=bias)
        self.key = conv_norm(2, low, spec.keys, spec.norm, bias=bias)
        self.value = pointwise(2, low, spec.values)
        self.context = pointwise(2, spec.values, spec.width)
        self.output = conv_norm(2, spec.width + high, spec.width, spec.norm, bias=bias)
        self.dropout = nn.Dropout2D(spec.dropout)
        self.reset_parameters(seed)

    def forward(self, low: Tensor, high: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """Low [B, L, I, J], high [B, C, H, W] → y [B, O, H, W], and with ``return_attention`` the map [B, N, S]."""
        self.check_input(low, high)
        query = F.relu(self.query(high))  # [B, D, H, W]
        key = F.relu(self.key(low))  # [B, D, I, J]
        read, attention = from_pyramid(query, key, self.value(low), self.spec.pool_sizes)  # [B, E, H, W]
        joined = paddle.concat([self.context(read), high], axis=1)  # [B, O + C, H, W]
        y = self.dropout(self.output(joined))  # [B, O, H, W]
        return (y, attention) if return_attention else y
