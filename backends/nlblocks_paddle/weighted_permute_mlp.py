"""Weighted permute MLP in Paddle."""

from __future__ import annotations

from typing import Any

import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks import specs
from nlblocks_paddle.block import Block
from nlblocks_paddle.layers import gelu, mean


class WeightedPermuteMLP(Block):
    """Mixed channels, rows and columns: see :class:`nlblocks.specs.WeightedPermuteMLP` for the formula."""

    spec_type = specs.WeightedPermuteMLP
    spec: specs.WeightedPermuteMLP

    def __init__(
        self, spec: specs.WeightedPermuteMLP | None = None, *, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(spec, options)
        spec = self.spec
        c, e, bias = spec.in_channels, spec.hidden, None if spec.bias else False
        self.channel = nn.Linear(c, c, bias_attr=bias)
        self.height = nn.Linear(c, c, bias_attr=bias)
        self.width = nn.Linear(c, c, bias_attr=bias)
        self.fc_1 = nn.Linear(c, e)
        self.fc_2 = nn.Linear(e, 3 * c)
        self.dropout = nn.Dropout(spec.dropout)
        self.out = nn.Linear(c, c)
        self.out_dropout = nn.Dropout(spec.out_dropout)
        self.reset_parameters(seed)

    def forward(self, x: Tensor, return_attention: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """x [B, S, S, C] → y [B, S, S, C], and with ``return_attention`` the map [B, 3, C]."""
        c, s, d = self.spec.in_channels, self.spec.segments, self.spec.width
        self.check_input(x)
        split = [x.shape[0], s, s, s, d]
        parts = x.reshape(split)  # [B, H, W, S, D]
        columns = self.height(parts.transpose([0, 3, 2, 1, 4]).flatten(3)).reshape(split)  # [B, S, W, H, D]
        rows = self.width(parts.transpose([0, 1, 3, 2, 4]).flatten(3)).reshape(split)  # [B, H, S, W, D]
        by_channel = self.channel(x)  # [B, H, W, C]
        by_row = rows.transpose([0, 1, 3, 2, 4]).flatten(3)
        by_column = columns.transpose([0, 3, 2, 1, 4]).flatten(3)
        pooled = mean(by_channel + by_row + by_column, 1, 2)  # [B, C]
        value = self.dropout(self.fc_2(self.dropout(gelu(self.fc_1(pooled)))))  # [B, 3C]
        attention = F.softmax(value.reshape([x.shape[0], c, 3]).transpose([0, 2, 1]), axis=1)  # [B, 3, C]
        first, second, third = attention.unsqueeze([2, 3]).unbind(1)  # [B, 1, 1, C]
        y = self.out_dropout(self.out(by_channel * first + by_row * second + by_column * third))
        return (y, attention) if return_attention else y
